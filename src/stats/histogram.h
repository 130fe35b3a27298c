/* SPDX-License-Identifier: ISC */
/*
 * A distribution of times in buckets that are fixed for ever, so that those of
 * many workers can be added up. Two buckets for each doubling: what is read
 * out of them is at most a third off.
 *
 *	bucket 0      up to 64 µs
 *	bucket 1, 2   up to 96 µs, 128 µs
 *	bucket 3, 4   up to 192 µs, 256 µs
 *	…             …
 *	bucket 40     up to 67.1 s
 *	bucket 41     more
 *
 * One process writes, others may read at any time.
 */
#ifndef STATS_HISTOGRAM_H
#define STATS_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

#define HISTOGRAM_FIRST 6u   /* 2 ^ 6 µs end the first bucket */
#define HISTOGRAM_BOUNDS 41u /* the last bucket has no end */
#define HISTOGRAM_BUCKETS (HISTOGRAM_BOUNDS + 1)

struct histogram {
	_Atomic uint64_t sum; /* µs */
	_Atomic uint64_t buckets[HISTOGRAM_BUCKETS];
};

/* The time that ends a bucket, in µs, and is still in it. */
uint64_t histogram_bound(unsigned bucket);

/* The bucket of a time in µs; one below zero counts as zero. */
static inline unsigned
histogram_bucket(int64_t us)
{
	unsigned bit, bucket;
	uint64_t v;

	if (us <= INT64_C(1) << HISTOGRAM_FIRST)
		return 0;
	v = (uint64_t)us - 1;
	bit = 63 - (unsigned)__builtin_clzll(v);
	bucket = 1 + 2 * (bit - HISTOGRAM_FIRST) + (v >> (bit - 1) & 1);
	return bucket < HISTOGRAM_BOUNDS ? bucket : HISTOGRAM_BOUNDS;
}

static inline void
histogram_add(struct histogram *h, int64_t us)
{
	_Atomic uint64_t *n = &h->buckets[histogram_bucket(us)];
	uint64_t v;

	v = atomic_load_explicit(n, memory_order_relaxed);
	atomic_store_explicit(n, v + 1, memory_order_relaxed);
	v = atomic_load_explicit(&h->sum, memory_order_relaxed);
	atomic_store_explicit(&h->sum, v + (us > 0 ? (uint64_t)us : 0),
	    memory_order_relaxed);
}

#endif
