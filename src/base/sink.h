/* SPDX-License-Identifier: ISC */
/*
 * Where lines of the log go, without waiting for whoever takes them: a server
 * that waits for its log does not serve. A line that is not taken is lost and
 * counted. So that a reader who was just not on a processor costs no line, one
 * may wait a moment, SINK_PATIENCE_US in a second for all lines together, and
 * not at all after one that was lost, until another is taken.
 *
 * The one sink that can still wait is a regular file whose disk does not
 * answer: the kernel has no write(2) to it that gives up.
 */
#ifndef BASE_SINK_H
#define BASE_SINK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SINK_PATIENCE_US 5000

struct sink {
	int fd; /* -1: none */
	enum {
		SINK_WRITE, /* write(2) does not wait */
		SINK_SEND,  /* a socket, which others may have as well */
		SINK_POLL,  /* neither: asked before each line */
	} how;
};

/*
 * Before fork(2): what is counted and said below is then that of all
 * processes together. Once is enough; without memory each counts for itself.
 */
void sink_share(void);

/* Lines go to fd, which becomes the sink's. */
void sink_attach(struct sink *, int fd);
/*
 * The same with a description of its own where the system can make one: fd
 * stays the caller's, and O_NONBLOCK does not reach those who share it, such
 * as the shell with its terminal. Close-on-exec. -1 and errno on failure.
 */
int sink_borrow(struct sink *, int fd);
void sink_close(struct sink *);

/*
 * Write the n bytes after line[0], a line with its newline; line[0] is a
 * newline, which is written as well where a line before was torn off. False:
 * it is lost (and not counted yet), errno says why.
 */
bool sink_write(const struct sink *, const char *line, size_t n);

/* Wait a moment, if there is some left, until fd can be written to. */
bool sink_patience(int fd);
/* A line was taken: there is patience again. */
void sink_taken(void);

/* A line is lost, for this errno. */
void sink_lost(int error);
/*
 * How many are and were not told of; they count as told. *why: for what the
 * last of them was lost, until the next call.
 */
uint64_t sink_lost_take(const char **why);
/* They could not be told. */
void sink_lost_untold(uint64_t);
/* Whether there are some: cheap, to be asked with each line. */
bool sink_lost_any(void);
/* In this process, add all that sink_lost() counts to this, too. */
void sink_count(_Atomic uint64_t *);

#endif
