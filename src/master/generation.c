/* SPDX-License-Identifier: ISC */
/*
 * A generation: one configuration with all that was made from it, complete
 * before any of its workers is there. The one before it stays as it is until
 * this one serves.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/letter.h"
#include "base/log.h"
#include "base/mem.h"
#include "master/master_int.h"
#include "service/service.h"

/* How long the master may be deaf while it loads certificates. */
#define TURN_US 5000

static struct generation *blank(struct conf *);
static void take_conf(struct generation *, struct conf *);
/* So many certificates are small beside what is spared. */
#define SPARE_EACH 16

static int prepare(struct generation *, struct err *);
static void limit_connections(struct generation *);
static int get_cache(struct generation *, struct err *);
static void cache_unref(struct cache *);
static int load_next(struct generation *, struct err *);
static int too_large(const struct generation *, struct err *);
static void listener_free(struct listener *);
static int get_sockets(struct master *, struct generation *, struct err *);
static void forget_sockets(struct master *, const struct generation *);

struct generation *
generation_new(struct master *m, struct conf *conf)
{
	struct generation *g = blank(conf);

	g->master = m;
	g->number = m->last_generation + 1;
	TAILQ_INSERT_TAIL(&m->generations, g, entry);
	return g;
}

static struct generation *
blank(struct conf *conf)
{
	struct generation *g = xcalloc(1, sizeof(*g));

	g->log_fd = -1;
	take_conf(g, conf);
	return g;
}

static void
take_conf(struct generation *g, struct conf *conf)
{
	const struct priv_word user = { conf->user.value, &conf->user.loc };
	const struct priv_word group = { conf->group.value,
		&conf->group.loc };

	g->conf = conf;
	priv_account_set(&g->account, &user, &group);
}

int
generation_reread(struct generation *g, const struct master_options *o,
    struct err *err)
{
	struct conf *conf, *old = g->conf;

	conf = conf_load(o->path, o->overrides, o->noverrides, err);
	if (conf == NULL)
		return -1;
	take_conf(g, conf);
	conf_free(old);
	return 0;
}

int
generation_make(struct generation *g, struct err *err)
{
	int64_t until = clock_mono_us() + TURN_US;
	int r;

	if (g->cache == NULL && prepare(g, err) == -1)
		return -1;
	do
		r = load_next(g, err);
	while (r > 0 && clock_mono_us() < until);
	if (r != 0 || g->master == NULL)
		return r;
	if (get_sockets(g->master, g, err) == -1)
		return -1;
	g->master->last_generation = g->number;
	limit_connections(g);
	return 0;
}

/*
 * Without a master, so that a test needs no free port and no large cache; the
 * ring of keys is not used.
 */
int
generation_check(const struct master_options *o, struct conf *conf,
    struct err *err)
{
	struct generation *g = blank(conf);
	int r;

	r = lookup_wait(&g->account, err);
	if (r == 1)
		r = generation_reread(g, o, err);
	if (r == 0)
		r = conf_check_paths(g->conf, err);
	/* Who asks is about to open it. */
	if (r == 0 && letter_from_parent())
		r = logfile_open(g, err);
	if (r == 0 && tlscache_keys_open(&g->shared.keys, 1, 1,
	    clock_wall()) != TLSCACHE_OK)
		r = err_set(err, NULL, "shared memory: %s", strerror(errno));
	if (r == 0)
		while ((r = generation_make(g, err)) > 0)
			;
	tlscache_keys_close(g->shared.keys);
	generation_free(g);
	return r;
}

void
generation_free(struct generation *g)
{
	size_t i;

	if (g == NULL)
		return;
	if (g->master != NULL)
		TAILQ_REMOVE(&g->master->generations, g, entry);
	for (i = 0; i < g->nlisteners; i++)
		listener_free(&g->listeners[i]);
	for (i = 0; i < g->nsets; i++)
		free(g->sets[i].fds);
	if (g->log_fd != -1)
		close(g->log_fd);
	free(g->listeners);
	free(g->sets);
	priv_account_release(&g->account);
	cache_unref(g->cache);
	conf_free(g->conf);
	free(g);
	mem_release();
}

void
generation_sweep(struct master *m)
{
	struct generation *g, *next;

	for (g = TAILQ_FIRST(&m->generations); g != NULL; g = next) {
		next = TAILQ_NEXT(g, entry);
		if (g->draining && g->alive == 0 && g != m->closing)
			generation_free(g);
	}
}

void
generation_forget(struct master *m, const struct generation *ours)
{
	struct generation *g, *next;

	forget_sockets(m, ours);
	for (g = TAILQ_FIRST(&m->generations); g != NULL; g = next) {
		next = TAILQ_NEXT(g, entry);
		if (g != ours)
			generation_free(g);
	}
}

/* What takes no time. */
static int
prepare(struct generation *g, struct err *err)
{
	if (g->master != NULL) {
		g->shared.keys = g->master->keys;
		(void)fd_limit_raise(conf_files(g->conf));
		if (logfile_open(g, err) == -1)
			return -1;
	}
	if (tls_keys_check(g->conf, err) == -1 ||
	    conf_check_chroot(g->conf, err) == -1 ||
	    priv_account_take(&g->account, err) == -1 ||
	    get_cache(g, err) == -1)
		return -1;
	g->shared.sessions = g->cache->sessions;
	g->shared.session_timeout = g->conf->session_timeout / 1000;
	g->listeners = xcalloc(g->conf->nlistens, sizeof(*g->listeners));
	return 0;
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

static int
get_cache(struct generation *g, struct err *err)
{
	const struct generation *now =
	    g->master != NULL ? g->master->current : NULL;
	size_t size;
	int error;

	if (now != NULL && now->cache != NULL &&
	    now->conf->cache_size == g->conf->cache_size) {
		g->cache = now->cache;
		g->cache->users++;
		return 0;
	}
	g->cache = xcalloc(1, sizeof(*g->cache));
	g->cache->users = 1;
	size = g->master != NULL ? g->conf->cache_size : TLSCACHE_SIZE_MIN;
	error = tlscache_open(&g->cache->sessions, size);
	if (error == TLSCACHE_OK)
		return 0;
	return err_set(err, &g->conf->cache_size_loc,
	    "session_cache: %s", tls_cache_reason(error));
}

static void
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

static void
listener_free(struct listener *l)
{
	if (l->service != NULL && l->ops->teardown != NULL)
		l->ops->teardown(l->service);
	tls_front_free(l->tls);
}

static int
get_sockets(struct master *m, struct generation *g, struct err *err)
{
	const struct conf_listen *conf;
	struct heritage_socket_set *set;
	struct bound *b;
	size_t i, j, n;

	for (i = n = 0; i < g->conf->nlistens; i++)
		n += g->conf->listens[i].naddresses;
	g->sets = xcalloc(n, sizeof(*g->sets));
	sockets_begin(&m->sockets);
	for (i = 0; i < g->conf->nlistens; i++) {
		conf = &g->conf->listens[i];
		for (j = 0; j < conf->naddresses; j++) {
			b = sockets_get(&m->sockets, g->conf, conf,
			    &conf->addresses[j], err);
			if (b == NULL) {
				sockets_abort(&m->sockets);
				return -1;
			}
			/* A copy: a later reload may open more. */
			set = &g->sets[g->nsets++];
			set->listener = &g->listeners[i];
			set->shared = b->shared;
			set->nfds = b->nfds;
			set->fds = xcalloc(b->nfds, sizeof(*set->fds));
			memcpy(set->fds, b->fds, b->nfds * sizeof(*set->fds));
		}
	}
	return 0;
}

/* Its own are the first ones of each set. */
static void
forget_sockets(struct master *m, const struct generation *g)
{
	struct bound *b;
	size_t i, keep;

	TAILQ_FOREACH(b, &m->sockets, entry) {
		keep = 0;
		for (i = 0; i < g->nsets; i++)
			if (b->nfds > 0 && g->sets[i].fds[0] == b->fds[0])
				keep = g->sets[i].nfds;
		sockets_forget(b, keep);
	}
}
