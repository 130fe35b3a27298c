/* SPDX-License-Identifier: ISC */
/*
 * Taking over after an exec; see upgrade.c. The master before us in this
 * process has handed on its sockets, its shared memory and its workers. From
 * all that a generation is made that serves already; the first one of ours
 * replaces it as by a reload, and whatever fails until then leaves its workers
 * serving.
 *
 * Shared memory that cannot be adopted, because it is of another layout, is
 * begun anew. Whoever upgrades wants the new program; the other choice, to
 * refuse, would leave him only a restart, which costs the same sessions and
 * all connections besides.
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "ctl/ctl.h"
#include "master/handover.h"
#include "master/master_int.h"

static void take_pidfile(struct master *, const struct handover *);
static void take_sessions(struct master *, int);
static void take_keys(struct master *, int);
static void take_scoreboard(struct master *, int);
static void take_workers(struct master *, size_t *);
static void refused(const char *, const char *, int);

/*
 * The log of the workers is ours at once: a daemon has no other to say what
 * goes wrong.
 */
void
takeover(struct master *m)
{
	struct handover h;
	struct err err;
	sigset_t none;
	size_t workers;

	if (handover_read(m, &h, &err) == -1)
		fatalx("upgrade: %s", err.text);
	if (logfile_use(m, m->current, &err) == -1)
		log_errorx("%s", err.text);
	sockets_adopt(&m->sockets);
	take_pidfile(m, &h);
	take_sessions(m, h.sessions_fd);
	take_keys(m, h.keys_fd);
	take_scoreboard(m, h.scoreboard_fd);
	take_workers(m, &workers);
	supervise_seat(m);
	if (observe_adopt(m, &h.control, &err) == -1)
		log_errorx("%s", err.text);
	if (events_watch(m, &err) == -1)
		fatalx("upgrade: %s", err.text);
	log_notice("tlsherd %s has taken over from tlsherd %s and its %zu "
	    "workers, pid %ld", PACKAGE_VERSION,
	    h.version != NULL ? h.version : "?", workers, (long)getpid());
	handover_release(&h);
	note(m, FACT_ADOPTED);
	master_settle(m);
	/* All signals were held back for the exec; what ended, has ended. */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	reap_children(m);
	note(m, FACT_RELOAD);
	master_settle(m);
}

static void
take_pidfile(struct master *m, const struct handover *h)
{
	if (h->pidfile == NULL)
		return;
	m->current->conf->pid_file.value = xstrdup(h->pidfile);
	m->pidfile = pidfile_adopt(h->pidfile_fd, h->pidfile);
	if (m->pidfile != NULL)
		return;
	log_warn("pid file %s", h->pidfile);
	close(h->pidfile_fd);
}

static void
take_sessions(struct master *m, int fd)
{
	struct cache *cache;
	int error;

	cache = xcalloc(1, sizeof(*cache));
	error = fd != -1 ? tlscache_adopt(&cache->sessions, fd) :
	    TLSCACHE_E_FORMAT;
	if (error != TLSCACHE_OK) {
		refused("session cache", "it begins empty", error);
		if (fd != -1)
			close(fd);
		free(cache);
		return;
	}
	cache->users = 1;
	m->current->cache = cache;
	m->sessions = cache->sessions;
}

static void
take_keys(struct master *m, int fd)
{
	int error;

	error = fd != -1 ? tlscache_keys_adopt(&m->keys, fd) :
	    TLSCACHE_E_FORMAT;
	if (error == TLSCACHE_OK)
		return;
	refused("ticket keys", "they are new, no older ticket is accepted",
	    error);
	if (fd != -1)
		close(fd);
	error = tls_keys_open(&m->keys, m->current->conf);
	if (error != TLSCACHE_OK)
		fatalx("ticket keys: %s", tls_cache_reason(error));
}

static void
refused(const char *what, const char *then, int error)
{
	log_warnx("upgrade: the %s cannot be taken over (%s): %s", what,
	    tls_cache_reason(error), then);
}

static void
take_scoreboard(struct master *m, int fd)
{
	struct err err;

	m->scoreboard = scoreboard_adopt(fd, WORKERS_MAX,
	    MASTER_PROCESSES_MAX, &err);
	if (m->scoreboard != NULL)
		return;
	log_warnx("upgrade: the counters cannot be taken over (%s): they "
	    "begin at zero", err.text);
	if (fd != -1)
		close(fd);
	m->scoreboard = scoreboard_new(WORKERS_MAX, MASTER_PROCESSES_MAX);
	if (m->scoreboard == NULL)
		fatal("scoreboard");
}

/* With other counters than theirs, they get slots that stay at zero. */
static void
take_workers(struct master *m, size_t *n)
{
	struct process *p;

	*n = 0;
	TAILQ_FOREACH(p, &m->processes, entry) {
		p->slot = scoreboard_keep(m->scoreboard, p->slot_number,
		    p->worker);
		if (p->slot == NULL)
			p->slot = scoreboard_take(m->scoreboard, p->worker);
		if (p->slot == NULL)
			fatalx("scoreboard: there are too many workers");
		process_adopt(p);
		*n += p->generation == m->current;
	}
}
