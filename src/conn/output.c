/* SPDX-License-Identifier: ISC */
/*
 * What goes to a client (struct conn_output): clear text of the service through
 * OpenSSL, ciphertext through the hub's scratch buffer to the socket, in as few
 * system calls as the kernel allows. Worker.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "conn/conn_int.h"
#include "tls/tls.h"

static bool encrypt(struct conn *, const uint8_t *, size_t);
static void waste(struct conn *, size_t);
static bool room(const struct conn *);
static bool can_wait(const struct conn *);
static void hold(struct conn *);
static void adapt_hint(struct conn *, size_t, size_t);
static size_t transmit(struct conn *, const uint8_t *, size_t);
static bool ends(const struct conn *);

void
conn_output_init(struct conn *c)
{
	c->output.hint = CONN_HINT_FIRST;
}

bool
conn_write(struct conn *c, const void *buf, size_t len)
{
	struct conn_hub *hub = c->hub;

	debug_assert(conn_is_current(c));
	if (c->close.reason == CLOSE_CLIENT_CLOSED)
		conn_close_missed(c);
	if (conn_gone(c) || c->state >= CONN_LINGER)
		waste(c, len);
	if (!conn_serves(c) || c->close.finish != CONN_GOES_ON)
		return false;
	c->output.unsent = true;
	hub->share_write -= len < hub->share_write ? len : hub->share_write;
	if (conn_gone(c))
		return conn_has_room(c); /* to nobody */
	if (!encrypt(c, buf, len))
		return false;
	c->output.bytes += len;
	slot_add(hub->conf.slot, METRIC_BYTES_OUT, len);
	if (hub->tx_len >= c->output.hint)
		conn_output_flush(c);
	return conn_has_room(c);
}

static bool
encrypt(struct conn *c, const uint8_t *p, size_t left)
{
	size_t n;

	for (; left > 0; left -= n, p += n) {
		tls_error_clear();
		if (c->state == CONN_OPEN ? SSL_write_ex(c->ssl, p, left, &n) :
		    SSL_write_early_data(c->ssl, p, left, &n))
			continue;
		if (SSL_get_error(c->ssl, 0) == SSL_ERROR_WANT_READ)
			conn_set_error(c, "the client sends a message in "
			    "pieces");
		conn_set_ssl_error(c);
		conn_abort(c, CLOSE_PROTOCOL);
		return false;
	}
	return true;
}

static void
waste(struct conn *c, size_t len)
{
	if (!conn_wasted(c))
		c->output.wasted += len < CONN_WASTE_MAX ? (uint32_t)len :
		    CONN_WASTE_MAX;
}

bool
conn_wasted(const struct conn *c)
{
	return c->output.wasted >= CONN_WASTE_MAX;
}

size_t
conn_write_hint(const struct conn *c)
{
	return c->output.hint;
}

bool
conn_has_room(struct conn *c)
{
	debug_assert(conn_is_current(c));
	if (room(c))
		return true;
	c->output.want_room = true;
	return false;
}

static bool
room(const struct conn *c)
{
	return conn_serves(c) && c->close.finish == CONN_GOES_ON &&
	    c->wire.out == NULL && c->hub->share_write > 0;
}

/* Tell the service if it waits for room. Returns whether it was told. */
bool
conn_give_room(struct conn *c)
{
	if (!c->output.want_room)
		return false;
	if (room(c)) {
		c->output.want_room = false;
		if (c->listener->ops->room != NULL)
			c->listener->ops->room(c);
		return true;
	}
	/* There will be none. */
	if (c->state > CONN_OPEN || c->close.finish == CONN_FINISHED)
		c->output.want_room = false;
	else if (c->hub->share_write == 0)
		conn_again(c);
	return false;
}

/* Take ciphertext from OpenSSL; it is sent by conn_output_flush() or early. */
void
conn_output_put(struct conn *c, const void *buf, size_t len)
{
	struct conn_hub *hub = c->hub;

	debug_assert(conn_is_current(c));
	hub->only_tickets = false;
	conn_output_unhold(c);
	if (c->wire.out == NULL && hub->tx_len + len > CONN_TX_SIZE)
		conn_output_flush(c);
	if (conn_gone(c))
		return;
	if (c->wire.out != NULL || len > CONN_TX_SIZE) {
		if (wire_keep(&c->wire, buf, len) == -1)
			conn_close(c, CLOSE_NO_MEMORY);
		return;
	}
	debug_assert(len <= CONN_TX_SIZE - hub->tx_len);
	memcpy(hub->tx + hub->tx_len, buf, len);
	hub->tx_len += len;
}

void
conn_output_flush(struct conn *c)
{
	struct conn_hub *hub = c->hub;
	size_t len, n;

	debug_assert(conn_is_current(c));
	if (can_wait(c))
		hold(c);
	if ((len = hub->tx_len) > 0) {
		hub->tx_len = 0;
		n = transmit(c, hub->tx, len);
		adapt_hint(c, len, n);
	}
	if (c->wire.out == NULL && !conn_gone(c))
		c->output.unsent = false;
}

/*
 * A client of TLS 1.3 that sent its first request with the end of the handshake
 * gets its tickets with the answer, in one piece; or soon, see later.c.
 */
static bool
can_wait(const struct conn *c)
{
	return c->hub->only_tickets && c->hub->tx_len > 0 &&
	    c->input.bytes > 0 && c->output.bytes == 0 &&
	    c->state == CONN_OPEN && !c->input.ended &&
	    c->close.finish != CONN_FINISHED && c->wire.out == NULL;
}

/* When memory has run out it is sent now. */
static void
hold(struct conn *c)
{
	struct conn_hub *hub = c->hub;
	struct conn_rest *held;

	debug_assert(c->output.held == NULL);
	if ((held = malloc(sizeof(*held) + hub->tx_len)) == NULL)
		return;
	held->pos = 0;
	held->len = hub->tx_len;
	memcpy(held->data, hub->tx, hub->tx_len);
	c->output.held = held;
	hub->tx_len = 0;
}

/* It goes with what is written next, or at the end of the event. */
void
conn_output_unhold(struct conn *c)
{
	struct conn_hub *hub = c->hub;
	struct conn_rest *held = c->output.held;

	if (held == NULL)
		return;
	debug_assert(conn_is_current(c) && hub->tx_len == 0);
	hub->tx_len = held->len;
	memcpy(hub->tx, held->data, held->len);
	free(held);
	c->output.held = NULL;
}

/* The client is gone. */
void
conn_output_drop(struct conn *c)
{
	c->hub->tx_len = 0;
	free(c->output.held);
	c->output.held = NULL;
	wire_drop(&c->wire);
}

/* Nothing that a slow client leaves to us should be large. */
static void
adapt_hint(struct conn *c, size_t len, size_t taken)
{
	uint32_t hint = c->output.hint;

	if (taken < len)
		hint = taken / 2 > CONN_HINT_MIN ? (uint32_t)taken / 2 :
		    CONN_HINT_MIN;
	else if (len >= hint && hint < CONN_SCRATCH_SIZE)
		hint *= 2;
	c->output.hint = hint < CONN_SCRATCH_SIZE ? hint : CONN_SCRATCH_SIZE;
}

/* The kernel has room again. */
void
conn_output_room(struct conn *c)
{
	(void)wire_flush(&c->wire, ends(c));
}

/*
 * What does not go out at once waits in the wire; of a client that is gone,
 * nothing does. Returns how much was got rid of at once.
 */
static size_t
transmit(struct conn *c, const uint8_t *buf, size_t len)
{
	size_t n;

	n = wire_send(&c->wire, buf, len, ends(c));
	if (c->wire.flags & WIRE_BROKEN)
		return len;
	if (n < len && wire_keep(&c->wire, buf + n, len - n) == -1)
		conn_close(c, CLOSE_NO_MEMORY);
	return n;
}

/* When our close follows, the last segment waits for it: both go as one. */
static bool
ends(const struct conn *c)
{
	return c->close.finish == CONN_FINISHED || c->state == CONN_LINGER;
}
