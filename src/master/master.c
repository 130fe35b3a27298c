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
#include "base/daemon.h"
#include "base/letter.h"
#include "base/log.h"
#include "base/proctitle.h"
#include "master/handover.h"
#include "master/master_int.h"
#include "master/shared.h"

static int start(struct master *, struct conf *, struct err *);
static int open_shared(struct master *, const struct conf *, struct err *);
static void master_release(struct master *);

int
master_main(const struct master_options *options, struct conf *conf)
{
	struct master m;
	struct err err;

	memset(&m, 0, sizeof(m));
	m.options = options;
	m.notify = -1;
	m.started = clock_wall();
	TAILQ_INIT(&m.sockets);
	TAILQ_INIT(&m.processes);
	TAILQ_INIT(&m.generations);
	/* In the child's name: the lock of the pid file is the master's. */
	if (!options->foreground && conf != NULL)
		m.notify = daemon_begin();
	log_procinit("master");
	proctitle_set("master");
	events_begin(&m);
	if (conf == NULL)
		takeover(&m);
	else if (start(&m, conf, &err) == -1)
		note_failed(&m, err.text);
	master_settle(&m);
	if (m.state != MASTER_DONE)
		event_base_dispatch(m.base);
	master_release(&m);
	if (m.status == 0)
		log_notice("stopped");
	return m.status;
}

int
master_test(const struct master_options *options, struct conf *conf)
{
	const bool asked = letter_from_parent();
	struct err err;
	int result;

	/* First: it has the names that are known where we have no answer. */
	result = asked ? handover_check(&err) : 0;
	if (result == 0)
		result = generation_check(&options->origin, conf, asked, &err);
	if (result == 0) {
		if (asked)
			printf("%s\n", HANDOVER_ACCEPTED);
		return 0;
	}
	fprintf(stderr, "%s\n", err.text);
	return -1;
}

static int
start(struct master *m, struct conf *conf, struct err *err)
{
	const char *pid_file = conf->pid_file.value;
	struct err why;

	m->next = generation_new(&m->generations, conf,
	    m->last_generation + 1);
	/* From here on a signal is followed, and no pid file is left behind. */
	if (events_watch(m, err) == -1)
		return -1;
	daemon_hold_signals(false);
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
	making_begin(m);
	return 0;
}

/* The ring of ticket keys and the scoreboard; sessions: generation/. */
static int
open_shared(struct master *m, const struct conf *conf, struct err *err)
{
	int error;

	error = tls_keys_open(&m->keys, conf);
	if (error != TLSCACHE_OK)
		return err_set(err, NULL, "ticket keys: %s",
		    tls_cache_reason(error));
	m->scoreboard = scoreboard_new(WORKERS_MAX, MASTER_PROCESSES_MAX);
	if (m->scoreboard == NULL)
		return err_set(err, NULL, "scoreboard: %s", strerror(errno));
	return 0;
}

/* Also after a start that came to nothing. */
static void
master_release(struct master *m)
{
	size_t i;

	for (i = shared_count; i-- > 0;)
		shared_rows[i].release(m);
	free(m->restarts);
	events_end(m);
	if (m->notify != -1)
		close(m->notify);
}
