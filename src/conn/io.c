/* SPDX-License-Identifier: ISC */
/*
 * Ciphertext between the socket and the hub's scratch buffers: as few system
 * calls as the kernel allows, and memory of the connection's own only for
 * what cannot be got rid of. Worker.
 *
 * Events are edge-triggered, so the kernel must be asked until it has no
 * more. A read that returns less than it might says that; one more would only
 * be told EAGAIN. But the edge may also have meant the end of the input or a
 * reset behind it. The end is reported beside the data (EV_CLOSED). A reset is
 * not, hence CONN_F_DOUBT: a send that succeeds afterwards settles it, which
 * is the rule with requests and answers; otherwise there is one more read some
 * time later (later.c). Whatever comes after the read has its own edge.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/tcp.h>

#include "conn/conn_int.h"

static ssize_t receive(struct conn *);
static void look_at_first(struct conn *);
static bool can_wait(const struct conn *);
static void hold(struct conn *);
static void adapt_hint(struct conn *, size_t, size_t);
static size_t transmit(struct conn *, const uint8_t *, size_t);
static void no_delay(struct conn *);
static void broken(struct conn *);
static int keep_output(struct conn *, const void *, size_t);
static int make_output(struct conn *);

/*
 * Have something in hub->in, which is empty, if the socket has input and the
 * connection's share allows. Returns whether there is something.
 */
bool
conn_input(struct conn *c)
{
	struct conn_hub *hub = c->hub;
	ssize_t n;

	free(c->rest);
	c->rest = NULL;
	if (!(c->flags & CONN_F_READABLE) || hub->share_reads == 0)
		return false;
	hub->share_reads--;
	if ((n = receive(c)) <= 0)
		return false;
	hub->in = hub->rx;
	hub->in_len = (size_t)n;
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

static ssize_t
receive(struct conn *c)
{
	struct conn_hub *hub = c->hub;
	ssize_t n;

	do
		n = recv(c->fd, hub->rx, c->take, 0);
	while (n == -1 && errno == EINTR);
	c->flags &= ~CONN_F_DOUBT;
	if (n == (ssize_t)c->take) {
		if (c->take < CONN_RX_SIZE)
			c->take *= 2;
		return n;
	}
	if (n > 0) {
		if (c->flags & CONN_F_FIN)
			c->flags |= CONN_F_EOF;
		else if (!hub->early_close)
			return n; /* only another read will tell */
		else
			c->flags |= CONN_F_DOUBT;
	} else if (n == 0)
		c->flags |= CONN_F_EOF;
	else if (errno != EAGAIN && errno != EWOULDBLOCK)
		c->flags |= CONN_F_EOF | CONN_F_RESET;
	c->flags &= ~CONN_F_READABLE;
	return n;
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
	if (!conn_output_waits(c) && hub->tx_len + len > CONN_TX_SIZE)
		conn_output_flush(c);
	if (c->flags & CONN_F_BROKEN)
		return;
	if (conn_output_waits(c) || len > CONN_TX_SIZE) {
		if (keep_output(c, buf, len) == -1)
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
		if (n < len && keep_output(c, hub->tx + n, len - n) == -1)
			conn_close(c, CLOSE_NO_MEMORY);
	}
	if (!conn_output_waits(c) && !(c->flags & CONN_F_BROKEN))
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
	    !conn_output_waits(c);
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

bool
conn_output_waits(const struct conn *c)
{
	return c->out != NULL && c->out->data != NULL;
}

void
conn_output_free(struct conn *c)
{
	if (c->out == NULL)
		return;
	event_del(&c->out->ev);
	free(c->out->data);
	free(c->out);
	c->out = NULL;
}

void
conn_writable_cb(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	struct conn_out *out = c->out;

	conn_enter(c);
	if (out->data != NULL) {
		out->pos += transmit(c, out->data + out->pos,
		    out->len - out->pos);
		if (out->pos == out->len || (c->flags & CONN_F_BROKEN)) {
			free(out->data);
			out->data = NULL;
		}
	}
	conn_leave(c);
}

/*
 * Send as much as the kernel takes; a short send is its word for "no more
 * until the next edge". When our close follows, the last segment waits for
 * it, so that both go as one.
 */
static size_t
transmit(struct conn *c, const uint8_t *buf, size_t len)
{
	ssize_t n;
	int flags;

	flags = MSG_NOSIGNAL;
	if (c->flags & CONN_F_FINISHED || c->state == CONN_LINGER)
		flags |= MSG_MORE;
	do
		n = send(c->fd, buf, len, flags);
	while (n == -1 && errno == EINTR);
	if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	if (n == -1) {
		broken(c);
		return len;
	}
	c->flags &= ~CONN_F_DOUBT;
	if (!(c->flags & CONN_F_NODELAY))
		no_delay(c);
	return (size_t)n;
}

/* Nagle's algorithm holds back a small second segment, never the first. */
static void
no_delay(struct conn *c)
{
	int on = 1;

	c->flags |= CONN_F_NODELAY;
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

/* The client is gone, but what it sent before may still be there. */
static void
broken(struct conn *c)
{
	c->flags |= CONN_F_BROKEN;
	if (!(c->flags & CONN_F_EOF))
		c->flags |= CONN_F_READABLE;
}

static int
keep_output(struct conn *c, const void *buf, size_t len)
{
	struct conn_out *out;
	size_t need, size;
	uint8_t *data;

	if (c->out == NULL && make_output(c) == -1)
		return -1;
	out = c->out;
	if (out->data == NULL)
		out->pos = out->len = out->size = 0;
	need = out->len + len;
	if (need > out->size) {
		size = need > 2 * out->size ? need : 2 * out->size;
		if ((data = realloc(out->data, size)) == NULL)
			return -1;
		out->data = data;
		out->size = size;
	}
	memcpy(out->data + out->len, buf, len);
	out->len = need;
	return 0;
}

static int
make_output(struct conn *c)
{
	struct conn_out *out;

	if ((out = calloc(1, sizeof(*out))) == NULL)
		return -1;
	if (event_assign(&out->ev, c->hub->conf.base, c->fd,
		EV_WRITE | EV_ET | EV_PERSIST, conn_writable_cb, c) == -1 ||
	    event_add(&out->ev, NULL) == -1) {
		free(out);
		return -1;
	}
	c->out = out;
	return 0;
}
