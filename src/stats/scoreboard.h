/* SPDX-License-Identifier: ISC */
/*
 * The scoreboard: shared memory that the master maps before the first fork and
 * hands on when it is upgraded. Every worker process has a slot of its own and
 * is its only writer, so a counter costs a load and a store. When a worker
 * process is gone the master adds its counters to those of its worker number
 * and gives the slot away again: numbers only grow, over crashes and reloads.
 * Whose a slot is only the master knows, and only the master adds up.
 */
#ifndef STATS_SCOREBOARD_H
#define STATS_SCOREBOARD_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/types.h>

#include "base/err.h"
#include "stats/histogram.h"

enum metric {
#define X(ID, name, family, doc) METRIC_##ID,
#include "stats/metrics.def"
#undef X
	METRIC_COUNT
};

enum close_reason {
#define X(ID, name, doc) CLOSE_##ID,
#include "stats/close_reason.def"
#undef X
	CLOSE_REASON_COUNT
};

enum handshake_failure {
#define X(ID, name, alert, doc) FAILURE_##ID,
#include "stats/handshake_failure.def"
#undef X
	HANDSHAKE_FAILURE_COUNT
};

enum histogram_id {
#define X(ID, name, kind, doc) HISTOGRAM_##ID,
#include "stats/histograms.def"
#undef X
	HISTOGRAM_COUNT
};

struct slot {
	_Alignas(64) _Atomic uint64_t metrics[METRIC_COUNT];
	_Atomic uint64_t closes[CLOSE_REASON_COUNT];
	_Atomic uint64_t failures[HANDSHAKE_FAILURE_COUNT];
	_Atomic uint64_t connections; /* open now */
	_Atomic uint64_t beats; /* counts while the worker's loop turns */
	struct histogram histograms[HISTOGRAM_COUNT];
};

#define SLOT_BEAT_MS 250

struct scoreboard; /* the master's handle of the shared mapping */

/*
 * Map a scoreboard for worker numbers 0 … workers-1 and `slots` processes at
 * one time: generations that drain are still there while new ones start.
 * Both hold for the scoreboard's life, and pages that are never used cost
 * nothing: leave room for a reload that asks for more. NULL and errno on
 * failure.
 */
struct scoreboard *scoreboard_new(unsigned workers, unsigned slots);
void scoreboard_free(struct scoreboard *);

/*
 * The scoreboard behind a descriptor that scoreboard_fd() gave to the program
 * before this one, if it is what scoreboard_new() would make: the same sizes
 * and the same tables. NULL with the error text otherwise. fd belongs to the
 * scoreboard after success, and stays the caller's after failure.
 */
struct scoreboard *scoreboard_adopt(int fd, unsigned workers, unsigned slots,
    struct err *);

/* Close-on-exec, and the scoreboard's; -1 where the system has no memfd. */
int scoreboard_fd(const struct scoreboard *);

unsigned scoreboard_slot_number(const struct scoreboard *,
    const struct slot *);

/*
 * Before fork: a zeroed slot for a process that will be this worker. NULL when
 * all are taken or there is no room for that worker number.
 */
struct slot *scoreboard_take(struct scoreboard *, unsigned worker);

/*
 * After scoreboard_adopt(): the slot that this worker's process has had, by
 * its number, with what it has counted. NULL when there is none of that
 * number, it is taken, or there is no room for that worker number.
 */
struct slot *scoreboard_keep(struct scoreboard *, unsigned number,
    unsigned worker);

/*
 * After waitpid: add the counters to their worker's, free the slot. What the
 * process had in hand when it died counts as ended by that: connections that
 * were accepted and not closed, handshakes that had begun.
 */
void scoreboard_release(struct scoreboard *, struct slot *);

/* What a worker number has counted, living and dead processes together. */
struct totals {
	uint64_t metrics[METRIC_COUNT];
	uint64_t closes[CLOSE_REASON_COUNT];
	uint64_t failures[HANDSHAKE_FAILURE_COUNT];
	uint64_t connections;
	struct histogram_totals {
		uint64_t sum; /* µs */
		uint64_t buckets[HISTOGRAM_BUCKETS];
	} histograms[HISTOGRAM_COUNT];
};

/* SCOREBOARD_ALL: all workers together. */
#define SCOREBOARD_ALL (~0u)
void scoreboard_sum(const struct scoreboard *, unsigned worker,
    struct totals *);

/* As the .def tables have them; "?" for what is not in them. */
const char *metric_name(enum metric);
const char *close_reason_name(enum close_reason);
const char *handshake_failure_name(enum handshake_failure);
const char *histogram_name(enum histogram_id); /* "name kind" */

static inline void
slot_add(struct slot *s, enum metric m, uint64_t n)
{
	uint64_t v;

	debug_assert(m < METRIC_COUNT);
	v = atomic_load_explicit(&s->metrics[m], memory_order_relaxed);
	atomic_store_explicit(&s->metrics[m], v + n, memory_order_relaxed);
}

/* A connection has ended. */
static inline void
slot_close(struct slot *s, enum close_reason reason)
{
	uint64_t v;

	debug_assert(reason < CLOSE_REASON_COUNT);
	v = atomic_load_explicit(&s->closes[reason], memory_order_relaxed);
	atomic_store_explicit(&s->closes[reason], v + 1, memory_order_relaxed);
	slot_add(s, METRIC_CLOSED, 1);
}

/* A handshake that had begun has failed. */
static inline void
slot_failure(struct slot *s, enum handshake_failure f)
{
	uint64_t v;

	debug_assert(f < HANDSHAKE_FAILURE_COUNT);
	v = atomic_load_explicit(&s->failures[f], memory_order_relaxed);
	atomic_store_explicit(&s->failures[f], v + 1, memory_order_relaxed);
	slot_add(s, METRIC_HANDSHAKES_FAILED, 1);
}

static inline uint64_t
slot_beats(const struct slot *s)
{
	return atomic_load_explicit(&s->beats, memory_order_relaxed);
}

static inline void
slot_beat(struct slot *s)
{
	atomic_store_explicit(&s->beats, slot_beats(s) + 1,
	    memory_order_relaxed);
}

#endif
