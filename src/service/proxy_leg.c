/* SPDX-License-Identifier: ISC */
/*
 * The leg of a proxied connection: calling the backend, and what comes of it.
 * Worker.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "service/proxy_int.h"

static void enter(void *);
static void leave(void *);
static void connected(void *);
static void refused(void *);
static void failed(void *);
static void sent(void *);
static void broken(void *);
static void input(void *);
static int64_t note(struct conn *);

const struct leg_ops proxy_legs = {
	.enter = enter,
	.leave = leave,
	.connected = connected,
	.refused = refused,
	.failed = failed,
	.sent = sent,
	.broken = broken,
	.input = input,
};

bool
proxy_call(struct conn *c)
{
	struct proxy *p = conn_state(c);

	if (!(p->flags & PROXY_F_CALLED)) {
		p->flags |= PROXY_F_CALLED;
		leg_connect(&p->leg, conn_listener(c)->service, c,
		    conn_hub_base(conn_hub(c)), conn_hub_worker(conn_hub(c)));
	}
	return !leg_has_failed(&p->leg) || !(p->flags & PROXY_F_READY);
}

static void
enter(void *user)
{
	conn_enter(user);
}

static void
leave(void *user)
{
	const struct proxy *p = conn_state(user);

	if (p->flags & PROXY_F_LOST)
		proxy_deliver(user);
	conn_leave(user);
}

static void
connected(void *user)
{
	int64_t keepalive = conn_listener(user)->conf->backend_keepalive;
	struct slot *slot = conn_hub_slot(conn_hub(user));
	const struct proxy *p = conn_state(user);

	slot_add(slot, METRIC_BACKEND_CONNECTS, 1);
	histogram_add(&slot->histograms[HISTOGRAM_BACKEND_CONNECT],
	    note(user));
	if (keepalive > 0)
		conn_rest(user, keepalive);
	if (leg_waits(&p->leg) == 0 && p->flags & PROXY_F_CLIENT_END)
		proxy_end_to_backend(user);
}

/*
 * For the log: which backend, how long it took, how many had failed. Returns
 * the time.
 */
static int64_t
note(struct conn *c)
{
	const struct proxy *p = conn_state(c);
	int64_t us = leg_connect_us(&p->leg);

	conn_set_backend(c, leg_backend(&p->leg), us, leg_refusals(&p->leg));
	return us;
}

static void
refused(void *user)
{
	slot_add(conn_hub_slot(conn_hub(user)), METRIC_BACKEND_FAILURES, 1);
}

/* A client in its handshake is told afterwards. */
static void
failed(void *user)
{
	const struct proxy *p = conn_state(user);

	(void)note(user);
	conn_set_error(user, "%s", strerror(leg_error(&p->leg)));
	conn_resume(user);
	if (p->flags & PROXY_F_READY)
		proxy_report_failure(user);
}

void
proxy_report_failure(struct conn *c)
{
	const struct proxy *p = conn_state(c);

	conn_abort(c, leg_error(&p->leg) == ETIMEDOUT ?
	    CLOSE_CONNECT_TIMEOUT : CLOSE_BACKEND_DOWN);
}

static void
sent(void *user)
{
	struct proxy *p = conn_state(user);

	p->flags |= PROXY_F_ASKED;
	conn_progress(user);
	if (leg_waits(&p->leg) == 0)
		conn_resume(user);
}

static void
broken(void *user)
{
	proxy_backend_broke(user);
}

static void
input(void *user)
{
	proxy_from_backend(user);
}

void
proxy_leg_close(struct conn *c)
{
	struct proxy *p = conn_state(c);

	if (leg_is_connecting(&p->leg))
		(void)note(c);
	leg_close(&p->leg);
	conn_resume(c);
}
