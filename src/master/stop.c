/* SPDX-License-Identifier: ISC */
/*
 * Stopping. Graceful: the workers finish their connections, for drain_timeout
 * at the most. Fast: they close them. Who does not end in time is killed.
 */
#include "config.h"

#include <signal.h>

#include "base/log.h"
#include "master/master_int.h"

/* What a worker may take to act on an order. */
#define GRACE_MS 5000

static void signal_all(struct master *, int);

void
stop_graceful(struct master *m)
{
	struct process *p;

	if (m->state == MASTER_FINISHING || m->state == MASTER_STOPPING)
		return;
	if (m->state != MASTER_RUNNING) {
		stop_fast(m);
		return;
	}
	log_notice("finishing");
	m->state = MASTER_FINISHING;
	supervise_clear(m);
	sockets_close(m, true);
	TAILQ_FOREACH(p, &m->processes, entry)
		process_tell(p, CONTROL_DRAIN, 0, -1);
	master_deadline(m, m->current->conf->drain_timeout + GRACE_MS);
	if (TAILQ_EMPTY(&m->processes))
		stop_done(m);
}

void
stop_fast(struct master *m)
{
	if (m->state == MASTER_STOPPING) {
		signal_all(m, SIGKILL);
		return;
	}
	log_notice("stopping");
	m->state = MASTER_STOPPING;
	supervise_clear(m);
	sockets_close(m, true);
	signal_all(m, SIGTERM);
	master_deadline(m, GRACE_MS);
	if (TAILQ_EMPTY(&m->processes))
		stop_done(m);
}

void
stop_done(struct master *m)
{
	event_del(&m->deadline);
	event_base_loopbreak(m->base);
}

static void
signal_all(struct master *m, int sig)
{
	struct process *p;

	TAILQ_FOREACH(p, &m->processes, entry)
		(void)kill(p->pid, sig);
}
