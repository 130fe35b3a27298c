/* SPDX-License-Identifier: ISC */
/* The parts of a worker process. */
#ifndef WORKER_WORKER_INT_H
#define WORKER_WORKER_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "conn/conn.h"
#include "worker/heritage.h"

/* A socket that this worker accepts from, or may have to. */
struct accept_socket {
	struct acceptor *acceptor;
	const struct listener *listener;
	struct event event;
	unsigned owner; /* worker number that its queue belongs to */
	bool shared;
	bool on; /* ours at present: own, shared or covered */
	bool closed;
};

/* accept.c: all sockets of the worker. */
struct acceptor {
	struct conn_hub *hub;
	struct accept_socket *sockets;
	size_t nsockets;
	size_t limit; /* of connections */
	const char *full; /* why no more than these */
	bool open;   /* neither before the start nor in a drain */
	bool paused; /* no descriptors, or too many connections */
	int64_t quiet_until; /* when a pause may be logged again */
	struct event retry;
	struct event leave; /* sockets whose door is shut */
	void (*closed)(void *);
	void *closed_arg;
};

/* Accepts nothing yet. 0, or -1 when memory ran out. */
int acceptor_init(struct acceptor *, struct event_base *, struct conn_hub *,
    const struct heritage *);
void acceptor_open(struct acceptor *);
/* Serve the queue of another worker, too, or no longer. */
void acceptor_cover(struct acceptor *, unsigned worker, bool on);
/* A connection is gone: there may be room again. */
void acceptor_room(struct acceptor *);
/* Shut the doors of all sockets (base/door.h), for want of a master. */
void acceptor_shut(struct acceptor *);
/*
 * Take what is queued, then accept no more; the last call. Sockets whose door
 * is shut are looked after until those have come who had begun to (soon: those
 * who are nearby), and until there was room for all. When the last one is
 * closed, maybe before this returns, closed(arg) is called.
 */
void acceptor_close(struct acceptor *, bool soon, void (*closed)(void *),
    void *arg);

/* The worker itself: worker.c. */
struct worker {
	const struct heritage *heritage;
	struct event_base *base;
	struct conn_hub *hub;
	struct acceptor acceptor;
	struct event control;
	struct event stop;
	struct event deadline;
	struct event expire;
	struct event beat; /* the master sees that we run */
	bool draining;
	bool drained; /* accepts no more, and ends with its last connection */
};

/* Accept no more, finish what is there, exit when it is gone. */
void worker_drain(struct worker *);
/* The same when the master is dead. */
void worker_orphan(struct worker *);

/*
 * control.c: orders of the master. 0 when it knows that we are ready, or -1
 * and errno.
 */
int control_init(struct worker *);
/* To a master that may be gone. */
void control_tell(const struct heritage *, enum control_type);
/* In place of control_init(): why there will be no worker. */
void control_failed(const struct heritage *, const char *why);

/* worker.c: a worker's signal handlers. */
void worker_signals(void);
/* To the rights that the configuration leaves. 0, or -1 with the error text. */
int worker_become(const struct heritage *, struct err *);

/* sessions.c: wipe what has expired, if that is this worker's task. */
int sessions_expire_init(struct worker *);

#endif
