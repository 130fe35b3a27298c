/* SPDX-License-Identifier: ISC */
/*
 * The control socket of the master: it listens, is handed on, and accepts. The
 * socket itself is socket.c's, those who connect are client.c's, requests and
 * answers are answer.c's.
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

static struct ctl *ctl_alloc(struct event_base *, const struct ctl_options *,
    ctl_view_cb *, void *);
static int listener_open(struct ctl *, const struct ctl_options *,
    struct err *);
static void listener_close(struct ctl *);
static bool path_is_ours(const struct ctl *);
static void listener_ready_cb(evutil_socket_t, short, void *);
static void listener_resume_cb(evutil_socket_t, short, void *);

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
		ctl_client_free(LIST_FIRST(&ctl->clients));
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
	if (client != -1 && ctl_client_new(ctl, client) == 0) {
		ctl->failing = false;
		if (ctl->nclients > ctl->max)
			ctl_client_free(ctl_client_first_to_go(ctl));
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
