/* SPDX-License-Identifier: ISC */
/* Distributions of times: 32 counts for each power of two. See the header. */
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "cache_bench.h"

#define STEPS 32u

static unsigned
bucket_of(uint64_t ns)
{
	unsigned shift = 0;

	if (ns < 2 * STEPS)
		return (unsigned)ns;
	while (ns >> shift >= 2 * STEPS)
		shift++;
	return shift * STEPS + (unsigned)(ns >> shift);
}

/* The middle of what a bucket counts. */
static double
bucket_time(unsigned bucket)
{
	unsigned shift;

	if (bucket < 2 * STEPS)
		return bucket;
	shift = bucket / STEPS - 1;
	return ldexp((double)(bucket - shift * STEPS) + 0.5, (int)shift);
}

void
hist_add(struct hist *h, uint64_t ns)
{
	unsigned bucket = bucket_of(ns);

	h->n++;
	if (ns > h->max)
		h->max = ns;
	h->count[bucket < HIST_BUCKETS ? bucket : HIST_BUCKETS - 1]++;
}

double
hist_at(const struct hist *h, double share)
{
	double want = share * (double)h->n;
	uint64_t seen = 0;
	unsigned i;

	if (h->n == 0)
		return (double)NAN;
	for (i = 0; i < HIST_BUCKETS; i++) {
		seen += h->count[i];
		if (seen > 0 && (double)seen >= want)
			return bucket_time(i);
	}
	return (double)h->max;
}

uint64_t
hist_clock(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int
compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

double
median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), compare);
	return n % 2 == 1 ? values[n / 2] :
	    (values[n / 2 - 1] + values[n / 2]) / 2;
}
