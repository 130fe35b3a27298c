/* SPDX-License-Identifier: ISC */
/*
 * cache-hold: how long the lock of a shard is held. The objects of the library
 * that this program is made of call tlsc_fault() at marked points, which the
 * tests use to die there; here the one after locking and the one before
 * unlocking read the clock. Started by the benchmark (cache_held.c), which
 * gives it the seconds that each line may take and reads its standard output:
 * one struct held for each line.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache_bench.h"
#include "fault_int.h"

#define CACHE_SIZE (32u << 20)
#define OVERFULL 400000u
#define POPULATION 100000u
#define MOVED_SIZE (1u << 20)
#define BATCH 64
#define DEPTH 2 /* a move holds two locks */

static void prepare(void *, unsigned);
static uint64_t work(void *, unsigned, uint64_t *);
static void measure(unsigned, double);

enum kind { FETCH, STORE, STORE_LARGE, REMOVE, CLAIM, EXPIRE, MOVE };
static const char *const names[] = {
	[FETCH] = "fetch",
	[STORE] = "store",
	[STORE_LARGE] = "store of 16 KiB",
	[REMOVE] = "remove",
	[CLAIM] = "claim",
	[EXPIRE] = "expire",
	[MOVE] = "move to another cache",
};

static struct tlscache *cache;
static enum kind kind;
static struct hist *hists; /* one per process, shared with the parent */
static uint64_t seed;

static struct hist *hist; /* this process's; NULL: not now */
static uint64_t begun[DEPTH];
static unsigned depth;
static uint64_t clock_cost;

void
tlsc_fault(enum tlsc_fault where)
{
	uint64_t ns;

	if (hist == NULL)
		return;
	if (where == TLSC_FAULT_LOCKED) {
		if (depth < DEPTH)
			begun[depth] = hist_clock();
		depth++;
	} else if (where == TLSC_FAULT_UNLOCKING && depth-- <= DEPTH) {
		ns = hist_clock() - begun[depth];
		hist_add(hist, ns > clock_cost ? ns - clock_cost : 0);
	}
}

int
main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 1;
	struct hist *clocks;
	uint64_t a;
	int i;

	/* In bounds, whoever starts this and for how long. */
	(void)alarm(300);
	if (seconds <= 0 || seconds > 5)
		seconds = 1;
	hists = crew_memory(CREW_MAX * sizeof(*hists));
	clocks = &hists[0];
	for (i = 0; i < 100000; i++) {
		a = hist_clock();
		hist_add(clocks, hist_clock() - a);
	}
	clock_cost = (uint64_t)hist_at(clocks, 0.5);
	cache = load_open(CACHE_SIZE);
	load_fill(cache, 0, OVERFULL, LOAD_DATA);
	for (kind = FETCH; kind <= MOVE; kind++) {
		measure(1, seconds);
		if (kind != MOVE)
			measure(2, seconds);
	}
	tlscache_close(cache);
	return EXIT_SUCCESS;
}

static void
measure(unsigned n, double seconds)
{
	const struct crew_work order = { prepare, work, NULL };
	struct crew_result results[CREW_MAX];
	struct held held = { .n = 0 };
	unsigned i, k;

	memset(hists, 0, CREW_MAX * sizeof(*hists));
	crew_run(n, &order, seconds, results);
	for (i = 1; i < n; i++) {
		hists[0].n += hists[i].n;
		if (hists[i].max > hists[0].max)
			hists[0].max = hists[i].max;
		for (k = 0; k < HIST_BUCKETS; k++)
			hists[0].count[k] += hists[i].count[k];
	}
	(void)snprintf(held.what, sizeof(held.what), "%s, %u", names[kind],
	    n);
	held.n = hists[0].n;
	held.p50 = hist_at(&hists[0], 0.5);
	held.p99 = hist_at(&hists[0], 0.99);
	held.p999 = hist_at(&hists[0], 0.999);
	held.max = (double)hists[0].max;
	if (fwrite(&held, sizeof(held), 1, stdout) != 1 ||
	    fflush(stdout) != 0)
		bench_fail("the result", "cannot be written");
}

/* Pages that are touched for the first time would be counted, too. */
static void
prepare(void *arg, unsigned number)
{
	unsigned char buf[TLSCACHE_DATA_MAX];
	struct load_id id;
	uint64_t i;
	size_t len;

	seed = hist_clock() ^ (uint64_t)getpid() << 32;
	for (i = 0; i < OVERFULL; i++) {
		id = load_id(i);
		(void)!tlscache_fetch(cache, &id, sizeof(id), buf,
		    sizeof(buf), &len, LOAD_NOW);
	}
	load_fill(cache, load_random(&seed), OVERFULL / 8, LOAD_DATA);
	load_fill(cache, 0, POPULATION / 2, LOAD_DATA);
	hist = &hists[number];
}

/* Store something without being measured. */
static struct load_id
stored(void)
{
	struct hist *h = hist;
	uint64_t number = load_random(&seed) | 1ULL << 63;

	hist = NULL;
	load_fill(cache, number, 1, LOAD_DATA);
	hist = h;
	return load_id(number);
}

static void
move(void)
{
	struct tlscache *from, *to;
	struct hist *h = hist;

	hist = NULL;
	from = load_open(MOVED_SIZE);
	to = load_open(MOVED_SIZE);
	load_fill(from, 0, MOVED_SIZE / LOAD_DATA, LOAD_DATA);
	hist = h;
	bench_check("moving", tlscache_move(to, from, LOAD_NOW));
	hist = NULL;
	tlscache_close(from);
	tlscache_close(to);
	hist = h;
}

static uint64_t
work(void *arg, unsigned number, uint64_t *good)
{
	unsigned char buf[TLSCACHE_DATA_MAX];
	struct load_id id;
	int error = 0, i;
	size_t len;

	for (i = 0; i < BATCH; i++) {
		if (kind == REMOVE || kind == CLAIM)
			id = stored();
		else
			id = load_id(load_random(&seed) % (POPULATION / 2));
		if (kind == FETCH)
			error = tlscache_fetch(cache, &id, sizeof(id), buf,
			    sizeof(buf), &len, LOAD_NOW);
		else if (kind == STORE || kind == STORE_LARGE)
			load_fill(cache, load_random(&seed) | 1ULL << 63, 1,
			    kind == STORE ? LOAD_DATA : TLSCACHE_DATA_MAX);
		else if (kind == REMOVE)
			error = tlscache_remove(cache, &id, sizeof(id));
		else if (kind == CLAIM)
			error = tlscache_claim(cache, &id, sizeof(id),
			    LOAD_NOW);
		else if (kind == EXPIRE)
			(void)tlscache_expire(cache, 4096, LOAD_NOW);
		else
			move();
		*good += error == TLSCACHE_OK;
		if (kind == MOVE)
			break;
	}
	return BATCH;
}

void
bench_fail(const char *what, const char *why)
{
	crew_end_all();
	fprintf(stderr, "cache-hold: %s: %s\n", what, why);
	_exit(EXIT_FAILURE);
}

void
bench_check(const char *what, int code)
{
	if (code != TLSCACHE_OK)
		bench_fail(what, tlscache_strerror(code));
}
