/* SPDX-License-Identifier: ISC */
/*
 * Connecting to a backend: the next one is tried when one refuses or does not
 * answer in its share of connect_timeout. Worker.
 *
 * A backend on the same machine has answered by the time that connect()
 * returns, which says EINPROGRESS all the same: it is asked again rather than
 * waited for, which saves a turn of the loop and a copy of the user's data.
 *
 * A Unix socket whose queue is full says EAGAIN and will not tell when there
 * is room, so we come back every few milliseconds.
 */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <event2/event.h>

#include "backend/backend_int.h"
#include "base/clock.h"
#include "base/fd.h"

#define RETRY_MS 10
/* A user who has gone by then says nothing about the backend. */
#define PATIENCE_US 1000000

static void next_backend(struct leg *);
static int try_backend(struct leg *);
static int begin_connect(struct leg *, const struct addr *);
static int start_connect(int, const struct addr *);
static int retry_later(struct leg *);
static int connect_error(struct leg *, short what);
static void give_up_backend(struct leg *, int error);
static int64_t share_us(const struct leg *);
static void to_timeval(int64_t us, struct timeval *);

void
leg_connect(struct leg *leg, struct backend_pool *pool, void *user,
    struct event_base *base, unsigned worker)
{
	assert(leg->state == LEG_NONE);
	memset(leg, 0, sizeof(*leg));
	wire_init(&leg->wire);
	leg->pool = pool;
	leg->user = user;
	pool->base = base;
	backend_turn(leg, worker);
	next_backend(leg);
}

static void
next_backend(struct leg *leg)
{
	for (;;) {
		leg->tried = clock_mono_us();
		if (leg->called == 0)
			leg->called = leg->tried;
		if (!backend_next(leg))
			break;
		if (try_backend(leg) == 0)
			return;
		give_up_backend(leg, errno);
	}
	leg->state = LEG_FAILED;
	wire_drop(&leg->wire);
	leg->pool->ops->failed(leg->user);
}

/* 0 when something will come of it (or has), or -1 and errno. */
static int
try_backend(struct leg *leg)
{
	const struct addr *addr = &backend_address(leg)->addr;
	int error, fd;

	if ((fd = fd_socket(addr->ss.ss_family, SOCK_STREAM, 0)) == -1)
		return -1;
	wire_open(&leg->wire, fd, addr_is_unix(addr), leg->pool->base,
	    leg_event_cb, leg);
	wire_exact(&leg->wire); /* no TLS tells that something is missing */
	if (begin_connect(leg, addr) == 0)
		return 0;
	error = errno;
	wire_close(&leg->wire);
	leg->state = LEG_NONE;
	if (error == EAGAIN)
		return retry_later(leg);
	errno = error;
	return -1;
}

static int
begin_connect(struct leg *leg, const struct addr *addr)
{
	struct timeval tv;
	int64_t us;

	if (start_connect(leg->wire.fd, addr) == 0) {
		if (wire_watch(&leg->wire, false, NULL) == -1)
			return -1;
		leg_up(leg);
		return 0;
	}
	if (errno != EINPROGRESS && errno != EALREADY && errno != EINTR)
		return -1;
	us = share_us(leg);
	to_timeval(us, &tv);
	if (wire_watch(&leg->wire, true, us < INT64_MAX ? &tv : NULL) == -1)
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
retry_later(struct leg *leg)
{
	struct timeval tv;

	to_timeval(RETRY_MS * 1000, &tv);
	if (wire_wait(&leg->wire, leg->pool->base, &tv, leg_event_cb, leg) ==
	    -1)
		return -1;
	leg->state = LEG_RETRY;
	return 0;
}

void
leg_connect_event(struct leg *leg, short what)
{
	int error;

	if (leg->state == LEG_RETRY) {
		if (clock_mono_us() - leg->tried >= share_us(leg))
			error = ETIMEDOUT;
		else if (try_backend(leg) == -1)
			error = errno;
		else
			return;
	} else {
		error = connect_error(leg, what);
	}
	if (error != 0) {
		give_up_backend(leg, error);
		next_backend(leg);
		return;
	}
	event_remove_timer(&leg->wire.ev);
	leg_up(leg);
}

/* errno of a connect() that was under way; 0: it is connected. */
static int
connect_error(struct leg *leg, short what)
{
	socklen_t len;
	int error;

	error = 0;
	len = sizeof(error);
	if (what & EV_TIMEOUT) {
		/* libevent drops what has come at the same time. */
		wire_look(&leg->wire);
		(void)getsockopt(leg->wire.fd, SOL_SOCKET, SO_ERROR, &error, &len);
		if (error == 0 &&
		    start_connect(leg->wire.fd, &backend_address(leg)->addr) == -1)
			error = errno == EALREADY ? ETIMEDOUT : errno;
	} else if (what & (EV_READ | EV_CLOSED)) {
		/* A failure makes it readable; so does a fast backend. */
		(void)getsockopt(leg->wire.fd, SOL_SOCKET, SO_ERROR, &error, &len);
	}
	return error;
}

static void
give_up_backend(struct leg *leg, int error)
{
	wire_close(&leg->wire);
	leg->state = LEG_NONE;
	leg->error = (uint16_t)error;
	leg->failed++;
	backend_down(leg, error);
	leg->pool->ops->refused(leg->user);
}

/* What one backend gets of connect_timeout; zero and too much is for ever. */
static int64_t
share_us(const struct leg *leg)
{
	const struct conf_listen *conf = leg->pool->conf;
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

/* Users who wait less than we do would hide a backend that hangs. */
void
leg_connect_end(struct leg *leg)
{
	if (clock_mono_us() - leg->tried >= PATIENCE_US)
		backend_down(leg, ETIMEDOUT);
}

const char *
leg_backend(const struct leg *leg)
{
	return backend_address(leg)->number;
}

int64_t
leg_connect_us(const struct leg *leg)
{
	return clock_mono_us() - leg->called;
}

unsigned
leg_refusals(const struct leg *leg)
{
	return leg->failed;
}
