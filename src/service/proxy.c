/* SPDX-License-Identifier: ISC */
/*
 * The service `proxy`: clear text to and from a backend, each way with its
 * own back-pressure and its own end. The backend is called when the handshake
 * is complete: who does not get that far must not take its places. Early data
 * come with a proof of their own and do not wait. Worker.
 *
 * With the PROXY protocol the backend hears how many bytes of early data there
 * are before it gets them; more than had come by then wait for the end of the
 * handshake, when they are early data no more.
 *
 * How one side's end gets to the other is in proxy_end.c.
 */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "base/keepalive.h"
#include "base/log.h"
#include "base/mem.h"
#include "service/proxy_int.h"
#include "service/service_int.h"

static int proxy_setup(const struct conf_listen *, void **, struct err *);
static void proxy_begin(struct conn *);
static void proxy_early(struct conn *);
static void proxy_ready(struct conn *);
static void proxy_data(struct conn *, const uint8_t *, size_t);
static void proxy_room(struct conn *);
static void proxy_recheck(struct conn *);
static void proxy_rest(struct conn *);

static void warn_mixed(const struct conf_listen *);
static bool call_backend(struct conn *);
static void pass_on(struct conn *, const uint8_t *, size_t);
static void greet(struct conn *, const uint8_t *, size_t);
static void keep(struct conn *, const uint8_t *, size_t);
static void send_pending(struct conn *);
static void read_short(struct conn *, ssize_t, int);
static void report_failure(struct conn *);

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
	.lost = proxy_lost,
	.rest = proxy_rest,
	.closed = proxy_closed,
};

static int
proxy_setup(const struct conf_listen *conf, void **service, struct err *err)
{
	struct proxy *p;

	assert(conf->nbackends > 0);
	warn_mixed(conf);
	p = xcalloc(1, sizeof(*p) + conf->nbackends * sizeof(p->backends[0]));
	*service = p;
	return 0;
}

/*
 * Client certificates do not guard the backends then: the name that a client
 * asks them for need not be the one that it came in by, and only with
 * proxy_protocol do they learn that one.
 */
static void
warn_mixed(const struct conf_listen *l)
{
	const struct conf_certificate *c = l->certificates;
	struct err warning;
	size_t i;

	for (i = 1; i < l->ncertificates; i++)
		if (c[i].client_certificate != c[0].client_certificate)
			break;
	if (i >= l->ncertificates || l->proxy_protocol)
		return;
	err_set(&warning, &c[i].loc, "certificate \"%s\": client_certificate "
	    "is another than that of \"%s\", and the backends are the same: a "
	    "client can come in by one name and ask them for the other",
	    c[i].title, c[0].title);
	log_warnx("%s", warning.text);
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
		proxy_from_backend(c);
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
	}
	if (leg->state == LEG_UP)
		proxy_from_backend(c);
}

/* The leg is connected. */
void
proxy_up(struct conn *c)
{
	struct leg *leg = conn_state(c);

	slot_add(conn_hub_slot(conn_hub(c)), METRIC_BACKEND_CONNECTS, 1);
	proxy_note(c);
	proxy_backend_up(c);
	if (conn_listener(c)->conf->backend_keepalive > 0)
		conn_rest(c, conn_listener(c)->conf->backend_keepalive);
	if (leg->pending != NULL)
		send_pending(c);
	else if (leg->flags & LEG_F_CLIENT_END)
		proxy_end_to_backend(c);
}

/* Every backend has failed: a client in its handshake is told afterwards. */
void
proxy_failed(struct conn *c)
{
	const struct leg *leg = conn_state(c);

	proxy_note(c);
	conn_set_error(c, "%s", strerror(leg->error));
	proxy_drop_pending(c);
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
	if (conn_listener(c)->conf->proxy_protocol &&
	    !(leg->flags & LEG_F_READY))
		conn_hold_early(c);
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

static void
pass_on(struct conn *c, const uint8_t *buf, size_t len)
{
	struct leg *leg = conn_state(c);
	size_t n;

	assert(leg->pending == NULL);
	n = leg->state == LEG_UP ? proxy_to_backend(c, buf, len) : 0;
	if (leg->flags & LEG_F_BROKEN)
		proxy_backend_broke(c);
	else if (n < len)
		keep(c, buf + n, len - n);
}

static void
proxy_room(struct conn *c)
{
	proxy_from_backend(c);
}

static void
proxy_recheck(struct conn *c)
{
	struct leg *leg = conn_state(c);

	if (leg->flags & LEG_F_DOUBT) {
		leg->flags |= LEG_F_READABLE;
		proxy_from_backend(c);
	}
	if (leg->flags & LEG_F_LOST)
		proxy_deliver(c);
}

/* Only now: most connections are over before their backend is ever silent. */
static void
proxy_rest(struct conn *c)
{
	const struct leg *leg = conn_state(c);

	if (leg->state == LEG_UP && !addr_is_unix(&proxy_backend(c)->addr))
		(void)keepalive_set(leg->fd,
		    conn_listener(c)->conf->backend_keepalive);
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
		proxy_from_backend(c);
	if (leg->flags & LEG_F_LOST)
		proxy_deliver(c);
	conn_leave(c);
}

size_t
proxy_to_backend(struct conn *c, const uint8_t *buf, size_t len)
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
	leg->flags |= LEG_F_SENT | LEG_F_ASKED;
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

/* Keep what the backend does not take, and stop the client. */
static void
keep(struct conn *c, const uint8_t *buf, size_t len)
{
	struct leg *leg = conn_state(c);
	struct leg_pending *p;

	if (leg->state == LEG_FAILED || leg->state == LEG_NONE)
		return; /* early data for a backend that is over */
	if ((p = malloc(sizeof(*p) + len)) == NULL) {
		leg->flags |= LEG_F_CUT;
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
	size_t n;

	n = proxy_to_backend(c, p->data + p->pos, p->len - p->pos);
	if (leg->flags & LEG_F_BROKEN) {
		proxy_backend_broke(c);
		return;
	}
	if (n > 0)
		conn_progress(c);
	p->pos += n;
	if (p->pos == p->len)
		proxy_drop_pending(c);
}

/* Pass on what the backend has sent, as far as the client takes it. */
void
proxy_from_backend(struct conn *c)
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
		if (n > 0) {
			leg->flags &= ~LEG_F_ASKED;
			(void)conn_write(c, buf, (size_t)n);
			if (conn_wasted(c))
				conn_close(c, CLOSE_CLIENT_ABORT);
		}
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
		proxy_end_from_backend(c);
	} else if (n > 0) {
		leg->flags |= LEG_F_DOUBT;
		conn_recheck(c);
	} else if (error != EAGAIN && error != EWOULDBLOCK) {
		conn_set_error(c, "%s", strerror(error));
		proxy_leg_close(c);
		conn_abort(c, CLOSE_BACKEND_ABORT);
	}
}
