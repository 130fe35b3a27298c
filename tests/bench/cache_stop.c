/* SPDX-License-Identifier: ISC */
/*
 * A process that stores and fetches without a pause is stopped at a random
 * moment, for shorter and for longer than others wait for a lock, and then
 * runs on. Meanwhile another one fetches. Where the first one was stopped
 * with a lock in its hands, that one waits once, and from then on goes without
 * the sessions of that shard.
 */
#include "config.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cache_bench.h"

#define POPULATION 5000u
#define SLOW 1000000u /* ns; no fetch takes that long by itself */

enum { RUNNING, SHORT, LONG, OVER, PHASES = OVER };
static const unsigned stop_ms[] = { [SHORT] = 20, [LONG] = 150 };
static const char *const names[] = {
	[RUNNING] = "the other one runs",
	[SHORT] = "stopped for 20 ms",
	[LONG] = "stopped for 150 ms",
};

/* What the fetching process saw in a phase. */
struct seen {
	struct hist hist;
	uint64_t waited;  /* fetches that slept, and took more than SLOW */
	uint64_t without; /* that were answered "busy" */
	uint64_t wrong;
};

struct shared {
	_Atomic int phase;
	_Atomic uint64_t held; /* fetches of this stop that met the lock */
	struct seen seen[PHASES];
};

struct scene {
	struct tlscache *cache;
	struct shared *shared;
};

static const struct column columns[] = {
	{ "p50_ns", "p50", 0 },
	{ "p99_ns", "p99", 0 },
	{ "p999_ns", "p99.9", 0 },
	{ "max_ms", "max ms", 2 },
	{ "fetches", "fetches", 0 },
	{ "waited", "waited", 0 },
	{ "busy", "busy", 0 },
	{ "stops", "stops", 0 },
	{ "stops_holding", "holding", 0 },
	{ NULL, NULL, 0 },
};

static void stop_table(const char *, const char *, size_t, unsigned);
static void fetcher(void *, unsigned);
static void stopped_one(void *, unsigned);
static unsigned stop_once(struct shared *, int, int);
static bool has_slept(void);
static void sleep_us(uint64_t);

void
bench_stop(const struct bench *b)
{
	unsigned stops = b->quick ? 8 : 60;

	stop_table("stopped_1_mib", "nanoseconds of a fetch beside a process "
	    "that is stopped: 1 MiB, 8 shards", 1u << 20, stops);
	stop_table("stopped_32_mib", "the same: 32 MiB, 256 shards",
	    32u << 20, stops);
}

static void
stop_table(const char *key, const char *title, size_t size, unsigned stops)
{
	struct scene scene = { load_open(size), NULL };
	unsigned holding[PHASES] = { 0 }, i;
	double value[COUNT_OF(columns) - 1];
	uint64_t seed = 1;
	struct seen *seen;
	int fetching, pid, phase;

	scene.shared = crew_memory(sizeof(*scene.shared));
	load_fill(scene.cache, 0, POPULATION, LOAD_DATA);
	fetching = crew_fork(fetcher, &scene, 0);
	pid = crew_fork(stopped_one, &scene, 1);
	sleep_us(50000);
	for (i = 0; i < 2 * stops; i++) {
		sleep_us(5000 + load_random(&seed) % 5000);
		phase = i % 2 == 0 ? SHORT : LONG;
		holding[phase] += stop_once(scene.shared, pid, phase);
	}
	crew_end(pid);
	atomic_store(&scene.shared->phase, OVER);
	crew_join(fetching);

	table_begin(key, title, "meanwhile", columns);
	for (phase = RUNNING; phase < PHASES; phase++) {
		seen = &scene.shared->seen[phase];
		if (seen->wrong > 0)
			bench_fail("a fetch", "gave a wrong answer");
		value[0] = hist_at(&seen->hist, 0.5);
		value[1] = hist_at(&seen->hist, 0.99);
		value[2] = hist_at(&seen->hist, 0.999);
		value[3] = (double)seen->hist.max / 1e6;
		value[4] = (double)seen->hist.n;
		value[5] = (double)seen->waited;
		value[6] = (double)seen->without;
		value[7] = phase == RUNNING ? (double)NAN : stops;
		value[8] = phase == RUNNING ? (double)NAN : holding[phase];
		table_row(names[phase], value);
	}
	table_end();
	(void)munmap(scene.shared, sizeof(*scene.shared));
	tlscache_close(scene.cache);
}

/* Returns 1 when it was stopped with a lock that somebody wanted. */
static unsigned
stop_once(struct shared *shared, int pid, int phase)
{
	int status;

	atomic_store(&shared->held, 0);
	atomic_store(&shared->phase, phase);
	if (kill(pid, SIGSTOP) == -1 ||
	    waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status))
		bench_fail("the process to be stopped", "has gone");
	sleep_us(1000u * stop_ms[phase]);
	if (kill(pid, SIGCONT) == -1)
		bench_fail("SIGCONT", strerror(errno));
	atomic_store(&shared->phase, RUNNING);
	/* Who waited then gets the lock now, and counts that. */
	sleep_us(5000);
	return atomic_load(&shared->held) > 0;
}

/*
 * A fetch belongs to the stop in which it began, or else ended: this process
 * may lose its turn to the one that stops the other, in the midst of a fetch.
 */
static void
fetcher(void *arg, unsigned number)
{
	unsigned char buf[TLSCACHE_DATA_MAX];
	const struct scene *scene = arg;
	struct seen *seen;
	struct load_id id;
	uint64_t ns, seed = 2;
	int error, phase;
	bool slept;
	size_t len;

	while ((phase = atomic_load(&scene->shared->phase)) != OVER) {
		id = load_id(load_random(&seed) % POPULATION);
		ns = hist_clock();
		error = tlscache_fetch(scene->cache, &id, sizeof(id), buf,
		    sizeof(buf), &len, LOAD_NOW);
		ns = hist_clock() - ns;
		slept = ns > SLOW && has_slept();
		if (phase == RUNNING)
			phase = atomic_load(&scene->shared->phase);
		if (phase == OVER)
			break;
		seen = &scene->shared->seen[phase];
		hist_add(&seen->hist, ns);
		seen->waited += slept;
		seen->without += error == TLSCACHE_E_BUSY;
		seen->wrong += error != TLSCACHE_OK &&
		    error != TLSCACHE_E_BUSY && error != TLSCACHE_E_MISS;
		if (phase != RUNNING && (slept || error == TLSCACHE_E_BUSY))
			atomic_fetch_add(&scene->shared->held, 1);
	}
}

/* By itself, that is, since the last call: not because others had its turn. */
static bool
has_slept(void)
{
	static long before;
	struct rusage usage;
	bool result;

	(void)getrusage(RUSAGE_SELF, &usage);
	result = usage.ru_nvcsw > before;
	before = usage.ru_nvcsw;
	return result;
}

static void
stopped_one(void *arg, unsigned number)
{
	unsigned char buf[TLSCACHE_DATA_MAX];
	const struct scene *scene = arg;
	uint64_t seed = 3, word;
	struct load_id id;
	size_t len;

	for (;;) {
		word = load_random(&seed);
		id = load_id((word >> 8) % POPULATION);
		if (word % 2 == 0)
			(void)!tlscache_store(scene->cache, &id, sizeof(id),
			    load_data, LOAD_DATA, LOAD_NOW + LOAD_LIFE,
			    LOAD_NOW);
		else
			(void)!tlscache_fetch(scene->cache, &id, sizeof(id),
			    buf, sizeof(buf), &len, LOAD_NOW);
	}
}

static void
sleep_us(uint64_t us)
{
	struct timespec t = { (time_t)(us / 1000000),
		(long)(us % 1000000) * 1000 };

	while (nanosleep(&t, &t) == -1 && errno == EINTR)
		;
}
