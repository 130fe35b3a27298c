/* SPDX-License-Identifier: ISC */
/*
 * Who has connected to the control socket. Runs in the master; who may connect
 * is decided by the file mode of the socket, and nothing here trusts them any
 * further than that: a client costs its own slot until its deadline.
 */
#include "config.h"

#include <sys/queue.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "ctl/ctl.h"
#include "ctl/ctl_int.h"
#include "ctl/protocol.h"

static void note_peer(struct ctl_client *);
static char *client_order(struct ctl_client *, enum ctl_order);
static void client_verdict(struct ctl_client *, bool, const char *);
static void client_readable_cb(evutil_socket_t, short, void *);
static void client_writable_cb(evutil_socket_t, short, void *);
static void client_deadline_cb(evutil_socket_t, short, void *);

/*
 * There is one too many: those who hold their place and say nothing must not
 * keep others out, and nobody keeps root out. Of the silent ones the oldest,
 * which has had the most time; the newest is never it, unless root has all the
 * other places.
 */
struct ctl_client *
ctl_client_first_to_go(const struct ctl *ctl)
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

int
ctl_client_new(struct ctl *ctl, int fd)
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
		ctl_client_free(c);
		errno = ENOMEM;
		return -1;
	}
	return 0;
}

void
ctl_client_free(struct ctl_client *c)
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
	debug_assert(!done || *text == '\0' || text[strlen(text) - 1] == '\n');
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
		ctl_client_free(c);
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
		ctl_client_free(c);
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
		ctl_client_free(c);
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
		ctl_client_free(c);
}

static void
client_deadline_cb(evutil_socket_t fd, short what, void *arg)
{
	ctl_client_free(arg);
}
