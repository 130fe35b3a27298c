/* SPDX-License-Identifier: ISC */
/*
 * Clear text between OpenSSL and the service, with back-pressure both ways.
 * Worker.
 */
#include "config.h"

#include "conn/conn_int.h"
#include "tls/tls.h"

static bool takes_input(const struct conn *);
static void read_records(struct conn *);
static void end_of_input(struct conn *);
static enum close_reason cut_reason(const struct conn *);
static bool left_both_ways(const struct conn *);
static bool closed_by_client(const struct conn *);
static void waste(struct conn *, size_t);
static bool room(const struct conn *);

/* Read all that is there and wanted; events go up. */
void
conn_stream(struct conn *c)
{
	struct conn_hub *hub = c->hub;

	while (takes_input(c) && !closed_by_client(c) &&
	    hub->share_records > 0 && (hub->in_len > 0 || conn_input(c)))
		read_records(c);
	if (takes_input(c) && (closed_by_client(c) ||
	    (hub->in_len == 0 && c->wire.flags & WIRE_EOF)))
		end_of_input(c);
	/* What comes after close_notify is nothing; a reset says something. */
	if (c->state == CONN_OPEN && c->flags & CONN_F_ENDED) {
		conn_input_discard(c);
		if (left_both_ways(c))
			conn_finish(c);
	}
}

/*
 * In TLS 1.2 close_notify ends both directions, and is answered at once (RFC
 * 5246 7.2.1). But many a client that still reads sends it; one that has ended
 * TCP as well means it.
 */
static bool
left_both_ways(const struct conn *c)
{
	return c->wire.flags & WIRE_EOF && closed_by_client(c) &&
	    SSL_version(c->ssl) < TLS1_3_VERSION;
}

/*
 * A client that makes us answer (key updates) and does not read the answers
 * must not fill our memory.
 */
static bool
takes_input(const struct conn *c)
{
	if (c->state != CONN_OPEN || c->flags & CONN_F_ENDED)
		return false;
	if (conn_held_up(c))
		return false;
	return wire_waits(&c->wire) < CONN_OUT_MAX;
}

static bool
closed_by_client(const struct conn *c)
{
	return SSL_get_shutdown(c->ssl) & SSL_RECEIVED_SHUTDOWN;
}

/* Whether there is input that conn_stream() and the like would read. */
bool
conn_wants_input(const struct conn *c)
{
	if (c->state == CONN_OPEN && !(c->flags & CONN_F_ENDED) &&
	    !takes_input(c))
		return false;
	return c->hub->in_len > 0 || c->wire.flags & WIRE_READABLE;
}

/*
 * Decrypt as much of the input as one delivery holds. There is room for a
 * whole record each time, so that OpenSSL never keeps the rest of one.
 */
static void
read_records(struct conn *c)
{
	struct conn_hub *hub = c->hub;
	size_t len, n;
	bool fatal;
	int error;

	error = SSL_ERROR_WANT_READ;
	len = 0;
	while (hub->in_len > 0 && hub->share_records > 0 &&
	    len + CONN_RECORD_MAX <= CONN_CLEAR_SIZE) {
		tls_error_clear();
		if (SSL_read_ex(c->ssl, hub->clear + len,
			CONN_CLEAR_SIZE - len, &n) == 1) {
			c->barren = 0;
			len += n;
			continue;
		}
		error = SSL_get_error(c->ssl, 0);
		if (error != SSL_ERROR_WANT_READ)
			break;
	}
	fatal = error != SSL_ERROR_WANT_READ && error != SSL_ERROR_ZERO_RETURN;
	if (fatal && c->barren > CONN_BARREN_MAX)
		conn_set_error(c, "too many records without data");
	/* The service may call OpenSSL, which would lose the reason. */
	if (fatal)
		conn_set_ssl_error(c);
	if (len > 0)
		conn_deliver(c, hub->clear, len);
	if (fatal)
		conn_abort(c, CLOSE_PROTOCOL);
}

/* Clear text for the service. */
void
conn_deliver(struct conn *c, const uint8_t *buf, size_t len)
{
	const struct conn_ops *ops = c->listener->ops;

	c->in += len;
	slot_add(c->hub->conf.slot, METRIC_BYTES_IN, len);
	if ((conn_serves(c) || conn_delivers(c)) &&
	    !(c->flags & CONN_F_DISCARD) && ops->data != NULL)
		ops->data(c, buf, len);
}

/* After a reset there is nobody to tell: conn_close_step() sees to it. */
static void
end_of_input(struct conn *c)
{
	bool orderly;

	orderly = closed_by_client(c);
	c->flags |= CONN_F_ENDED;
	if (!orderly && !(c->flags & CONN_F_FINISHED))
		c->reason = cut_reason(c);
	if (c->flags & CONN_F_DISCARD)
		return;
	if (!orderly && c->wire.flags & (WIRE_RESET | WIRE_BROKEN))
		return;
	if (c->listener->ops->eof != NULL)
		c->listener->ops->eof(c, orderly);
	else
		conn_finish(c);
}

/*
 * Most programs close without a word when they have what they wanted: that is
 * an abort only if something was on its way to the client, or comes later. A
 * reset tells nothing of that: a client that has read no ticket sends it, too.
 */
static enum close_reason
cut_reason(const struct conn *c)
{
	bool missed = c->flags & CONN_F_UNSENT || c->wire.out != NULL ||
	    (c->wire.flags & WIRE_RESET && c->out_bytes > 0);

	return missed ? CLOSE_CLIENT_ABORT : CLOSE_CLIENT_CLOSED;
}

bool
conn_write(struct conn *c, const void *buf, size_t len)
{
	struct conn_hub *hub = c->hub;
	const uint8_t *p = buf;
	size_t n, left;

	if (c->reason == CLOSE_CLIENT_CLOSED)
		c->reason = CLOSE_CLIENT_ABORT;
	if (conn_gone(c) || c->state >= CONN_LINGER)
		waste(c, len);
	if (!conn_serves(c) ||
	    c->flags & (CONN_F_FINISHED | CONN_F_FINISH_LATER))
		return false;
	c->flags |= CONN_F_UNSENT;
	hub->share_write -= len < hub->share_write ? len : hub->share_write;
	if (conn_gone(c))
		return conn_has_room(c); /* to nobody */
	for (left = len; left > 0; left -= n, p += n) {
		tls_error_clear();
		if (!(c->state == CONN_OPEN ? SSL_write_ex(c->ssl, p, left, &n) :
			SSL_write_early_data(c->ssl, p, left, &n))) {
			if (SSL_get_error(c->ssl, 0) == SSL_ERROR_WANT_READ)
				conn_set_error(c, "the client sends a message "
				    "in pieces");
			conn_set_ssl_error(c);
			conn_abort(c, CLOSE_PROTOCOL);
			return false;
		}
	}
	c->out_bytes += len;
	slot_add(hub->conf.slot, METRIC_BYTES_OUT, len);
	if (hub->tx_len >= c->hint)
		conn_output_flush(c);
	return conn_has_room(c);
}

static void
waste(struct conn *c, size_t len)
{
	if (!conn_wasted(c))
		c->wasted += len < CONN_WASTE_MAX ? (uint32_t)len :
		    CONN_WASTE_MAX;
}

bool
conn_wasted(const struct conn *c)
{
	return c->wasted >= CONN_WASTE_MAX;
}

size_t
conn_write_hint(const struct conn *c)
{
	return c->hint;
}

bool
conn_has_room(struct conn *c)
{
	if (room(c))
		return true;
	c->flags |= CONN_F_WANT_ROOM;
	return false;
}

static bool
room(const struct conn *c)
{
	return conn_serves(c) &&
	    !(c->flags & (CONN_F_FINISHED | CONN_F_FINISH_LATER)) &&
	    c->wire.out == NULL && c->hub->share_write > 0;
}

/* Tell the service if it waits for room. Returns whether it was told. */
bool
conn_give_room(struct conn *c)
{
	if (!(c->flags & CONN_F_WANT_ROOM))
		return false;
	if (room(c)) {
		c->flags &= ~CONN_F_WANT_ROOM;
		if (c->listener->ops->room != NULL)
			c->listener->ops->room(c);
		return true;
	}
	if (c->hub->share_write == 0)
		conn_again(c);
	return false;
}

void
conn_pause(struct conn *c)
{
	c->flags |= CONN_F_PAUSED;
	c->take = c->take / 4 > CONN_TAKE_MIN ? c->take / 4 : CONN_TAKE_MIN;
}

void
conn_resume(struct conn *c)
{
	c->flags &= ~CONN_F_PAUSED;
}
