/* SPDX-License-Identifier: ISC */
/*
 * Making a generation: certificates and keys, a bit at a time, then sockets.
 * What an earlier one has and it wants as well, it has, too.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "generation/generation.h"
#include "service/service.h"

/* How long the master may be deaf while it loads certificates. */
#define TURN_US 5000
/* So many certificates are small beside what is spared. */
#define SPARE_EACH 16

static int prepare(struct generation *, const struct generation_stock *,
    struct err *);
static int get_cache(struct generation *, const struct generation *, size_t,
    struct err *);
static int load_next(struct generation *, struct err *);
static int too_large(const struct generation *, struct err *);
static int get_sockets(struct generation *, struct bound_list *,
    struct err *);
static int get_listener(struct generation *, size_t, struct bound_list *,
    struct err *);
static void add_set(struct generation *, struct listener *,
    const struct bound *);
static void limit_connections(struct generation *);

int
generation_make(struct generation *g, const struct generation_stock *stock,
    struct err *err)
{
	int64_t until = clock_mono_us() + TURN_US;
	int r;

	if (g->cache == NULL && prepare(g, stock, err) == -1)
		return -1;
	do
		r = load_next(g, err);
	while (r > 0 && clock_mono_us() < until);
	if (r != 0 || stock == NULL)
		return r;
	if (get_sockets(g, stock->sockets, err) == -1)
		return -1;
	limit_connections(g);
	return 0;
}

/* What takes no time. */
static int
prepare(struct generation *g, const struct generation_stock *stock,
    struct err *err)
{
	size_t size = TLSCACHE_SIZE_MIN;

	if (stock != NULL) {
		size = g->conf->cache_size;
		g->shared.keys = stock->keys;
		(void)fd_limit_raise(conf_files(g->conf));
		if (logfile_open(g, err) == -1)
			return -1;
	}
	if (tls_keys_check(g->conf, err) == -1 ||
	    conf_check_chroot(g->conf, err) == -1 ||
	    priv_account_take(&g->account, err) == -1 ||
	    get_cache(g, stock != NULL ? stock->current : NULL, size,
		err) == -1)
		return -1;
	g->shared.sessions = g->cache->sessions;
	g->shared.session_timeout = g->conf->session_timeout / 1000;
	g->listeners = xcalloc(g->conf->nlistens, sizeof(*g->listeners));
	return 0;
}

static int
get_cache(struct generation *g, const struct generation *now, size_t size,
    struct err *err)
{
	int error;

	if (now != NULL && now->cache != NULL &&
	    now->conf->cache_size == g->conf->cache_size) {
		g->cache = now->cache;
		g->cache->users++;
		return 0;
	}
	g->cache = xcalloc(1, sizeof(*g->cache));
	g->cache->users = 1;
	error = tlscache_open(&g->cache->sessions, size);
	if (error == TLSCACHE_OK)
		return 0;
	return err_set(err, &g->conf->cache_size_loc,
	    "session_cache: %s", tls_cache_reason(error));
}

void
cache_unref(struct cache *cache)
{
	if (cache == NULL || --cache->users > 0)
		return;
	tlscache_close(cache->sessions);
	free(cache);
}

/* One certificate; 1: there is more, 0: that was all, -1. */
static int
load_next(struct generation *g, struct err *err)
{
	struct listener *l = &g->listeners[g->loaded];
	int r;

	if (g->loaded == g->conf->nlistens)
		return 0;
	if (g->certificates % SPARE_EACH == 0 && !mem_spare())
		return too_large(g, err);
	if (g->loaded == g->nlisteners) {
		g->nlisteners++;
		l->conf = &g->conf->listens[g->loaded];
		l->tls = tls_front_new(l->conf, &g->shared, err);
		return l->tls != NULL ? 1 : -1;
	}
	r = tls_front_load(l->tls, err);
	mem_flush();
	if (r == 1)
		g->certificates++;
	if (r != 0)
		return r;
	l->ops = service_ops(l->conf->service);
	if (l->ops->setup != NULL &&
	    l->ops->setup(l->conf, &l->service, err) == -1)
		return -1;
	g->loaded++;
	return 1;
}

/* It is to say so while there is memory left to go on with. */
static int
too_large(const struct generation *g, struct err *err)
{
	size_t i, n = 0;

	for (i = 0; i < g->conf->nlistens; i++)
		n += g->conf->listens[i].ncertificates;
	return err_set(err, NULL, "there is not enough memory: it is used up "
	    "with %zu of %zu certificates", g->certificates, n);
}

static int
get_sockets(struct generation *g, struct bound_list *sockets, struct err *err)
{
	size_t i, n;

	for (i = n = 0; i < g->conf->nlistens; i++)
		n += g->conf->listens[i].naddresses;
	g->sets = xcalloc(n, sizeof(*g->sets));
	sockets_begin(sockets);
	for (i = 0; i < g->conf->nlistens; i++)
		if (get_listener(g, i, sockets, err) == -1) {
			sockets_abort(sockets);
			return -1;
		}
	return 0;
}

static int
get_listener(struct generation *g, size_t i, struct bound_list *sockets,
    struct err *err)
{
	const struct conf_listen *conf = &g->conf->listens[i];
	const struct bound *b;
	size_t j;

	for (j = 0; j < conf->naddresses; j++) {
		b = sockets_get(sockets, g->conf, conf, &conf->addresses[j],
		    err);
		if (b == NULL)
			return -1;
		add_set(g, &g->listeners[i], b);
	}
	return 0;
}

/* A copy: a later reload may open more. */
static void
add_set(struct generation *g, struct listener *l, const struct bound *b)
{
	struct heritage_socket_set *set = &g->sets[g->nsets++];

	set->listener = l;
	set->shared = b->shared;
	set->nfds = b->nfds;
	set->fds = xcalloc(b->nfds, sizeof(*set->fds));
	memcpy(set->fds, b->fds, b->nfds * sizeof(*set->fds));
}

/* When all else is well: a file that is refused says so in one line. */
static void
limit_connections(struct generation *g)
{
	const struct conf *conf = g->conf;
	size_t limit = fd_limit_raise(conf_files(conf));

	g->connections = conf_room(conf, limit);
	if (g->connections < conf->worker_connections)
		log_warnx("worker_connections = %u needs %zu open files, the "
		    "limit is %zu: a worker accepts %zu connections at a time "
		    "at most; raise the limit (LimitNOFILE= of systemd, "
		    "ulimit -n)", conf->worker_connections,
		    conf_files(conf), limit, g->connections);
}
