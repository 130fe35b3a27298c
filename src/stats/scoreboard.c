/* SPDX-License-Identifier: ISC */
/*
 * Takes, releases and adds up the slots of the scoreboard. The master takes
 * and releases, a worker writes its own slot, everybody may add up.
 *
 *	shared mapping            whose
 *	struct shared             the master's: the sequence number
 *	struct slot[slots]        one worker process's each, while in use
 *	struct retired[workers]   the master's: what dead processes counted
 *
 * A dead process's counters move from its slot to `retired`. Somebody who adds
 * up meanwhile would see them twice or not at all, so the master makes `seq`
 * odd while it moves them, and readers look again (seqlock). A reader does
 * not wait for a master that is stopped just there: after READ_TRIES it takes
 * what it sees.
 *
 * Threat: a worker that has been taken over can write all of this. So nothing
 * here is a length or an index without a check against the process-local
 * handle: the worst it can do is make the numbers wrong.
 */
#include "config.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <sys/mman.h>

#include "stats/scoreboard.h"

#define READ_TRIES 10000
#define READ_SPINS 100
#define COUNT_MAX 65536u /* keeps the size far from overflow */

/* A counter must never take a lock that a dead process could hold. */
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "64-bit atomics have locks here");

struct shared {
	_Alignas(64) _Atomic unsigned seq;
};

struct retired {
	_Alignas(64) _Atomic uint64_t metrics[METRIC_COUNT];
	_Atomic uint64_t closes[CLOSE_REASON_COUNT];
};

struct scoreboard {
	struct shared *shared;
	struct slot *slots;
	struct retired *retired;
	unsigned nslots;
	unsigned nworkers;
	size_t size; /* of the mapping */
};

static void slot_clear(struct slot *);
static void sum_once(const struct scoreboard *, unsigned, struct totals *);
static void add(uint64_t *, const _Atomic uint64_t *, size_t);
static void move(_Atomic uint64_t *, const _Atomic uint64_t *, size_t);

struct scoreboard *
scoreboard_new(unsigned workers, unsigned slots)
{
	struct scoreboard *sb;
	char *map;

	if (workers == 0 || workers > COUNT_MAX || slots == 0 ||
	    slots > COUNT_MAX) {
		errno = EINVAL;
		return NULL;
	}
	if ((sb = calloc(1, sizeof(*sb))) == NULL)
		return NULL;
	sb->nslots = slots;
	sb->nworkers = workers;
	sb->size = sizeof(struct shared) + slots * sizeof(struct slot) +
	    workers * sizeof(struct retired);
	map = mmap(NULL, sb->size, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED) {
		free(sb);
		return NULL;
	}
	sb->shared = (void *)map;
	map += sizeof(struct shared);
	sb->slots = (void *)map;
	map += slots * sizeof(struct slot);
	sb->retired = (void *)map;
	return sb;
}

void
scoreboard_free(struct scoreboard *sb)
{
	if (sb == NULL)
		return;
	munmap(sb->shared, sb->size);
	free(sb);
}

struct slot *
scoreboard_take(struct scoreboard *sb, unsigned worker, unsigned generation)
{
	struct slot *s;
	unsigned i;

	if (worker >= sb->nworkers)
		return NULL;
	for (i = 0; i < sb->nslots; i++) {
		s = &sb->slots[i];
		if (atomic_load_explicit(&s->in_use, memory_order_relaxed))
			continue;
		slot_clear(s);
		s->worker = worker;
		s->generation = generation;
		atomic_store_explicit(&s->in_use, 1, memory_order_release);
		return s;
	}
	return NULL;
}

void
scoreboard_release(struct scoreboard *sb, struct slot *s)
{
	struct retired *r;
	unsigned worker;

	worker = s->worker;
	atomic_fetch_add(&sb->shared->seq, 1);
	if (worker < sb->nworkers) {
		r = &sb->retired[worker];
		move(r->metrics, s->metrics, METRIC_COUNT);
		move(r->closes, s->closes, CLOSE_REASON_COUNT);
	}
	slot_clear(s);
	s->in_use = 0;
	atomic_fetch_add(&sb->shared->seq, 1);
}

void
scoreboard_sum(const struct scoreboard *sb, unsigned worker, struct totals *t)
{
	unsigned seq;
	int try;

	for (try = 0; try < READ_TRIES; try++) {
		seq = atomic_load(&sb->shared->seq);
		sum_once(sb, worker, t);
		atomic_thread_fence(memory_order_acquire);
		if (seq % 2 == 0 && seq == atomic_load(&sb->shared->seq))
			return;
		if (try >= READ_SPINS)
			sched_yield(); /* it may want this very processor */
	}
}

static void
sum_once(const struct scoreboard *sb, unsigned worker, struct totals *t)
{
	const struct retired *r;
	const struct slot *s;
	unsigned i;

	memset(t, 0, sizeof(*t));
	for (i = 0; i < sb->nworkers; i++) {
		if (worker != SCOREBOARD_ALL && worker != i)
			continue;
		r = &sb->retired[i];
		add(t->metrics, r->metrics, METRIC_COUNT);
		add(t->closes, r->closes, CLOSE_REASON_COUNT);
	}
	for (i = 0; i < sb->nslots; i++) {
		s = &sb->slots[i];
		if (!atomic_load_explicit(&s->in_use, memory_order_acquire))
			continue;
		if (worker != SCOREBOARD_ALL && worker != s->worker)
			continue;
		add(t->metrics, s->metrics, METRIC_COUNT);
		add(t->closes, s->closes, CLOSE_REASON_COUNT);
		add(&t->connections, &s->connections, 1);
	}
}

static void
slot_clear(struct slot *s)
{
	size_t i;

	for (i = 0; i < METRIC_COUNT; i++)
		s->metrics[i] = 0;
	for (i = 0; i < CLOSE_REASON_COUNT; i++)
		s->closes[i] = 0;
	s->connections = 0;
	s->pid = 0;
}

static void
add(uint64_t *to, const _Atomic uint64_t *from, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		to[i] += atomic_load_explicit(&from[i], memory_order_relaxed);
}

static void
move(_Atomic uint64_t *to, const _Atomic uint64_t *from, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		to[i] += from[i];
}
