/* SPDX-License-Identifier: ISC */
/*
 * What the service manager hears: each action of the table of transitions that
 * it has to know of, and that the event loop turns. Its environment comes over
 * an upgrade, and so does our pid.
 */
#include "config.h"

#include <inttypes.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/notify.h"
#include "master/master_int.h"

static void said(struct master *, int);
static int say_ready(const struct master *);
static int say_failed(const struct master *, const char *);
static int say_reloading(const struct master *, const char *);
static int say_finishing(const struct master *);
static void watchdog_event_cb(evutil_socket_t, short, void *);

void
manager_begin(struct master *m)
{
	event_assign(&m->watchdog, m->base, -1, EV_PERSIST, watchdog_event_cb,
	    m);
}

int
manager_watch(struct master *m)
{
	int64_t half = notify_watchdog_us() / 2;
	struct timeval each = { half / 1000000, half % 1000000 };

	if (half == 0)
		return 0;
	watchdog_event_cb(-1, 0, m);
	return event_add(&m->watchdog, &each);
}

void
manager_tell(struct master *m, enum master_action action)
{
	switch (action) {
	case ACTION_COMMIT:
		/* Of a reload it is told when the one before is closed. */
		if (m->closing == NULL)
			said(m, say_ready(m));
		break;
	case ACTION_VERDICT:
		said(m, say_ready(m));
		break;
	case ACTION_RELOAD:
	case ACTION_USE_NAMES:
		said(m, say_reloading(m, m->current->handed_over ?
		    "upgrade: starting workers" : "reloading"));
		break;
	case ACTION_TEST:
		said(m, say_reloading(m, "upgrade: testing the program"));
		break;
	case ACTION_ABORT:
		said(m, say_failed(m, m->current->handed_over ?
		    "the upgrade is not finished" : "reload failed"));
		break;
	case ACTION_STAY:
		said(m, say_failed(m, "upgrade failed"));
		break;
	case ACTION_FINISH:
		said(m, say_finishing(m));
		break;
	case ACTION_STOP:
		said(m, notify_send("STOPPING=1\nSTATUS=stopping"));
		break;
	case ACTION_FAIL:
		said(m, notify_send("STOPPING=1\nSTATUS=%s", m->why.text));
		break;
	default:
		break;
	}
}

/* It may be gone, and come back: once is enough for the log. */
static void
said(struct master *m, int result)
{
	if (result == -1 && !m->manager_deaf)
		log_warn("the service manager (NOTIFY_SOCKET)");
	m->manager_deaf = result == -1;
}

static int
say_ready(const struct master *m)
{
	return notify_send("READY=1\nMAINPID=%ld\nSTATUS=%u workers serve, "
	    "generation %u", (long)getpid(), m->current->conf->workers,
	    m->current->number);
}

/* It is ready all the same: as it was before. */
static int
say_failed(const struct master *m, const char *what)
{
	return notify_send("READY=1\nSTATUS=%s, generation %u goes on: %s",
	    what, m->current->number, m->why.text);
}

static int
say_reloading(const struct master *m, const char *what)
{
	return notify_send("RELOADING=1\nMONOTONIC_USEC=%" PRId64
	    "\nSTATUS=%s", clock_mono_us(), what);
}

/* That takes as long as the configuration allows, not as the unit does. */
static int
say_finishing(const struct master *m)
{
	return notify_send("STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRId64
	    "\nSTATUS=finishing connections",
	    (m->current->conf->drain_timeout + 2 * STOP_GRACE) * 1000);
}

static void
watchdog_event_cb(evutil_socket_t fd, short what, void *arg)
{
	said(arg, notify_send("WATCHDOG=1"));
}
