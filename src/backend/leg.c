/* SPDX-License-Identifier: ISC */
/*
 * A leg that is connected: bytes to the backend and from it, what waits for
 * it, and both ends. What the kernel says is the business of base/wire.c.
 * Worker.
 */
#include "config.h"

#include <assert.h>

#include "backend/backend_int.h"
#include "base/fd.h"
#include "base/keepalive.h"

static void send_rest(struct leg *);

void
leg_event_cb(evutil_socket_t fd, short what, void *arg)
{
	struct leg *leg = arg;
	const struct leg_ops *ops = leg->pool->ops;
	void *user = leg->user;

	debug_assert(leg->state == LEG_UP || leg_is_connecting(leg));
	wire_heard(&leg->wire, what);
	ops->enter(user);
	if (leg->state != LEG_UP)
		leg_connect_event(leg, what);
	else if (what & EV_WRITE && leg_waits(leg) > 0)
		send_rest(leg);
	if (leg->state == LEG_UP)
		ops->input(user);
	ops->leave(user);
}

void
leg_up(struct leg *leg)
{
	debug_assert(leg->state != LEG_UP && leg->wire.fd != -1);
	leg->state = LEG_UP;
	backend_up(leg);
	leg->pool->ops->connected(leg->user);
	if (leg->state == LEG_UP && leg_waits(leg) > 0)
		send_rest(leg);
}

static void
send_rest(struct leg *leg)
{
	size_t n = leg_flush(leg);

	if (leg_is_broken(leg))
		leg->pool->ops->broken(leg->user);
	else if (n > 0)
		leg->pool->ops->sent(leg->user);
}

enum leg_taken
leg_send(struct leg *leg, const void *buf, size_t len)
{
	struct wire *w = &leg->wire;
	size_t n = 0;

	assert(leg_waits(leg) == 0);
	if (leg->state == LEG_UP &&
	    (n = wire_send(w, buf, len, false)) == len)
		return LEG_TAKEN;
	if (leg->state == LEG_NONE || leg->state == LEG_FAILED)
		return LEG_TAKEN;
	if (leg_is_broken(leg)) {
		leg->error = w->error;
		return LEG_BROKEN;
	}
	if (wire_keep(w, (const uint8_t *)buf + n, len - n) == 0)
		return LEG_KEPT;
	wire_drop(w);
	return LEG_NO_MEMORY;
}

uint8_t *
leg_untouched(struct leg *leg)
{
	struct wire_out *out = leg->wire.out;

	return out != NULL && out->pos == 0 ? out->data : NULL;
}

size_t
leg_flush(struct leg *leg)
{
	size_t n;

	if (leg->state != LEG_UP)
		return 0;
	n = wire_flush(&leg->wire, false);
	if (leg_is_broken(leg))
		leg->error = leg->wire.error;
	return n;
}

ssize_t
leg_read(struct leg *leg, void *buf, size_t len)
{
	size_t n;

	debug_assert(leg->state == LEG_UP);
	n = wire_read(&leg->wire, buf, len);
	if (n > 0 || !(leg->wire.flags & WIRE_RESET))
		return (ssize_t)n;
	leg->error = leg->wire.error;
	return -1;
}

void
leg_keepalive(struct leg *leg)
{
	if (leg->state == LEG_UP && !addr_is_unix(&backend_address(leg)->addr))
		(void)keepalive_set(leg->wire.fd,
		    leg->pool->conf->backend_keepalive);
}

int
leg_unsent(const struct leg *leg)
{
	return leg->wire.flags & WIRE_SENT ? fd_unsent(leg->wire.fd) : 0;
}

/* Behind an end that is sent, a reset does not show. */
void
leg_end(struct leg *leg, bool reset)
{
	if (reset)
		wire_reset(&leg->wire);
	else if (leg->wire.flags & WIRE_READABLE)
		leg_shut(leg);
}

void
leg_close(struct leg *leg)
{
	if (leg_is_connecting(leg))
		leg_connect_end(leg);
	if (leg->state != LEG_NONE)
		wire_close(&leg->wire);
	wire_drop(&leg->wire);
	leg->state = LEG_NONE;
}
