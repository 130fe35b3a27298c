/* SPDX-License-Identifier: ISC */
/* See load.h. For all tests of the store. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

static const char *shard_invariants(struct tlsc_shard *);
static const char *slot_invariants(const struct tlsc_shard *, uint64_t *);

struct tlsc_store *
load_store(size_t size)
{
	struct tlsc_store *store;
	int error;

	error = tlsc_store_new(&store, size, LOAD_NOW);
	if (error != TLSCACHE_OK) {
		fprintf(stderr, "no store: %s\n", tlscache_strerror(error));
		abort();
	}
	store->geometry.key.word[0] = 0x5bd1e9955bd1e995ULL;
	store->geometry.key.word[1] = size;
	return store;
}

uint64_t
load_random(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15ULL;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

struct tlsc_id
load_id(unsigned char id[LOAD_ID], uint64_t n)
{
	struct tlsc_id result = { id, LOAD_ID };
	uint64_t state = n, word;
	size_t i;

	for (i = 0; i < LOAD_ID; i += sizeof(word)) {
		word = load_random(&state);
		memcpy(id + i, &word, sizeof(word));
	}
	return result;
}

size_t
load_data(const unsigned char id[LOAD_ID],
    unsigned char data[TLSCACHE_DATA_MAX])
{
	uint64_t state, word;
	size_t i, len;

	memcpy(&state, id, sizeof(state));
	word = load_random(&state);
	if (word % 64 == 0)
		len = 1024 + (word >> 8) % (TLSCACHE_DATA_MAX - 1023);
	else
		len = 60 + (word >> 8) % 200;
	for (i = 0; i + sizeof(word) <= len; i += sizeof(word)) {
		word = load_random(&state);
		memcpy(data + i, &word, sizeof(word));
	}
	for (; i < len; i++)
		data[i] = (unsigned char)i;
	return len;
}

int
load_put(struct tlsc_store *store, uint64_t n, int64_t now)
{
	unsigned char data[TLSCACHE_DATA_MAX], bytes[LOAD_ID];
	struct tlsc_id id = load_id(bytes, n);
	size_t len = load_data(bytes, data);

	return tlsc_store_put(store, id, data, len, now + LOAD_LIFE, now);
}

int
load_get(struct tlsc_store *store, uint64_t n, int64_t now)
{
	unsigned char bytes[LOAD_ID], got[TLSCACHE_DATA_MAX],
	    want[TLSCACHE_DATA_MAX];
	struct tlsc_id id = load_id(bytes, n);
	size_t len;
	int error;

	error = tlsc_store_get(store, id, got, sizeof(got), &len, now);
	if (error != TLSCACHE_OK)
		return error;
	if (len != load_data(bytes, want))
		return 1;
	return memcmp(got, want, len) == 0 ? 0 : 1;
}

unsigned
load_mix(struct tlsc_store *store, uint64_t seed, unsigned operations,
    uint64_t first, uint64_t n, int64_t now)
{
	unsigned char bytes[LOAD_ID];
	unsigned bad = 0, i;
	struct tlsc_id id;
	uint64_t number, word;
	int result;

	for (i = 0; i < operations; i++) {
		word = load_random(&seed);
		number = first + (word >> 16) % n;
		id = load_id(bytes, number);
		switch (word % 16) {
		case 0: case 1: case 2: case 3: case 4:
			result = load_put(store, number, now);
			bad += result != TLSCACHE_OK &&
			    result != TLSCACHE_E_BUSY;
			break;
		case 5:
			result = tlsc_store_claim(store, id, now);
			bad += result != TLSCACHE_OK &&
			    result != TLSCACHE_E_MISS &&
			    result != TLSCACHE_E_BUSY &&
			    result != TLSCACHE_E_CLAIMED;
			break;
		case 6:
			result = tlsc_store_remove(store, id);
			bad += result != TLSCACHE_OK &&
			    result != TLSCACHE_E_BUSY &&
			    result != TLSCACHE_E_MISS;
			break;
		case 7:
			(void)tlsc_store_expire(store, word >> 32 & 0xff,
			    now);
			break;
		default:
			result = load_get(store, number, now);
			bad += result != TLSCACHE_OK &&
			    result != TLSCACHE_E_BUSY &&
			    result != TLSCACHE_E_MISS;
			break;
		}
	}
	return bad;
}

const char *
load_invariants(struct tlsc_store *store)
{
	struct tlsc_shard shard;
	const char *wrong = NULL;
	uint32_t i;

	for (i = 0; wrong == NULL && i < store->geometry.shards; i++) {
		shard = tlsc_shard_at(store, i);
		if (tlsc_shard_lock(&shard) != TLSCACHE_OK)
			return "a lock cannot be had";
		wrong = shard_invariants(&shard);
		tlsc_shard_unlock(&shard);
	}
	return wrong;
}

static bool
all_zero(const unsigned char *p, size_t len)
{
	while (len > 0 && *p == 0) {
		p++;
		len--;
	}
	return len == 0;
}

/* The first four bytes of a dead place say how long it is. */
static bool
is_wiped(const struct tlsc_shard *shard, const struct tlsc_place *place)
{
	return place->entry.idlen == 0 && place->entry.flags == 0 &&
	    all_zero(shard->ring + place->at + 4, place->size - 4);
}

static const char *
shard_invariants(struct tlsc_shard *shard)
{
	uint32_t at, free_at_end, left, ring = shard->store->geometry.ring;
	uint64_t bytes = 0, entries = 0, hash, named;
	struct tlsc_place place;
	const unsigned char *p;
	const char *wrong;

	if ((shard->shared->seq & 1) != 0)
		return "a shard is marked as being written";
	tlsc_shard_ring_load(shard);
	if (shard->head != shard->shared->head ||
	    shard->used != shard->shared->used)
		return "head, tail and used do not fit each other";
	at = shard->tail;
	for (left = shard->used; left > 0; left -= place.size) {
		if (!tlsc_shard_place(shard, at, &place) || place.size > left)
			return "the ring has a gap";
		p = shard->ring + at + sizeof(place.entry);
		if ((place.entry.flags & TLSC_LIVE) == 0) {
			if (!is_wiped(shard, &place))
				return "a dead place is not wiped";
		} else {
			hash = tlsc_hash(&shard->store->geometry.key, p,
			    place.entry.idlen);
			if (tlsc_hash_shard(shard->store, hash) !=
			    shard->number)
				return "an entry is in the wrong shard";
			if (tlsc_shard_slot(shard, hash, at) == NULL)
				return "a live entry has no slot";
			if (tlsc_entry_check(shard->store, &place.entry, hash,
			    p + place.entry.idlen, place.len) !=
			    place.entry.check)
				return "a live entry does not pass its check";
			entries++;
			bytes += place.size;
		}
		at += place.size;
		if (at > ring)
			return "a place crosses the end of the ring";
		if (at == ring)
			at = 0;
	}
	if (at != shard->head % ring)
		return "the ring does not end at its head";
	left = ring - shard->used;
	free_at_end = left < ring - shard->head ? left : ring - shard->head;
	if (!all_zero(shard->ring + shard->head, free_at_end) ||
	    !all_zero(shard->ring, left - free_at_end))
		return "free bytes are not wiped";
	if (shard->shared->counter[TLSC_COUNT_entries] != entries ||
	    shard->shared->counter[TLSC_COUNT_bytes] != bytes)
		return "entries or bytes are counted wrong";
	wrong = slot_invariants(shard, &named);
	if (wrong == NULL && named != entries)
		wrong = "an entry has two slots";
	return wrong;
}

static const char *
slot_invariants(const struct tlsc_shard *shard, uint64_t *named)
{
	uint32_t at, i, slots;
	struct tlsc_place place;
	const unsigned char *p;
	uint64_t hash;

	*named = 0;
	slots = shard->store->geometry.buckets * TLSC_BUCKET;
	for (i = 0; i < slots; i++) {
		if (!tlsc_slot_place(&shard->slots[i], &at)) {
			if (shard->slots[i] != 0)
				return "an empty slot has a tag";
			continue;
		}
		if (!tlsc_shard_place(shard, at, &place) ||
		    (place.entry.flags & TLSC_LIVE) == 0)
			return "a slot names no live entry";
		p = shard->ring + at + sizeof(place.entry);
		hash = tlsc_hash(&shard->store->geometry.key, p,
		    place.entry.idlen);
		if (tlsc_shard_slot(shard, hash, at) != &shard->slots[i])
			return "a slot is in a wrong bucket";
		(*named)++;
	}
	return NULL;
}

bool
load_in_memory(const struct tlsc_store *store, const void *bytes, size_t len)
{
	return memmem(store->segment.base, store->segment.size, bytes, len) !=
	    NULL;
}
