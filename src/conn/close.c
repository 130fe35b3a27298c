/* SPDX-License-Identifier: ISC */
/*
 * The end of a connection (struct conn_close), from the service's wish or a
 * failure to the last free(). What becomes of a client's socket before that is
 * in orphan.c. Worker.
 *
 *	conn_finish, conn_end   close_notify; when it is sent, TCP's end; then
 *	                        the client's end is waited for
 *	conn_abort              the same without close_notify; all input is
 *	                        thrown away
 *	conn_close              at once
 *
 * A socket closed while there is input unread makes the kernel send a reset,
 * which destroys output on its way to the client. So we close ours only after
 * the client has closed, or after a while.
 */
#include "config.h"

#include <stdlib.h>

#include "base/fd.h"
#include "conn/conn_int.h"
#include "tls/tls.h"

static bool has_unread(const struct conn *);
static enum close_reason gone_reason(const struct conn *);
static enum close_reason cut_reason(const struct conn *);
static void deliver_step(struct conn *);
static void tell(struct conn *);
static void count(const struct conn *);

void
conn_finish(struct conn *c)
{
	debug_assert(conn_is_current(c));
	if (c->state == CONN_HANDSHAKE && conn_serves(c)) {
		/* OpenSSL sends no close_notify in the handshake. */
		c->close.finish = CONN_FINISHES;
		return;
	}
	if (c->state != CONN_OPEN || c->close.finish == CONN_FINISHED)
		return;
	tls_error_clear();
	(void)SSL_shutdown(c->ssl);
	c->close.finish = CONN_FINISHED;
}

void
conn_end(struct conn *c)
{
	debug_assert(conn_is_current(c));
	conn_finish(c);
	conn_input_unwanted(c);
}

void
conn_abort(struct conn *c, enum close_reason reason)
{
	debug_assert(conn_is_current(c) && reason < CLOSE_REASON_COUNT);
	if (c->state >= CONN_LINGER)
		return;
	conn_output_unhold(c);
	conn_move(c, CONN_LINGER);
	c->close.reason = (uint8_t)reason;
	c->close.since = c->hub->now;
}

void
conn_close(struct conn *c, enum close_reason reason)
{
	debug_assert(conn_is_current(c) && reason < CLOSE_REASON_COUNT);
	if (c->state < CONN_LINGER)
		c->close.reason = (uint8_t)reason;
	if (c->state != CONN_DEAD)
		conn_move(c, CONN_DEAD);
}

/* The client has ended without close_notify, which may be no harm. */
void
conn_close_cut(struct conn *c)
{
	if (c->close.finish != CONN_FINISHED)
		c->close.reason = (uint8_t)cut_reason(c);
}

/*
 * Most programs close without a word when they have what they wanted: that is
 * an abort only if something was on its way to the client, or comes later. A
 * reset tells nothing of that: a client that has read no ticket sends it, too.
 */
static enum close_reason
cut_reason(const struct conn *c)
{
	bool missed = c->output.unsent || c->wire.out != NULL ||
	    (c->wire.flags & WIRE_RESET && c->output.bytes > 0);

	return missed ? CLOSE_CLIENT_ABORT : CLOSE_CLIENT_CLOSED;
}

/* It has come later. */
void
conn_close_missed(struct conn *c)
{
	c->close.reason = CLOSE_CLIENT_ABORT;
}

/*
 * Output has been sent as far as possible: see whether our side can be closed
 * now, or all of it.
 */
void
conn_close_step(struct conn *c)
{
	bool client_done;

	if (c->state >= CONN_LINGER)
		deliver_step(c);
	if (c->state >= CONN_ORPHAN)
		return;
	if (c->wire.flags & (WIRE_RESET | WIRE_BROKEN) && !has_unread(c)) {
		conn_close(c, gone_reason(c));
		return;
	}
	if (c->wire.out != NULL || !(c->state == CONN_LINGER ||
	    (c->state == CONN_OPEN && c->close.finish == CONN_FINISHED)))
		return;
	/* Its end does not overtake what came before and is not served yet. */
	client_done = (c->wire.flags & WIRE_EOF && c->hub->in_len == 0) ||
	    (c->state == CONN_OPEN && c->input.ended);
	if (client_done) {
		conn_close(c, c->close.reason);
	} else if (!(c->wire.flags & WIRE_SHUT)) {
		c->close.since = c->hub->now;
		wire_shut(&c->wire);
	}
}

/* Whether the client may have sent something that nobody has taken yet. */
static bool
has_unread(const struct conn *c)
{
	if (c->state == CONN_OPEN && !c->input.ended && conn_held_up(c))
		return true;
	return conn_wants_input(c);
}

/* A client that reads no more was lost, or had everything. */
static enum close_reason
gone_reason(const struct conn *c)
{
	if (c->close.finish == CONN_FINISHED && !c->output.unsent)
		return c->close.reason;
	return conn_is_ready(c) && c->output.bytes == 0 ?
	    CLOSE_CLIENT_CLOSED : CLOSE_CLIENT_ABORT;
}

/*
 * The kernel does not tell of its progress with our output: is there less of
 * it, here and there, than a time-out ago? At the first look nobody knows.
 */
bool
conn_close_moves(struct conn *c)
{
	uint32_t before = c->close.unsent;
	int n;

	if (c->state == CONN_ORPHAN ||
	    !(c->state == CONN_LINGER || c->wire.flags & WIRE_SHUT))
		return false;
	n = fd_unsent(c->wire.fd);
	c->close.unsent = n > 0 ? (uint32_t)n : 0;
	c->close.unsent += (uint32_t)wire_waits(&c->wire);
	if (c->close.unsent == 0 ||
	    (before != 0 && c->close.unsent >= before))
		return false;
	c->close.since = c->hub->now;
	conn_progress(c);
	return true;
}

/* In CONN_LINGER and CONN_ORPHAN: how far is the service? */
static void
deliver_step(struct conn *c)
{
	const struct conn_ops *ops = c->listener->ops;

	if (ops->lost != NULL && c->close.told == CONN_SERVED) {
		c->close.told = CONN_LOST;
		ops->lost(c, c->ssl != NULL &&
		    SSL_get_shutdown(c->ssl) & SSL_RECEIVED_SHUTDOWN);
	}
	if (ops->lost == NULL || c->close.told == CONN_DELIVERED)
		tell(c);
	if (c->state == CONN_ORPHAN && c->close.told == CONN_TOLD)
		conn_move(c, CONN_DEAD);
}

void
conn_delivered(struct conn *c)
{
	debug_assert(conn_is_current(c) && c->close.told != CONN_SERVED);
	if (c->close.told == CONN_LOST)
		c->close.told = CONN_DELIVERED;
}

/* The last that a service hears. */
static void
tell(struct conn *c)
{
	if (c->close.told == CONN_TOLD)
		return;
	c->close.told = CONN_TOLD;
	if (c->listener->ops->closed != NULL)
		c->listener->ops->closed(c);
}

/* Free a dead connection. */
void
conn_release(struct conn *c)
{
	struct conn_hub *hub = c->hub;

	debug_assert(conn_is_current(c) && c->state == CONN_DEAD);
	conn_hang_up(c);
	tell(c);
	count(c);
	conn_log(c);
	if (c->ssl != NULL) {
		/* Or SSL_free() would forget the session, as if misused. */
		SSL_set_shutdown(c->ssl,
		    SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
		SSL_free(c->ssl);
	}
	conn_deadline_remove(c);
	conn_later_remove(c);
	TAILQ_REMOVE(&hub->conns, c, link);
	free(c->input.rest);
	free(c->early.kept);
	free(c->output.held);
	free(c->error);
	free(c);
}

static void
count(const struct conn *c)
{
	struct conn_hub *hub = c->hub;
	struct slot *slot = hub->conf.slot;

	hub->count--;
	conn_burst_less(hub);
	atomic_store_explicit(&slot->connections, hub->count,
	    memory_order_relaxed);
	slot_close(slot, c->close.reason);
	conn_early_count(c);
	conn_failure_count(c);
}
