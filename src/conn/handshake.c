/* SPDX-License-Identifier: ISC */
/*
 * The handshake: from the first byte to ops->ready, or to an alert and the
 * reason for the log. Worker.
 */
#include "config.h"

#include "conn/conn_int.h"
#include "tls/tls.h"

static int advance(struct conn *);
static bool receive(struct conn *);
static bool look_at(struct conn *);
static void look_at_first(struct conn *);
static void refuse_hello(struct conn *);
static void fail(struct conn *);
static void complete(struct conn *);
static void count(struct conn *);
static void cut(struct conn *);

void
conn_handshake_init(struct conn *c)
{
	c->handshake_us = -1;
}

/* What was before it has left in hub->in what belongs to it. */
void
conn_handshake_begin(struct conn *c)
{
	conn_move(c, CONN_HANDSHAKE);
	if (c->hub->in_len > 0)
		(void)look_at(c);
}

void
conn_handshake(struct conn *c)
{
	struct conn_hub *hub = c->hub;
	int ret;

	while (hub->share_records > 0 && (hub->in_len > 0 || receive(c))) {
		ret = advance(c);
		if (c->state != CONN_HANDSHAKE)
			return; /* the service, or out of memory */
		if (ret == 1) {
			complete(c);
			return;
		}
		if (SSL_get_error(c->ssl, ret) != SSL_ERROR_WANT_READ) {
			fail(c);
			return;
		}
	}
	if (c->state != CONN_HANDSHAKE)
		return;
	if (hub->in_len == 0 && c->wire.flags & WIRE_EOF) {
		cut(c);
		return;
	}
	/* An answer to the ClientHello: send it, then use the time it takes. */
	if (hub->tx_len > 0 && !c->begun) {
		conn_output_flush(c);
		conn_begin(c);
	}
}

static bool
receive(struct conn *c)
{
	return conn_input(c) && look_at(c);
}

/* Before OpenSSL gets it. False when it will not. */
static bool
look_at(struct conn *c)
{
	struct conn_hub *hub = c->hub;

	if (c->first == CONN_UNHEARD)
		look_at_first(c);
	if (conn_bound_take(&c->bound, hub->in, hub->in_len,
		SSL_version(c->ssl) < TLS1_3_VERSION))
		return true;
	refuse_hello(c);
	return false;
}

/*
 * A record of TLS begins with its type, 20 to 23, and 3 as major version. A
 * ClientHello may also come as SSL 2.0 had it (RFC 5246 E.2): a length with the
 * highest bit set, 1 for client_hello, the version.
 */
static void
look_at_first(struct conn *c)
{
	const struct conn_hub *hub = c->hub;

	c->first = CONN_TLS;
	slot_add(hub->conf.slot, METRIC_HANDSHAKES_BEGUN, 1);
	if (hub->in_len > 4 && hub->in[0] & 0x80 && hub->in[2] == 1 &&
	    (hub->in[3] == 3 || (hub->in[3] == 0 && hub->in[4] == 2)))
		c->first = CONN_SSLV2;
	else if (hub->in[0] < 20 || hub->in[0] > 23 ||
	    (hub->in_len > 1 && hub->in[1] != 3))
		c->first = CONN_NOT_TLS;
}

/* As OpenSSL does with larger ones: an alert, illegal_parameter. */
static void
refuse_hello(struct conn *c)
{
	static const uint8_t alert[] = { SSL3_RT_ALERT, 3, 3, 0, 2,
		SSL3_AL_FATAL, SSL_AD_ILLEGAL_PARAMETER };

	conn_output_put(c, alert, sizeof(alert));
	conn_set_error(c, "ClientHello larger than %u bytes", CONN_HELLO_MAX);
	c->failure = FAILURE_PROTOCOL;
	conn_abort(c, c->first == CONN_NOT_TLS ? CLOSE_NOT_TLS :
	    CLOSE_HANDSHAKE);
}

/* As SSL_do_handshake(), with early data on the way. */
static int
advance(struct conn *c)
{
	int ret;

	tls_error_clear();
	ret = 1;
	if (c->early.try)
		ret = conn_early_read(c);
	if (ret != 1 || c->state != CONN_HANDSHAKE)
		return ret;
	/* Reading early data may have read a bad Finished: its error stays. */
	return SSL_do_handshake(c->ssl);
}

static void
fail(struct conn *c)
{
	c->failure = tls_failed(c->ssl);
	if (c->first == CONN_SSLV2)
		conn_set_error(c, "hello in the form of SSL 2.0");
	conn_set_ssl_error(c);
	conn_abort(c, c->first == CONN_NOT_TLS ? CLOSE_NOT_TLS :
	    CLOSE_HANDSHAKE);
}

void
conn_begin(struct conn *c)
{
	debug_assert(!c->begun);
	c->begun = true;
	if (c->state == CONN_HANDSHAKE && c->listener->ops->begin != NULL)
		c->listener->ops->begin(c);
}

static void
complete(struct conn *c)
{
	const struct conn_ops *ops = c->listener->ops;

	if (!c->begun)
		conn_begin(c);
	if (c->state != CONN_HANDSHAKE)
		return;
	debug_assert(!conn_is_ready(c));
	c->handshake_us = c->hub->now - c->started;
	count(c);
	conn_move(c, CONN_OPEN);
	conn_input_fruitful(c);
	c->hub->only_tickets = SSL_version(c->ssl) >= TLS1_3_VERSION;
	if (ops->ready != NULL)
		ops->ready(c);
	if (c->close.finish == CONN_FINISHES)
		conn_finish(c);
	if (c->hub->draining && c->state == CONN_OPEN && ops->drain != NULL)
		ops->drain(c);
}

static void
count(struct conn *c)
{
	static const enum histogram_id histograms[] = {
		[TLS_RESUMED_FULL] = HISTOGRAM_HANDSHAKE_FULL,
		[TLS_RESUMED_ID] = HISTOGRAM_HANDSHAKE_ID,
		[TLS_RESUMED_TICKET] = HISTOGRAM_HANDSHAKE_TICKET,
		[TLS_RESUMED_STATEFUL] = HISTOGRAM_HANDSHAKE_STATEFUL,
	};
	struct slot *slot = c->hub->conf.slot;
	enum tls_resumed how = tls_resumed(c->ssl);

	slot_add(slot, how == TLS_RESUMED_FULL ? METRIC_HANDSHAKES_FULL :
	    METRIC_HANDSHAKES_RESUMED, 1);
	histogram_add(&slot->histograms[histograms[how]], c->handshake_us);
	if (tls_ticket_too_large(c->ssl))
		slot_add(slot, METRIC_TICKETS_TOO_LARGE, 1);
}

static void
cut(struct conn *c)
{
	if (c->first == CONN_UNHEARD) {
		conn_close(c, CLOSE_CLIENT_GONE);
		return;
	}
	conn_set_error(c, "in the handshake");
	conn_close(c, c->first == CONN_NOT_TLS ? CLOSE_NOT_TLS :
	    CLOSE_CLIENT_ABORT);
}
