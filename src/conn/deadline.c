/* SPDX-License-Identifier: ISC */
/*
 * When connections time out: a binary heap with one timer of the event loop
 * for all of them. Worker.
 *
 * An event of a connection moves its deadline, but nearly always to later, so
 * the heap is not touched then: an entry says when to look at a connection
 * again, never later than its time-out. When that comes, the connection is
 * asked when its time-out really is. So activity costs nothing here, and a
 * connection that stays is looked at once per time-out.
 */
#include "config.h"

#include <stdlib.h>

#include "base/clock.h"
#include "conn/conn_int.h"

#define HEAP_MIN 64
/* Connections at one time: those that are served wait meanwhile. */
#define TURN_MAX 32

static void timer_cb(evutil_socket_t, short, void *);
static void arm(struct conn_hub *);
static void place(struct conn_hub *, size_t, struct conn_deadline);
static void rise(struct conn_hub *, size_t);
static void sink(struct conn_hub *, size_t);

int
conn_deadline_setup(struct conn_hub *hub)
{
	struct conn_deadlines *d = &hub->deadlines;

	evtimer_assign(&d->timer, hub->conf.base, timer_cb, hub);
	d->armed = INT64_MAX;
	d->size = HEAP_MIN;
	d->v = calloc(d->size, sizeof(*d->v));
	return d->v != NULL ? 0 : -1;
}

void
conn_deadline_free(struct conn_hub *hub)
{
	event_del(&hub->deadlines.timer);
	free(hub->deadlines.v);
}

/* Room for one connection more, so that setting its deadline cannot fail. */
int
conn_deadline_reserve(struct conn_hub *hub)
{
	struct conn_deadlines *d = &hub->deadlines;
	struct conn_deadline *v;

	if (d->n + 1 < d->size)
		return 0;
	v = reallocarray(d->v, 2 * d->size, sizeof(*v));
	if (v == NULL)
		return -1;
	d->v = v;
	d->size *= 2;
	return 0;
}

/* c is not to be looked at later than this. */
void
conn_deadline_set(struct conn *c, int64_t at)
{
	struct conn_deadlines *d = &c->hub->deadlines;
	struct conn_deadline new = { at, c };

	debug_assert(c->deadline == 0 || d->v[c->deadline].conn == c);
	if (c->deadline == 0) {
		debug_assert(d->n + 1 < d->size);
		d->n++;
		place(c->hub, d->n, new);
	} else if (at < d->v[c->deadline].at) {
		d->v[c->deadline].at = at;
	} else {
		return;
	}
	rise(c->hub, c->deadline);
	arm(c->hub);
}

void
conn_deadline_remove(struct conn *c)
{
	struct conn_hub *hub = c->hub;
	struct conn_deadlines *d = &hub->deadlines;
	struct conn *moved;
	size_t i;

	if ((i = c->deadline) == 0)
		return;
	debug_assert(d->v[i].conn == c);
	c->deadline = 0;
	if (i == d->n--)
		return;
	moved = d->v[d->n + 1].conn;
	place(hub, i, d->v[d->n + 1]);
	rise(hub, i);
	sink(hub, moved->deadline);
}

static void
timer_cb(evutil_socket_t fd, short what, void *arg)
{
	struct conn_hub *hub = arg;
	struct conn_deadlines *d = &hub->deadlines;
	int left = TURN_MAX;
	struct conn *c;
	int64_t at;

	hub->now = clock_mono_us();
	d->armed = INT64_MAX;
	while (d->n > 0 && d->v[1].at <= hub->now && left-- > 0) {
		c = d->v[1].conn;
		at = conn_timeout_at(c);
		if (at <= hub->now) {
			conn_timeout(c);
		} else {
			d->v[1].at = at;
			sink(hub, 1);
		}
	}
	arm(hub);
}

/* A timer that is set too early does no harm and is left alone. */
static void
arm(struct conn_hub *hub)
{
	struct conn_deadlines *d = &hub->deadlines;
	struct timeval tv;
	int64_t left;

	if (d->n == 0 || d->v[1].at >= d->armed)
		return;
	d->armed = d->v[1].at;
	left = d->armed > hub->now ? d->armed - hub->now : 0;
	tv.tv_sec = (time_t)(left / 1000000);
	tv.tv_usec = (suseconds_t)(left % 1000000);
	event_add(&d->timer, &tv);
}

static void
place(struct conn_hub *hub, size_t i, struct conn_deadline e)
{
	hub->deadlines.v[i] = e;
	e.conn->deadline = (uint32_t)i;
}

static void
rise(struct conn_hub *hub, size_t i)
{
	struct conn_deadline *v = hub->deadlines.v;
	struct conn_deadline e = v[i];

	for (; i > 1 && v[i / 2].at > e.at; i /= 2)
		place(hub, i, v[i / 2]);
	place(hub, i, e);
}

static void
sink(struct conn_hub *hub, size_t i)
{
	struct conn_deadline *v = hub->deadlines.v;
	struct conn_deadline e = v[i];
	size_t child, n = hub->deadlines.n;

	for (; (child = 2 * i) <= n; i = child) {
		if (child < n && v[child + 1].at < v[child].at)
			child++;
		if (v[child].at >= e.at)
			break;
		place(hub, i, v[child]);
	}
	place(hub, i, e);
}
