/* SPDX-License-Identifier: ISC */
/*
 * The service `proxy`: clear text to and from a backend, each way with its
 * own back-pressure and its own end. The backend is called when the handshake
 * is complete: who does not get that far must not take its places. Early data
 * come with a proof of their own and do not wait. Worker.
 *
 * What ends how, so that nobody takes a part for the whole:
 *
 *	client's close_notify     backend gets TCP's end, may go on sending
 *	client cut or lost        backend gets a reset
 *	backend's end             client gets close_notify, may go on sending
 *	backend's reset           client gets TCP's end without close_notify
 *
 * With the PROXY protocol the backend hears how many bytes of early data there
 * are before it gets them; more than had come by then wait for the end of the
 * handshake, when they are early data no more.
 *
 * (A reset cannot be sent over a Unix socket: there it is an end like any.)
 */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "base/mem.h"
#include "service/proxy_int.h"
#include "service/service_int.h"

static int proxy_setup(const struct conf_listen *, void **, struct err *);
static void proxy_begin(struct conn *);
static void proxy_early(struct conn *);
static void proxy_ready(struct conn *);
static void proxy_data(struct conn *, const uint8_t *, size_t);
static void proxy_eof(struct conn *, bool);
static void proxy_room(struct conn *);
static void proxy_recheck(struct conn *);
static void proxy_closed(struct conn *);

static bool call_backend(struct conn *);
static void pass_on(struct conn *, const uint8_t *, size_t);
static void greet(struct conn *, const uint8_t *, size_t);
static bool holds_early(struct conn *);
static size_t to_backend(struct conn *, const uint8_t *, size_t);
static void keep(struct conn *, const uint8_t *, size_t);
static void send_pending(struct conn *);
static void backend_broke(struct conn *);
static void end_to_backend(struct conn *);
static void from_backend(struct conn *);
static void read_short(struct conn *, ssize_t, int);
static void end_from_backend(struct conn *);
static void report_failure(struct conn *);
static void leg_close(struct leg *);

const struct conn_ops proxy_ops = {
	.name = "proxy",
	.state_size = sizeof(struct leg),
	.setup = proxy_setup,
	.teardown = free,
	.takes_early = true,
	.begin = proxy_begin,
	.early = proxy_early,
	.ready = proxy_ready,
	.data = proxy_data,
	.eof = proxy_eof,
	.room = proxy_room,
	.recheck = proxy_recheck,
	.closed = proxy_closed,
};

static int
proxy_setup(const struct conf_listen *conf, void **service, struct err *err)
{
	struct proxy *p;

	if (conf->nbackends == 0)
		return err_set(err, &conf->loc, "listen \"%s\": service proxy "
		    "needs a backend", conf->name);
	p = xcalloc(1, sizeof(*p) + conf->nbackends * sizeof(p->backends[0]));
	*service = p;
	return 0;
}

static void
proxy_begin(struct conn *c)
{
	if (conn_listener(c)->conf->connect == CONF_CONNECT_HELLO)
		(void)call_backend(c);
}

/* False: it is over, because there is none. */
static bool
call_backend(struct conn *c)
{
	struct leg *leg = conn_state(c);

	if (!(leg->flags & LEG_F_CALLED)) {
		leg->flags |= LEG_F_CALLED;
		proxy_connect(c);
	}
	return leg->state != LEG_FAILED || !(leg->flags & LEG_F_READY);
}

static void
proxy_early(struct conn *c)
{
	struct leg *leg = conn_state(c);

	leg->flags |= LEG_F_EARLY;
	if (leg->state == LEG_UP)
		from_backend(c);
}

static void
proxy_ready(struct conn *c)
{
	struct leg *leg = conn_state(c);

	leg->flags |= LEG_F_READY;
	if (leg->state == LEG_FAILED) {
		report_failure(c);
		return;
	}
	if (conn_listener(c)->conf->connect == CONF_CONNECT_HANDSHAKE &&
	    !call_backend(c))
		return;
	if (!(leg->flags & LEG_F_CALLED))
		return;
	if (conn_listener(c)->conf->proxy_protocol) {
		if (!(leg->flags & LEG_F_HEADER))
			greet(c, NULL, 0);
		else if (leg->flags & LEG_F_HEADER_WAITS &&
		    leg->pending != NULL && leg->pending->pos == 0)
			proxy_header_complete(leg->pending->data);
		if (leg->pending == NULL)
			conn_resume(c);
	}
	if (leg->state == LEG_UP)
		from_backend(c);
}

/* The leg is connected. */
void
proxy_up(struct conn *c)
{
	struct leg *leg = conn_state(c);

	slot_add(conn_hub_slot(conn_hub(c)), METRIC_BACKEND_CONNECTS, 1);
	proxy_note(c);
	proxy_backend_up(c);
	if (leg->pending != NULL)
		send_pending(c);
	else if (leg->flags & LEG_F_CLIENT_END)
		end_to_backend(c);
}

/* Every backend has failed: a client in its handshake is told afterwards. */
void
proxy_failed(struct conn *c)
{
	const struct leg *leg = conn_state(c);

	proxy_note(c);
	conn_set_error(c, "%s", strerror(leg->error));
	if (leg->flags & LEG_F_READY)
		report_failure(c);
}

static void
report_failure(struct conn *c)
{
	const struct leg *leg = conn_state(c);

	conn_abort(c, leg->error == ETIMEDOUT ? CLOSE_CONNECT_TIMEOUT :
	    CLOSE_BACKEND_DOWN);
}

static void
proxy_data(struct conn *c, const uint8_t *buf, size_t len)
{
	const struct leg *leg = conn_state(c);

	if (!call_backend(c))
		return;
	if (conn_listener(c)->conf->proxy_protocol &&
	    !(leg->flags & LEG_F_HEADER))
		greet(c, buf, len);
	else
		pass_on(c, buf, len);
	if (holds_early(c))
		conn_pause(c);
}

/* The header, and what has come from the client by now. */
static void
greet(struct conn *c, const uint8_t *buf, size_t len)
{
	struct leg *leg = conn_state(c);
	uint8_t *both;
	size_t n;

	if ((both = malloc(PROXY_HEADER_MAX + len)) == NULL) {
		conn_close(c, CLOSE_NO_MEMORY);
		return;
	}
	leg->flags |= LEG_F_HEADER;
	n = proxy_header(c, both, leg->flags & LEG_F_READY ? 0 : len);
	if (len > 0)
		memcpy(both + n, buf, len);
	pass_on(c, both, n + len);
	if (leg->pending != NULL && leg->pending->len == n + len)
		leg->flags |= LEG_F_HEADER_WAITS;
	free(both);
}

/* Nothing more before the end of the handshake? */
static bool
holds_early(struct conn *c)
{
	const struct leg *leg = conn_state(c);

	return conn_listener(c)->conf->proxy_protocol &&
	    !(leg->flags & LEG_F_READY);
}

static void
pass_on(struct conn *c, const uint8_t *buf, size_t len)
{
	struct leg *leg = conn_state(c);
	size_t n;

	assert(leg->pending == NULL);
	n = leg->state == LEG_UP ? to_backend(c, buf, len) : 0;
	if (leg->flags & LEG_F_BROKEN)
		backend_broke(c);
	else if (n < len)
		keep(c, buf + n, len - n);
}

static void
proxy_eof(struct conn *c, bool orderly)
{
	struct leg *leg = conn_state(c);

	if (!orderly) {
		/* After the backend's end there was nothing to wait for. */
		if (!(leg->flags & LEG_F_EOF))
			conn_close(c, CLOSE_CLIENT_ABORT);
		return;
	}
	if (!(leg->flags & LEG_F_CALLED)) {
		conn_finish(c); /* it has come to say nothing */
		return;
	}
	leg->flags |= LEG_F_CLIENT_END;
	if (leg->state == LEG_UP)
		end_to_backend(c);
}

static void
proxy_room(struct conn *c)
{
	from_backend(c);
}

static void
proxy_recheck(struct conn *c)
{
	struct leg *leg = conn_state(c);

	if (leg->flags & LEG_F_DOUBT) {
		leg->flags |= LEG_F_READABLE;
		from_backend(c);
	}
}

static void
proxy_closed(struct conn *c)
{
	static const struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	struct leg *leg = conn_state(c);

	proxy_connect_end(c);
	if (leg->state == LEG_UP && !(leg->flags & LEG_F_SHUT))
		(void)setsockopt(leg->fd, SOL_SOCKET, SO_LINGER, &reset,
		    sizeof(reset));
	leg_close(leg);
}

void
proxy_event_cb(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	struct leg *leg = conn_state(c);

	conn_enter(c);
	if (what & (EV_READ | EV_CLOSED))
		leg->flags |= LEG_F_READABLE;
	if (what & EV_CLOSED)
		leg->flags |= LEG_F_FIN;
	if (leg->state != LEG_UP)
		proxy_connect_event(c, what);
	else if (what & EV_WRITE && leg->pending != NULL)
		send_pending(c);
	if (leg->state == LEG_UP)
		from_backend(c);
	conn_leave(c);
}

/* Returns how much was taken, or sets LEG_F_BROKEN. */
static size_t
to_backend(struct conn *c, const uint8_t *buf, size_t len)
{
	struct leg *leg = conn_state(c);
	int on = 1;
	ssize_t n;

	if (leg->flags & LEG_F_BROKEN)
		return 0;
	/* Nagle's algorithm holds back a small second segment, no first. */
	if (leg->flags & LEG_F_SENT && !(leg->flags & LEG_F_NODELAY)) {
		leg->flags |= LEG_F_NODELAY;
		(void)setsockopt(leg->fd, IPPROTO_TCP, TCP_NODELAY, &on,
		    sizeof(on));
	}
	leg->flags |= LEG_F_SENT;
	do
		n = send(leg->fd, buf, len, MSG_NOSIGNAL);
	while (n == -1 && errno == EINTR);
	if (n >= 0) {
		leg->flags &= ~LEG_F_DOUBT;
		return (size_t)n;
	}
	if (errno != EAGAIN && errno != EWOULDBLOCK) {
		leg->error = errno;
		leg->flags |= LEG_F_BROKEN;
	}
	return 0;
}

/*
 * The backend has closed, so what the client sends has nowhere to go. If the
 * backend had ended its side before, it wants no more; otherwise it broke,
 * and what it sent before is still to be had.
 */
static void
backend_broke(struct conn *c)
{
	struct leg *leg = conn_state(c);

	free(leg->pending);
	leg->pending = NULL;
	conn_resume(c);
	if (leg->flags & LEG_F_EOF) {
		conn_end(c);
		leg_close(leg);
	} else {
		leg->flags |= LEG_F_READABLE;
		from_backend(c);
	}
}

/* Keep what the backend does not take, and stop the client. */
static void
keep(struct conn *c, const uint8_t *buf, size_t len)
{
	struct leg *leg = conn_state(c);
	struct leg_pending *p;

	if ((p = malloc(sizeof(*p) + len)) == NULL) {
		conn_close(c, CLOSE_NO_MEMORY);
		return;
	}
	p->pos = 0;
	p->len = len;
	memcpy(p->data, buf, len);
	leg->pending = p;
	conn_pause(c);
	if (leg->state == LEG_UP && !(leg->flags & LEG_F_WATCH_OUT)) {
		event_del(&leg->ev);
		if (proxy_watch(c, EV_WRITE, NULL) == -1)
			conn_close(c, CLOSE_NO_MEMORY);
	}
}

static void
send_pending(struct conn *c)
{
	struct leg *leg = conn_state(c);
	struct leg_pending *p = leg->pending;

	p->pos += to_backend(c, p->data + p->pos, p->len - p->pos);
	if (leg->flags & LEG_F_BROKEN) {
		backend_broke(c);
		return;
	}
	if (p->pos < p->len)
		return;
	free(p);
	leg->pending = NULL;
	if (!holds_early(c))
		conn_resume(c);
}

static void
end_to_backend(struct conn *c)
{
	struct leg *leg = conn_state(c);

	leg->flags |= LEG_F_SHUT;
	(void)shutdown(leg->fd, SHUT_WR);
	if (leg->flags & LEG_F_EOF)
		leg_close(leg);
}

/* Pass on what the backend has sent, as far as the client takes it. */
static void
from_backend(struct conn *c)
{
	struct leg *leg = conn_state(c);
	uint8_t *buf = conn_hub_scratch(conn_hub(c));
	size_t want;
	ssize_t n;
	int error;

	while (leg->state == LEG_UP &&
	    leg->flags & (LEG_F_READY | LEG_F_EARLY) &&
	    leg->flags & LEG_F_READABLE && conn_has_room(c)) {
		want = conn_write_hint(c);
		n = recv(leg->fd, buf, want, 0);
		error = n == -1 ? errno : 0;
		if (error == EINTR)
			continue;
		leg->flags &= ~LEG_F_DOUBT;
		if (n > 0)
			(void)conn_write(c, buf, (size_t)n);
		if (n < (ssize_t)want)
			read_short(c, n, error);
	}
}

/*
 * The backend has no more for now. What a short read means is the same as
 * with the client's socket (conn/io.c).
 */
static void
read_short(struct conn *c, ssize_t n, int error)
{
	struct leg *leg = conn_state(c);

	if (n > 0 && !(leg->flags & LEG_F_TELLS_END))
		return; /* only another read will tell */
	leg->flags &= ~LEG_F_READABLE;
	if (n == 0 || (n > 0 && leg->flags & LEG_F_FIN)) {
		end_from_backend(c);
	} else if (n > 0) {
		leg->flags |= LEG_F_DOUBT;
		conn_recheck(c);
	} else if (error != EAGAIN && error != EWOULDBLOCK) {
		conn_set_error(c, "%s", strerror(error));
		conn_abort(c, CLOSE_BACKEND_ABORT);
	}
}

static void
end_from_backend(struct conn *c)
{
	struct leg *leg = conn_state(c);

	leg->flags |= LEG_F_EOF;
	if (leg->flags & LEG_F_BROKEN) {
		/* It ended before it had taken all that it was sent. */
		conn_set_error(c, "%s", strerror(leg->error));
		conn_abort(c, CLOSE_BACKEND_ABORT);
		return;
	}
	conn_finish(c);
	if (leg->flags & LEG_F_SHUT)
		leg_close(leg);
}

static void
leg_close(struct leg *leg)
{
	if (leg->state != LEG_NONE && leg->state != LEG_FAILED)
		event_del(&leg->ev);
	if (leg->state == LEG_UP || leg->state == LEG_CONNECTING)
		close(leg->fd);
	leg->state = LEG_NONE;
	free(leg->pending);
	leg->pending = NULL;
}
