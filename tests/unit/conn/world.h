/* SPDX-License-Identifier: ISC */
/*
 * A worker in miniature: an event base, a hub, one listener; clients and
 * backends in the same process (peer.h), so that a test decides who moves
 * when. Nothing here blocks.
 */
#ifndef TEST_CONN_WORLD_H
#define TEST_CONN_WORLD_H

#include <check.h>
#include <event2/event.h>

#include "conn/conn.h"
#include "site.h"

struct world {
	struct site site; /* change it before world_open() */
	struct conn_hub_config hub_conf;
	struct event_base *base;
	struct conn_hub *hub;
	struct listener listener;
	struct slot slot;
	unsigned gone; /* calls of conn_hub_config.gone */
	size_t fds;    /* open before the test */
};
extern struct world world;

/* A test case within this world and the record of record.h. */
TCase *world_tcase(const char *name);
/* Fixtures of every test case; teardown looks for descriptors left open. */
void world_setup(void);
void world_teardown(void);

void world_open(const struct conn_ops *);
/* A listener that is one of the real services. */
void world_open_service(enum conf_service);
/* All clients and backends, and the event loop, do what they can at once. */
void world_turn(void);

uint64_t closes(enum close_reason);
uint64_t metric(enum metric);

/* The only connection; must be there. */
struct conn *the_conn(void);

/* Turn until it is so; fail when that takes more than some seconds. */
#define wait_for(cond)                                                  \
	do {                                                            \
		int64_t until_ = world_deadline();                      \
		while (!(cond)) {                                       \
			world_turn();                                   \
			if (world_late(until_))                         \
				ck_abort_msg("%s", "waited in vain for " #cond);\
		}                                                       \
	} while (0)
int64_t world_deadline(void);
int world_late(int64_t);

/* Turn for so many milliseconds: for what must not happen meanwhile. */
void turn_for(int ms);

#endif
