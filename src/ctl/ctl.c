/* SPDX-License-Identifier: ISC */
/*
 * The connections of the control socket. Runs in the master; who may connect
 * is decided by the file mode of the socket, and nothing here trusts them any
 * further than that: a client costs its own slot until its deadline.
 *
 * The socket itself is socket.c's, requests and answers are answer.c's.
 */
#include "config.h"

#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "ctl/ctl.h"
#include "ctl/ctl_int.h"
#include "ctl/protocol.h"

struct ctl_client {
	LIST_ENTRY(ctl_client) entry;
	struct ctl *ctl;
	int fd;
	bool root, master; /* who has connected */
	enum ctl_order waits; /* for this one's verdict; or …_COUNT */
	bool begun;
	struct event *readable;
	struct event *writable;
	struct event *deadline;
	char request[CTL_REQUEST_MAX];
	size_t have;
	char *answer;
	size_t sent; /* the answer's bytes before this one are gone */
	size_t len;
};

struct ctl {
	LIST_HEAD(, ctl_client) clients;
	size_t nclients;
	size_t max;
	struct timeval deadline;
	struct event_base *base;
	struct event *listener;
	struct event *resume; /* accepting, after a failure */
	bool failing;
	int fd;
	char *path;
	dev_t dev; /* of the path, so that we remove no other's */
	ino_t ino;
	ctl_view_cb *view;
	ctl_order_cb *order;
	void *arg;
};

static struct ctl *ctl_alloc(struct event_base *, const struct ctl_options *,
    ctl_view_cb *, void *);
static int listener_open(struct ctl *, const struct ctl_options *,
    struct err *);
static void listener_close(struct ctl *);
static bool path_is_ours(const struct ctl *);
static void listener_ready_cb(evutil_socket_t, short, void *);
static void listener_resume_cb(evutil_socket_t, short, void *);
static struct ctl_client *first_to_go(const struct ctl *);
static void note_peer(struct ctl_client *);
static int client_new(struct ctl *, int);
static void client_free(struct ctl_client *);
static char *client_order(struct ctl_client *, enum ctl_order);
static void client_verdict(struct ctl_client *, bool, const char *);
static void client_readable_cb(evutil_socket_t, short, void *);
static void client_writable_cb(evutil_socket_t, short, void *);
static void client_deadline_cb(evutil_socket_t, short, void *);

struct ctl *
ctl_new(struct event_base *base, const struct ctl_options *opts,
    ctl_view_cb *view, void *arg, struct err *err)
{
	struct ctl *ctl;

	ctl = ctl_alloc(base, opts, view, arg);
	if (ctl->resume == NULL)
		err_set(err, NULL, "control socket: out of memory");
	else if (listener_open(ctl, opts, err) == 0)
		return ctl;
	ctl_free(ctl);
	return NULL;
}

struct ctl *
ctl_adopt(struct event_base *base, const struct ctl_handed *handed,
    ctl_view_cb *view, void *arg, struct err *err)
{
	static const struct ctl_options defaults;
	struct ctl *ctl;

	ctl = ctl_alloc(base, &defaults, view, arg);
	ctl->listener = event_new(base, handed->fd, EV_READ | EV_PERSIST,
	    listener_ready_cb, ctl);
	if (ctl->resume == NULL || ctl->listener == NULL ||
	    event_add(ctl->listener, NULL) == -1) {
		if (ctl->listener != NULL)
			event_free(ctl->listener);
		ctl_free(ctl);
		err_set(err, NULL, "control socket: out of memory");
		return NULL;
	}
	ctl->fd = handed->fd;
	ctl->path = xstrdup(handed->path);
	ctl->dev = (dev_t)handed->dev;
	ctl->ino = (ino_t)handed->ino;
	return ctl;
}

static struct ctl *
ctl_alloc(struct event_base *base, const struct ctl_options *opts,
    ctl_view_cb *view, void *arg)
{
	struct ctl *ctl;
	int64_t ms;

	debug_assert(view != NULL);
	ctl = xcalloc(1, sizeof(*ctl));
	LIST_INIT(&ctl->clients);
	ctl->base = base;
	ctl->view = view;
	ctl->arg = arg;
	ctl->fd = -1;
	ctl->max = opts->clients != 0 ? opts->clients : CTL_CLIENTS;
	ms = opts->deadline != 0 ? opts->deadline : CTL_DEADLINE;
	ctl->deadline.tv_sec = (time_t)(ms / 1000);
	ctl->deadline.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	ctl->resume = evtimer_new(base, listener_resume_cb, ctl);
	return ctl;
}

void
ctl_hand_on(const struct ctl *ctl, struct ctl_handed *handed)
{
	handed->fd = ctl->fd;
	handed->path = ctl->path;
	handed->dev = (uint64_t)ctl->dev;
	handed->ino = (uint64_t)ctl->ino;
}

int
ctl_change(struct ctl *ctl, const struct ctl_options *opts, struct err *err)
{
	debug_assert(ctl->fd != -1 && opts->path != NULL);
	if (strcmp(ctl->path, opts->path) != 0)
		return listener_open(ctl, opts, err);
	if (path_is_ours(ctl) && chmod(ctl->path, (mode_t)opts->mode) == 0)
		return 0;
	return err_set(err, opts->loc, "control_socket: %s: %s", opts->path,
	    path_is_ours(ctl) ? strerror(errno) : "is no longer there");
}

void
ctl_free(struct ctl *ctl)
{
	if (ctl == NULL)
		return;
	while (!LIST_EMPTY(&ctl->clients))
		client_free(LIST_FIRST(&ctl->clients));
	listener_close(ctl);
	if (ctl->resume != NULL)
		event_free(ctl->resume);
	free(ctl);
}

void
ctl_forget(const struct ctl *ctl)
{
	const struct ctl_client *c;

	if (ctl == NULL)
		return;
	LIST_FOREACH(c, &ctl->clients, entry)
		close(c->fd);
	close(ctl->fd);
}

/* Listen on another socket, and only then no longer on the one before. */
static int
listener_open(struct ctl *ctl, const struct ctl_options *opts,
    struct err *err)
{
	struct event *listener;
	struct stat st;
	int fd;

	if ((fd = ctl_socket(opts, err)) == -1)
		return -1;
	listener = event_new(ctl->base, fd, EV_READ | EV_PERSIST,
	    listener_ready_cb, ctl);
	if (listener == NULL || lstat(opts->path, &st) == -1 ||
	    event_add(listener, NULL) == -1) {
		if (listener != NULL)
			event_free(listener);
		unlink(opts->path);
		close(fd);
		return err_set(err, opts->loc,
		    "control_socket: %s cannot be served", opts->path);
	}
	listener_close(ctl);
	ctl->fd = fd;
	ctl->listener = listener;
	ctl->path = xstrdup(opts->path);
	ctl->dev = st.st_dev;
	ctl->ino = st.st_ino;
	return 0;
}

static void
listener_close(struct ctl *ctl)
{
	if (ctl->fd == -1)
		return;
	event_free(ctl->listener);
	if (path_is_ours(ctl))
		unlink(ctl->path);
	close(ctl->fd);
	ctl->fd = -1;
	free(ctl->path);
}

static bool
path_is_ours(const struct ctl *ctl)
{
	struct stat st;

	return lstat(ctl->path, &st) == 0 && st.st_dev == ctl->dev &&
	    st.st_ino == ctl->ino;
}

static void
listener_ready_cb(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval pause = { .tv_sec = 1 };
	struct ctl *ctl;
	int client;

	ctl = arg;
	client = fd_accept(fd, NULL, NULL);
	if (client == -1 && (errno == EAGAIN || errno == EWOULDBLOCK ||
	    errno == EINTR || errno == ECONNABORTED))
		return;
	if (client != -1 && client_new(ctl, client) == 0) {
		ctl->failing = false;
		if (ctl->nclients > ctl->max)
			client_free(first_to_go(ctl));
		return;
	}
	/* Said once, and tried again later: the loop must not spin. */
	if (!ctl->failing)
		log_warn("control socket: a connection was not accepted");
	ctl->failing = true;
	if (client != -1)
		close(client);
	event_del(ctl->listener);
	evtimer_add(ctl->resume, &pause);
}

static void
listener_resume_cb(evutil_socket_t fd, short what, void *arg)
{
	struct ctl *ctl;

	ctl = arg;
	event_add(ctl->listener, NULL);
}

/*
 * There is one too many: those who hold their place and say nothing must not
 * keep others out, and nobody keeps root out. Of the silent ones the oldest,
 * which has had the most time; the newest is never it, unless root has all the
 * other places.
 */
static struct ctl_client *
first_to_go(const struct ctl *ctl)
{
	struct ctl_client *c, *found = NULL;
	int rank, highest = -1;

	/* The newest one is at the head. */
	LIST_FOREACH(c, &ctl->clients, entry) {
		rank = (c->root ? 0 : 2) + (c->answer == NULL &&
		    c->waits == CTL_ORDER_COUNT ? 1 : 0);
		if (c == LIST_FIRST(&ctl->clients))
			rank = c->root ? -1 : 2;
		if (rank >= highest) {
			found = c;
			highest = rank;
		}
	}
	return found;
}

static void
note_peer(struct ctl_client *c)
{
#ifdef SO_PEERCRED
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == -1)
		return;
	c->root = peer.uid == 0;
	c->master = c->root || peer.uid == geteuid();
#endif
}

static int
client_new(struct ctl *ctl, int fd)
{
	struct ctl_client *c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return -1;
	c->ctl = ctl;
	c->fd = fd;
	c->waits = CTL_ORDER_COUNT;
	note_peer(c);
	c->readable = event_new(ctl->base, fd, EV_READ | EV_PERSIST,
	    client_readable_cb, c);
	c->writable = event_new(ctl->base, fd, EV_WRITE | EV_PERSIST,
	    client_writable_cb, c);
	c->deadline = evtimer_new(ctl->base, client_deadline_cb, c);
	LIST_INSERT_HEAD(&ctl->clients, c, entry);
	ctl->nclients++;
	if (c->readable == NULL || c->writable == NULL ||
	    c->deadline == NULL || event_add(c->readable, NULL) == -1 ||
	    evtimer_add(c->deadline, &ctl->deadline) == -1) {
		c->fd = -1;
		client_free(c);
		errno = ENOMEM;
		return -1;
	}
	return 0;
}

static void
client_free(struct ctl_client *c)
{
	debug_assert(c->ctl->nclients > 0);
	LIST_REMOVE(c, entry);
	c->ctl->nclients--;
	if (c->readable != NULL)
		event_free(c->readable);
	if (c->writable != NULL)
		event_free(c->writable);
	if (c->deadline != NULL)
		event_free(c->deadline);
	if (c->fd != -1) {
		/* A child may have a copy, and the client waits for the end. */
		(void)shutdown(c->fd, SHUT_RDWR);
		close(c->fd);
	}
	free(c->answer);
	free(c);
}

/* Who waits for a verdict has no deadline: each verdict comes. */
static char *
client_order(struct ctl_client *c, enum ctl_order order)
{
	const char *text;

	if (!c->master)
		return ctl_answer_text(CTL_FAILED, "only root and the user "
		    "of the master may give orders", &c->len);
	text = "this server takes no orders";
	if (c->ctl->order != NULL)
		text = c->ctl->order(c->ctl->arg, order);
	if (text != NULL)
		return ctl_answer_text(CTL_FAILED, text, &c->len);
	if ((text = ctl_order_text(order)) != NULL)
		return ctl_answer_text(CTL_DONE, text, &c->len);
	event_del(c->deadline);
	c->waits = order;
	return NULL;
}

void
ctl_take_orders(struct ctl *ctl, ctl_order_cb *order)
{
	ctl->order = order;
}

void
ctl_order_begun(struct ctl *ctl, enum ctl_order order)
{
	struct ctl_client *c;

	debug_assert(order < CTL_ORDER_COUNT);
	if (ctl == NULL)
		return;
	LIST_FOREACH(c, &ctl->clients, entry)
		if (c->waits == order)
			c->begun = true;
}

/* At once: the socket may be closed before the loop goes on. */
void
ctl_order_verdict(struct ctl *ctl, enum ctl_order order, bool done,
    const char *text)
{
	struct ctl_client *c, *next;

	debug_assert(order < CTL_ORDER_COUNT);
	debug_assert(!done || text[strlen(text) - 1] == '\n');
	if (ctl == NULL)
		return;
	for (c = LIST_FIRST(&ctl->clients); c != NULL; c = next) {
		next = LIST_NEXT(c, entry);
		if (c->waits == order && c->begun)
			client_verdict(c, done, text);
	}
}

void
ctl_orders_over(struct ctl *ctl, const char *text)
{
	struct ctl_client *c, *next;

	if (ctl == NULL)
		return;
	for (c = LIST_FIRST(&ctl->clients); c != NULL; c = next) {
		next = LIST_NEXT(c, entry);
		if (c->waits != CTL_ORDER_COUNT)
			client_verdict(c, false, text);
	}
}

/* It may be freed by that. */
static void
client_verdict(struct ctl_client *c, bool done, const char *text)
{
	c->waits = CTL_ORDER_COUNT;
	c->answer = ctl_answer_text(done ? CTL_DONE : CTL_FAILED, text,
	    &c->len);
	if (c->answer == NULL || event_add(c->writable, NULL) == -1 ||
	    evtimer_add(c->deadline, &c->ctl->deadline) == -1)
		client_free(c);
	else
		client_writable_cb(c->fd, EV_WRITE, c);
}

static void
client_readable_cb(evutil_socket_t fd, short what, void *arg)
{
	struct ctl_client *c;
	enum ctl_order order;
	ssize_t n;

	c = arg;
	n = recv(fd, c->request + c->have, sizeof(c->request) - c->have, 0);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		client_free(c);
		return;
	}
	c->have += (size_t)n;
	if (c->have < sizeof(c->request) &&
	    memchr(c->request, '\n', c->have) == NULL)
		return;
	event_del(c->readable);
	order = ctl_order_find(c->request, c->have);
	if (order == CTL_ORDER_COUNT)
		c->answer = ctl_answer(c->request, c->have, c->ctl->view,
		    c->ctl->arg, &c->sent, &c->len);
	else
		c->answer = client_order(c, order);
	if (c->waits != CTL_ORDER_COUNT)
		return;
	if (c->answer == NULL || event_add(c->writable, NULL) == -1)
		client_free(c);
}

static void
client_writable_cb(evutil_socket_t fd, short what, void *arg)
{
	struct ctl_client *c;
	ssize_t n;

	c = arg;
	debug_assert(c->answer != NULL && c->sent < c->len);
	n = send(fd, c->answer + c->sent, c->len - c->sent, MSG_NOSIGNAL);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == -1 || (c->sent += (size_t)n) == c->len)
		client_free(c);
}

static void
client_deadline_cb(evutil_socket_t fd, short what, void *arg)
{
	client_free(arg);
}
