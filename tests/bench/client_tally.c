/* SPDX-License-Identifier: ISC */
/*
 * The figures of the load client, and how they are printed.
 */
#include "config.h"

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "client.h"

static int us_compare(const void *, const void *);
static uint32_t percentile(const struct tally *, unsigned);

void
tally_add(struct tally *t, int64_t ns)
{
	size_t room;

	t->operations++;
	if (t->n == t->room) {
		room = t->room == 0 ? 4096 : 2 * t->room;
		t->us = reallocarray(t->us, room, sizeof(*t->us));
		if (t->us == NULL)
			err(1, NULL);
		t->room = room;
	}
	t->us[t->n++] = (uint32_t)(ns / 1000);
}

void
tally_fail(struct tally *t, const char *why)
{
	if (t->failures++ == 0)
		t->error = why;
}

void
tally_print(struct tally *t, double seconds, double cpu)
{
	if (t->n > 0)
		qsort(t->us, t->n, sizeof(*t->us), us_compare);
	printf("{\"operations\": %" PRIu64 ", \"requests\": %" PRIu64
	       ", \"failures\": %" PRIu64 ", \"error\": \"%s\""
	       ", \"resumed\": %" PRIu64 ", \"early\": %" PRIu64
	       ", \"seconds\": %.6f, \"cpu\": %.6f"
	       ", \"p50_us\": %" PRIu32 ", \"p90_us\": %" PRIu32
	       ", \"p99_us\": %" PRIu32 ", \"max_us\": %" PRIu32 "}\n",
	    t->operations, t->requests, t->failures,
	    t->error != NULL ? t->error : "", t->resumed, t->early, seconds,
	    cpu, percentile(t, 50), percentile(t, 90), percentile(t, 99),
	    percentile(t, 100));
	if (fflush(stdout) == EOF)
		err(1, "stdout");
}

void
tally_release(struct tally *t)
{
	free(t->us);
}

int64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int
us_compare(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Of the sorted times; 0 when there are none. */
static uint32_t
percentile(const struct tally *t, unsigned p)
{
	if (t->n == 0)
		return 0;
	return t->us[(t->n - 1) * p / 100];
}
