/* SPDX-License-Identifier: ISC */
/*
 * What the master shares with its workers, or is known by, and hands on to the
 * program that replaces it: the pid file, the counters, the ticket keys, the
 * sessions, the listening sockets, the control socket. A row of a table each:
 * by it they are written, read and taken over, let go of in a worker, and
 * released in the end.
 */
#ifndef MASTER_SHARED_H
#define MASTER_SHARED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/handed.h"

struct master;

struct shared {
	const char *name; /* the first word of its line */
	const char *form; /* the others; base/handed.h */
	/* Number i of this kind; false: there are no more. */
	bool (*describe)(const struct master *, size_t i, struct handed *);
	/* Is it what it says? NULL: any is. */
	bool (*fits)(const struct handed *);
	/*
	 * Take it over, descriptors and all; m->current is there. Called once
	 * with no object when there is none. What cannot be taken over is begun
	 * anew, or done without.
	 */
	void (*adopt)(struct master *, const struct handed *);
	/* In a worker: close our copies. NULL: it has them, too. */
	void (*forget)(struct master *);
	void (*release)(struct master *);
};

/* In the order in which they are taken over; released in the reverse one. */
extern const struct shared shared_rows[];
extern const size_t shared_count;

#endif
