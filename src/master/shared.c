/* SPDX-License-Identifier: ISC */
/*
 * The table of shared objects; see shared.h. Master.
 *
 * Shared memory that cannot be adopted, because it is of another layout, is
 * begun anew. Whoever upgrades wants the new program; the other choice, to
 * refuse, would leave him only a restart, which costs the same sessions and
 * all connections besides.
 */
#include "config.h"

#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "ctl/ctl.h"
#include "master/master_int.h"
#include "master/shared.h"

static void refused(const char *, const char *, const char *, int);

/* The pid file: the last to go, for who waits for it starts another tlsherd. */

static bool
pidfile_describe(const struct master *m, size_t i, struct handed *h)
{
	if (m->pidfile == NULL || i > 0)
		return false;
	h->fd = pidfile_fd(m->pidfile);
	h->text = pidfile_path(m->pidfile);
	return true;
}

static void
pidfile_take(struct master *m, const struct handed *h)
{
	if (h->text == NULL)
		return;
	m->current->conf->pid_file.value = xstrdup(h->text);
	m->pidfile = pidfile_adopt(h->fd, h->text);
	if (m->pidfile != NULL)
		return;
	log_warn("pid file %s", h->text);
	close(h->fd);
}

static void
pidfile_let_go(struct master *m)
{
	pidfile_forget(m->pidfile);
}

static void
pidfile_release(struct master *m)
{
	pidfile_remove(m->pidfile);
}

/* The counters */

static bool
scoreboard_describe(const struct master *m, size_t i, struct handed *h)
{
	h->fd = scoreboard_fd(m->scoreboard);
	return i == 0;
}

static void
scoreboard_take_over(struct master *m, const struct handed *h)
{
	struct err err;

	m->scoreboard = scoreboard_adopt(h->fd, WORKERS_MAX,
	    MASTER_PROCESSES_MAX, &err);
	if (m->scoreboard != NULL)
		return;
	refused("counters", err.text, "they begin at zero", h->fd);
	m->scoreboard = scoreboard_new(WORKERS_MAX, MASTER_PROCESSES_MAX);
	if (m->scoreboard == NULL)
		fatal("scoreboard");
}

static void
scoreboard_release_all(struct master *m)
{
	scoreboard_free(m->scoreboard);
}

/* The ticket keys */

static bool
keys_describe(const struct master *m, size_t i, struct handed *h)
{
	h->fd = tlscache_keys_fd(m->keys);
	return i == 0;
}

static void
keys_take(struct master *m, const struct handed *h)
{
	int error;

	error = h->fd != -1 ? tlscache_keys_adopt(&m->keys, h->fd) :
	    TLSCACHE_E_FORMAT;
	if (error == TLSCACHE_OK)
		return;
	refused("ticket keys", tls_cache_reason(error),
	    "they are new, no older ticket is accepted", h->fd);
	error = tls_keys_open(&m->keys, m->current->conf);
	if (error != TLSCACHE_OK)
		fatalx("ticket keys: %s", tls_cache_reason(error));
}

static void
keys_release(struct master *m)
{
	tlscache_keys_close(m->keys);
}

/* The sessions of the generation that serves: each generation has its cache. */

static bool
sessions_describe(const struct master *m, size_t i, struct handed *h)
{
	if (m->sessions == NULL || i > 0)
		return false;
	h->fd = tlscache_fd(m->sessions);
	return true;
}

static void
sessions_take(struct master *m, const struct handed *h)
{
	int error = generation_take_sessions(m->current, h->fd);

	if (error == TLSCACHE_OK)
		m->sessions = m->current->cache->sessions;
	else
		refused("session cache", tls_cache_reason(error),
		    "it begins empty", h->fd);
}

static void
sessions_release(struct master *m)
{
	generation_forget(&m->generations, &m->sockets, NULL);
}

/* Sockets that a service manager has bound, and no listener wants for now. */

static bool
spare_describe(const struct master *m, size_t i, struct handed *h)
{
	h->nfds = activated_spare(&h->fds);
	return i == 0 && h->nfds > 0;
}

static void
spare_take(struct master *m, const struct handed *h)
{
	size_t i;

	for (i = 0; i < h->nfds; i++)
		if (h->fds[i] != -1)
			activated_return(h->fds[i]);
}

static void
spare_let_go(struct master *m)
{
	activated_forget();
}

/*
 * The listening sockets, those of an address together, and those that a service
 * manager has bound.
 */

static bool
sockets_describe(const struct master *m, size_t i, struct handed *h)
{
	return sockets_put(&m->sockets, false, i, h);
}

static bool
activated_describe(const struct master *m, size_t i, struct handed *h)
{
	return sockets_put(&m->sockets, true, i, h);
}

static bool
are_sockets(const struct handed *h)
{
	return sockets_fit(h->text, h->fds[0]);
}

static void
sockets_take(struct master *m, const struct handed *h)
{
	if (h->nfds > 0)
		sockets_adopt(&m->sockets, h->text, h->flag ?
		    SOCKETS_SHARED : SOCKETS_EACH, h->fds, h->nfds);
}

static void
activated_adopt(struct master *m, const struct handed *h)
{
	if (h->nfds > 0)
		sockets_adopt(&m->sockets, h->text, SOCKETS_ACTIVATED, h->fds,
		    h->nfds);
}

static void
sockets_release(struct master *m)
{
	sockets_close(&m->sockets);
}

/* The control socket */

static bool
control_describe(const struct master *m, size_t i, struct handed *h)
{
	struct ctl_handed ctl;

	if (m->ctl == NULL || i > 0)
		return false;
	ctl_hand_on(m->ctl, &ctl);
	h->fd = ctl.fd;
	h->dev = (int64_t)ctl.dev;
	h->ino = (int64_t)ctl.ino;
	h->text = ctl.path;
	return true;
}

static void
control_take(struct master *m, const struct handed *h)
{
	const struct ctl_handed ctl = { .fd = h->fd, .path = h->text,
		.dev = (uint64_t)h->dev, .ino = (uint64_t)h->ino };
	struct err err;

	if (observe_adopt(m, &ctl, &err) == -1)
		log_errorx("%s", err.text);
}

static void
control_let_go(struct master *m)
{
	if (m->ctl != NULL)
		ctl_forget(m->ctl);
}

static void
control_release(struct master *m)
{
	observe_close(m);
}

const struct shared shared_rows[] = {
	{ "pidfile", "ft", pidfile_describe, NULL, pidfile_take,
	    pidfile_let_go, pidfile_release },
	{ "scoreboard", "f", scoreboard_describe, NULL, scoreboard_take_over,
	    NULL, scoreboard_release_all },
	{ "keys", "f", keys_describe, NULL, keys_take, NULL, keys_release },
	{ "sessions", "f", sessions_describe, NULL, sessions_take, NULL,
	    sessions_release },
	{ "spare", "F", spare_describe, NULL, spare_take, spare_let_go,
	    spare_let_go },
	{ "socket", "btF", sockets_describe, are_sockets, sockets_take, NULL,
	    sockets_release },
	{ "activated", "tF", activated_describe, are_sockets, activated_adopt,
	    NULL, sockets_release },
	{ "control", "fdit", control_describe, NULL, control_take,
	    control_let_go, control_release },
};
const size_t shared_count = sizeof(shared_rows) / sizeof(shared_rows[0]);

static void
refused(const char *what, const char *why, const char *then, int fd)
{
	log_warnx("upgrade: the %s cannot be taken over (%s): %s", what, why,
	    then);
	if (fd != -1)
		close(fd);
}
