/* SPDX-License-Identifier: ISC */
/*
 * The children of a process: rows of one table, whatever they are for. Their
 * kinds differ in what they do, in what is done when they end, and in what they
 * keep of ours; how they are made, reaped and killed is the same for all.
 */
#ifndef BASE_CHILD_H
#define BASE_CHILD_H

#include <sys/queue.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

/* It writes to a pipe that we read (non-blocking). */
#define CHILD_F_OUTPUT 0x1
/* It has nothing open but the standard streams and, at CHILD_FD, the pipe. */
#define CHILD_F_BARE 0x2
/* With the children of its own: a signal is for all of them. */
#define CHILD_F_GROUP 0x4
#define CHILD_FD 3

/* The functions may be NULL, but for run. */
struct child_kind {
	const char *title; /* what ps shows; NULL: ours, or it sets its own */
	unsigned flags;
	int64_t within_s; /* it is killed after that; 0: never */
	/*
	 * In the child: no signal is handled or ignored, but all are held
	 * back. output is its end of the pipe, or -1. Need not return.
	 */
	void (*run)(void *how, int output);
	/* It has ended: status as waitpid(2) has it. */
	void (*exited)(void *arg, int status);
	/* Its time is over: it is about to be killed. */
	void (*overdue)(void *arg);
};

/* In the memory of its owner; all zero before it is started. */
struct child {
	LIST_ENTRY(child) entry;
	const struct child_kind *kind;
	void *arg; /* of exited() and overdue(); the owner sets it */
	pid_t pid;
	int fd; /* what we hear it by; -1: nothing. child_end() closes it */
	int64_t kill_at; /* clock_mono_us(); 0: never */
	bool listed;
	bool alive; /* not reaped: until then the pid is nobody else's */
	bool killed; /* by us */
};
LIST_HEAD(children, child); /* all zero: empty */

/*
 * Start one that does kind->run(how). 0, or -1 and errno: then nothing has
 * changed. The row is in the table from now on, until child_end().
 */
int child_start(struct children *, struct child *, const struct child_kind *,
    void *how);
/*
 * One that a program before us in this process has started, with what it had
 * in pid, fd, kill_at and killed.
 */
void child_adopt(struct children *, struct child *, const struct child_kind *);
/* Does nothing to one that has ended. */
void child_signal(const struct child *, int sig);
void child_kill(struct child *);
/*
 * Nobody wants to know of it any more: it is killed if it lives, what it says
 * is closed, and exited() is not called. For a row of zeros, too.
 */
void child_end(struct child *);

/*
 * Reap one that has ended, and call exited() if it is in the table. False: there
 * is none.
 */
bool children_reap(struct children *);
/* Kill those whose time is over. To be called now and then. */
void children_overdue(struct children *);
/* In a child: close our copies of what the parent hears the others by. */
void children_forget(const struct children *);

/* fork(2), for a child with children that it waits for itself. */
pid_t child_fork(void);

#endif
