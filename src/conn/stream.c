/* SPDX-License-Identifier: ISC */
/*
 * What the client sends once the connection is open: records to clear text for
 * the service, as far as that takes it, and then the end. Worker.
 */
#include "config.h"

#include "conn/conn_int.h"
#include "tls/tls.h"

static bool takes_input(const struct conn *);
static void read_records(struct conn *);
static void end_of_input(struct conn *);
static bool left_both_ways(const struct conn *);
static bool closed_by_client(const struct conn *);

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
	if (c->state == CONN_OPEN && c->input.ended) {
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
	if (c->state != CONN_OPEN || c->input.ended)
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
	if (c->state == CONN_OPEN && !c->input.ended && !takes_input(c))
		return false;
	/* What has come is of no use to a preface without more. */
	return (c->hub->in_len > 0 && c->state != CONN_PREFACE) ||
	    c->wire.flags & WIRE_READABLE;
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
			conn_input_fruitful(c);
			len += n;
			continue;
		}
		error = SSL_get_error(c->ssl, 0);
		if (error != SSL_ERROR_WANT_READ)
			break;
	}
	fatal = error != SSL_ERROR_WANT_READ && error != SSL_ERROR_ZERO_RETURN;
	if (fatal && c->input.barren > CONN_BARREN_MAX)
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

	debug_assert(conn_is_current(c) && len > 0);
	conn_input_count(c, len);
	if ((conn_serves(c) || conn_delivers(c)) && !c->input.discard &&
	    ops->data != NULL)
		ops->data(c, buf, len);
}

/* After a reset there is nobody to tell: conn_close_step() sees to it. */
static void
end_of_input(struct conn *c)
{
	bool orderly;

	orderly = closed_by_client(c);
	conn_input_ended(c);
	if (!orderly)
		conn_close_cut(c);
	if (c->input.discard)
		return;
	if (!orderly && c->wire.flags & (WIRE_RESET | WIRE_BROKEN))
		return;
	if (c->listener->ops->eof != NULL)
		c->listener->ops->eof(c, orderly);
	else
		conn_finish(c);
}
