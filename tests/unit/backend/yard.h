/* SPDX-License-Identifier: ISC */
/*
 * Backends in this process, as bare sockets, an event base, and one leg whose
 * user counts what it is told.
 */
#ifndef TEST_BACKEND_YARD_H
#define TEST_BACKEND_YARD_H

#include <event2/event.h>

#include "backend/backend_int.h"
#include "test_backend.h"

#define YARD_MAX 3

struct yard {
	struct event_base *base;
	struct conf_listen listen; /* change it before yard_open() */
	struct conf_addr addrs[YARD_MAX];
	int fds[YARD_MAX]; /* listening; -1: closed */
	struct backend_pool *pool;
	struct leg leg;
	/* How often the user was told. */
	int entered, left, connected, refused, failed, sent, broken, input;
	size_t open; /* descriptors before the test */
};
extern struct yard yard;

/* A fixture; what a test leaves open is closed, and descriptors are counted. */
void yard_setup(void);
void yard_teardown(void);

/* n backends that listen, on Unix sockets or not, and the pool of them. */
void yard_open(size_t n, bool local, int backlog);
/* Backend i is there no more. */
void yard_close(size_t i);
/* Begin the leg. */
void yard_connect(void);
/* The next connection of backend i, which must come; does not block. */
int yard_accept(size_t i);
/* Connections until a backend lets one wait; closed at the end. */
void yard_fill(size_t i);
/* … or now: as many as there are accepted, and closed. */
void yard_empty(size_t i);

void yard_turn(void);
int64_t yard_deadline(void);
bool yard_late(int64_t);

/* Turn until it is so; fail when that takes more than some seconds. */
#define wait_for(cond)                                                  \
	do {                                                            \
		int64_t until_ = yard_deadline();                       \
		while (!(cond)) {                                       \
			yard_turn();                                    \
			if (yard_late(until_))                          \
				ck_abort_msg("%s", "waited in vain for " #cond);\
		}                                                       \
	} while (0)

#endif
