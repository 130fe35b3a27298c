/* SPDX-License-Identifier: ISC */
/*
 * How one side's end reaches the other. Worker.
 *
 *	client's close_notify     backend gets TCP's end, may go on sending
 *	any other end of it       backend gets TCP's end or a reset, as
 *	                          client_cut says
 *	backend's end             client gets close_notify, may go on sending
 *	backend's reset           client gets TCP's end without close_notify
 *
 * No end overtakes what was taken before it. For the client that is the
 * connection's business. For the backend, what is pending goes first, and then
 * what the kernel has: a reset destroys it, and so does a close while the
 * backend goes on sending, because the kernel answers that with a reset. So
 * when the client is over, what the backend sends is read and thrown away, and
 * its socket is closed when the kernel has nothing left. It has no event for
 * that: it is asked ten times a second.
 *
 * (A reset cannot be sent over a Unix socket: there it is an end like any.)
 */
#include "config.h"

#include <string.h>

#include "service/proxy_int.h"

#define DISCARD_READS 4 /* in one event */

static bool wants_reset(struct conn *);
static bool answers_nobody(struct conn *);
static void discard(struct conn *);
static bool arrived(struct conn *);
static void last_try(struct conn *);

void
proxy_eof(struct conn *c, bool orderly)
{
	bool reset = conn_listener(c)->conf->client_cut_reset;
	struct proxy *p = conn_state(c);

	if (!orderly && (reset || !leg_is_up(&p->leg))) {
		/* After the backend's end there was nothing to wait for. */
		if (!leg_ended(&p->leg))
			conn_close(c, p->flags & PROXY_F_ASKED ?
			    CLOSE_CLIENT_ABORT : CLOSE_CLIENT_CLOSED);
		return;
	}
	if (!(p->flags & PROXY_F_CALLED)) {
		conn_finish(c); /* it has come to say nothing */
		return;
	}
	p->flags |= PROXY_F_CLIENT_END;
	if (leg_is_up(&p->leg))
		proxy_end_to_backend(c);
}

void
proxy_end_to_backend(struct conn *c)
{
	struct proxy *p = conn_state(c);

	leg_shut(&p->leg);
	if (leg_ended(&p->leg))
		proxy_leg_close(c);
}

void
proxy_end_from_backend(struct conn *c)
{
	struct proxy *p = conn_state(c);

	if (leg_is_broken(&p->leg)) {
		/* It ended before it had taken all that it was sent. */
		conn_set_error(c, "%s", strerror(leg_error(&p->leg)));
		conn_abort(c, CLOSE_BACKEND_ABORT);
		return;
	}
	conn_finish(c);
	if (leg_is_shut(&p->leg))
		proxy_leg_close(c);
}

/*
 * The backend has closed, so what the client sends has nowhere to go. If the
 * backend had ended its side before, it wants no more; otherwise it broke,
 * and what it sent before is still to be had.
 */
void
proxy_backend_broke(struct conn *c)
{
	struct proxy *p = conn_state(c);

	conn_resume(c);
	if (leg_ended(&p->leg)) {
		conn_end(c);
		proxy_leg_close(c);
	} else {
		leg_look(&p->leg);
		proxy_from_backend(c);
	}
}

/* The client is over. */
void
proxy_lost(struct conn *c, bool orderly)
{
	struct proxy *p = conn_state(c);

	p->flags |= PROXY_F_LOST;
	if (orderly)
		p->flags |= PROXY_F_CLIENT_END;
	proxy_deliver(c);
}

/* The client is over: see how far what it sent has got. */
void
proxy_deliver(struct conn *c)
{
	struct proxy *p = conn_state(c);

	if (leg_is_up(&p->leg))
		discard(c);
	if (!leg_is_over(&p->leg) && !answers_nobody(c)) {
		if (conn_has_more(c))
			conn_recheck(c);
		if (leg_waits(&p->leg) > 0 || conn_has_more(c))
			return;
		if (leg_is_up(&p->leg) && !arrived(c))
			return;
	}
	if (leg_is_up(&p->leg) && leg_is_broken(&p->leg))
		conn_set_error(c, "%s", strerror(leg_error(&p->leg)));
	else if (leg_is_up(&p->leg) && p->flags & PROXY_F_CUT)
		leg_end(&p->leg, true);
	proxy_leg_close(c);
	conn_delivered(c);
}

/* Some answers have to be let out of its way, not those to all it may get. */
static bool
answers_nobody(struct conn *c)
{
	struct proxy *p = conn_state(c);

	if (!conn_wasted(c))
		return false;
	conn_set_error(c, "the backend goes on sending");
	p->flags |= PROXY_F_CUT;
	return true;
}

/*
 * The backend may not read before it has got rid of what it sends. Nobody gets
 * that, which conn_write() notes. Its end says nothing about what it reads.
 */
static void
discard(struct conn *c)
{
	uint8_t *buf = conn_hub_scratch(conn_hub(c));
	struct proxy *p = conn_state(c);
	ssize_t n;
	int i;

	for (i = 0; i < DISCARD_READS && leg_has_input(&p->leg); i++) {
		n = leg_read(&p->leg, buf, CONN_SCRATCH_SIZE);
		if (n > 0)
			(void)conn_write(c, buf, (size_t)n);
		if (leg_in_doubt(&p->leg))
			leg_look(&p->leg);
	}
	if (leg_has_input(&p->leg))
		conn_recheck(c);
}

/*
 * Has the backend's system taken all? Then the leg can be closed. Where the
 * kernel does not say, the backend's own end does, and a reset is too bold.
 */
static bool
arrived(struct conn *c)
{
	struct proxy *p = conn_state(c);
	int unsent = leg_unsent(&p->leg);

	if (unsent == 0) {
		leg_end(&p->leg, wants_reset(c));
		return true;
	}
	if (unsent == -1 || !wants_reset(c))
		leg_shut(&p->leg);
	if (unsent == -1)
		return leg_ended(&p->leg);
	if (p->unsent == 0 || unsent < p->unsent)
		conn_progress(c);
	p->unsent = unsent;
	conn_recheck(c);
	return false;
}

/* What the backend is to see of an end that nobody vouches for. */
static bool
wants_reset(struct conn *c)
{
	const struct proxy *p = conn_state(c);

	if (p->flags & PROXY_F_CUT)
		return true;
	return conn_listener(c)->conf->client_cut_reset &&
	    !leg_is_shut(&p->leg) && !(p->flags & PROXY_F_CLIENT_END);
}

/* The last call; a leg that is still there has not taken all. */
void
proxy_closed(struct conn *c)
{
	struct proxy *p = conn_state(c);

	if (leg_is_up(&p->leg))
		last_try(c);
	else if (leg_waits(&p->leg) > 0)
		conn_set_error(c, "%zu bytes are not delivered",
		    leg_waits(&p->leg));
	proxy_leg_close(c);
}

/*
 * A worker that stops hands to the kernel what that takes. When it is the
 * backend that takes nothing, and bytes are lost, it is to see that.
 */
static void
last_try(struct conn *c)
{
	struct proxy *p = conn_state(c);
	size_t lost = leg_waits(&p->leg);

	lost -= leg_flush(&p->leg);
	if (lost > 0) {
		conn_set_error(c, "%zu bytes are not delivered", lost);
		if (!conn_hub_closing(conn_hub(c)))
			p->flags |= PROXY_F_CUT;
	}
	leg_look(&p->leg);
	discard(c);
	leg_end(&p->leg, wants_reset(c));
}
