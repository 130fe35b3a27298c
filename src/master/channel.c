/* SPDX-License-Identifier: ISC */
/*
 * A worker's channel to the master, at the master's end; heritage.h says what
 * goes over it. Workers meet the network: of what one says only messages of the
 * one size and of the known types are heard, and never a descriptor.
 *
 * It is closed when the worker has closed its end, or is killed: one that lives
 * takes the end of its channel for the death of its master, and shuts the doors
 * of sockets that are everybody's.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "master/master_int.h"

/* From one worker, before others have their turn. */
#define MESSAGES 64

static int receive(struct process *, struct control_msg *);
static void hear(struct process *, const struct control_msg *);

void
process_watch(struct process *p)
{
	if (p->child.fd == -1)
		return;
	/* It has nothing to give us; one taken over might try. */
	fd_refuse(p->child.fd);
	event_assign(&p->control, p->master->base, p->child.fd,
	    EV_READ | EV_PERSIST, p->master->message, p);
	event_add(&p->control, NULL);
}

void
process_tell(struct process *p, enum control_type type, unsigned arg, int fd)
{
	struct control_msg msg;

	memset(&msg, 0, sizeof(msg));
	msg.type = (int)type;
	msg.arg = arg;
	if (p->child.fd == -1 ||
	    fd_send(p->child.fd, &msg, sizeof(msg), fd) == 0)
		return;
	/* Who has ended needs no orders; SIGCHLD says the rest. */
	if (errno != EPIPE && errno != ECONNRESET)
		log_warn("worker %u, pid %ld does not listen", p->worker,
		    (long)p->child.pid);
}

void
process_listen(struct process *p)
{
	struct control_msg msg;
	unsigned left = MESSAGES;
	int n;

	while (p->child.fd != -1) {
		if (left-- == 0)
			return;
		n = receive(p, &msg);
		if (n == 1)
			hear(p, &msg);
		else if (n == 0)
			process_hang_up(p);
		else
			return;
	}
}

/* 1; 0: there will be no more; -1: there is none now. */
static int
receive(struct process *p, struct control_msg *msg)
{
	int fd, n;

	n = fd_recv(p->child.fd, msg, sizeof(*msg), &fd);
	if (fd != -1)
		fd_discard(fd);
	if (n != -1)
		return n;
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return -1;
	if (errno == EBADMSG && p->child.alive) {
		log_errorx("worker %u, pid %ld, says what no worker says: "
		    "killed", p->worker, (long)p->child.pid);
		child_kill(&p->child);
	}
	return 0;
}

static void
hear(struct process *p, const struct control_msg *msg)
{
	if (msg->type == CONTROL_FAILED && p->failure == NULL)
		p->failure = strndup(msg->text, sizeof(msg->text));
	else if (msg->type == CONTROL_READY)
		p->ready = true;
	else if (msg->type == CONTROL_DRAINED)
		p->drained = true;
}

void
process_hang_up(struct process *p)
{
	if (p->child.fd == -1)
		return;
	event_del(&p->control);
	close(p->child.fd);
	p->child.fd = -1;
}
