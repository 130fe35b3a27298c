/* SPDX-License-Identifier: ISC */
/*
 * What the files of backend/ know of each other: choose.c has the pool,
 * connect.c gets a leg to one of its backends, leg.c moves bytes.
 */
#ifndef BACKEND_BACKEND_INT_H
#define BACKEND_BACKEND_INT_H

#include "backend/backend.h"

/* What a worker knows of a backend. Times: µs of clock_mono_us(). */
struct backend_state {
	int64_t down_until; /* not to be called before; 0: it is up */
	int64_t down_since; /* as the log has it */
	int64_t told;	    /* when the log was told last; 0: never */
	bool told_down;	    /* what it was told */
};

/* A copy per process: the turn is each worker's own. */
struct backend_pool {
	const struct conf_listen *conf;
	const struct leg_ops *ops;
	struct event_base *base; /* of the worker */
	size_t turn;
	struct backend_state backends[]; /* as in struct conf_listen */
};

/* choose.c */
/* The first backend of this leg. */
void backend_turn(struct leg *, unsigned worker);
/*
 * Choose the next one: backend_address() from now on. leg->tried is the time.
 * False: all have been tried.
 */
bool backend_next(struct leg *);
const struct conf_addr *backend_address(const struct leg *);
/* It has accepted the connection, or not: errno, ETIMEDOUT for no answer. */
void backend_up(struct leg *);
void backend_down(struct leg *, int error);

/* connect.c */
/* An event of a leg that is connecting. */
void leg_connect_event(struct leg *, short what);
/* It is closed meanwhile. */
void leg_connect_end(struct leg *);

/* leg.c */
void leg_event_cb(evutil_socket_t, short, void *);
/* It is connected. */
void leg_up(struct leg *);

#endif
