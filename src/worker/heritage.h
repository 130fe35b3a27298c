/* SPDX-License-Identifier: ISC */
/*
 * All that crosses the fork from the master to a worker. What is not in here
 * a worker does not have.
 */
#ifndef WORKER_HERITAGE_H
#define WORKER_HERITAGE_H

#include <stdbool.h>
#include <stddef.h>

#include <sys/types.h>

#include "conf/conf.h"
#include "conn/conn.h"
#include "priv/priv.h"
#include "stats/scoreboard.h"

/*
 * The sockets of one address. With SO_REUSEPORT there is one per worker (or
 * more, when there once were more workers): socket k belongs to worker
 * k % workers. Otherwise there is one, which all workers share.
 */
struct heritage_socket_set {
	const struct listener *listener;
	int *fds;
	size_t nfds;
	bool shared;
};

struct heritage {
	const struct conf *conf;
	struct heritage_socket_set *sets;
	size_t nsets;
	struct listener *listeners;
	size_t nlisteners;
	struct priv_ids ids; /* whom it becomes */
	struct tlscache *sessions; /* NULL: none */
	struct slot *slot;
	unsigned worker;     /* this worker's number, from 0 */
	unsigned generation; /* counts configurations, from 1 */
	size_t connections;  /* at one time: worker_connections or less */
	bool serve;	     /* at once, without CONTROL_SERVE */
	int control_fd;	     /* this worker's end of a SOCK_SEQPACKET pair */
};

/*
 * What goes over the channel; `arg` and `text` as the type says. A worker is
 * READY before it accepts: only when all of a new generation are, the master
 * lets them SERVE. So a reload that fails has met no client.
 *
 * After an upgrade the two ends are of different versions: add at the end, and
 * when that is not enough, change the number of master/handover.h.
 */
enum control_type {
	CONTROL_READY,	 /* worker → master: set up */
	CONTROL_FAILED,	 /* worker → master: not set up, text says why */
	CONTROL_DRAINED, /* worker → master: accepts no more, after DRAIN */
	CONTROL_SERVE,	 /* master → worker: accept connections */
	CONTROL_DRAIN,	 /* … accept no more, finish, exit */
	CONTROL_COVER,	 /* … serve the queue of worker number arg, too */
	CONTROL_UNCOVER, /* … no longer */
	CONTROL_LOG,	 /* … a new log file comes with it */
};

#define CONTROL_TEXT_MAX 512
struct control_msg {
	int type;
	unsigned arg;
	char text[CONTROL_TEXT_MAX];
};

/*
 * The worker's whole life; called in the child with signals blocked, never
 * returns. The end of the channel means that the master is dead:
 * drain and exit. Exit status 0 after a drain or stop; WORKER_EXIT_SETUP when
 * it could not start (privileges, memory): CONTROL_FAILED has said why.
 */
#define WORKER_EXIT_SETUP 3
_Noreturn void worker_main(const struct heritage *);

/*
 * In a child of its own, signals blocked: move the sessions of another cache
 * to h->sessions and exit, 0 or WORKER_EXIT_SETUP, or WORKER_EXIT_MOVE when
 * not all could be moved.
 */
#define WORKER_EXIT_MOVE 4
_Noreturn void worker_move(const struct heritage *, struct tlscache *from);

#endif
