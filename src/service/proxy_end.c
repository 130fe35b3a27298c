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

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>

#include "base/fd.h"
#include "service/proxy_int.h"

#define DISCARD_READS 4 /* in one event */

static bool wants_reset(struct conn *);
static bool leg_over(struct conn *);
static bool answers_nobody(struct conn *);
static void discard(struct conn *);
static bool arrived(struct conn *);
static void end_leg(struct conn *, bool reset);
static void shut(struct leg *);
static void last_try(struct conn *);

void
proxy_eof(struct conn *c, bool orderly)
{
	bool reset = conn_listener(c)->conf->client_cut_reset;
	struct leg *leg = conn_state(c);

	if (!orderly && (reset || leg->state != LEG_UP)) {
		/* After the backend's end there was nothing to wait for. */
		if (!(leg->flags & LEG_F_EOF))
			conn_close(c, leg->flags & LEG_F_ASKED ?
			    CLOSE_CLIENT_ABORT : CLOSE_CLIENT_CLOSED);
		return;
	}
	if (!(leg->flags & LEG_F_CALLED)) {
		conn_finish(c); /* it has come to say nothing */
		return;
	}
	leg->flags |= LEG_F_CLIENT_END;
	if (leg->state == LEG_UP)
		proxy_end_to_backend(c);
}

void
proxy_end_to_backend(struct conn *c)
{
	struct leg *leg = conn_state(c);

	shut(leg);
	if (leg->flags & LEG_F_EOF)
		proxy_leg_close(c);
}

void
proxy_end_from_backend(struct conn *c)
{
	struct leg *leg = conn_state(c);

	leg->flags |= LEG_F_EOF;
	if (leg->flags & LEG_F_BROKEN) {
		/* It ended before it had taken all that it was sent. */
		conn_set_error(c, "%s", strerror(leg->error));
		conn_abort(c, CLOSE_BACKEND_ABORT);
		return;
	}
	conn_finish(c);
	if (leg->flags & LEG_F_SHUT)
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
	struct leg *leg = conn_state(c);

	proxy_drop_pending(c);
	if (leg->flags & LEG_F_EOF) {
		conn_end(c);
		proxy_leg_close(c);
	} else {
		leg->flags |= LEG_F_READABLE;
		proxy_from_backend(c);
	}
}

/* The client is over. */
void
proxy_lost(struct conn *c, bool orderly)
{
	struct leg *leg = conn_state(c);

	leg->flags |= LEG_F_LOST;
	if (orderly)
		leg->flags |= LEG_F_CLIENT_END;
	proxy_deliver(c);
}

/* The client is over: see how far what it sent has got. */
void
proxy_deliver(struct conn *c)
{
	struct leg *leg = conn_state(c);

	if (leg->state == LEG_UP)
		discard(c);
	if (!leg_over(c) && !answers_nobody(c)) {
		if (conn_has_more(c))
			conn_recheck(c);
		if (leg->pending != NULL || conn_has_more(c))
			return;
		if (leg->state == LEG_UP && !arrived(c))
			return;
	}
	if (leg->state == LEG_UP && leg->flags & LEG_F_BROKEN)
		conn_set_error(c, "%s", strerror(leg->error));
	else if (leg->state == LEG_UP && leg->flags & LEG_F_CUT)
		end_leg(c, true);
	proxy_leg_close(c);
	conn_delivered(c);
}

static bool
leg_over(struct conn *c)
{
	const struct leg *leg = conn_state(c);

	return leg->state == LEG_NONE || leg->state == LEG_FAILED ||
	    leg->flags & LEG_F_BROKEN;
}

/* Some answers have to be let out of its way, not those to all it may get. */
static bool
answers_nobody(struct conn *c)
{
	struct leg *leg = conn_state(c);

	if (!conn_wasted(c))
		return false;
	conn_set_error(c, "the backend goes on sending");
	leg->flags |= LEG_F_CUT;
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
	struct leg *leg = conn_state(c);
	ssize_t n = 0;
	int i;

	for (i = 0; i < DISCARD_READS && leg->flags & LEG_F_READABLE; i++) {
		n = recv(leg->fd, buf, CONN_SCRATCH_SIZE, 0);
		if (n > 0) {
			(void)conn_write(c, buf, (size_t)n);
			continue;
		}
		if (n == -1 && errno == EINTR)
			continue;
		leg->flags &= ~LEG_F_READABLE;
		if (n == 0) {
			leg->flags |= LEG_F_EOF;
		} else if (errno != EAGAIN && errno != EWOULDBLOCK) {
			leg->flags |= LEG_F_BROKEN;
			leg->error = errno;
		}
	}
	if (leg->flags & LEG_F_READABLE)
		conn_recheck(c);
}

/*
 * Has the backend's system taken all? Then the leg can be closed. Where the
 * kernel does not say, the backend's own end does, and a reset is too bold.
 */
static bool
arrived(struct conn *c)
{
	struct leg *leg = conn_state(c);
	int unsent = 0;

	if (leg->flags & LEG_F_SENT)
		unsent = fd_unsent(leg->fd);
	if (unsent == 0) {
		end_leg(c, wants_reset(c));
		return true;
	}
	if (unsent == -1 || !wants_reset(c))
		shut(leg);
	if (unsent == -1)
		return leg->flags & LEG_F_EOF;
	if (leg->unsent == 0 || unsent < leg->unsent)
		conn_progress(c);
	leg->unsent = unsent;
	conn_recheck(c);
	return false;
}

/* What the backend is to see of an end that nobody vouches for. */
static bool
wants_reset(struct conn *c)
{
	const struct leg *leg = conn_state(c);

	if (leg->flags & LEG_F_CUT)
		return true;
	return conn_listener(c)->conf->client_cut_reset &&
	    !(leg->flags & (LEG_F_SHUT | LEG_F_CLIENT_END));
}

/* Behind an end that is sent, a reset does not show. */
static void
end_leg(struct conn *c, bool reset)
{
	static const struct linger linger = { .l_onoff = 1, .l_linger = 0 };
	struct leg *leg = conn_state(c);

	if (reset)
		(void)setsockopt(leg->fd, SOL_SOCKET, SO_LINGER, &linger,
		    sizeof(linger));
	else if (leg->flags & LEG_F_READABLE)
		shut(leg);
}

static void
shut(struct leg *leg)
{
	if (leg->flags & LEG_F_SHUT)
		return;
	leg->flags |= LEG_F_SHUT;
	(void)shutdown(leg->fd, SHUT_WR);
}

/* The last call; a leg that is still there has not taken all. */
void
proxy_closed(struct conn *c)
{
	struct leg *leg = conn_state(c);

	if (leg->state == LEG_UP)
		last_try(c);
	else if (leg->pending != NULL)
		conn_set_error(c, "%zu bytes are not delivered",
		    leg->pending->len - leg->pending->pos);
	proxy_leg_close(c);
}

/*
 * A worker that stops hands to the kernel what that takes. When it is the
 * backend that takes nothing, and bytes are lost, it is to see that.
 */
static void
last_try(struct conn *c)
{
	struct leg *leg = conn_state(c);
	struct leg_pending *p = leg->pending;

	if (p != NULL)
		p->pos += proxy_to_backend(c, p->data + p->pos,
		    p->len - p->pos);
	if (p != NULL && p->pos < p->len) {
		conn_set_error(c, "%zu bytes are not delivered",
		    p->len - p->pos);
		if (!conn_hub_closing(conn_hub(c)))
			leg->flags |= LEG_F_CUT;
	}
	leg->flags |= LEG_F_READABLE;
	discard(c);
	end_leg(c, wants_reset(c));
}

void
proxy_drop_pending(struct conn *c)
{
	struct leg *leg = conn_state(c);

	free(leg->pending);
	leg->pending = NULL;
	conn_resume(c);
}

void
proxy_leg_close(struct conn *c)
{
	struct leg *leg = conn_state(c);

	proxy_connect_end(c);
	if (leg->state != LEG_NONE && leg->state != LEG_FAILED)
		event_del(&leg->ev);
	if (leg->state == LEG_UP || leg->state == LEG_CONNECTING)
		close(leg->fd);
	leg->state = LEG_NONE;
	proxy_drop_pending(c);
}
