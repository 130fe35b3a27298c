/* SPDX-License-Identifier: ISC */
/*
 * The lock of a shard: waiting for it within bounds, and what is done when its
 * holder died. Any process. Why this is enough stands at the head of
 * store_shm.c.
 */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "fault_int.h"
#include "shm_int.h"

#define TRIES 64       /* about as long as a large entry takes to copy */
#define TRIES_STUCK 8  /* of a lock that was waited for in vain */
#define WAIT_MS 100

static int lock_wait(pthread_mutex_t *);
static void shard_recover(struct tlsc_shard *);
static void cpu_relax(void);

int
tlsc_shard_lock(struct tlsc_shard *shard)
{
	unsigned char *stuck = &shard->store->stuck[shard->number];
	pthread_mutex_t *lock = &shard->shared->lock;
	int error, tries = *stuck != 0 ? TRIES_STUCK : TRIES;

	debug_assert(shard->hold == TLSC_OUTSIDE);
	while ((error = pthread_mutex_trylock(lock)) == EBUSY && --tries > 0)
		cpu_relax();
	if (error == EBUSY && *stuck == 0)
		error = lock_wait(lock);
	if (error != 0 && error != EOWNERDEAD) {
		*stuck = 1;
		tlsc_count_unlocked(shard->store, TLSC_COUNT_busy, 1);
		return TLSCACHE_E_BUSY;
	}
	*stuck = 0;
	tlsc_shard_hold(shard, TLSC_LOCKED);
	if (error == EOWNERDEAD)
		shard_recover(shard);
	TLSC_FAULT(LOCKED);
	return TLSCACHE_OK;
}

static void
cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
	__asm__ __volatile__("yield");
#endif
}

static int
lock_wait(pthread_mutex_t *lock)
{
#ifdef HAVE_PTHREAD_MUTEX_CLOCKLOCK
	const clockid_t clock = CLOCK_MONOTONIC;
#else
	const clockid_t clock = CLOCK_REALTIME;
#endif
	struct timespec until;

	(void)clock_gettime(clock, &until);
	until.tv_nsec += WAIT_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
#ifdef HAVE_PTHREAD_MUTEX_CLOCKLOCK
	return pthread_mutex_clocklock(lock, clock, &until);
#else
	return pthread_mutex_timedlock(lock, &until);
#endif
}

void
tlsc_shard_unlock(struct tlsc_shard *shard)
{
	debug_assert(shard->hold == TLSC_LOCKED);
	tlsc_shard_hold(shard, TLSC_OUTSIDE);
	TLSC_FAULT(UNLOCKING);
	(void)pthread_mutex_unlock(&shard->shared->lock);
	TLSC_FAULT(UNLOCKED);
}

bool
tlsc_shard_retired(const struct tlsc_shard *shard)
{
	return atomic_load_explicit(&shard->shared->retired,
	    memory_order_relaxed) == TLSC_SHARD_RETIRED;
}

/*
 * We have the lock of a dead process, and it is marked inconsistent until the
 * last line: should we die before, the next one does all of this again.
 */
static void
shard_recover(struct tlsc_shard *shard)
{
	uint32_t seq;

	TLSC_FAULT(RECOVER);
	seq = atomic_load_explicit(&shard->shared->seq, memory_order_relaxed);
	if ((seq & 1) != 0) {
		tlsc_shard_hold(shard, TLSC_CHANGING); /* as it was left */
		tlsc_shard_empty(shard);
		tlsc_shard_ring_save(shard);
		TLSC_FAULT(EMPTIED);
		tlsc_count(shard, TLSC_COUNT_shards_lost, 1);
		atomic_signal_fence(memory_order_seq_cst);
		atomic_store_explicit(&shard->shared->seq, seq + 1,
		    memory_order_relaxed);
		tlsc_shard_hold(shard, TLSC_LOCKED);
	}
	TLSC_FAULT(RECOVERED);
	tlsc_count(shard, TLSC_COUNT_lock_recoveries, 1);
	(void)pthread_mutex_consistent(&shard->shared->lock);
}

void
tlsc_shard_begin(struct tlsc_shard *shard)
{
	uint32_t seq;

	debug_assert(shard->hold == TLSC_LOCKED);
	tlsc_shard_hold(shard, TLSC_CHANGING);
	seq = atomic_load_explicit(&shard->shared->seq, memory_order_relaxed);
	atomic_store_explicit(&shard->shared->seq, seq | 1,
	    memory_order_relaxed);
	atomic_signal_fence(memory_order_seq_cst);
	TLSC_FAULT(BEGUN);
}

void
tlsc_shard_end(struct tlsc_shard *shard)
{
	uint32_t seq;

	debug_assert(shard->hold == TLSC_CHANGING);
	tlsc_shard_hold(shard, TLSC_LOCKED);
	TLSC_FAULT(ENDING);
	atomic_signal_fence(memory_order_seq_cst);
	seq = atomic_load_explicit(&shard->shared->seq, memory_order_relaxed);
	atomic_store_explicit(&shard->shared->seq, (seq | 1) + 1,
	    memory_order_relaxed);
	TLSC_FAULT(ENDED);
}
