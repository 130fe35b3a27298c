/* SPDX-License-Identifier: ISC */
/*
 * Accepting connections in a worker: which sockets, how many at a time, and
 * what to do when descriptors or worker_connections run out. What becomes of a
 * connection is conn/'s business.
 *
 * A worker inherits the sockets of all workers and listens to its own. When
 * the master waits with replacing another worker, the sockets of that one are
 * covered here meanwhile, so that no queue waits.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/door.h"
#include "base/fd.h"
#include "base/log.h"
#include "worker/worker_int.h"

/*
 * How long after its door is shut a socket is looked after: round trip times
 * of those who had begun to come in.
 */
#define LEAVE_AFTER_MS 500
/* … when others wait for the address: those who are nearly in. */
#define LEAVE_SOON_MS 50

/* At one wake-up; of a shared socket the other workers want some, too. */
#define BATCH_OWN 32
#define BATCH_SHARED 4

static void accept_event_cb(evutil_socket_t, short, void *);
static void retry_event_cb(evutil_socket_t, short, void *);
static bool accept_one(struct accept_socket *);
static void socket_listen(struct accept_socket *);
static void acceptor_pause(struct acceptor *, const char *);
static void take_queue(struct accept_socket *);
static bool somebody_waits(const struct accept_socket *);
static void leave_event_cb(evutil_socket_t, short, void *);
static void acceptor_end(struct acceptor *);
static void socket_close(struct accept_socket *);

/* A worker at its limit would log at every connection that ends. */
#define QUIET_US 10000000

static const struct timeval retry_after = { 0, 100000 };

int
acceptor_init(struct acceptor *a, struct event_base *base,
    struct conn_hub *hub, const struct heritage *h)
{
	const struct heritage_socket_set *set;
	struct accept_socket *s;
	size_t i, k, n;

	memset(a, 0, sizeof(*a));
	a->hub = hub;
	a->limit = h->connections;
	a->full = a->limit < h->conf->worker_connections ?
	    "the limit of open files leaves no room for more" :
	    "worker_connections are open";
	for (i = n = 0; i < h->nsets; i++)
		n += h->sets[i].nfds;
	a->sockets = calloc(n, sizeof(*a->sockets));
	if (a->sockets == NULL)
		return -1;
	evtimer_assign(&a->retry, base, retry_event_cb, a);
	evtimer_assign(&a->leave, base, leave_event_cb, a);
	for (i = 0; i < h->nsets; i++) {
		set = &h->sets[i];
		for (k = 0; k < set->nfds; k++) {
			s = &a->sockets[a->nsockets++];
			s->acceptor = a;
			s->listener = set->listener;
			s->shared = set->shared;
			s->owner = (unsigned)(k % h->conf->workers);
			s->on = set->shared || s->owner == h->worker;
			if (event_assign(&s->event, base, set->fds[k],
			    EV_READ | EV_PERSIST, accept_event_cb, s) == -1)
				return -1;
		}
	}
	return 0;
}

void
acceptor_open(struct acceptor *a)
{
	size_t i;

	a->open = true;
	for (i = 0; i < a->nsockets; i++)
		socket_listen(&a->sockets[i]);
}

void
acceptor_cover(struct acceptor *a, unsigned worker, bool on)
{
	size_t i;

	for (i = 0; i < a->nsockets; i++) {
		struct accept_socket *s = &a->sockets[i];

		if (s->shared || s->closed || s->owner != worker)
			continue;
		s->on = on;
		socket_listen(s);
	}
}

void
acceptor_room(struct acceptor *a)
{
	size_t i;

	if (!a->paused || !a->open || conn_hub_count(a->hub) >= a->limit)
		return;
	a->paused = false;
	event_del(&a->retry);
	for (i = 0; i < a->nsockets; i++)
		socket_listen(&a->sockets[i]);
}

void
acceptor_shut(struct acceptor *a)
{
	size_t i;

	for (i = 0; i < a->nsockets; i++)
		(void)door_shut(event_get_fd(&a->sockets[i].event));
}

void
acceptor_close(struct acceptor *a, bool soon, void (*closed)(void *),
    void *arg)
{
	struct timeval after = { 0, 1000 * (soon ? LEAVE_SOON_MS :
	    LEAVE_AFTER_MS) };
	struct accept_socket *s;
	bool leave = false;
	size_t i;

	a->closed = closed;
	a->closed_arg = arg;
	for (i = 0; i < a->nsockets; i++) {
		s = &a->sockets[i];
		if (s->on && a->open && door_is_shut(event_get_fd(&s->event))) {
			leave = true;
			continue;
		}
		take_queue(s);
		socket_close(s);
	}
	if (leave)
		event_add(&a->leave, &after);
	else
		acceptor_end(a);
}

/* No more than fits into the queue: clients may go on coming. */
static void
take_queue(struct accept_socket *s)
{
	const struct acceptor *a = s->acceptor;
	int left = s->listener->conf->backlog + 1;

	while (left-- > 0 && s->on && a->open && !a->paused && accept_one(s))
		continue;
}

/* Whoever was to come, has come; but there may be no room for all of them. */
static void
leave_event_cb(evutil_socket_t fd, short what, void *arg)
{
	struct acceptor *a = arg;
	bool waiting = false;
	size_t i;

	for (i = 0; i < a->nsockets; i++) {
		take_queue(&a->sockets[i]);
		waiting = waiting || somebody_waits(&a->sockets[i]);
	}
	if (waiting)
		event_add(&a->leave, &retry_after);
	else
		acceptor_end(a);
}

static bool
somebody_waits(const struct accept_socket *s)
{
	struct pollfd p = { .fd = event_get_fd(&s->event), .events = POLLIN };

	return s->on && poll(&p, 1, 0) == 1 && (p.revents & POLLIN) != 0;
}

static void
acceptor_end(struct acceptor *a)
{
	size_t i;

	a->open = false;
	event_del(&a->retry);
	for (i = 0; i < a->nsockets; i++)
		socket_close(&a->sockets[i]);
	free(a->sockets);
	a->sockets = NULL;
	a->nsockets = 0;
	a->closed(a->closed_arg);
}

static void
socket_close(struct accept_socket *s)
{
	if (s->closed)
		return;
	event_del(&s->event);
	close(event_get_fd(&s->event));
	s->closed = true;
	s->on = false;
}

/* Have the event loop watch the socket, or not, as the state says. */
static void
socket_listen(struct accept_socket *s)
{
	if (s->closed)
		return;
	if (s->on && s->acceptor->open && !s->acceptor->paused)
		event_add(&s->event, NULL);
	else
		event_del(&s->event);
}

static void
accept_event_cb(evutil_socket_t fd, short what, void *arg)
{
	struct accept_socket *s = arg;
	int left = s->shared ? BATCH_SHARED : BATCH_OWN;

	while (left-- > 0 && !s->acceptor->paused && accept_one(s))
		continue;
}

/* False: there is nothing to accept, or no room for it. */
static bool
accept_one(struct accept_socket *s)
{
	struct acceptor *a = s->acceptor;
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int fd;

	if (conn_hub_count(a->hub) >= a->limit) {
		acceptor_pause(a, a->full);
		return false;
	}
	fd = fd_accept(event_get_fd(&s->event), (struct sockaddr *)&ss, &len);
	if (fd != -1) {
		(void)conn_new(a->hub, s->listener, fd,
		    (struct sockaddr *)&ss, len);
		return true;
	}
	switch (errno) {
	case EAGAIN:
#if EAGAIN != EWOULDBLOCK
	case EWOULDBLOCK:
#endif
		return false;
	case ECONNABORTED:
	case EINTR:
	case EPERM:
	case EPROTO:
	case ENETDOWN:
	case ENETUNREACH:
	case EHOSTDOWN:
	case EHOSTUNREACH:
	case ETIMEDOUT:
		/* This one connection's: it was over before we took it. */
		return true;
	default:
		acceptor_pause(a, strerror(errno));
		return false;
	}
}

/*
 * Not being able to accept leaves the sockets readable: stop watching them,
 * or the loop would spin.
 */
static void
acceptor_pause(struct acceptor *a, const char *why)
{
	size_t i;

	a->paused = true;
	slot_add(conn_hub_slot(a->hub), METRIC_ACCEPT_PAUSED, 1);
	if (clock_mono_us() >= a->quiet_until) {
		log_warnx("accepting paused with %zu connections: %s",
		    conn_hub_count(a->hub), why);
		a->quiet_until = clock_mono_us() + QUIET_US;
	}
	for (i = 0; i < a->nsockets; i++)
		socket_listen(&a->sockets[i]);
	event_add(&a->retry, &retry_after);
}

static void
retry_event_cb(evutil_socket_t fd, short what, void *arg)
{
	struct acceptor *a = arg;

	if (conn_hub_count(a->hub) >= a->limit)
		event_add(&a->retry, &retry_after);
	else
		acceptor_room(a);
}
