/* SPDX-License-Identifier: ISC */
/* Ids and data of sessions that nobody made, and caches filled with them. */
#include "config.h"

#include <sys/stat.h>

#include <sched.h>

#include "cache_bench.h"

const unsigned char load_data[TLSCACHE_DATA_MAX] = "session";

uint64_t
load_random(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15ULL;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

struct load_id
load_id(uint64_t number)
{
	uint64_t state = number;
	struct load_id id;
	int i;

	for (i = 0; i < 4; i++)
		id.word[i] = load_random(&state);
	/* Successive states overlap; their first words do not repeat. */
	id.word[3] = number;
	return id;
}

struct tlscache *
load_open(size_t size)
{
	struct tlscache *cache;

	bench_check("a cache", tlscache_open(&cache, size));
	return cache;
}

double
load_segment(const struct tlscache *cache)
{
	struct stat st;

	if (fstat(tlscache_fd(cache), &st) == -1)
		bench_fail("a cache", "has no descriptor");
	return (double)st.st_size;
}

void
load_fill(struct tlscache *cache, uint64_t first, uint64_t n, size_t len)
{
	struct load_id id;
	uint64_t i;
	int error;

	for (i = first; i < first + n; i++) {
		id = load_id(i);
		do {
			error = tlscache_store(cache, &id, sizeof(id),
			    load_data, len, LOAD_NOW + LOAD_LIFE, LOAD_NOW);
		} while (error == TLSCACHE_E_BUSY && sched_yield() == 0);
		bench_check("storing", error);
	}
}
