/* SPDX-License-Identifier: ISC */
/*
 * Workers that do not run, though they live: stopped by a signal or a
 * debugger, or waiting for the swap space. Every worker counts in its slot of
 * the scoreboard that its loop turns; when that has not changed for a second
 * the log says so, and a neighbour serves its queue until it runs again. It is
 * not killed: whoever has stopped it may want to look.
 *
 * Looks are counted, not time: when the master did not run itself, nothing can
 * be said of the workers.
 */
#include "config.h"

#include "base/log.h"
#include "base/procstate.h"
#include "master/master_int.h"

static void look_event_cb(evutil_socket_t, short, void *);
static void look(struct process *);

void
heartbeat_begin(struct master *m)
{
	event_assign(&m->heartbeat, m->base, -1, EV_PERSIST, look_event_cb, m);
}

int
heartbeat_watch(struct master *m)
{
	static const struct timeval each = { 0, SLOT_BEAT_MS * 1000 };

	return event_add(&m->heartbeat, &each);
}

static void
look_event_cb(evutil_socket_t fd, short what, void *arg)
{
	struct master *m = arg;
	unsigned i;

	for (i = 0; i < m->nseats; i++)
		if (m->seats[i].process != NULL)
			look(m->seats[i].process);
}

static void
look(struct process *p)
{
	switch (heartbeat_look(&p->heartbeat, slot_beats(p->slot), p->ready)) {
	case HEARTBEAT_NO_NEWS:
		return;
	case HEARTBEAT_SILENT:
		log_warnx("worker %u, pid %ld, has not run for a second%s: "
		    "its queue is served by another, if there is one",
		    p->worker, (long)p->child.pid,
		    procstate_why(p->child.pid));
		break;
	case HEARTBEAT_BACK:
		log_notice("worker %u, pid %ld, runs again", p->worker,
		    (long)p->child.pid);
		break;
	}
	supervise_cover(p->master);
	if (p->heartbeat.silent)
		supervise_silent(p->master);
}
