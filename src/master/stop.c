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

static void begin(struct master *);
static void stop_all(struct master *);

void
stop_graceful(struct master *m)
{
	struct process *p;

	begin(m);
	log_notice("finishing");
	TAILQ_FOREACH(p, &m->processes, entry)
		process_tell(p, CONTROL_DRAIN, 0, -1);
	note_deadline(m, m->current->conf->drain_timeout + STOP_GRACE, "");
}

void
stop_fast(struct master *m)
{
	begin(m);
	log_notice("stopping");
	stop_all(m);
}

void
stop_failed(struct master *m)
{
	/* As a command says it: one line, and the exit status. */
	fprintf(stderr, "%s\n", m->why.text);
	m->status = 1;
	begin(m);
	stop_kill(m);
	stop_all(m);
}

void
stop_kill(struct master *m)
{
	struct process *p;

	TAILQ_FOREACH(p, &m->processes, entry)
		child_kill(&p->child);
}

void
stop_done(struct master *m)
{
	event_del(&m->deadline);
	making_drop(m);
	child_end(&m->mover);
	event_base_loopbreak(m->base);
}

/* Whatever is going on comes to nothing, and nobody new comes in. */
static void
begin(struct master *m)
{
	upgrade_drop(m);
	/* Or its last worker, ready now, would have us run on. */
	reload_drop(m);
	reload_verdict(m);
	observe_end(m);
	supervise_clear(m);
	sockets_close(&m->sockets);
}

static void
stop_all(struct master *m)
{
	struct process *p;

	TAILQ_FOREACH(p, &m->processes, entry)
		child_signal(&p->child, SIGTERM);
	note_deadline(m, STOP_GRACE, "");
}
