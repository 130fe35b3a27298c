/* SPDX-License-Identifier: ISC */
/*
 * A connection has one time-out at a time; which one depends on how far it
 * is. Worker.
 */
#include "config.h"

#include <poll.h>

#include "conn/conn_int.h"

static int64_t rest_at(const struct conn *);
static bool waits_for_ever(const struct conn *);
static int64_t idle_ms(const struct conn *);
static enum close_reason current(const struct conn *, int64_t *);

void
conn_rest(struct conn *c, int64_t ms)
{
	debug_assert(conn_is_current(c) && ms > 0);
	c->rest_ms = ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

/* When c times out or rests, unless something happens before. */
int64_t
conn_timeout_at(const struct conn *c)
{
	int64_t at;

	(void)current(c, &at);
	return c->rest_ms == 0 || at < rest_at(c) ? at : rest_at(c);
}

static int64_t
rest_at(const struct conn *c)
{
	return c->active + (int64_t)c->rest_ms * 1000;
}

void
conn_timeout(struct conn *c)
{
	enum close_reason reason;
	int64_t at;

	reason = current(c, &at);
	if (at > c->hub->now) {
		c->rest_ms = 0;
		c->listener->ops->rest(c);
		return;
	}
	conn_enter(c);
	if (!conn_close_moves(c) && !waits_for_ever(c))
		conn_close(c, reason);
	conn_leave(c);
}

/*
 * Without idle_timeout a client may wait for ever for a service that takes
 * nothing. While its input stands still we do not read its socket, so its
 * reset has to be asked for.
 */
static bool
waits_for_ever(const struct conn *c)
{
	struct pollfd pfd = { .fd = c->wire.fd };

	return c->state == CONN_OPEN && conn_held_up(c) &&
	    c->listener->conf->idle_timeout == 0 && poll(&pfd, 1, 0) <= 0;
}

static enum close_reason
current(const struct conn *c, int64_t *at)
{
	const struct conf_listen *conf = c->listener->conf;
	enum close_reason reason;
	int64_t from, ms;

	if (c->state <= CONN_HANDSHAKE) {
		reason = CLOSE_HANDSHAKE_TIMEOUT;
		from = c->started;
		ms = conf->handshake_timeout;
	} else if (c->state == CONN_LINGER) {
		reason = c->close.reason;
		from = c->close.since;
		ms = conf->shutdown_timeout;
	} else if (c->state == CONN_ORPHAN) {
		reason = c->close.reason;
		from = c->active;
		ms = idle_ms(c);
	} else if (c->wire.flags & WIRE_SHUT && !conn_held_up(c)) {
		reason = CLOSE_SHUTDOWN_TIMEOUT;
		from = c->input.discard ? c->close.since : c->active;
		ms = conf->shutdown_timeout;
	} else {
		reason = CLOSE_IDLE_TIMEOUT;
		from = c->active;
		ms = idle_ms(c);
	}
	/* Zero and what does not fit is never. */
	*at = ms > 0 && ms < (INT64_MAX - from) / 1000 ? from + ms * 1000 :
	    INT64_MAX;
	return reason;
}

/* 0 is for clients, not for what those leave behind who have gone. */
static int64_t
idle_ms(const struct conn *c)
{
	int64_t ms = c->listener->conf->idle_timeout;

	if (ms == 0 && (c->state == CONN_ORPHAN || conn_held_up(c)))
		return CONN_LEFT_MS;
	return ms;
}
