/* SPDX-License-Identifier: ISC */
/*
 * usage: test_hammer [SECONDS]
 *
 * Four processes hammer one cache with stores, fetches, claims and removals
 * while a fifth kills one of them every 50 ms and puts another in its place.
 * No byte may be wrong, no entry be claimed twice, nobody wait for longer than
 * five seconds. Two seconds, or as many as are asked for.
 *
 * Every number is stored once, so that a second claim of it is a second claim
 * of one entry; what a process was granted when it was killed is not known,
 * so claims are counted too seldom, never too often.
 */
#include "config.h"

#include <sys/mman.h>
#include <sys/wait.h>

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

#define WORKERS 4
#define KILL_EVERY_MS 50
#define WATCHDOG 5 /* seconds for one operation, on a machine of any speed */
#define RECENT 1000u
#define NUMBERS (1u << 26)

struct shared {
	_Atomic uint64_t next; /* number to be stored */
	_Atomic uint64_t stores, hits, misses, claims, busy;
	_Atomic uint64_t wrong, twice, odd;
	_Atomic unsigned char claimed[NUMBERS];
};

static struct tlsc_store *store;
static struct shared *shared;

/* What an operation may say, besides that it has been done. */
static void
note(int error)
{
	if (error == TLSCACHE_E_BUSY)
		atomic_fetch_add(&shared->busy, 1);
	else if (error != TLSCACHE_OK && error != TLSCACHE_E_MISS &&
	    error != TLSCACHE_E_CLAIMED)
		atomic_fetch_add(&shared->odd, 1);
}

static void
fetch(uint64_t n)
{
	int result;

	result = load_get(store, n, LOAD_NOW);
	if (result > 0)
		atomic_fetch_add(&shared->wrong, 1);
	else if (result == TLSCACHE_OK)
		atomic_fetch_add(&shared->hits, 1);
	else
		atomic_fetch_add(&shared->misses, 1);
	if (result < 0)
		note(result);
}

static void
claim(uint64_t n)
{
	unsigned char bytes[LOAD_ID];
	int error;

	error = tlsc_store_claim(store, load_id(bytes, n), LOAD_NOW);
	if (error == TLSCACHE_OK) {
		atomic_fetch_add(&shared->claims, 1);
		if (atomic_fetch_add(&shared->claimed[n], 1) != 0)
			atomic_fetch_add(&shared->twice, 1);
	}
	note(error);
}

static void
one_operation(uint64_t word)
{
	unsigned char bytes[LOAD_ID];
	uint64_t n, next = atomic_load(&shared->next);

	n = next > RECENT ? next - 1 - (word >> 8) % RECENT :
	    (word >> 8) % next;
	switch (word % 8) {
	case 0: case 1:
		n = atomic_fetch_add(&shared->next, 1);
		if (n >= NUMBERS)
			_exit(0);
		note(load_put(store, n, LOAD_NOW));
		atomic_fetch_add(&shared->stores, 1);
		break;
	case 2: case 3:
		claim(n);
		break;
	case 4:
		note(tlsc_store_remove(store, load_id(bytes, n)));
		break;
	default:
		fetch(n);
		break;
	}
}

static pid_t
worker(uint64_t seed)
{
	pid_t pid;

	pid = fork();
	if (pid == -1) {
		perror("fork");
		exit(1);
	}
	if (pid != 0)
		return pid;
	for (;;) {
		alarm(WATCHDOG);
		one_operation(load_random(&seed));
	}
}

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int
main(int argc, char **argv)
{
	double end = now() + (argc > 1 ? atof(argv[1]) : 2);
	struct timespec pause = { 0, KILL_EVERY_MS * 1000000L };
	unsigned kills = 0, hung = 0, ended = 0;
	uint64_t seed = 1;
	struct tlscache_stat stat;
	const char *wrong;
	pid_t pids[WORKERS];
	int i, status;
	void *p;

	store = load_store(256 << 10);
	p = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED |
	    MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	shared = p;
	atomic_store(&shared->next, 1);
	for (i = 0; i < WORKERS; i++)
		pids[i] = worker(load_random(&seed));
	while (now() < end) {
		nanosleep(&pause, NULL);
		i = (int)(load_random(&seed) % WORKERS);
		kill(pids[i], SIGKILL);
		waitpid(pids[i], &status, 0);
		if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
			kills++;
		else
			ended++;
		hung += WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
		pids[i] = worker(load_random(&seed));
	}
	for (i = 0; i < WORKERS; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], &status, 0);
		hung += WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
		ended += !WIFSIGNALED(status);
	}
	wrong = load_invariants(store);
	tlsc_store_stat(store, &stat);
	printf("%llu stores, %llu hits, %llu misses, %llu claims; %u kills, "
	    "%llu locks recovered, %llu shards lost, %llu busy\n",
	    (unsigned long long)shared->stores,
	    (unsigned long long)shared->hits,
	    (unsigned long long)shared->misses,
	    (unsigned long long)shared->claims, kills,
	    (unsigned long long)stat.lock_recoveries,
	    (unsigned long long)stat.shards_lost,
	    (unsigned long long)shared->busy);
	printf("%llu wrong, %llu claimed twice, %llu odd answers, %llu entries "
	    "damaged, %u hung, %u ended, invariants: %s\n",
	    (unsigned long long)shared->wrong,
	    (unsigned long long)shared->twice,
	    (unsigned long long)shared->odd, (unsigned long long)stat.corrupt,
	    hung, ended, wrong != NULL ? wrong : "hold");
	return shared->wrong == 0 && shared->twice == 0 && shared->odd == 0 &&
	    stat.corrupt == 0 && hung == 0 && ended == 0 && wrong == NULL &&
	    kills > 0 && shared->claims > 0 && shared->hits > 0 ? 0 : 1;
}
