/* SPDX-License-Identifier: ISC */
/*
 * A socket and its bytes; see wire.h. Any process.
 *
 * It has one event. To be told of room as well, the event is taken out and put
 * in again, when output has to wait for the first time: what had come meanwhile
 * is reported again then, so that no edge is lost.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "base/wire.h"

static bool is_pending(const struct wire *);
static void assign_out(struct wire *);
static int watch_out(struct wire *);
static size_t nothing(struct wire *, ssize_t);
static void no_delay(struct wire *);
static void broken(struct wire *);
static void move_up(struct wire_out *);

void
wire_init(struct wire *w)
{
	memset(w, 0, sizeof(*w));
	w->fd = -1;
}

void
wire_open(struct wire *w, int fd, bool nodelay, struct event_base *base,
    event_callback_fn cb, void *arg)
{
	short what = EV_READ | EV_ET | EV_PERSIST;

	debug_assert(w->fd == -1 && fd >= 0);
	debug_assert(!is_pending(w));
	w->fd = fd;
	w->error = 0;
	w->flags = nodelay ? WIRE_NODELAY : 0;
	if (event_base_get_features(base) & EV_FEATURE_EARLY_CLOSE) {
		w->flags |= WIRE_TELLS_END;
		what |= EV_CLOSED;
	}
	event_assign(&w->ev, base, fd, what, cb, arg);
}

int
wire_watch(struct wire *w, bool room, const struct timeval *timeout)
{
	debug_assert(w->fd != -1 && !is_pending(w));
	if ((room || w->out != NULL) && !(w->flags & WIRE_WATCH_OUT))
		assign_out(w);
	w->flags &= ~WIRE_DOUBT;
	if (event_add(&w->ev, timeout) == 0)
		return 0;
	errno = ENOMEM;
	return -1;
}

/* libevent loses its way in one that is assigned again meanwhile. */
static bool
is_pending(const struct wire *w)
{
	return event_initialized(&w->ev) && event_pending(&w->ev,
	    EV_READ | EV_WRITE | EV_CLOSED | EV_TIMEOUT, NULL);
}

/* The event must not be pending. */
static void
assign_out(struct wire *w)
{
	struct event *ev = &w->ev;

	event_assign(ev, event_get_base(ev), w->fd,
	    (short)(event_get_events(ev) | EV_WRITE), event_get_callback(ev),
	    event_get_callback_arg(ev));
	w->flags |= WIRE_WATCH_OUT;
}

int
wire_wait(struct wire *w, struct event_base *base, const struct timeval *tv,
    event_callback_fn cb, void *arg)
{
	debug_assert(w->fd == -1 && !is_pending(w));
	evtimer_assign(&w->ev, base, cb, arg);
	if (event_add(&w->ev, tv) == 0)
		return 0;
	errno = ENOMEM;
	return -1;
}

void
wire_close(struct wire *w)
{
	if (event_initialized(&w->ev))
		event_del(&w->ev);
	if (w->fd == -1)
		return;
	close(w->fd);
	w->fd = -1;
	w->flags &= ~(WIRE_READABLE | WIRE_DOUBT | WIRE_WATCH_OUT);
}

void
wire_look_again(struct wire *w)
{
	if (w->flags & WIRE_DOUBT)
		w->flags |= WIRE_READABLE;
	w->flags &= ~WIRE_DOUBT;
}

size_t
wire_read(struct wire *w, void *buf, size_t size)
{
	ssize_t n;

	debug_assert(size > 0);
	if (!(w->flags & WIRE_READABLE))
		return 0;
	debug_assert(w->fd != -1);
	do
		n = recv(w->fd, buf, size, 0);
	while (n == -1 && errno == EINTR);
	w->flags &= ~WIRE_DOUBT;
	if (n <= 0)
		return nothing(w, n);
	if (n == (ssize_t)size ||
	    (w->flags & (WIRE_FIN | WIRE_EXACT)) == (WIRE_FIN | WIRE_EXACT))
		return (size_t)n;
	if (w->flags & WIRE_FIN)
		w->flags |= WIRE_EOF;
	else if (w->flags & WIRE_TELLS_END)
		w->flags |= WIRE_DOUBT;
	else
		return (size_t)n; /* only another read will tell */
	w->flags &= ~WIRE_READABLE;
	return (size_t)n;
}

/* The kernel has no more: for now, or for ever. */
static size_t
nothing(struct wire *w, ssize_t n)
{
	w->flags &= ~WIRE_READABLE;
	if (n == 0) {
		w->flags |= WIRE_EOF;
	} else if (errno != EAGAIN && errno != EWOULDBLOCK) {
		w->flags |= WIRE_EOF | WIRE_RESET;
		w->error = (uint16_t)errno;
	}
	return 0;
}

/* A short send is the kernel's word for "no more until the next edge". */
size_t
wire_send(struct wire *w, const void *buf, size_t len, bool more)
{
	int flags = more ? MSG_NOSIGNAL | MSG_MORE : MSG_NOSIGNAL;
	ssize_t n;

	debug_assert(w->fd != -1);
	/* Nothing overtakes what waits. */
	debug_assert(w->out == NULL || buf == w->out->data + w->out->pos);
	if (w->flags & WIRE_BROKEN)
		return 0;
	if ((w->flags & (WIRE_SENT | WIRE_NODELAY)) == WIRE_SENT)
		no_delay(w);
	do
		n = send(w->fd, buf, len, flags);
	while (n == -1 && errno == EINTR);
	if (n == -1) {
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			broken(w);
		return 0;
	}
	w->flags = (w->flags & ~WIRE_DOUBT) | WIRE_SENT;
	return (size_t)n;
}

/* Nagle's algorithm holds back a small second segment, never the first. */
static void
no_delay(struct wire *w)
{
	int on = 1;

	w->flags |= WIRE_NODELAY;
	(void)setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

/* The other side is gone, but what it sent before may still be there. */
static void
broken(struct wire *w)
{
	w->error = (uint16_t)errno;
	w->flags |= WIRE_BROKEN;
	if (!(w->flags & WIRE_EOF))
		w->flags |= WIRE_READABLE;
}

int
wire_keep(struct wire *w, const void *buf, size_t len)
{
	struct wire_out *out = w->out;
	size_t have, size;

	debug_assert(out == NULL ||
	    (out->pos <= out->len && out->len <= out->size));
	if (out != NULL && out->len + len > out->size)
		move_up(out);
	have = out != NULL ? out->len : 0;
	size = out != NULL ? out->size : 0;
	if (out == NULL || have + len > size) {
		size = have + len > 2 * size ? have + len : 2 * size;
		if ((out = realloc(w->out, sizeof(*out) + size)) == NULL)
			return -1;
		if (w->out == NULL)
			out->pos = 0;
		out->size = size;
		w->out = out;
	}
	memcpy(out->data + have, buf, len);
	out->len = have + len;
	return watch_out(w);
}

/*
 * A peer that always leaves some of it would make it grow for ever. Half of it
 * must be free, or this would be done all the time.
 */
static void
move_up(struct wire_out *out)
{
	if (out->pos < out->len - out->pos)
		return;
	memmove(out->data, out->data + out->pos, out->len - out->pos);
	out->len -= out->pos;
	out->pos = 0;
}

/* A socket that is not watched yet will be for that, too. */
static int
watch_out(struct wire *w)
{
	if (w->fd == -1 || w->flags & WIRE_WATCH_OUT ||
	    !event_pending(&w->ev, EV_READ, NULL))
		return 0;
	event_del(&w->ev);
	assign_out(w);
	return event_add(&w->ev, NULL);
}

size_t
wire_flush(struct wire *w, bool more)
{
	struct wire_out *out = w->out;
	size_t n;

	if (out == NULL)
		return 0;
	n = wire_send(w, out->data + out->pos, out->len - out->pos, more);
	out->pos += n;
	if (out->pos == out->len || w->flags & WIRE_BROKEN)
		wire_drop(w);
	return n;
}

void
wire_drop(struct wire *w)
{
	free(w->out);
	w->out = NULL;
}

void
wire_shut(struct wire *w)
{
	debug_assert(w->fd != -1);
	if (w->flags & WIRE_SHUT)
		return;
	w->flags |= WIRE_SHUT;
	(void)shutdown(w->fd, SHUT_WR);
}

void
wire_reset(struct wire *w)
{
	static const struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	debug_assert(w->fd != -1);
	(void)setsockopt(w->fd, SOL_SOCKET, SO_LINGER, &linger,
	    sizeof(linger));
}
