/* SPDX-License-Identifier: ISC */
/*
 * A generation: one configuration with all that was made from it, complete
 * before any of its workers is there. The one before it stays as it is until
 * this one serves. Nothing here knows who decides that, or its workers. Master.
 */
#ifndef GENERATION_GENERATION_H
#define GENERATION_GENERATION_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "base/words.h"
#include "conf/conf.h"
#include "listen/listen.h"
#include "priv/lookup.h"
#include "report/view.h"
#include "tls/tls.h"
#include "tlscache.h"
#include "worker/heritage.h"

#define WORKERS_MAX 1024

/* A session cache; generations with one size have the same. */
struct cache {
	struct tlscache *sessions;
	unsigned users; /* generations */
};

struct generation {
	TAILQ_ENTRY(generation) entry;
	unsigned number;
	struct conf *conf;
	struct cache *cache;
	struct tls_shared shared;
	struct listener *listeners; /* one per conf->listens */
	size_t nlisteners;
	size_t loaded; /* listeners that are complete */
	size_t certificates; /* that are loaded so far */
	struct heritage_socket_set *sets;
	size_t nsets;
	struct priv_account account; /* of the workers */
	int log_fd; /* the log file, before it is in use; or -1 */
	size_t connections; /* for which a worker has descriptors */
	unsigned alive; /* processes */
	bool draining;
	bool handed_over; /* by the program before us; has no listeners */
	int64_t kill_at; /* clock_mono_us(): draining takes too long */
};
TAILQ_HEAD(generation_list, generation);

/* What generations have in common, their maker's. */
struct generation_stock {
	const struct generation *current; /* that serves; NULL: none does */
	struct tlscache_keys *keys;
	struct bound_list *sockets;
};

/* generation.c */

/* At the end of the list, which has it. Takes conf. Nothing is made yet. */
struct generation *generation_new(struct generation_list *, struct conf *,
    unsigned number);
/* NULL: there is none. */
struct generation *generation_find(struct generation_list *, unsigned number);
/* Read its configuration again, with the names that are known by now. */
int generation_reread(struct generation *, const struct conf_origin *,
    struct err *);
/* Free those whose last process has ended, but for one. */
void generation_sweep(struct generation_list *, const struct generation *but);
/*
 * In a worker: free all others, private keys above all, and close their
 * sockets. ours NULL: all, when the sockets are closed.
 */
void generation_forget(struct generation_list *, struct bound_list *,
    const struct generation *ours);
/* What a worker of it has from it. */
void generation_leave(const struct generation *, struct heritage *);
/* Certificate i of its listeners. False: there are no more. */
bool generation_certificate(const struct generation *, size_t i,
    struct ctl_certificate *);

/* make.c */

/*
 * Make some more of it, for some milliseconds: with thousands of certificates
 * it takes seconds, in which the master has other things to see to. 1 as long
 * as it is to be called again, 0 when all is there, -1 with the error text.
 * stock NULL: for a test of the configuration, which needs no free port and no
 * large cache, with shared.keys that are there already.
 */
int generation_make(struct generation *, const struct generation_stock *,
    struct err *);
void cache_unref(struct cache *);

/* check.c */

/*
 * For `tlsherd -t`: make one without sockets and free it. Takes conf. With
 * open_log the log file is opened, as who asks is about to do. 0, or -1 with
 * the error text.
 */
int generation_check(const struct conf_origin *, struct conf *, bool open_log,
    struct err *);

/* logfile.c: which log a configuration means */

/* Open the log file, if it is one. 0, or -1 with the error text. */
int logfile_open(struct generation *, struct err *);
/* Log as its configuration says. 0, or -1 with the error text. */
int logfile_use(struct generation *, bool foreground, struct err *);

/* handed.c: over an upgrade */

/* What the program after us needs of it, as a line. */
void generation_put(FILE *, const char *keyword, const struct generation *);
/*
 * The rest of such a line. Of its configuration there is what we need until its
 * workers have finished. NULL: it is not such a line; what was read of it is in
 * the list all the same.
 */
struct generation *generation_take(struct generation_list *, struct words *);
/* Its session cache, from its descriptor. An error of libtlscache, or 0. */
int generation_take_sessions(struct generation *, int fd);

#endif
