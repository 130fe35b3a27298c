/* SPDX-License-Identifier: ISC */
/*
 * Operations per second of 1 … 8 processes that share a cache. The machine may
 * have other work: every round measures all kinds and numbers one after the
 * other, figures are medians over the rounds, and beside the time on the wall
 * stands the processes' own, which others do not take away. "got" is how much
 * of the processors that they could have used they had; "x one" and "by CPU"
 * compare with one process in the same round, by the wall and by their own
 * time, "best" the best rounds. Two processes with a cache each show what the
 * processor and its memory take from two; the rest is the price of sharing.
 */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "cache_bench.h"

#define CACHE_SIZE (32u << 20)
#define POPULATION 100000u /* sessions that are fetched */
#define OVERFULL 400000u   /* more than there is room for */
#define BATCH 256u	   /* operations between two looks at the clock */
#define ROUNDS_MAX 15
#define NUMBERS 5

static uint64_t work_nothing(void *, unsigned, uint64_t *);
static uint64_t work_fetch(void *, unsigned, uint64_t *);
static uint64_t work_store(void *, unsigned, uint64_t *);
static uint64_t work_mixed(void *, unsigned, uint64_t *);
static void prepare(void *, unsigned);
static struct tlscache *cache_of(void *, unsigned);
static bool fetch(struct tlscache *, uint64_t);
static bool store(struct tlscache *, uint64_t);

enum { ONE, TWO, APART };
static const unsigned numbers[NUMBERS] = { 1, 2, 2, 4, 8 };
static const char *const labels[NUMBERS] = {
	"1", "2", "2, a cache each", "4", "8",
};

static struct kind {
	const char *name;
	uint64_t (*work)(void *, unsigned, uint64_t *);
	uint64_t fill;
	struct tlscache *cache[2];
	bool apart; /* each process has one of these */
} kinds[] = {
	{ "fetch", work_fetch, POPULATION, { NULL, NULL }, false },
	{ "store", work_store, OVERFULL, { NULL, NULL }, false },
	{ "mixed", work_mixed, POPULATION, { NULL, NULL }, false },
};

/* One line of the table in one round. */
struct sample {
	double total, cpu_ns, got, good, scaling, cpu_scaling;
};
static struct sample samples[COUNT_OF(kinds)][NUMBERS][ROUNDS_MAX];

static const struct column columns[] = {
	{ "total_mops", "M/s", 2 },
	{ "min_mops", "min", 2 },
	{ "max_mops", "max", 2 },
	{ "process_mops", "each M/s", 2 },
	{ "got", "got %", 0 },
	{ "cpu_ns", "CPU ns/op", 0 },
	{ "scaling", "x one", 2 },
	{ "best_scaling", "best", 2 },
	{ "cpu_scaling", "by CPU", 2 },
	{ "good", "good %", 1 },
	{ NULL, NULL, 0 },
};

static uint64_t seed; /* of this process */

static void rate_round(unsigned, double);
static struct sample summary(const struct crew_result *, unsigned);
static void rate_row(const struct kind *, unsigned, unsigned);
static double best(const struct sample *, unsigned);
static double column(const struct sample *, unsigned, size_t);
static void rate_goals(unsigned);

void
bench_rate(const struct bench *b)
{
	const struct crew_work nothing = { NULL, work_nothing, NULL };
	unsigned i, n, rounds = b->quick ? 3 : ROUNDS_MAX;
	double value[COUNT_OF(columns) - 1];
	struct crew_result r;

	for (i = 0; i < COUNT_OF(kinds); i++)
		for (n = 0; n < 2; n++) {
			kinds[i].cache[n] = load_open(CACHE_SIZE);
			load_fill(kinds[i].cache[n], 0, kinds[i].fill,
			    LOAD_DATA);
		}
	for (i = 0; i < rounds; i++)
		rate_round(i, b->quick ? 0.15 : 0.25);
	crew_run(1, &nothing, 0.1, &r);

	table_begin("rates", "operations per second: 32 MiB, sessions of "
	    "102 bytes, 100,000 of them fetched;\nmixed: 90 % fetch, 9 % "
	    "store, 1 % remove", "operation, processes", columns);
	for (i = 0; i < COUNT_OF(kinds); i++)
		for (n = 0; n < NUMBERS; n++)
			rate_row(&kinds[i], n, rounds);
	for (i = 0; i < COUNT_OF(value); i++)
		value[i] = (double)NAN;
	value[5] = r.cpu / (double)r.operations * 1e9;
	table_row("of these, the benchmark itself", value);
	table_end();
	rate_goals(rounds);
	for (i = 0; i < COUNT_OF(kinds); i++)
		for (n = 0; n < 2; n++)
			tlscache_close(kinds[i].cache[n]);
}

/* Who comes first has another cache's data in the processor: by turns. */
static void
rate_round(unsigned round, double seconds)
{
	struct crew_result results[CREW_MAX];
	struct sample *s, *one;
	unsigned i, k, n;

	for (i = 0; i < COUNT_OF(kinds); i++) {
		const struct crew_work work = { prepare, kinds[i].work,
			&kinds[i] };

		for (k = 0; k < NUMBERS; k++) {
			n = (k + round) % NUMBERS;
			kinds[i].apart = n == APART;
			crew_run(numbers[n], &work, seconds, results);
			samples[i][n][round] = summary(results, numbers[n]);
		}
		one = &samples[i][ONE][round];
		for (n = 0; n < NUMBERS; n++) {
			s = &samples[i][n][round];
			s->scaling = s->total / one->total;
			s->cpu_scaling = numbers[n] * one->cpu_ns / s->cpu_ns;
		}
	}
}

static struct sample
summary(const struct crew_result *r, unsigned n)
{
	double cpu = 0, good = 0, operations = 0, seconds = 0;
	unsigned i, processors = crew_processors();
	struct sample s = { 0 };

	for (i = 0; i < n; i++) {
		seconds = fmax(seconds, r[i].seconds);
		operations += (double)r[i].operations;
		good += (double)r[i].good;
		cpu += r[i].cpu;
	}
	s.total = operations / seconds / 1e6;
	s.got = cpu / seconds / (n < processors ? n : processors) * 100;
	s.cpu_ns = cpu / operations * 1e9;
	s.good = good / operations * 100;
	return s;
}

static void
rate_row(const struct kind *kind, unsigned n, unsigned rounds)
{
	const struct sample *s = samples[kind - kinds][n];
	double value[COUNT_OF(columns) - 1];
	unsigned i;
	char label[32];

	value[0] = column(s, rounds, offsetof(struct sample, total));
	value[1] = value[2] = best(s, rounds);
	for (i = 0; i < rounds; i++)
		value[1] = fmin(value[1], s[i].total);
	value[3] = value[0] / numbers[n];
	value[4] = column(s, rounds, offsetof(struct sample, got));
	value[5] = column(s, rounds, offsetof(struct sample, cpu_ns));
	value[6] = column(s, rounds, offsetof(struct sample, scaling));
	value[7] = value[2] / best(samples[kind - kinds][ONE], rounds);
	value[8] = column(s, rounds, offsetof(struct sample, cpu_scaling));
	value[9] = column(s, rounds, offsetof(struct sample, good));
	(void)snprintf(label, sizeof(label), "%s, %s", kind->name,
	    labels[n]);
	table_row(label, value);
}

static double
best(const struct sample *s, unsigned rounds)
{
	double most = 0;
	unsigned i;

	for (i = 0; i < rounds; i++)
		most = fmax(most, s[i].total);
	return most;
}

/* The median over the rounds of one member of struct sample. */
static double
column(const struct sample *s, unsigned rounds, size_t member)
{
	double value[ROUNDS_MAX];
	unsigned i;

	for (i = 0; i < rounds; i++)
		value[i] = *(const double *)(const void *)
		    ((const char *)&s[i] + member);
	return median(value, rounds);
}

static void
rate_goals(unsigned rounds)
{
	static const char *wall[] = { "fetch, two processes to one",
		"store, two processes to one", "mixed, two processes to one" };
	static const char *cpu[] = { "fetch, two to one, by CPU time",
		"store, two to one, by CPU time",
		"mixed, two to one, by CPU time" };
	static const char *shared[] = { "fetch, two to twice one of two apart",
		"store, two to twice one of two apart",
		"mixed, two to twice one of two apart" };
	unsigned i;

	report_goal("fetch, one process, million per second",
	    column(samples[0][ONE], rounds, offsetof(struct sample, total)), 1,
	    true);
	if (crew_processors() < 2)
		return;
	report_goal("fetch, each of two processes, million per second",
	    column(samples[0][TWO], rounds, offsetof(struct sample, total)) / 2,
	    1, true);
	for (i = 0; i < COUNT_OF(kinds); i++) {
		report_goal(wall[i], column(samples[i][TWO], rounds,
		    offsetof(struct sample, scaling)), 1.8, true);
		report_goal(cpu[i], column(samples[i][TWO], rounds,
		    offsetof(struct sample, cpu_scaling)), 1.8, true);
		report_goal(shared[i], 2 * column(samples[i][APART], rounds,
		    offsetof(struct sample, cpu_ns)) /
		    column(samples[i][TWO], rounds,
		    offsetof(struct sample, cpu_ns)), 1.8, true);
	}
}

/*
 * A process that was just forked has none of the cache's pages in its tables;
 * to be measured is one that has worked for a while.
 */
static void
prepare(void *arg, unsigned number)
{
	struct tlscache *cache = cache_of(arg, number);
	uint64_t i, unused = 0;

	seed = hist_clock() ^ (uint64_t)getpid() << 32;
	for (i = 0; i < POPULATION; i++)
		unused += fetch(cache, i);
	if (((const struct kind *)arg)->work == work_store)
		for (i = 0; i < POPULATION; i += BATCH)
			(void)work_store(arg, number, &unused);
}

static struct tlscache *
cache_of(void *arg, unsigned number)
{
	const struct kind *kind = arg;

	return kind->cache[kind->apart ? number : 0];
}

static bool
fetch(struct tlscache *cache, uint64_t number)
{
	unsigned char buf[TLSCACHE_DATA_MAX];
	struct load_id id = load_id(number);
	size_t len;

	return tlscache_fetch(cache, &id, sizeof(id), buf, sizeof(buf), &len,
	    LOAD_NOW) == TLSCACHE_OK;
}

static bool
store(struct tlscache *cache, uint64_t number)
{
	struct load_id id = load_id(number);

	return tlscache_store(cache, &id, sizeof(id), load_data, LOAD_DATA,
	    LOAD_NOW + LOAD_LIFE, LOAD_NOW) == TLSCACHE_OK;
}

static uint64_t
work_nothing(void *arg, unsigned number, uint64_t *good)
{
	struct load_id id;
	unsigned i;

	for (i = 0; i < BATCH; i++) {
		id = load_id(load_random(&seed) % POPULATION);
		*good += id.word[1] & 1;
	}
	return BATCH;
}

static uint64_t
work_fetch(void *arg, unsigned number, uint64_t *good)
{
	struct tlscache *cache = cache_of(arg, number);
	unsigned i;

	for (i = 0; i < BATCH; i++)
		*good += fetch(cache, load_random(&seed) % POPULATION);
	return BATCH;
}

/* Ids that were never there before: a session goes for each. */
static uint64_t
work_store(void *arg, unsigned number, uint64_t *good)
{
	struct tlscache *cache = cache_of(arg, number);
	unsigned i;

	for (i = 0; i < BATCH; i++)
		*good += store(cache, load_random(&seed) | 1ULL << 63);
	return BATCH;
}

/* Of the population, so that nine of ten are there in the long run. */
static uint64_t
work_mixed(void *arg, unsigned number, uint64_t *good)
{
	struct tlscache *cache = cache_of(arg, number);
	struct load_id id;
	uint64_t session, word;
	unsigned i;

	for (i = 0; i < BATCH; i++) {
		word = load_random(&seed);
		session = (word >> 32) % POPULATION;
		if (word % 100 < 90) {
			*good += fetch(cache, session);
		} else if (word % 100 < 99) {
			*good += store(cache, session);
		} else {
			id = load_id(session);
			*good += tlscache_remove(cache, &id, sizeof(id)) ==
			    TLSCACHE_OK;
		}
	}
	return BATCH;
}
