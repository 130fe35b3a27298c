/* SPDX-License-Identifier: ISC */
/*
 * What a master hands on to the program that replaces it by exec(2): the
 * descriptors, and a description of them, a letter (base/letter.h). One line
 * says one thing:
 *
 *	tlsherd-handover 1
 *	version 0.1.0
 *	started 1795000000 12		since when; number of the last generation
 *	pidfile 4 /run/tlsherd/tlsherd.pid	the shared objects: shared.c
 *	scoreboard 7
 *	keys 6
 *	sessions 5
 *	spare FD...			what a service manager has bound in vain
 *	socket SHARED ADDRESS FD...	the listening sockets of an address
 *	activated ADDRESS FD...		… that a service manager has bound
 *	control 8 DEV INO PATH
 *	restarts 0 0 2			by worker number
 *	reloads 11 1			that came to serve, or to nothing
 *	name HOST:PORT ADDRESS...	what is known of a name
 *	generation NUMBER DRAINING KILL_AT WORKERS DRAIN_TIMEOUT CACHE_SIZE
 *	    SESSION_TIMEOUT ROTATE LOG_LEVEL LOG FACILITY
 *	worker NUMBER GENERATION PID FD SLOT STARTED READY KILLED
 *
 * A program skips what it does not know, lines and words at the end of a line:
 * so a later version can say more. Only when that is not enough, as when the
 * messages between master and worker change, the number in the first line
 * does, and the programs refuse each other before anything has happened.
 */
#ifndef MASTER_HANDOVER_H
#define MASTER_HANDOVER_H

#include <stdbool.h>

#include "base/err.h"
#include "master/shared.h"

#define HANDOVER_HEAD "tlsherd-handover 1"

/* What `tlsherd -t` prints when it could take over from who asks. */
#define HANDOVER_ACCEPTED "ready to take over"

struct master;

/* What is read beside what goes into struct master itself. */
struct handover {
	char *version;
	struct {
		const struct shared *row;
		struct handed handed;
	} *objects;
	size_t nobjects;
};

/*
 * Write the description. Returns its descriptor, close-on-exec, or -1 with the
 * error text.
 */
int handover_write(const struct master *, struct err *);

/* Let what is described, and the description, pass exec(2), or no longer. */
void handover_pass(const struct master *, int description, bool pass);

/*
 * Read the description into a master that is empty otherwise: its lists of
 * generations and processes (without events; slots by number in slot_number),
 * restarts, started, last_generation, current; and into base/names.h. All
 * descriptors become close-on-exec. Returns 0, or -1 with the error text. In
 * both cases handover_release() frees what is in the struct handover.
 */
int handover_read(struct master *, struct handover *, struct err *);
void handover_release(struct handover *);

/*
 * Could we read what letter_for_us() would? 0, or -1 with the error text.
 * Nothing is closed or changed.
 */
int handover_check(struct err *);

#endif
