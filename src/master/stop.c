/* SPDX-License-Identifier: ISC */
/*
 * Stopping. Graceful: the workers finish their connections, for drain_timeout
 * at the most. Fast: they close them. Who does not end in time is killed.
 */
#include "config.h"

#include <signal.h>
#include <stdio.h>

#include "base/log.h"
#include "master/master_int.h"

static void stop_all(struct master *);

void
stop_graceful(struct master *m)
{
	struct process *p;

	switch (m->state) {
	case MASTER_STARTING:
		stop_fast(m);
		return;
	case MASTER_RELOADING:
		reload_drop(m);
		break;
	case MASTER_TESTING:
		upgrade_drop(m);
		break;
	case MASTER_RUNNING:
		break;
	case MASTER_FINISHING:
	case MASTER_STOPPING:
		return;
	}
	reload_settle(m);
	log_notice("finishing");
	m->state = MASTER_FINISHING;
	supervise_clear(m);
	sockets_close(&m->sockets);
	TAILQ_FOREACH(p, &m->processes, entry)
		process_tell(p, CONTROL_DRAIN, 0, -1);
	master_deadline(m, m->current->conf->drain_timeout + STOP_GRACE);
	if (TAILQ_EMPTY(&m->processes))
		stop_done(m);
}

void
stop_fast(struct master *m)
{
	struct process *p;

	if (m->state == MASTER_STOPPING) {
		TAILQ_FOREACH(p, &m->processes, entry)
			process_kill(p);
		return;
	}
	reload_settle(m);
	log_notice("stopping");
	stop_all(m);
}

void
stop_failed(struct master *m, const char *why)
{
	struct process *p;

	/* As a command says it: one line, and the exit status. */
	fprintf(stderr, "%s\n", why);
	m->status = 1;
	TAILQ_FOREACH(p, &m->processes, entry)
		process_kill(p);
	stop_all(m);
}

void
stop_done(struct master *m)
{
	event_del(&m->deadline);
	lookup_drop(&m->lookup);
	if (m->mover != 0)
		(void)kill(m->mover, SIGKILL);
	m->done = true;
	event_base_loopbreak(m->base);
}

static void
stop_all(struct master *m)
{
	struct process *p;

	if (m->state == MASTER_TESTING)
		upgrade_drop(m);
	/* Or its last worker, ready now, would have us run on. */
	if (m->next != NULL)
		reload_drop(m);
	m->state = MASTER_STOPPING;
	supervise_clear(m);
	sockets_close(&m->sockets);
	TAILQ_FOREACH(p, &m->processes, entry)
		process_signal(p, SIGTERM);
	master_deadline(m, STOP_GRACE);
	if (TAILQ_EMPTY(&m->processes))
		stop_done(m);
}
