/* SPDX-License-Identifier: ISC */
/*
 * What stands in a shard's memory: a place of the ring, the ring's head, tail
 * and used, and nothing, after it was emptied. The files above this one find
 * entries (shm_index.c) and give them room (shm_ring.c).
 *
 * Whatever is read here may have been damaged: it is copied and checked before
 * its numbers are used.
 */
#include "config.h"

#include <string.h>

#include "fault_int.h"
#include "shm_int.h"

bool
tlsc_shard_place(const struct tlsc_shard *shard, uint32_t at,
    struct tlsc_place *place)
{
	uint32_t left, ring = shard->store->geometry.ring, rest;
	struct tlsc_entry *entry = &place->entry;

	debug_assert(shard->hold != TLSC_OUTSIDE);
	if (at >= ring || at % TLSC_UNIT != 0)
		return false;
	left = ring - at;
	if (left >= sizeof(*entry)) {
		memcpy(entry, shard->ring + at, sizeof(*entry));
	} else {
		memset(entry, 0, sizeof(*entry));
		memcpy(entry, shard->ring + at, left);
	}
	/* The compiler must not read any of this a second time. */
	atomic_signal_fence(memory_order_seq_cst);
	place->at = at;
	place->size = entry->units * TLSC_UNIT;
	place->len = 0;
	if (place->size == 0 || place->size > left)
		return false;
	if ((entry->flags & TLSC_LIVE) == 0)
		return true;
	rest = (uint32_t)sizeof(*entry) + entry->idlen +
	    (entry->flags >> TLSC_PAD_SHIFT);
	if (entry->idlen == 0 || entry->idlen > TLSCACHE_ID_MAX ||
	    rest > place->size || place->size - rest > TLSCACHE_DATA_MAX)
		return false;
	place->len = place->size - rest;
	return true;
}

/* Written only if it is not set: readers then leave the line where it is. */
void
tlsc_shard_set_flag(struct tlsc_shard *shard, struct tlsc_place *place,
    uint8_t flag)
{
	debug_assert(shard->hold != TLSC_OUTSIDE);
	if ((place->entry.flags & flag) != 0)
		return;
	place->entry.flags |= flag;
	shard->ring[place->at + offsetof(struct tlsc_entry, flags)] =
	    place->entry.flags;
}

/* Whoever offers a session again will do so once more. */
void
tlsc_shard_fetched(struct tlsc_shard *shard, struct tlsc_place *place)
{
	uint8_t again = TLSC_ONCE | TLSC_FETCHED;

	debug_assert(shard->hold != TLSC_OUTSIDE);
	if ((place->entry.flags & again) != again) {
		tlsc_shard_set_flag(shard, place, TLSC_FETCHED);
		return;
	}
	place->entry.flags &= (uint8_t)~TLSC_ONCE;
	shard->ring[place->at + offsetof(struct tlsc_entry, flags)] =
	    place->entry.flags;
}

uint32_t
tlsc_entry_check(const struct tlsc_store *store,
    const struct tlsc_entry *entry, uint64_t hash, const void *data,
    size_t len)
{
	return (uint32_t)tlsc_hash_check(&store->geometry.key, hash,
	    (uint64_t)entry->expires << 32 | entry->stored, data, len);
}

void
tlsc_shard_ring_load(struct tlsc_shard *shard)
{
	uint32_t head, ring = shard->store->geometry.ring, tail, used;

	head = atomic_load_explicit(&shard->shared->head,
	    memory_order_relaxed);
	tail = atomic_load_explicit(&shard->shared->tail,
	    memory_order_relaxed);
	used = atomic_load_explicit(&shard->shared->used,
	    memory_order_relaxed);
	shard->head = head;
	shard->tail = tail;
	shard->used = used;
	if (head >= ring || tail >= ring || head % TLSC_UNIT != 0 ||
	    tail % TLSC_UNIT != 0)
		tlsc_shard_corrupt(shard);
	else if (head == tail ? used != 0 && used != ring :
	    used != (head > tail ? head - tail : ring - tail + head))
		tlsc_shard_corrupt(shard);
}

void
tlsc_shard_ring_save(const struct tlsc_shard *shard)
{
	debug_assert(shard->hold == TLSC_CHANGING);
	atomic_store_explicit(&shard->shared->head, shard->head,
	    memory_order_relaxed);
	atomic_store_explicit(&shard->shared->tail, shard->tail,
	    memory_order_relaxed);
	atomic_store_explicit(&shard->shared->used, shard->used,
	    memory_order_relaxed);
}

void
tlsc_shard_corrupt(struct tlsc_shard *shard)
{
	tlsc_shard_empty(shard);
	tlsc_count(shard, TLSC_COUNT_corrupt, 1);
}

void
tlsc_shard_empty(struct tlsc_shard *shard)
{
	const struct tlsc_header *header = &shard->store->geometry;
	uint32_t i;

	debug_assert(shard->hold == TLSC_CHANGING);
	for (i = 0; i < header->buckets * TLSC_BUCKET; i++)
		atomic_store_explicit(&shard->slots[i], 0,
		    memory_order_relaxed);
	TLSC_FAULT(EMPTYING);
	explicit_bzero(shard->ring, header->ring);
	shard->head = shard->tail = shard->used = 0;
	atomic_store_explicit(&shard->shared->counter[TLSC_COUNT_entries], 0,
	    memory_order_relaxed);
	atomic_store_explicit(&shard->shared->counter[TLSC_COUNT_bytes], 0,
	    memory_order_relaxed);
}
