/* SPDX-License-Identifier: ISC */
/*
 * A generation: one configuration with all that was made from it, complete
 * before any of its workers is there. The one before it stays as it is until
 * this one serves.
 */
#include "config.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "master/master_int.h"
#include "service/service.h"

static int open_cache(struct master *, struct generation *, struct err *);
static int make_listeners(struct generation *, struct err *);
static int get_sockets(struct master *, struct generation *, struct err *);
static int look_up_ids(struct generation *, struct err *);
static int look_up_groups(struct heritage_ids *, struct err *);
static void listener_free(struct listener *);

struct generation *
generation_new(struct master *m, struct conf *conf, struct err *err)
{
	struct generation *g;

	g = xcalloc(1, sizeof(*g));
	g->conf = conf;
	g->number = m->generations + 1;
	g->shared.sessions = m->sessions;
	g->shared.keys = m->keys;
	g->shared.session_timeout = conf->session_timeout / 1000;
	if (look_up_ids(g, err) == -1 || open_cache(m, g, err) == -1 ||
	    make_listeners(g, err) == -1 || get_sockets(m, g, err) == -1) {
		generation_free(g);
		return NULL;
	}
	m->generations++;
	return g;
}

void
generation_free(struct generation *g)
{
	size_t i;

	if (g == NULL)
		return;
	for (i = 0; i < g->nlisteners; i++)
		listener_free(&g->listeners[i]);
	for (i = 0; i < g->nsets; i++)
		free(g->sets[i].fds);
	free(g->listeners);
	free(g->sets);
	free(g->ids.groups);
	tlscache_close(g->sessions);
	conf_free(g->conf);
	free(g);
}

int
generation_check(struct conf *conf, struct err *err)
{
	struct generation *g;
	int r;

	g = xcalloc(1, sizeof(*g));
	g->conf = conf;
	g->shared.session_timeout = conf->session_timeout / 1000;
	r = look_up_ids(g, err);
	if (r == 0 && tlscache_open(&g->sessions, TLSCACHE_SIZE_MIN) != 0)
		r = err_set(err, NULL, "shared memory: %s", strerror(errno));
	g->shared.sessions = g->sessions;
	if (r == 0 && tlscache_keys_open(&g->shared.keys,
	    conf->ticket_rotate / 1000, conf->session_timeout / 1000,
	    clock_wall()) != 0)
		r = err_set(err, NULL, "ticket keys: rotate and session "
		    "timeout do not fit together");
	if (r == 0)
		r = tls_keys_load(g->shared.keys, conf, err);
	if (r == 0)
		r = make_listeners(g, err);
	tlscache_keys_close(g->shared.keys);
	generation_free(g);
	return r;
}

static int
open_cache(struct master *m, struct generation *g, struct err *err)
{
	int error;

	if (m->current != NULL &&
	    m->current->conf->cache_size == g->conf->cache_size)
		return 0;
	error = tlscache_open(&g->sessions, g->conf->cache_size);
	if (error == TLSCACHE_OK) {
		g->shared.sessions = g->sessions;
		return 0;
	}
	return err_set(err, &g->conf->cache_size_loc,
	    "session_cache: %s%s%s", tlscache_strerror(error),
	    error == TLSCACHE_E_SYSTEM ? ": " : "",
	    error == TLSCACHE_E_SYSTEM ? strerror(errno) : "");
}

static int
make_listeners(struct generation *g, struct err *err)
{
	const struct conf_listen *conf;
	struct listener *l;
	size_t i;

	g->listeners = xcalloc(g->conf->nlistens, sizeof(*g->listeners));
	for (i = 0; i < g->conf->nlistens; i++) {
		conf = &g->conf->listens[i];
		l = &g->listeners[g->nlisteners++];
		l->conf = conf;
		l->tls = tls_front_new(conf, &g->shared, err);
		if (l->tls == NULL)
			return -1;
		l->ops = service_ops(conf->service);
		if (l->ops->setup != NULL &&
		    l->ops->setup(conf, &l->service, err) == -1)
			return -1;
	}
	return 0;
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
	sockets_begin(m);
	for (i = 0; i < g->conf->nlistens; i++) {
		conf = &g->conf->listens[i];
		for (j = 0; j < conf->naddresses; j++) {
			b = sockets_get(m, g->conf, conf, &conf->addresses[j],
			    err);
			if (b == NULL) {
				sockets_abort(m);
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

/*
 * Whom the workers become. Looked up here, because in a chroot there may be
 * nobody to ask.
 */
static int
look_up_ids(struct generation *g, struct err *err)
{
	const struct conf_str *user = &g->conf->user, *group = &g->conf->group;
	const struct passwd *pw;
	const struct group *gr;

	g->ids.drop = geteuid() == 0;
	if (!g->ids.drop) {
		if (user->value[0] != '\0' || group->value[0] != '\0')
			log_warnx("the master is not root: user and group "
			    "are not changed");
		return 0;
	}
	g->ids.user = user->value[0] != '\0' ? user->value : DAEMON_USER;
	pw = getpwnam(g->ids.user);
	if (pw == NULL)
		return err_set(err, &user->loc, "user \"%s\" does not exist",
		    g->ids.user);
	g->ids.uid = pw->pw_uid;
	g->ids.gid = pw->pw_gid;
	if (group->value[0] != '\0') {
		gr = getgrnam(group->value);
		if (gr == NULL)
			return err_set(err, &group->loc,
			    "group \"%s\" does not exist", group->value);
		g->ids.gid = gr->gr_gid;
	}
	return look_up_groups(&g->ids, err);
}

static int
look_up_groups(struct heritage_ids *ids, struct err *err)
{
	int n = 16;

	for (;;) {
		ids->ngroups = n;
		ids->groups = xreallocarray(ids->groups, (size_t)n,
		    sizeof(*ids->groups));
		if (getgrouplist(ids->user, ids->gid, ids->groups,
		    &ids->ngroups) != -1)
			return 0;
		if (n >= 65536)
			return err_set(err, NULL, "user \"%s\" is in too "
			    "many groups", ids->user);
		n *= 2;
	}
}
