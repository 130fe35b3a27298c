/* SPDX-License-Identifier: ISC */
/*
 * From an id to its entry. A hash gives, from its lowest bit up: 21 bits for
 * the shard, 16 for the tag (one bit between is not used), 13 and 13 for two
 * buckets. A slot is tag << 16 | 1 + offset / TLSC_UNIT, or 0: one word, which
 * is there or not, whole.
 */
#include "config.h"

#include <string.h>

#include "shm_int.h"

#define CACHE_LINE 64

static _Atomic uint32_t *bucket(const struct tlsc_shard *, uint64_t, int);
static uint32_t tag_of(uint64_t);
static uint32_t slot_get(const _Atomic uint32_t *);
static _Atomic uint32_t *slot_oldest(const struct tlsc_shard *, uint64_t);

uint32_t
tlsc_hash_shard(const struct tlsc_store *store, uint64_t hash)
{
	return (uint32_t)hash & (store->geometry.shards - 1);
}

static uint32_t
tag_of(uint64_t hash)
{
	return (uint32_t)(hash >> 22) & 0xffff;
}

/* The first or the second bucket for a hash; they are never the same. */
static _Atomic uint32_t *
bucket(const struct tlsc_shard *shard, uint64_t hash, int which)
{
	uint64_t buckets = shard->store->geometry.buckets, n;

	n = ((hash >> 38 & 0x1fff) * buckets) >> 13;
	if (which != 0) {
		n += 1 + (((hash >> 51) * (buckets - 1)) >> 13);
		if (n >= buckets)
			n -= buckets;
	}
	return shard->slots + n * TLSC_BUCKET;
}

/* Have the memory ready when the lock is ours. */
void
tlsc_shard_prefetch(const struct tlsc_shard *shard, uint64_t hash)
{
#if defined(__GNUC__)
	__builtin_prefetch(shard->shared, 1);
	__builtin_prefetch(shard->shared->counter, 1);
	__builtin_prefetch(bucket(shard, hash, 0));
	__builtin_prefetch(bucket(shard, hash, 1));
#endif
}

/*
 * What the slots say now need not be true any more when the lock is ours; the
 * worst is that the wrong memory is ready.
 */
void
tlsc_shard_prefetch_entry(const struct tlsc_shard *shard, uint64_t hash)
{
#if defined(__GNUC__)
	uint32_t at, tag = tag_of(hash);
	const unsigned char *p;
	_Atomic uint32_t *slot;
	unsigned i;
	int which;

	for (which = 0; which < 2; which++) {
		slot = bucket(shard, hash, which);
		for (i = 0; i < TLSC_BUCKET; i++, slot++) {
			if (slot_get(slot) >> 16 != tag ||
			    !tlsc_slot_place(slot, &at) ||
			    at >= shard->store->geometry.ring)
				continue;
			p = shard->ring + at;
			__builtin_prefetch(p);
			__builtin_prefetch(p + CACHE_LINE);
			__builtin_prefetch(p + 2 * CACHE_LINE);
			return;
		}
	}
#endif
}

static uint32_t
slot_get(const _Atomic uint32_t *slot)
{
	return atomic_load_explicit(slot, memory_order_relaxed);
}

bool
tlsc_slot_place(const _Atomic uint32_t *slot, uint32_t *at)
{
	uint32_t value = slot_get(slot) & 0xffff;

	*at = (value - 1) * TLSC_UNIT;
	return value != 0;
}

void
tlsc_slot_set(_Atomic uint32_t *slot, uint64_t hash, uint32_t at)
{
	atomic_store_explicit(slot, tag_of(hash) << 16 | (1 + at / TLSC_UNIT),
	    memory_order_relaxed);
}

_Atomic uint32_t *
tlsc_shard_find(const struct tlsc_shard *shard, uint64_t hash,
    struct tlsc_id id, struct tlsc_place *place)
{
	_Atomic uint32_t *slot;
	uint32_t tag = tag_of(hash), value;
	unsigned i;
	int which;

	for (which = 0; which < 2; which++) {
		slot = bucket(shard, hash, which);
		for (i = 0; i < TLSC_BUCKET; i++, slot++) {
			value = slot_get(slot);
			if (value >> 16 != tag || (value & 0xffff) == 0)
				continue;
			value = ((value & 0xffff) - 1) * TLSC_UNIT;
			if (tlsc_shard_place(shard, value, place) &&
			    (place->entry.flags & TLSC_LIVE) != 0 &&
			    place->entry.idlen == id.len &&
			    memcmp(shard->ring + value +
			    sizeof(struct tlsc_entry), id.bytes, id.len) == 0)
				return slot;
		}
	}
	return NULL;
}

_Atomic uint32_t *
tlsc_shard_slot(const struct tlsc_shard *shard, uint64_t hash, uint32_t at)
{
	uint32_t want = tag_of(hash) << 16 | (1 + at / TLSC_UNIT);
	_Atomic uint32_t *slot;
	unsigned i;
	int which;

	for (which = 0; which < 2; which++) {
		slot = bucket(shard, hash, which);
		for (i = 0; i < TLSC_BUCKET; i++, slot++)
			if (slot_get(slot) == want)
				return slot;
	}
	return NULL;
}

/* The emptier bucket takes it: that makes two so much better than one. */
_Atomic uint32_t *
tlsc_shard_slot_free(const struct tlsc_shard *shard, uint64_t hash)
{
	_Atomic uint32_t *empty[2] = { NULL, NULL }, *slot;
	unsigned i, n[2] = { 0, 0 };
	int which;

	for (which = 0; which < 2; which++) {
		slot = bucket(shard, hash, which);
		for (i = 0; i < TLSC_BUCKET; i++, slot++)
			if ((slot_get(slot) & 0xffff) == 0) {
				empty[which] = slot;
				n[which]++;
			}
	}
	if (n[0] + n[1] == 0)
		return slot_oldest(shard, hash);
	return n[1] > n[0] ? empty[1] : empty[0];
}

/* Age is read off the ring: how far behind the head an entry lies. */
static _Atomic uint32_t *
slot_oldest(const struct tlsc_shard *shard, uint64_t hash)
{
	uint32_t age, at, oldest_age = 0, ring = shard->store->geometry.ring;
	_Atomic uint32_t *oldest = NULL, *slot;
	unsigned i;
	int which;

	for (which = 0; which < 2; which++) {
		slot = bucket(shard, hash, which);
		for (i = 0; i < TLSC_BUCKET; i++, slot++) {
			(void)tlsc_slot_place(slot, &at);
			age = (shard->head + ring - at % ring) % ring;
			if (oldest == NULL || age > oldest_age) {
				oldest = slot;
				oldest_age = age;
			}
		}
	}
	return oldest;
}
