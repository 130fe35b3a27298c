/* SPDX-License-Identifier: ISC */
/*
 * Memory after a burst of connections. What they held is free, but an
 * allocator keeps it for the next ones, and would for ever. When most of a
 * burst has gone it is given back to the system: a while later, and no more
 * often than that, for it takes 200 us. Worker.
 */
#include "config.h"

#include "base/mem.h"
#include "conn/conn_int.h"

#define BURST_MIN 16 /* fewer are not worth it */

static const struct timeval calm = { 1, 0 };

static void calm_event_cb(evutil_socket_t, short, void *);

void
conn_burst_setup(struct conn_hub *hub)
{
	evtimer_assign(&hub->calm, hub->conf.base, calm_event_cb, hub);
}

void
conn_burst_free(struct conn_hub *hub)
{
	event_del(&hub->calm);
}

/* One has gone. */
void
conn_burst_less(struct conn_hub *hub)
{
	if (hub->peak < BURST_MIN || hub->count > hub->peak / 4)
		return;
	hub->peak = hub->count;
	/* Not put off: there is always somebody who comes and goes. */
	if (!evtimer_pending(&hub->calm, NULL))
		(void)event_add(&hub->calm, &calm);
}

static void
calm_event_cb(evutil_socket_t fd, short what, void *arg)
{
	mem_release();
}
