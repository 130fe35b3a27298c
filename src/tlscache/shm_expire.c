/* SPDX-License-Identifier: ISC */
/* Wiping sessions whose time is over, a few at a time. In any process. */
#include "config.h"

#include "shm_int.h"

#define STRETCH 64u /* slots that are looked at under one lock */

static size_t expire_slots(struct tlsc_shard *, uint32_t, uint32_t, uint32_t);

/* Goes through the indexes: unlike the rings, these stand still. */
size_t
tlsc_store_expire(struct tlsc_store *store, size_t work, int64_t now)
{
	uint32_t slots = store->geometry.buckets * TLSC_BUCKET, stretch;
	uint32_t seconds = tlsc_since_epoch(store, now);
	struct tlsc_shard shard;
	size_t wiped = 0;

	if (work / store->geometry.shards >= slots)
		work = (size_t)store->geometry.shards * slots;
	while (work > 0) {
		stretch = slots - store->expire_slot;
		if (stretch > STRETCH)
			stretch = STRETCH;
		if (stretch > work)
			stretch = (uint32_t)work;
		shard = tlsc_shard_at(store, store->expire_shard);
		if (tlsc_shard_lock(&shard) == TLSCACHE_OK) {
			wiped += expire_slots(&shard, store->expire_slot,
			    stretch, seconds);
			tlsc_shard_unlock(&shard);
		}
		work -= stretch;
		store->expire_slot += stretch;
		if (store->expire_slot == slots) {
			store->expire_slot = 0;
			store->expire_shard = (store->expire_shard + 1) %
			    store->geometry.shards;
		}
	}
	return wiped;
}

static size_t
expire_slots(struct tlsc_shard *shard, uint32_t first, uint32_t n,
    uint32_t now)
{
	struct tlsc_place place;
	size_t wiped = 0;
	uint32_t at, i;

	for (i = first; i < first + n; i++) {
		if (!tlsc_slot_place(&shard->slots[i], &at) ||
		    !tlsc_shard_place(shard, at, &place) ||
		    (place.entry.flags & TLSC_LIVE) == 0 ||
		    place.entry.expires > now)
			continue;
		tlsc_shard_drop_counted(shard, &shard->slots[i], &place,
		    TLSC_COUNT_expired);
		wiped++;
	}
	return wiped;
}
