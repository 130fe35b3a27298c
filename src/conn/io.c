/* SPDX-License-Identifier: ISC */
/*
 * Ciphertext between the socket and the hub's scratch buffers: as few system
 * calls as the kernel allows, and memory of the connection's own only for
 * what cannot be got rid of. Worker.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "conn/conn_int.h"

static void look_at_first(struct conn *);
static bool can_wait(const struct conn *);
static void hold(struct conn *);
static void adapt_hint(struct conn *, size_t, size_t);
static size_t transmit(struct conn *, const uint8_t *, size_t);
static bool ends(const struct conn *);

/*
 * Have something in hub->in, which is empty, if the socket has input and the
 * connection's share allows. Returns whether there is something.
 */
bool
conn_input(struct conn *c)
{
	struct conn_hub *hub = c->hub;
	size_t n;

	free(c->rest);
	c->rest = NULL;
	if (!(c->wire.flags & WIRE_READABLE) || hub->share_reads == 0)
		return false;
	hub->share_reads--;
	if ((n = wire_read(&c->wire, hub->rx, c->take)) == 0)
		return false;
	if (n == c->take && c->take < CONN_RX_SIZE)
		c->take *= 2;
	hub->in = hub->rx;
	hub->in_len = n;
	if (!(c->flags & CONN_F_HEARD))
		look_at_first(c);
	return true;
}

/* Read and forget, so that the kernel does not answer it with a reset. */
void
conn_input_discard(struct conn *c)
{
	c->hub->in_len = 0;
	while (conn_input(c))
		c->hub->in_len = 0;
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

	c->flags |= CONN_F_HEARD;
	if (hub->in_len > 4 && hub->in[0] & 0x80 && hub->in[2] == 1 &&
	    (hub->in[3] == 3 || (hub->in[3] == 0 && hub->in[4] == 2)))
		c->flags |= CONN_F_SSLV2;
	else if (hub->in[0] < 20 || hub->in[0] > 23 ||
	    (hub->in_len > 1 && hub->in[1] != 3))
		c->flags |= CONN_F_NOT_TLS;
}

/*
 * Before another connection gets the scratch buffers: save input that is left
 * over. 0, or -1 when memory ran out.
 */
int
conn_input_keep(struct conn *c)
{
	struct conn_hub *hub = c->hub;
	struct conn_rest *rest;

	if (c->rest != NULL && hub->in_len > 0) {
		c->rest->pos = c->rest->len - hub->in_len;
		return 0;
	}
	free(c->rest);
	c->rest = NULL;
	if (hub->in_len == 0)
		return 0;
	rest = malloc(sizeof(*rest) + hub->in_len);
	if (rest == NULL)
		return -1;
	rest->pos = 0;
	rest->len = hub->in_len;
	memcpy(rest->data, hub->in, hub->in_len);
	c->rest = rest;
	return 0;
}

/* Take ciphertext from OpenSSL; it is sent by conn_output_flush() or early. */
void
conn_output_put(struct conn *c, const void *buf, size_t len)
{
	struct conn_hub *hub = c->hub;

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
	memcpy(hub->tx + hub->tx_len, buf, len);
	hub->tx_len += len;
}

void
conn_output_flush(struct conn *c)
{
	struct conn_hub *hub = c->hub;
	size_t len, n;

	if (can_wait(c))
		hold(c);
	if ((len = hub->tx_len) > 0) {
		hub->tx_len = 0;
		n = transmit(c, hub->tx, len);
		adapt_hint(c, len, n);
	}
	if (c->wire.out == NULL && !conn_gone(c))
		c->flags &= ~CONN_F_UNSENT;
}

/*
 * A client of TLS 1.3 that sent its first request with the end of the handshake
 * gets its tickets with the answer, in one piece; or soon, see later.c.
 */
static bool
can_wait(const struct conn *c)
{
	return c->hub->only_tickets && c->hub->tx_len > 0 && c->in > 0 &&
	    c->out_bytes == 0 && c->state == CONN_OPEN &&
	    !(c->flags & (CONN_F_ENDED | CONN_F_FINISHED)) &&
	    c->wire.out == NULL;
}

/* When memory has run out it is sent now. */
static void
hold(struct conn *c)
{
	struct conn_hub *hub = c->hub;

	if ((c->held = malloc(sizeof(*c->held) + hub->tx_len)) == NULL)
		return;
	c->held->pos = 0;
	c->held->len = hub->tx_len;
	memcpy(c->held->data, hub->tx, hub->tx_len);
	hub->tx_len = 0;
}

/* It goes with what is written next, or at the end of the event. */
void
conn_output_unhold(struct conn *c)
{
	struct conn_hub *hub = c->hub;

	if (c->held == NULL)
		return;
	hub->tx_len = c->held->len;
	memcpy(hub->tx, c->held->data, hub->tx_len);
	free(c->held);
	c->held = NULL;
}

/* Nothing that a slow client leaves to us should be large. */
static void
adapt_hint(struct conn *c, size_t len, size_t taken)
{
	if (taken < len)
		c->hint = taken / 2 > CONN_HINT_MIN ? (uint32_t)taken / 2 :
		    CONN_HINT_MIN;
	else if (len >= c->hint && c->hint < CONN_SCRATCH_SIZE)
		c->hint *= 2;
	if (c->hint > CONN_SCRATCH_SIZE)
		c->hint = CONN_SCRATCH_SIZE;
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
	return c->flags & CONN_F_FINISHED || c->state == CONN_LINGER;
}
