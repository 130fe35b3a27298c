/* SPDX-License-Identifier: ISC */
/*
 * Handshakes that have failed, counted when their connection closes: each that
 * was begun is full, resumed or failed in the end, for one reason. Worker.
 */
#include "config.h"

#include "conn/conn_int.h"

static enum handshake_failure failure(const struct conn *);

void
conn_failure_count(const struct conn *c)
{
	struct slot *slot = c->hub->conf.slot;

	if (conn_is_ready(c))
		return;
	if (c->first == CONN_UNHEARD) {
		/* Who connects and goes away has begun nothing. */
		if (c->close.reason != CLOSE_HANDSHAKE_TIMEOUT)
			return;
		slot_add(slot, METRIC_HANDSHAKES_BEGUN, 1);
	}
	slot_failure(slot, failure(c));
}

static enum handshake_failure
failure(const struct conn *c)
{
	switch (c->close.reason) {
	case CLOSE_HANDSHAKE:
		return c->failure;
	case CLOSE_NOT_TLS:
		return FAILURE_NOT_TLS;
	case CLOSE_HANDSHAKE_TIMEOUT:
		return FAILURE_TIMEOUT;
	case CLOSE_DRAIN:
	case CLOSE_STOPPED:
		return FAILURE_STOPPED;
	case CLOSE_CONNECT_TIMEOUT:
	case CLOSE_BACKEND_DOWN:
	case CLOSE_BACKEND_ABORT:
		return FAILURE_BACKEND;
	case CLOSE_NO_MEMORY:
	case CLOSE_INTERNAL:
		return FAILURE_INTERNAL;
	default:
		return FAILURE_ABORT;
	}
}
