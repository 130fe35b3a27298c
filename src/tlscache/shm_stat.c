/* SPDX-License-Identifier: ISC */
/*
 * Counters. Those of a shard lie in its head and are written under its lock,
 * so that processes that do not meet in a shard do not meet in a counter; the
 * sum is made by who asks. What happens without a lock is seldom, and counted
 * in the header's page. What a process did is also counted in memory of its
 * own. The list is tlscache_stat.def; all arrays have its order.
 */
#include "config.h"

#include "shm_int.h"

static void min_unlocked(_Atomic uint64_t *, uint64_t);
static uint64_t counter_get(const _Atomic uint64_t *);
static void stat_fill(struct tlscache_stat *, const uint64_t *);

/* Sums are made of all but these: the least, and what can be calculated. */
static bool
is_sum(int which)
{
	return which != TLSC_COUNT_evicted_age_min &&
	    which != TLSC_COUNT_capacity && which != TLSC_COUNT_shards &&
	    which != TLSC_COUNT_locked;
}

/* What there is now, in contrast to what has happened. */
static bool
is_level(int which)
{
	return which == TLSC_COUNT_entries || which == TLSC_COUNT_bytes;
}

static uint64_t
counter_get(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

void
tlsc_level(struct tlsc_shard *shard, enum tlsc_counter which, uint64_t n)
{
	_Atomic uint64_t *counter = &shard->shared->counter[which];

	debug_assert(shard->hold != TLSC_OUTSIDE && which < TLSC_COUNTERS);
	atomic_store_explicit(counter, counter_get(counter) + n,
	    memory_order_relaxed);
}

void
tlsc_count(struct tlsc_shard *shard, enum tlsc_counter which, uint64_t n)
{
	tlsc_level(shard, which, n);
	shard->store->process[which] += n;
}

void
tlsc_count_unlocked(struct tlsc_store *store, enum tlsc_counter which,
    uint64_t n)
{
	(void)atomic_fetch_add_explicit(&store->counter[which], n,
	    memory_order_relaxed);
	store->process[which] += n;
}

/* The least age is kept plus one, so that 0 is none. */
void
tlsc_count_evicted(struct tlsc_shard *shard, uint64_t age)
{
	_Atomic uint64_t *min;
	uint64_t *process;

	tlsc_count(shard, TLSC_COUNT_evicted, 1);
	tlsc_count(shard, TLSC_COUNT_evicted_age, age);
	min = &shard->shared->counter[TLSC_COUNT_evicted_age_min];
	if (counter_get(min) == 0 || counter_get(min) > age + 1)
		atomic_store_explicit(min, age + 1, memory_order_relaxed);
	process = &shard->store->process[TLSC_COUNT_evicted_age_min];
	if (*process == 0 || *process > age + 1)
		*process = age + 1;
}

static void
min_unlocked(_Atomic uint64_t *min, uint64_t n)
{
	uint64_t old = counter_get(min);

	while (n != 0 && (old == 0 || old > n) &&
	    !atomic_compare_exchange_weak_explicit(min, &old, n,
	    memory_order_relaxed, memory_order_relaxed))
		;
}

void
tlsc_count_carry(struct tlsc_store *to, struct tlsc_shard *shard)
{
	struct tlsc_store *from = shard->store;
	int i;

	debug_assert(shard->hold == TLSC_CHANGING);
	for (i = 0; i < TLSC_COUNTERS; i++) {
		_Atomic uint64_t *counter = &shard->shared->counter[i];

		if (i == TLSC_COUNT_evicted_age_min) {
			min_unlocked(&to->counter[i], counter_get(counter));
			min_unlocked(&to->counter[i],
			    counter_get(&from->counter[i]));
		} else if (is_sum(i) && !is_level(i)) {
			(void)atomic_fetch_add_explicit(&to->counter[i],
			    counter_get(counter) +
			    atomic_exchange(&from->counter[i], 0),
			    memory_order_relaxed);
		}
		atomic_store_explicit(counter, 0, memory_order_relaxed);
	}
}

void
tlsc_store_miss(struct tlsc_store *store, enum tlsc_miss why)
{
	static const enum tlsc_counter reasons[] = {
		[TLSC_MISS_EXPIRED] = TLSC_COUNT_miss_expired,
		[TLSC_MISS_CONTEXT] = TLSC_COUNT_miss_context,
		[TLSC_MISS_LAYOUT] = TLSC_COUNT_miss_layout,
	};

	tlsc_count_unlocked(store, TLSC_COUNT_hits, -(uint64_t)1);
	tlsc_count_unlocked(store, TLSC_COUNT_misses, 1);
	tlsc_count_unlocked(store, reasons[why], 1);
}

void
tlsc_store_too_large(struct tlsc_store *store)
{
	tlsc_count_unlocked(store, TLSC_COUNT_too_large, 1);
}

void
tlsc_store_stat(const struct tlsc_store *store, struct tlscache_stat *stat)
{
	const struct tlsc_header *header = &store->geometry;
	const unsigned char *base = store->segment.base;
	const struct tlsc_shard_head *head;
	uint64_t sum[TLSC_COUNTERS], n;
	uint32_t k;
	int i;

	for (i = 0; i < TLSC_COUNTERS; i++)
		sum[i] = counter_get(&store->counter[i]);
	for (k = 0; k < header->shards; k++) {
		head = (const void *)(base + TLSC_HEADS_OFFSET +
		    k * sizeof(*head));
		for (i = 0; i < TLSC_COUNTERS; i++) {
			n = counter_get(&head->counter[i]);
			if (is_sum(i))
				sum[i] += n;
			else if (n != 0 && (sum[i] == 0 || sum[i] > n))
				sum[i] = n;
		}
	}
	sum[TLSC_COUNT_capacity] = (uint64_t)header->shards * header->ring;
	sum[TLSC_COUNT_shards] = header->shards;
	sum[TLSC_COUNT_locked] = store->segment.locked ? store->segment.size :
	    0;
	/* Damage can have made these go below 0. */
	if (sum[TLSC_COUNT_bytes] > sum[TLSC_COUNT_capacity])
		sum[TLSC_COUNT_bytes] = 0;
	if (sum[TLSC_COUNT_entries] > sum[TLSC_COUNT_capacity])
		sum[TLSC_COUNT_entries] = 0;
	stat_fill(stat, sum);
}

void
tlsc_store_stat_process(const struct tlsc_store *store,
    struct tlscache_stat *stat)
{
	stat_fill(stat, store->process);
}

static void
stat_fill(struct tlscache_stat *stat, const uint64_t *counter)
{
#define X(name, doc) stat->name = counter[TLSC_COUNT_##name];
#include "tlscache_stat.def"
#undef X
	if (stat->evicted_age_min > 0)
		stat->evicted_age_min--;
}
