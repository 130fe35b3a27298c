/* SPDX-License-Identifier: ISC */
/*
 * Entries whose data follows from their id, so that every process can tell
 * whether what it has fetched is bit for bit what some process has stored;
 * and a store whose invariants are looked at from outside.
 */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm_int.h"

#define LOAD_ID 32u
#define LOAD_NOW 1000000 /* some time */
#define LOAD_LIFE 100

/*
 * A store whose hash key is always the same one, so that a test that fails
 * fails again. The test fails at once if there is none.
 */
struct tlsc_store *load_store(size_t size);

/* A sequence of random numbers. */
uint64_t load_random(uint64_t *state);

/* The id of number n. */
struct tlsc_id load_id(unsigned char [LOAD_ID], uint64_t n);

/* The data of an id; returns its length. One of 64 is longer than 1 KiB. */
size_t load_data(const unsigned char [LOAD_ID],
    unsigned char [TLSCACHE_DATA_MAX]);

int load_put(struct tlsc_store *, uint64_t n, int64_t now);

/*
 * Get number n. 0 and the right data, or a negative code; or 1 when the data
 * is wrong.
 */
int load_get(struct tlsc_store *, uint64_t n, int64_t now);

/*
 * Operations of all kinds on the entries first … first + n - 1. Returns how
 * many of them ended in a way that must not be, or were wrong data. (On a busy
 * machine the holder of a lock may be away for longer than others wait.)
 */
unsigned load_mix(struct tlsc_store *, uint64_t seed, unsigned operations,
    uint64_t first, uint64_t n, int64_t now);

/*
 * Look at all shards for what must be true when nobody uses the store; see
 * the head of store_shm.c. NULL, or what is wrong.
 */
const char *load_invariants(struct tlsc_store *);

/* Is that anywhere in the segment? */
bool load_in_memory(const struct tlsc_store *, const void *bytes,
    size_t len);

#endif
