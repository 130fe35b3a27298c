/* SPDX-License-Identifier: ISC */
/*
 * Orders of the master, over the worker's end of the channel. Its end
 * means that the master is dead: nobody would replace this worker or tell it
 * to stop, so it finishes its connections and exits.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "worker/worker_int.h"

static int tell(const struct heritage *, enum control_type);
static void control_event_cb(evutil_socket_t, short, void *);
static void obey(struct worker *, const struct control_msg *, int);

int
control_init(struct worker *w)
{
	if (event_assign(&w->control, w->base, w->heritage->control_fd,
	    EV_READ | EV_PERSIST, control_event_cb, w) == -1 ||
	    event_add(&w->control, NULL) == -1)
		return -1;
	return tell(w->heritage, CONTROL_READY);
}

void
control_tell(const struct heritage *h, enum control_type type)
{
	(void)tell(h, type);
}

static int
tell(const struct heritage *h, enum control_type type)
{
	struct control_msg msg;

	memset(&msg, 0, sizeof(msg));
	msg.type = (int)type;
	return fd_send(h->control_fd, &msg, sizeof(msg), -1);
}

void
control_failed(const struct heritage *h, const char *why)
{
	struct control_msg msg;

	memset(&msg, 0, sizeof(msg));
	msg.type = CONTROL_FAILED;
	snprintf(msg.text, sizeof(msg.text), "%s", why);
	if (fd_send(h->control_fd, &msg, sizeof(msg), -1) == -1)
		log_errorx("%s", why);
}

static void
control_event_cb(evutil_socket_t sock, short what, void *arg)
{
	struct worker *w = arg;
	struct control_msg msg;
	int fd, n;

	while ((n = fd_recv(sock, &msg, sizeof(msg), &fd)) == 1)
		obey(w, &msg, fd);
	if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return;
	if (n == -1 && errno == EBADMSG) {
		log_warnx("an order of the master has a size that is not "
		    "known: ignored");
		return;
	}
	event_del(&w->control);
	log_errorx("the master is gone: finishing");
	worker_orphan(w);
}

/* fd is ours to close or keep; -1: none came. */
static void
obey(struct worker *w, const struct control_msg *msg, int fd)
{
	switch (msg->type) {
	case CONTROL_SERVE:
		if (!w->draining)
			acceptor_open(&w->acceptor);
		break;
	case CONTROL_DRAIN:
		worker_drain(w);
		break;
	case CONTROL_COVER:
	case CONTROL_UNCOVER:
		acceptor_cover(&w->acceptor, msg->arg,
		    msg->type == CONTROL_COVER);
		break;
	case CONTROL_LOG:
		if (fd == -1)
			break;
		log_adopt_fd(fd);
		return;
	default:
		log_warnx("order %d of the master is not known", msg->type);
		break;
	}
	if (fd != -1)
		close(fd);
}
