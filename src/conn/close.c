/* SPDX-License-Identifier: ISC */
/*
 * The end of a connection, from the service's wish or a failure to the last
 * free(). How the service brings away what it has taken is in orphan.c.
 * Worker.
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

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conn/conn_int.h"
#include "tls/tls.h"

static bool has_unread(const struct conn *);
static enum close_reason gone_reason(const struct conn *);
static void count(const struct conn *);

void
conn_finish(struct conn *c)
{
	if (c->state == CONN_HANDSHAKE && conn_serves(c)) {
		/* OpenSSL sends no close_notify in the handshake. */
		c->flags |= CONN_F_FINISH_LATER;
		return;
	}
	if (c->state != CONN_OPEN || c->flags & CONN_F_FINISHED)
		return;
	tls_error_clear();
	(void)SSL_shutdown(c->ssl);
	c->flags |= CONN_F_FINISHED;
	c->flags &= ~CONN_F_WANT_ROOM;
}

void
conn_end(struct conn *c)
{
	conn_finish(c);
	c->flags |= CONN_F_DISCARD;
}

void
conn_abort(struct conn *c, enum close_reason reason)
{
	if (c->state >= CONN_LINGER)
		return;
	conn_output_unhold(c);
	c->state = CONN_LINGER;
	c->reason = reason;
	c->shut = c->hub->now;
}

void
conn_close(struct conn *c, enum close_reason reason)
{
	if (c->state < CONN_LINGER)
		c->reason = reason;
	c->state = CONN_DEAD;
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
		conn_deliver_step(c);
	if (c->state >= CONN_ORPHAN)
		return;
	if (c->wire.flags & (WIRE_RESET | WIRE_BROKEN) && !has_unread(c)) {
		conn_close(c, gone_reason(c));
		return;
	}
	if (c->wire.out != NULL || !(c->state == CONN_LINGER ||
	    (c->state == CONN_OPEN && c->flags & CONN_F_FINISHED)))
		return;
	/* Its end does not overtake what came before and is not served yet. */
	client_done = (c->wire.flags & WIRE_EOF && c->hub->in_len == 0) ||
	    (c->state == CONN_OPEN && c->flags & CONN_F_ENDED);
	if (client_done) {
		conn_close(c, c->reason);
	} else if (!(c->wire.flags & WIRE_SHUT)) {
		c->shut = c->hub->now;
		wire_shut(&c->wire);
	}
}

/* Whether the client may have sent something that nobody has taken yet. */
static bool
has_unread(const struct conn *c)
{
	if (c->state == CONN_OPEN && !(c->flags & CONN_F_ENDED) &&
	    conn_held_up(c))
		return true;
	return conn_wants_input(c);
}

/* A client that reads no more was lost, or had everything. */
static enum close_reason
gone_reason(const struct conn *c)
{
	if (c->flags & CONN_F_FINISHED && !(c->flags & CONN_F_UNSENT))
		return c->reason;
	return c->flags & CONN_F_READY && c->out_bytes == 0 ?
	    CLOSE_CLIENT_CLOSED : CLOSE_CLIENT_ABORT;
}

/* Free a dead connection. */
void
conn_release(struct conn *c)
{
	struct conn_hub *hub = c->hub;

	conn_hang_up(c);
	conn_told(c);
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
	free(c->rest);
	free(c->early);
	free(c->held);
	free(c->error);
	free(c);
}

static void
count(const struct conn *c)
{
	struct conn_hub *hub = c->hub;
	struct slot *slot = hub->conf.slot;
	uint64_t n;

	hub->count--;
	conn_burst_less(hub);
	atomic_store_explicit(&slot->connections, hub->count,
	    memory_order_relaxed);
	n = atomic_load_explicit(&slot->closes[c->reason],
	    memory_order_relaxed);
	atomic_store_explicit(&slot->closes[c->reason], n + 1,
	    memory_order_relaxed);
	slot_add(slot, METRIC_CLOSED, 1);
	conn_early_count(c);
	if (c->flags & CONN_F_READY)
		return;
	switch (c->reason) {
	case CLOSE_CLIENT_ABORT:
	case CLOSE_HANDSHAKE:
	case CLOSE_HANDSHAKE_TIMEOUT:
	case CLOSE_NOT_TLS:
		slot_add(slot, METRIC_HANDSHAKES_FAILED, 1);
		break;
	default:
		break;
	}
}

void
conn_set_error(struct conn *c, const char *fmt, ...)
{
	char text[256], *p;
	va_list ap;

	if (c->error != NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (p = text; *p != '\0'; p++)
		if (*p == ' ')
			*p = '_';
	c->error = strdup(text);
}

void
conn_set_ssl_error(struct conn *c)
{
	char text[128];

	tls_error_text(text, sizeof(text));
	conn_set_error(c, "%s", text);
}

void
conn_set_backend(struct conn *c, const char *name, int64_t connect_us,
    unsigned failed)
{
	c->backend = name;
	c->connect_us = connect_us;
	c->backends_failed = failed;
}
