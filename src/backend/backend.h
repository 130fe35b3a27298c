/* SPDX-License-Identifier: ISC */
/*
 * Connections to backends. A pool is what a worker knows of the backends of a
 * listener. A leg is one connection to one of them, from the choice to the
 * close: bytes of the user go into it and come out of it, whatever the socket
 * has. Its user embeds it, touches none of its members, and is told what
 * happens through struct leg_ops. Zeros are a leg that is not begun.
 */
#ifndef BACKEND_BACKEND_H
#define BACKEND_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/types.h>

#include "base/wire.h"
#include "conf/conf.h"

struct backend_pool;
struct event_base;

/* What a leg says to its user, who may call any function below meanwhile. */
struct leg_ops {
	/* Around each event of the loop. After `leave` the leg may be gone. */
	void (*enter)(void *user);
	void (*leave)(void *user);
	/* A backend has accepted. */
	void (*connected)(void *user);
	/* One would not have us, or did not answer; the next one is tried. */
	void (*refused)(void *user);
	/* None would have us: leg_error(). Nothing waits any more. */
	void (*failed)(void *user);
	/* Some of what waited was sent; leg_waits() is what is left. */
	void (*sent)(void *user);
	/*
	 * The backend takes no more: leg_error(). What waited is thrown away;
	 * what it has sent is still to be had.
	 */
	void (*broken)(void *user);
	/* There may be something to read. */
	void (*input)(void *user);
};

/*
 * A pool of the listener's backends, which stays with its configuration. Made
 * in the master; each worker has a copy that learns for itself.
 */
struct backend_pool *backend_pool_new(const struct conf_listen *,
    const struct leg_ops *);
void backend_pool_free(struct backend_pool *);

enum leg_state {
	LEG_NONE,	/* not begun, or closed */
	LEG_CONNECTING,
	LEG_RETRY,	/* the backend's queue is full: again in a moment */
	LEG_UP,
	LEG_FAILED,	/* no backend would have us */
};

struct leg {
	struct wire wire;
	struct backend_pool *pool;
	void *user;
	int64_t called; /* when the first backend's turn began, µs */
	int64_t tried;	/* … this one's */
	uint64_t tried_mask; /* of the first 64 backends */
	unsigned first;	/* whose turn came first */
	unsigned step;	/* backends passed since, each twice at the most */
	unsigned failed; /* backends that would not have us */
	uint16_t error;	/* errno, of leg_error() */
	uint8_t state;	/* enum leg_state */
};

/*
 * Begin to connect: `connected` or `failed` is called, maybe at once. What is
 * sent meanwhile waits. worker: workers begin with different backends.
 */
void leg_connect(struct leg *, struct backend_pool *, void *user,
    struct event_base *, unsigned worker);

static inline bool
leg_is_up(const struct leg *leg)
{
	return leg->state == LEG_UP;
}

static inline bool
leg_is_connecting(const struct leg *leg)
{
	return leg->state == LEG_CONNECTING || leg->state == LEG_RETRY;
}

static inline bool
leg_has_failed(const struct leg *leg)
{
	return leg->state == LEG_FAILED;
}

/* The backend takes no more. */
static inline bool
leg_is_broken(const struct leg *leg)
{
	return leg->wire.flags & (WIRE_BROKEN | WIRE_RESET);
}

/* What is sent reaches nobody. */
static inline bool
leg_is_over(const struct leg *leg)
{
	return leg->state == LEG_NONE || leg->state == LEG_FAILED ||
	    leg_is_broken(leg);
}

/* errno of the last failure; ETIMEDOUT is connect_timeout's, too. */
static inline int
leg_error(const struct leg *leg)
{
	return leg->error;
}

/*
 * After leg_connect(): the backend in use, or the last that was tried, as the
 * log has it; it lives as long as the configuration. How long it has taken by
 * now, in µs, and how many had failed before.
 */
const char *leg_backend(const struct leg *);
int64_t leg_connect_us(const struct leg *);
unsigned leg_refusals(const struct leg *);

enum leg_taken {
	LEG_TAKEN,     /* or thrown away, when there is no backend any more */
	LEG_KEPT,      /* some of it waits; send no more until `sent` */
	LEG_BROKEN,    /* as `broken` */
	LEG_NO_MEMORY, /* some of it is lost */
};
/* Send bytes while nothing waits. */
enum leg_taken leg_send(struct leg *, const void *, size_t)
    __attribute__((warn_unused_result));
/* How many bytes wait. */
static inline size_t
leg_waits(const struct leg *leg)
{
	return wire_waits(&leg->wire);
}

/* These bytes, as long as none of them was sent; else NULL. */
uint8_t *leg_untouched(struct leg *);
/* Try to send them now: how many were taken. Nothing is called. */
size_t leg_flush(struct leg *);

/* Whether leg_read() may bring something. */
static inline bool
leg_has_input(const struct leg *leg)
{
	return leg->state == LEG_UP && leg->wire.flags & WIRE_READABLE;
}

/*
 * Read at most len bytes of a leg that is up. Returns their number; 0 when
 * there are none for now, or none any more (leg_ended()); -1 when the
 * connection is broken both ways (leg_error()).
 */
ssize_t leg_read(struct leg *, void *, size_t len);

/* The backend has ended its side, and all was read. */
static inline bool
leg_ended(const struct leg *leg)
{
	return (leg->wire.flags & (WIRE_EOF | WIRE_RESET)) == WIRE_EOF;
}

/*
 * The last read got less than it might: a reset may hide behind it, which only
 * one more would tell. Sending settles it, too.
 */
static inline bool
leg_in_doubt(const struct leg *leg)
{
	return leg->wire.flags & WIRE_DOUBT;
}

/* Have one more read, whatever the kernel has told. */
static inline void
leg_look(struct leg *leg)
{
	wire_look(&leg->wire);
}

/* Ask a backend that is silent whether it is there (backend_keepalive). */
void leg_keepalive(struct leg *);

/* Tell the backend that we send no more. Calls may repeat. */
static inline void
leg_shut(struct leg *leg)
{
	wire_shut(&leg->wire);
}

static inline bool
leg_is_shut(const struct leg *leg)
{
	return leg->wire.flags & WIRE_SHUT;
}

/*
 * How many bytes the backend's system has not taken yet, without those that
 * wait here; -1 where the kernel does not say.
 */
int leg_unsent(const struct leg *);
/*
 * Before leg_close(): it is to be a reset, which destroys what is on its way;
 * or an end, which one that has unread input would not be.
 */
void leg_end(struct leg *, bool reset);
/* Close and release what it holds, in any state; it may be begun again. */
void leg_close(struct leg *);

#endif
