/* SPDX-License-Identifier: ISC */
/*
 * Connecting to a backend: the next one is tried when one refuses or does not
 * answer in its share of connect_timeout. Worker.
 *
 * A backend on the same machine has answered by the time that connect()
 * returns, which says EINPROGRESS all the same: it is asked again rather than
 * waited for, which saves a turn of the loop and a copy of the client's data.
 *
 * A Unix socket whose queue is full says EAGAIN and will not tell when there
 * is room, so we come back every few milliseconds.
 */
#include "config.h"

#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "service/proxy_int.h"

#define RETRY_MS 10
/* A client that has gone by then says nothing about the backend. */
#define PATIENCE_US 1000000

static void next_backend(struct conn *);
static int try_backend(struct conn *);
static int begin_connect(struct conn *, const struct addr *);
static int start_connect(int, const struct addr *);
static int retry_later(struct conn *);
static void give_up_backend(struct conn *, int error);
static int64_t share_us(struct conn *);
static void to_timeval(int64_t us, struct timeval *);

void
proxy_connect(struct conn *c)
{
	struct proxy *p = conn_listener(c)->service;
	struct leg *leg = conn_state(c);

	leg->first = p->turn++ + conn_hub_worker(conn_hub(c));
	next_backend(c);
}

void
proxy_connect_event(struct conn *c, short what)
{
	struct leg *leg = conn_state(c);
	socklen_t len;
	int error;

	error = 0;
	len = sizeof(error);
	if (leg->state == LEG_RETRY) {
		if (clock_mono_us() - leg->tried >= share_us(c))
			error = ETIMEDOUT;
		else if (try_backend(c) == -1)
			error = errno;
		else
			return;
	} else if (what & EV_TIMEOUT) {
		/* libevent drops what has come at the same time. */
		leg->flags |= LEG_F_READABLE;
		(void)getsockopt(leg->fd, SOL_SOCKET, SO_ERROR, &error, &len);
		if (error == 0 &&
		    start_connect(leg->fd, &proxy_backend(c)->addr) == -1)
			error = errno == EALREADY ? ETIMEDOUT : errno;
	} else if (what & (EV_READ | EV_CLOSED)) {
		/* A failure makes it readable; so does a fast backend. */
		(void)getsockopt(leg->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	}
	if (error != 0) {
		give_up_backend(c, error);
		next_backend(c);
		return;
	}
	event_remove_timer(&leg->ev);
	leg->state = LEG_UP;
	proxy_up(c);
}

static void
next_backend(struct conn *c)
{
	struct leg *leg = conn_state(c);

	for (;;) {
		leg->tried = clock_mono_us();
		if (leg->called == 0)
			leg->called = leg->tried;
		if (!proxy_backend_next(c))
			break;
		if (try_backend(c) == 0)
			return;
		give_up_backend(c, errno);
	}
	leg->state = LEG_FAILED;
	proxy_failed(c);
}

/* 0 when something will come of it (or has), or -1 and errno. */
static int
try_backend(struct conn *c)
{
	const struct addr *addr = &proxy_backend(c)->addr;
	struct leg *leg = conn_state(c);
	int error;

	leg->fd = fd_socket(addr->ss.ss_family, SOCK_STREAM, 0);
	if (leg->fd == -1)
		return -1;
	leg->flags &= ~(LEG_F_NODELAY | LEG_F_READABLE | LEG_F_FIN);
	if (addr_is_unix(addr))
		leg->flags |= LEG_F_NODELAY;
	if (begin_connect(c, addr) == 0)
		return 0;
	error = errno;
	close(leg->fd);
	leg->state = LEG_NONE;
	if (error == EAGAIN)
		return retry_later(c);
	errno = error;
	return -1;
}

static int
begin_connect(struct conn *c, const struct addr *addr)
{
	struct leg *leg = conn_state(c);
	struct timeval tv;
	int64_t us;

	if (start_connect(leg->fd, addr) == 0) {
		if (proxy_watch(c, leg->pending != NULL ? EV_WRITE : 0,
			NULL) == -1)
			return -1;
		leg->state = LEG_UP;
		proxy_up(c);
		return 0;
	}
	if (errno != EINPROGRESS && errno != EALREADY && errno != EINTR)
		return -1;
	us = share_us(c);
	to_timeval(us, &tv);
	if (proxy_watch(c, EV_WRITE, us < INT64_MAX ? &tv : NULL) == -1)
		return -1;
	leg->state = LEG_CONNECTING;
	return 0;
}

/* As connect(); EALREADY while it is under way. */
static int
start_connect(int fd, const struct addr *addr)
{
	const struct sockaddr *sa = (const struct sockaddr *)&addr->ss;
	int tries = 2;

	while (connect(fd, sa, addr->len) == -1)
		if (errno != EINPROGRESS || --tries == 0)
			return errno == EISCONN ? 0 : -1;
	return 0;
}

static int
retry_later(struct conn *c)
{
	struct leg *leg = conn_state(c);
	struct timeval tv;

	to_timeval(RETRY_MS * 1000, &tv);
	evtimer_assign(&leg->ev, conn_hub_base(conn_hub(c)), proxy_event_cb,
	    c);
	if (event_add(&leg->ev, &tv) == -1) {
		errno = ENOMEM;
		return -1;
	}
	leg->state = LEG_RETRY;
	return 0;
}

/* Register the backend's socket, once and edge-triggered, for input and more. */
int
proxy_watch(struct conn *c, short more, const struct timeval *timeout)
{
	struct event_base *base = conn_hub_base(conn_hub(c));
	struct leg *leg = conn_state(c);

	leg->flags &= ~(LEG_F_WATCH_OUT | LEG_F_TELLS_END);
	if (more & EV_WRITE)
		leg->flags |= LEG_F_WATCH_OUT;
	if (event_base_get_features(base) & EV_FEATURE_EARLY_CLOSE) {
		leg->flags |= LEG_F_TELLS_END;
		more |= EV_CLOSED;
	}
	event_assign(&leg->ev, base, leg->fd, EV_READ | EV_ET | EV_PERSIST |
	    more, proxy_event_cb, c);
	if (event_add(&leg->ev, timeout) == -1) {
		errno = ENOMEM;
		return -1;
	}
	return 0;
}

static void
give_up_backend(struct conn *c, int error)
{
	struct leg *leg = conn_state(c);

	if (leg->state == LEG_CONNECTING) {
		event_del(&leg->ev);
		close(leg->fd);
	}
	leg->state = LEG_NONE;
	leg->error = error;
	leg->failed++;
	proxy_backend_down(c, error);
	slot_add(conn_hub_slot(conn_hub(c)), METRIC_BACKEND_FAILURES, 1);
}

/* What one backend gets of connect_timeout; zero and too much is for ever. */
static int64_t
share_us(struct conn *c)
{
	const struct conf_listen *conf = conn_listener(c)->conf;
	int64_t ms = conf->connect_timeout;

	if (ms <= 0 || ms >= INT64_MAX / 1000)
		return INT64_MAX;
	ms /= (int64_t)conf->nbackends;
	return (ms > 0 ? ms : 1) * 1000;
}

static void
to_timeval(int64_t us, struct timeval *tv)
{
	tv->tv_sec = (time_t)(us / 1000000);
	tv->tv_usec = (suseconds_t)(us % 1000000);
}

/* The backend in use, or the last one that was tried, for the log. */
void
proxy_note(struct conn *c)
{
	const struct leg *leg = conn_state(c);

	conn_set_backend(c, proxy_backend(c)->number,
	    clock_mono_us() - leg->called, leg->failed);
}

/* Clients that wait less than we do would hide a backend that hangs. */
void
proxy_connect_end(struct conn *c)
{
	const struct leg *leg = conn_state(c);

	if (leg->state != LEG_CONNECTING && leg->state != LEG_RETRY)
		return;
	proxy_note(c);
	if (clock_mono_us() - leg->tried >= PATIENCE_US)
		proxy_backend_down(c, ETIMEDOUT);
}
