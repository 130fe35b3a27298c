/* SPDX-License-Identifier: ISC */
/*
 * Connections that want an event of their own making: `again` in the next
 * turn of the loop, because their share of this one is used up; `recheck`
 * after a while, see conn_recheck(), and for tickets that still wait for an
 * answer to go with. Worker.
 */
#include "config.h"

#include "conn/conn_int.h"

/*
 * Thousands that send a byte at a time are all in doubt: so many are looked at
 * in one turn of the loop, others have theirs in between.
 */
#define RECHECK_SHARE 16

static const struct timeval at_once = { 0, 0 };
static const struct timeval a_while = { 0, CONN_RECHECK_MS * 1000 };

static void again_cb(evutil_socket_t, short, void *);
static void recheck_cb(evutil_socket_t, short, void *);
static void recheck_put(struct conn *);
static struct conn_list *recheck_list(const struct conn *);
static void look_again(struct conn *);

void
conn_later_setup(struct conn_hub *hub)
{
	TAILQ_INIT(&hub->again);
	TAILQ_INIT(&hub->recheck);
	TAILQ_INIT(&hub->recheck_due);
	evtimer_assign(&hub->again_ev, hub->conf.base, again_cb, hub);
	evtimer_assign(&hub->recheck_ev, hub->conf.base, recheck_cb, hub);
}

void
conn_later_free(struct conn_hub *hub)
{
	event_del(&hub->again_ev);
	event_del(&hub->recheck_ev);
}

void
conn_later_remove(struct conn *c)
{
	if (c->later.again)
		TAILQ_REMOVE(&c->hub->again, c, again);
	if (c->later.recheck)
		TAILQ_REMOVE(recheck_list(c), c, recheck);
	c->later.again = c->later.recheck = false;
}

/*
 * A timer of zero and not event_active(), which would run before the loop
 * looks at anybody else's descriptors.
 */
void
conn_again(struct conn *c)
{
	struct conn_hub *hub = c->hub;

	if (c->later.again)
		return;
	if (TAILQ_EMPTY(&hub->again))
		event_add(&hub->again_ev, &at_once);
	c->later.again = true;
	TAILQ_INSERT_TAIL(&hub->again, c, again);
}

static void
again_cb(evutil_socket_t fd, short what, void *arg)
{
	struct conn_hub *hub = arg;
	struct conn *c, *last;

	last = TAILQ_LAST(&hub->again, conn_list);
	while ((c = TAILQ_FIRST(&hub->again)) != NULL) {
		TAILQ_REMOVE(&hub->again, c, again);
		c->later.again = false;
		conn_enter(c);
		conn_leave(c);
		if (c == last)
			break;
	}
	if (!TAILQ_EMPTY(&hub->again))
		event_add(&hub->again_ev, &at_once);
}

void
conn_recheck(struct conn *c)
{
	debug_assert(conn_is_current(c));
	c->later.service = true;
	recheck_put(c);
}

/* The same for the client's own socket, and for tickets without an answer. */
void
conn_recheck_own(struct conn *c)
{
	if (c->wire.flags & WIRE_DOUBT || c->output.held != NULL)
		recheck_put(c);
}

static void
recheck_put(struct conn *c)
{
	struct conn_hub *hub = c->hub;

	if (c->later.recheck)
		return;
	if (TAILQ_EMPTY(&hub->recheck) && TAILQ_EMPTY(&hub->recheck_due))
		event_add(&hub->recheck_ev, &a_while);
	c->later.recheck = true;
	TAILQ_INSERT_TAIL(&hub->recheck, c, recheck);
}

static struct conn_list *
recheck_list(const struct conn *c)
{
	return c->later.due ? &c->hub->recheck_due : &c->hub->recheck;
}

/* Those that have waited a while are due now, and looked at bit by bit. */
static void
recheck_cb(evutil_socket_t fd, short what, void *arg)
{
	struct conn_hub *hub = arg;
	struct conn *c;
	int share;

	if (TAILQ_EMPTY(&hub->recheck_due)) {
		TAILQ_FOREACH(c, &hub->recheck, recheck)
			c->later.due = true;
		TAILQ_CONCAT(&hub->recheck_due, &hub->recheck, recheck);
	}
	for (share = RECHECK_SHARE; share > 0; share--) {
		c = TAILQ_FIRST(&hub->recheck_due);
		if (c == NULL)
			break;
		TAILQ_REMOVE(&hub->recheck_due, c, recheck);
		c->later.recheck = c->later.due = false;
		if (c->wire.flags & WIRE_DOUBT || c->output.held != NULL ||
		    c->later.service)
			look_again(c);
	}
	if (!TAILQ_EMPTY(&hub->recheck_due))
		event_add(&hub->recheck_ev, &at_once);
	else if (!TAILQ_EMPTY(&hub->recheck))
		event_add(&hub->recheck_ev, &a_while);
}

static void
look_again(struct conn *c)
{
	bool service = c->later.service;

	conn_enter(c);
	conn_output_unhold(c);
	wire_look_again(&c->wire);
	c->later.service = false;
	if (service && (conn_serves(c) || conn_delivers(c)) &&
	    c->listener->ops->recheck != NULL)
		c->listener->ops->recheck(c);
	conn_leave(c);
}
