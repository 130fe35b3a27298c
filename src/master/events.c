/* SPDX-License-Identifier: ISC */
/*
 * What the event loop calls when something has happened that can change what
 * is to be done next: it is noted, then settle.c decides. What is up to one
 * file alone has its event there: heartbeat.c, the seats of supervise.c.
 */
#include "config.h"

#include <signal.h>

#include "base/log.h"
#include "master/master_int.h"

#define UPKEEP_S 1

static void signal_event_cb(evutil_socket_t, short, void *);
static void deadline_event_cb(evutil_socket_t, short, void *);
static void making_event_cb(evutil_socket_t, short, void *);
static void turn_event_cb(evutil_socket_t, short, void *);
static void upkeep_event_cb(evutil_socket_t, short, void *);
static void message_event_cb(evutil_socket_t, short, void *);

static const int watched[] = { SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGQUIT,
	SIGUSR1, SIGUSR2 };

void
events_begin(struct master *m)
{
	size_t i;

	m->base = event_base_new();
	if (m->base == NULL)
		fatalx("libevent: no event base");
	for (i = 0; i < sizeof(watched) / sizeof(watched[0]); i++)
		evsignal_assign(&m->signals[i], m->base, watched[i],
		    signal_event_cb, m);
	evtimer_assign(&m->deadline, m->base, deadline_event_cb, m);
	evtimer_assign(&m->making, m->base, making_event_cb, m);
	evtimer_assign(&m->turn, m->base, turn_event_cb, m);
	event_assign(&m->upkeep, m->base, -1, EV_PERSIST, upkeep_event_cb, m);
	heartbeat_begin(m);
	manager_begin(m);
	m->message = message_event_cb;
}

int
events_watch(struct master *m, struct err *err)
{
	static const struct timeval each = { UPKEEP_S, 0 };
	size_t i;

	(void)signal(SIGPIPE, SIG_IGN);
	for (i = 0; i < sizeof(watched) / sizeof(watched[0]); i++)
		if (event_add(&m->signals[i], NULL) == -1)
			return err_set(err, NULL,
			    "libevent: cannot watch signals");
	if (event_add(&m->upkeep, &each) == -1 || heartbeat_watch(m) == -1 ||
	    manager_watch(m) == -1)
		return err_set(err, NULL, "libevent: no timer");
	return 0;
}

void
events_end(struct master *m)
{
	size_t i;

	for (i = 0; i < sizeof(watched) / sizeof(watched[0]); i++)
		event_del(&m->signals[i]);
	event_del(&m->upkeep);
	event_del(&m->heartbeat);
	event_del(&m->watchdog);
	event_base_free(m->base);
}

/* Called from the event loop, not from the signal's handler. */
static void
signal_event_cb(evutil_socket_t sig, short what, void *arg)
{
	struct master *m = arg;

	switch (sig) {
	case SIGCHLD:
		reap_children(m);
		return;
	case SIGUSR1:
		logfile_reopen(m);
		return;
	case SIGHUP:
		note(m, FACT_RELOAD);
		break;
	case SIGQUIT:
		note(m, FACT_FINISH);
		break;
	case SIGUSR2:
		note(m, FACT_UPGRADE);
		break;
	default:
		note(m, FACT_STOP);
		break;
	}
	master_settle(m);
}

/* A start, a reload, a test or a stop has taken too long. */
static void
deadline_event_cb(evutil_socket_t fd, short what, void *arg)
{
	note_late(arg);
	master_settle(arg);
}

static void
making_event_cb(evutil_socket_t fd, short what, void *arg)
{
	making_go_on(arg);
	master_settle(arg);
}

static void
turn_event_cb(evutil_socket_t fd, short what, void *arg)
{
	upgrade_turn(arg);
	master_settle(arg);
}

static void
message_event_cb(evutil_socket_t fd, short what, void *arg)
{
	struct process *p = arg;
	struct master *m = p->master;

	process_listen(p);
	master_settle(m);
}

static void
upkeep_event_cb(evutil_socket_t fd, short what, void *arg)
{
	struct master *m = arg;

	if (m->current != NULL)
		tls_keys_rotate(m->keys, m->current->conf);
	children_overdue(&m->children);
	making_names(m);
	observe_tick(m);
	master_settle(m);
}
