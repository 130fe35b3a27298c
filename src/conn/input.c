/* SPDX-License-Identifier: ISC */
/*
 * What comes from a client (struct conn_input): ciphertext from the socket to
 * the hub's scratch buffer, in as few system calls as the kernel allows, and
 * with memory of the connection's own only for what nobody takes yet. What is
 * done with it is in preface.c, handshake.c and stream.c. Worker.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "conn/conn_int.h"

static bool may_receive(const struct conn *);
static size_t receive(struct conn *);

void
conn_input_init(struct conn *c)
{
	c->input.take = CONN_TAKE_FIRST;
}

/*
 * Have something in hub->in, which is empty, if the socket has input and the
 * connection's share allows. Returns whether there is something.
 */
bool
conn_input(struct conn *c)
{
	struct conn_hub *hub = c->hub;
	size_t n;

	debug_assert(conn_is_current(c) && hub->in_len == 0);
	if (!may_receive(c))
		return false;
	free(c->input.rest);
	c->input.rest = NULL;
	if ((n = receive(c)) == 0)
		return false;
	hub->in = hub->rx;
	hub->in_len = n;
	return true;
}

static bool
may_receive(const struct conn *c)
{
	return c->wire.flags & WIRE_READABLE && c->hub->share_reads > 0;
}

static size_t
receive(struct conn *c)
{
	struct conn_hub *hub = c->hub;
	size_t n;

	hub->share_reads--;
	n = wire_read(&c->wire, hub->rx, c->input.take);
	if (n == c->input.take && n < CONN_RX_SIZE)
		c->input.take *= 2;
	return n;
}

/* The same behind what is in hub->in and is of no use without the next. */
bool
conn_input_more(struct conn *c)
{
	struct conn_hub *hub = c->hub;
	struct conn_rest *rest;
	size_t n;

	if (hub->in_len == 0)
		return conn_input(c);
	if (conn_input_keep(c) == -1) {
		conn_close(c, CLOSE_NO_MEMORY);
		return false;
	}
	hub->in = c->input.rest->data + c->input.rest->pos;
	if (!may_receive(c) || (n = receive(c)) == 0)
		return false;
	rest = realloc(c->input.rest, sizeof(*rest) + c->input.rest->len + n);
	if (rest == NULL) {
		conn_close(c, CLOSE_NO_MEMORY);
		return false;
	}
	memcpy(rest->data + rest->len, hub->rx, n);
	rest->len += n;
	c->input.rest = rest;
	hub->in = rest->data + rest->pos;
	hub->in_len += n;
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
 * Before another connection gets the scratch buffers: save input that is left
 * over. 0, or -1 when memory ran out.
 */
int
conn_input_keep(struct conn *c)
{
	struct conn_hub *hub = c->hub;
	struct conn_rest *rest = c->input.rest;

	if (rest == NULL && hub->in_len == 0)
		return 0;
	if (rest != NULL && hub->in_len > 0) {
		debug_assert(hub->in + hub->in_len == rest->data + rest->len);
		rest->pos = rest->len - hub->in_len;
		return 0;
	}
	free(rest);
	c->input.rest = NULL;
	if (hub->in_len == 0)
		return 0;
	rest = malloc(sizeof(*rest) + hub->in_len);
	if (rest == NULL)
		return -1;
	rest->pos = 0;
	rest->len = hub->in_len;
	memcpy(rest->data, hub->in, hub->in_len);
	c->input.rest = rest;
	return 0;
}

/* The client is gone: what it sent is delivered as far as it was read. */
void
conn_input_drop(struct conn *c)
{
	c->hub->in_len = 0;
	free(c->input.rest);
	c->input.rest = NULL;
	c->input.discard = false;
}

/* OpenSSL gets one record more. False: too many have brought no data. */
bool
conn_input_record(struct conn *c)
{
	if (c->input.barren > CONN_BARREN_MAX)
		return false;
	c->input.barren++;
	return true;
}

/* A record has brought data, or the handshake is complete. */
void
conn_input_fruitful(struct conn *c)
{
	c->input.barren = 0;
}

void
conn_input_count(struct conn *c, size_t len)
{
	c->input.bytes += len;
	slot_add(c->hub->conf.slot, METRIC_BYTES_IN, len);
}

void
conn_input_ended(struct conn *c)
{
	c->input.ended = true;
}

void
conn_input_unwanted(struct conn *c)
{
	c->input.discard = true;
}

void
conn_pause(struct conn *c)
{
	uint32_t take = c->input.take / 4;

	debug_assert(conn_is_current(c));
	c->input.paused = true;
	c->input.take = take > CONN_TAKE_MIN ? take : CONN_TAKE_MIN;
}

void
conn_resume(struct conn *c)
{
	debug_assert(conn_is_current(c));
	c->input.paused = false;
}
