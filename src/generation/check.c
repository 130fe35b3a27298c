/* SPDX-License-Identifier: ISC */
/* The test of a configuration; see generation.h. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "generation/generation.h"

static int make_all(struct generation *, const struct conf_origin *, bool,
    struct err *);

int
generation_check(const struct conf_origin *origin, struct conf *conf,
    bool open_log, struct err *err)
{
	struct bound_list none = TAILQ_HEAD_INITIALIZER(none);
	struct generation_list list = TAILQ_HEAD_INITIALIZER(list);
	struct generation *g = generation_new(&list, conf, 0);
	int r;

	r = make_all(g, origin, open_log, err);
	tlscache_keys_close(g->shared.keys);
	generation_forget(&list, &none, NULL);
	return r;
}

static int
make_all(struct generation *g, const struct conf_origin *origin,
    bool open_log, struct err *err)
{
	int r;

	r = lookup_wait(&g->account, err);
	if (r == 1)
		r = generation_reread(g, origin, err);
	if (r == -1 || conf_check_paths(g->conf, err) == -1 ||
	    (open_log && logfile_open(g, err) == -1))
		return -1;
	/* The ring is not used. */
	if (tlscache_keys_open(&g->shared.keys, 1, 1, clock_wall()) !=
	    TLSCACHE_OK)
		return err_set(err, NULL, "shared memory: %s",
		    strerror(errno));
	while ((r = generation_make(g, NULL, err)) > 0)
		;
	return r;
}
