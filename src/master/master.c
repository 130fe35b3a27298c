/* SPDX-License-Identifier: ISC */
/*
 * The master process: one event loop with signals, the workers' control
 * sockets and a few timers. It reads the configuration, binds, loads keys,
 * makes the shared memory and supervises; it never reads a byte from a client.
 * Everything that a client can reach is in the workers.
 */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proctitle.h"
#include "master/master_int.h"

/* Descriptors beside those of connections: listeners, log, event loop … */
#define FILES_RESERVE 256
#define WORKERS_MAX 1024
#define UPKEEP_S 1
/* Slots of the session cache looked at in one second. */
#define EXPIRE_WORK 4096

static void open_shared(struct master *, const struct conf *);
static void raise_limits(const struct conf *);
static void start(struct master *, struct conf *);
static void watch_signals(struct master *);
static void signal_event_cb(evutil_socket_t, short, void *);
static void deadline_event_cb(evutil_socket_t, short, void *);
static void upkeep_event_cb(evutil_socket_t, short, void *);
static void reopen_log(struct master *);
static void master_release(struct master *);

static const int watched[] = { SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGQUIT,
	SIGUSR1 };

int
master_main(const struct master_options *options, struct conf *conf)
{
	static const struct timeval each = { UPKEEP_S, 0 };
	struct master m;
	struct err err;

	memset(&m, 0, sizeof(m));
	m.options = options;
	m.notify = -1;
	m.started = clock_wall();
	TAILQ_INIT(&m.sockets);
	TAILQ_INIT(&m.processes);
	/* In the child's name: the lock of the pid file is the master's. */
	if (!options->foreground)
		m.notify = process_daemonize();
	log_procinit("master");
	proctitle_set("master");
	if (conf->pid_file.value != NULL) {
		m.pidfile = pidfile_open(conf->pid_file.value, &err);
		if (m.pidfile == NULL)
			fatalx("%s", err.text);
	}
	raise_limits(conf);
	m.base = event_base_new();
	if (m.base == NULL)
		fatalx("libevent: no event base");
	open_shared(&m, conf);
	watch_signals(&m);
	evtimer_assign(&m.deadline, m.base, deadline_event_cb, &m);
	event_assign(&m.upkeep, m.base, -1, EV_PERSIST, upkeep_event_cb, &m);
	event_add(&m.upkeep, &each);
	start(&m, conf);
	event_base_dispatch(m.base);
	master_release(&m);
	log_notice("stopped");
	return m.status;
}

int
master_test(struct conf *conf)
{
	struct err err;

	if (generation_check(conf, &err) == 0)
		return 0;
	fprintf(stderr, "%s\n", err.text);
	return -1;
}

/* The ring of ticket keys and the scoreboard; sessions: generation.c. */
static void
open_shared(struct master *m, const struct conf *conf)
{
	int error;

	error = tlscache_keys_open(&m->keys, conf->ticket_rotate / 1000,
	    conf->session_timeout / 1000, clock_wall());
	if (error != TLSCACHE_OK)
		fatalx("ticket keys: %s", tlscache_strerror(error));
	m->scoreboard = scoreboard_new(WORKERS_MAX, MASTER_PROCESSES_MAX);
	if (m->scoreboard == NULL)
		fatal("scoreboard");
}

static void
raise_limits(const struct conf *conf)
{
	size_t limit, wanted;
	size_t i;
	bool proxy = false;

	for (i = 0; i < conf->nlistens; i++)
		proxy = proxy || conf->listens[i].nbackends > 0;
	wanted = (size_t)conf->worker_connections * (proxy ? 2 : 1) +
	    FILES_RESERVE;
	limit = fd_limit_raise(wanted);
	if (limit < wanted)
		log_warnx("worker_connections = %u needs %zu open files, "
		    "the limit is %zu", conf->worker_connections, wanted,
		    limit);
}

static void
start(struct master *m, struct conf *conf)
{
	struct err err;

	m->next = generation_new(m, conf, &err);
	if (m->next == NULL)
		fatalx("%s", err.text);
	if (tls_keys_load(m->keys, conf, &err) == -1 ||
	    observe_open(m, conf, &err) == -1) {
		sockets_close(m, true);
		fatalx("%s", err.text);
	}
	if (m->pidfile != NULL && pidfile_write(m->pidfile) == -1) {
		sockets_close(m, true);
		fatal("pid file %s", conf->pid_file.value);
	}
	m->state = MASTER_STARTING;
	if (supervise_start(m, m->next) == -1) {
		reload_abort(m, "a worker could not be started");
		return;
	}
	master_deadline(m, 20000);
}

/* The first generation serves. */
void
master_serving(struct master *m)
{
	char byte = 0;
	int null;

	log_notice("%u workers are ready, pid %ld, %s",
	    m->current->conf->workers, (long)getpid(), m->options->path);
	if (m->notify == -1)
		return;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null != -1) {
		(void)dup2(null, STDERR_FILENO);
		close(null);
	}
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

static void
watch_signals(struct master *m)
{
	size_t i;

	for (i = 0; i < sizeof(watched) / sizeof(watched[0]); i++) {
		evsignal_assign(&m->signals[i], m->base, watched[i],
		    signal_event_cb, m);
		if (event_add(&m->signals[i], NULL) == -1)
			fatalx("libevent: cannot watch signals");
	}
	(void)signal(SIGPIPE, SIG_IGN);
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
		reopen_log(m);
		break;
	default:
		stop_fast(m);
		break;
	}
}

static void
reopen_log(struct master *m)
{
	struct process *p;
	struct err err;

	if (log_reopen(&err) == -1) {
		log_errorx("%s", err.text);
		return;
	}
	log_notice("log reopened");
	if (log_fd() == -1)
		return;
	TAILQ_FOREACH(p, &m->processes, entry)
		process_tell(p, CONTROL_LOG, 0, log_fd());
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
	case MASTER_FINISHING:
		stop_fast(m);
		break;
	case MASTER_STOPPING:
		stop_fast(m); /* the second time: kill */
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

	if (m->sessions != NULL)
		(void)tlscache_expire(m->sessions, EXPIRE_WORK, now);
	due = tlscache_keys_rotate(m->keys, now);
	if (due < 0 && due != TLSCACHE_E_BUSY)
		log_errorx("ticket keys: %s", tlscache_strerror((int)due));
	observe_tick(m);
}

static void
master_release(struct master *m)
{
	size_t i;

	observe_close(m);
	sockets_close(m, true);
	for (i = 0; i < sizeof(watched) / sizeof(watched[0]); i++)
		event_del(&m->signals[i]);
	event_del(&m->upkeep);
	generation_free(m->current);
	generation_free(m->next);
	tlscache_close(m->sessions);
	tlscache_keys_close(m->keys);
	scoreboard_free(m->scoreboard);
	free(m->restarts);
	event_base_free(m->base);
	pidfile_remove(m->pidfile);
}
