/* SPDX-License-Identifier: ISC */
/*
 * The master process: one event loop with signals, the workers' control
 * sockets and a few timers. It reads the configuration, binds, loads keys,
 * makes the shared memory and supervises; it never reads a byte from a client.
 * Everything that a client can reach is in the workers.
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/proctitle.h"
#include "master/handover.h"
#include "master/master_int.h"

#define UPKEEP_S 1

static int start(struct master *, struct conf *, struct err *);
static int open_shared(struct master *, const struct conf *, struct err *);
static void signal_event_cb(evutil_socket_t, short, void *);
static void deadline_event_cb(evutil_socket_t, short, void *);
static void upkeep_event_cb(evutil_socket_t, short, void *);
static void master_release(struct master *);

static const int watched[] = { SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGQUIT,
	SIGUSR1, SIGUSR2 };

int
master_main(const struct master_options *options, struct conf *conf)
{
	struct master m;
	struct err err;

	memset(&m, 0, sizeof(m));
	m.options = options;
	m.state = MASTER_STARTING;
	m.notify = -1;
	m.test.fd = -1;
	m.started = clock_wall();
	TAILQ_INIT(&m.sockets);
	TAILQ_INIT(&m.processes);
	TAILQ_INIT(&m.generations);
	/* In the child's name: the lock of the pid file is the master's. */
	if (!options->foreground && conf != NULL)
		m.notify = process_daemonize();
	log_procinit("master");
	proctitle_set("master");
	m.base = event_base_new();
	if (m.base == NULL)
		fatalx("libevent: no event base");
	evtimer_assign(&m.deadline, m.base, deadline_event_cb, &m);
	if (conf == NULL)
		takeover(&m);
	else if (start(&m, conf, &err) == -1)
		stop_failed(&m, err.text);
	if (!m.done)
		event_base_dispatch(m.base);
	master_release(&m);
	if (m.status == 0)
		log_notice("stopped");
	return m.status;
}

bool
master_handed_over(void)
{
	return handover_here();
}

bool
master_test_asked(void)
{
	return handover_asked();
}

int
master_test(const struct master_options *options, struct conf *conf)
{
	struct err err;
	int result;

	result = generation_check(options, conf, &err);
	if (result == 0 && handover_asked()) {
		result = handover_check(&err);
		if (result == 0)
			printf("%s\n", HANDOVER_ACCEPTED);
	}
	if (result == 0)
		return 0;
	fprintf(stderr, "%s\n", err.text);
	return -1;
}

static int
start(struct master *m, struct conf *conf, struct err *err)
{
	const char *pid_file = conf->pid_file.value;
	struct err why;

	m->next = generation_new(m, conf);
	/* From here on a signal is followed, and no pid file is left behind. */
	if (master_watch(m, err) == -1)
		return -1;
	process_hold_signals(false);
	if (pid_file != NULL) {
		m->pidfile = pidfile_open(pid_file, &why);
		if (m->pidfile == NULL)
			return err_set(err, &conf->pid_file.loc, "%s",
			    why.text);
		if (pidfile_write(m->pidfile) == -1)
			return err_set(err, &conf->pid_file.loc, "pid file "
			    "%s: %s", pid_file, strerror(errno));
	}
	if (open_shared(m, conf, err) == -1)
		return -1;
	reload_make(m);
	return 0;
}

/* The ring of ticket keys and the scoreboard; sessions: generation.c. */
static int
open_shared(struct master *m, const struct conf *conf, struct err *err)
{
	int error;

	error = master_keys(m, conf);
	if (error != TLSCACHE_OK && error != TLSCACHE_E_INVAL)
		return err_set(err, NULL, "ticket keys: %s",
		    tls_cache_reason(error));
	m->scoreboard = scoreboard_new(WORKERS_MAX, MASTER_PROCESSES_MAX);
	if (m->scoreboard == NULL)
		return err_set(err, NULL, "scoreboard: %s", strerror(errno));
	return 0;
}

int
master_keys(struct master *m, const struct conf *conf)
{
	return tlscache_keys_open(&m->keys, conf->ticket_rotate / 1000,
	    conf->session_timeout / 1000, clock_wall());
}

/* The first generation serves. */
void
master_serving(struct master *m)
{
	char byte = 0;

	log_notice("%u workers are ready, pid %ld, %s",
	    m->current->conf->workers, (long)getpid(), m->options->path);
	if (m->notify == -1)
		return;
	process_detach_stderr();
	(void)!write(m->notify, &byte, 1);
	close(m->notify);
	m->notify = -1;
}

void
master_deadline(struct master *m, int64_t ms)
{
	struct timeval after = { ms / 1000, ms % 1000 * 1000 };

	event_add(&m->deadline, &after);
}

void
master_next(struct master *m)
{
	if (m->reload_again)
		reload_begin(m);
	else if (m->upgrade_again)
		upgrade_begin(m);
}

int
master_watch(struct master *m, struct err *err)
{
	static const struct timeval each = { UPKEEP_S, 0 };
	size_t i;

	(void)signal(SIGPIPE, SIG_IGN);
	for (i = 0; i < sizeof(watched) / sizeof(watched[0]); i++) {
		evsignal_assign(&m->signals[i], m->base, watched[i],
		    signal_event_cb, m);
		if (event_add(&m->signals[i], NULL) == -1)
			return err_set(err, NULL,
			    "libevent: cannot watch signals");
	}
	event_assign(&m->upkeep, m->base, -1, EV_PERSIST, upkeep_event_cb, m);
	if (event_add(&m->upkeep, &each) == -1 || heartbeat_watch(m) == -1)
		return err_set(err, NULL, "libevent: no timer");
	return 0;
}

/* Called from the event loop, not from the signal's handler. */
static void
signal_event_cb(evutil_socket_t sig, short what, void *arg)
{
	struct master *m = arg;

	switch (sig) {
	case SIGCHLD:
		supervise_reap(m);
		break;
	case SIGHUP:
		reload_begin(m);
		break;
	case SIGQUIT:
		stop_graceful(m);
		break;
	case SIGUSR1:
		logfile_reopen(m);
		break;
	case SIGUSR2:
		upgrade_begin(m);
		break;
	default:
		stop_fast(m);
		break;
	}
}

/* A start, a reload or a stop has taken too long. */
static void
deadline_event_cb(evutil_socket_t fd, short what, void *arg)
{
	struct master *m = arg;

	switch (m->state) {
	case MASTER_STARTING:
	case MASTER_RELOADING:
		reload_abort(m, "the workers were not ready in time");
		break;
	case MASTER_TESTING:
		upgrade_abort(m, "the test of the program takes too long");
		break;
	case MASTER_FINISHING:
	case MASTER_STOPPING: /* the second time: kill */
		stop_fast(m);
		break;
	case MASTER_RUNNING:
		break;
	}
}

static void
upkeep_event_cb(evutil_socket_t fd, short what, void *arg)
{
	struct master *m = arg;
	int64_t due, now = clock_wall();

	due = tlscache_keys_rotate(m->keys, now);
	if (due == TLSCACHE_E_FORMAT) {
		log_errorx("ticket keys: damaged in memory, and set anew");
		reload_keys(m);
	} else if (due < 0 && due != TLSCACHE_E_BUSY)
		log_errorx("ticket keys: %s", tls_cache_reason((int)due));
	reload_overdue(m);
	reload_retry(m);
	reload_names(m);
	observe_tick(m);
}

/* Also after a start that came to nothing. */
static void
master_release(struct master *m)
{
	size_t i;

	observe_close(m);
	sockets_close(&m->sockets);
	for (i = 0; i < sizeof(watched) / sizeof(watched[0]); i++)
		if (event_initialized(&m->signals[i]))
			event_del(&m->signals[i]);
	if (event_initialized(&m->upkeep))
		event_del(&m->upkeep);
	if (event_initialized(&m->heartbeat))
		event_del(&m->heartbeat);
	generation_forget(m, NULL);
	tlscache_keys_close(m->keys);
	scoreboard_free(m->scoreboard);
	free(m->restarts);
	event_base_free(m->base);
	pidfile_remove(m->pidfile);
	if (m->notify != -1)
		close(m->notify);
}
