/* SPDX-License-Identifier: ISC */
/*
 * A connection has one time-out at a time; which one depends on how far it
 * is. Worker.
 */
#include "config.h"

#include "conn/conn_int.h"

static bool held_up(const struct conn *);
static enum close_reason current(const struct conn *, int64_t *);

/* When c times out, unless something happens before. */
int64_t
conn_timeout_at(const struct conn *c)
{
	int64_t at;

	(void)current(c, &at);
	return at;
}

void
conn_timeout(struct conn *c)
{
	enum close_reason reason;
	int64_t at;

	reason = current(c, &at);
	conn_enter(c);
	conn_close(c, reason);
	conn_leave(c);
}

/* It is not the client who is slow, but what the service does with its data. */
static bool
held_up(const struct conn *c)
{
	return c->flags & CONN_F_PAUSED && !(c->flags & CONN_F_DISCARD);
}

static enum close_reason
current(const struct conn *c, int64_t *at)
{
	const struct conf_listen *conf = c->listener->conf;
	enum close_reason reason;
	int64_t from, ms;

	if (c->state == CONN_HANDSHAKE) {
		reason = CLOSE_HANDSHAKE_TIMEOUT;
		from = c->started;
		ms = conf->handshake_timeout;
	} else if (c->state == CONN_LINGER) {
		reason = c->reason;
		from = c->shut;
		ms = conf->shutdown_timeout;
	} else if (c->flags & CONN_F_SHUT && !held_up(c)) {
		reason = CLOSE_SHUTDOWN_TIMEOUT;
		from = c->flags & CONN_F_DISCARD ? c->shut : c->active;
		ms = conf->shutdown_timeout;
	} else {
		reason = CLOSE_IDLE_TIMEOUT;
		from = c->active;
		ms = conf->idle_timeout;
	}
	/* Zero and what does not fit is never. */
	*at = ms > 0 && ms < (INT64_MAX - from) / 1000 ? from + ms * 1000 :
	    INT64_MAX;
	return reason;
}
