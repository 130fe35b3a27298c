/* SPDX-License-Identifier: ISC */
/*
 * From one store to another, for a new size; the master at reload.
 *
 * Shard by shard: it is retired under its lock, then copied, then emptied. Who
 * comes for a claim before finds the entry in the old store, and the mark goes
 * along; who comes after is sent away. Should the mover die in between, the
 * shard is whole and retired, and moving can be repeated: what is in the new
 * store already stays as it is.
 *
 * Where the lock cannot be had, the shard is retired all the same, and what
 * it holds is lost: full handshakes, but never a second claim, for who holds
 * the lock grants its claim in an entry that nobody sees any more.
 *
 * The lock of a shard of the new store is taken while that of the old one is
 * held, never the other way round.
 */
#include "config.h"

#include <string.h>

#include "fault_int.h"
#include "shm_int.h"

static bool same_segment(const struct tlsc_store *, const struct tlsc_store *);
static int move_shard(struct tlsc_store *, struct tlsc_shard *, int64_t);
static int move_place(struct tlsc_store *, const struct tlsc_shard *,
    const struct tlsc_place *, int64_t);

int
tlsc_store_move(struct tlsc_store *to, struct tlsc_store *from, int64_t now)
{
	struct tlsc_shard shard;
	int error, result = TLSCACHE_OK;
	uint32_t i;

	if (same_segment(to, from))
		return TLSCACHE_E_INVAL;
	shard = tlsc_shard_at(to, 0);
	if (tlsc_shard_retired(&shard))
		return TLSCACHE_E_RETIRED;
	for (i = 0; i < from->geometry.shards; i++) {
		shard = tlsc_shard_at(from, i);
		error = tlsc_shard_lock(&shard);
		atomic_store_explicit(&shard.shared->retired,
		    TLSC_SHARD_RETIRED, memory_order_relaxed);
		if (error == TLSCACHE_OK) {
			TLSC_FAULT(RETIRED);
			error = move_shard(to, &shard, now);
			tlsc_shard_unlock(&shard);
		}
		if (error != TLSCACHE_OK)
			result = error;
	}
	return result;
}

/* Two handles can be of one segment; its key is random. */
static bool
same_segment(const struct tlsc_store *a, const struct tlsc_store *b)
{
	return a->geometry.check == b->geometry.check &&
	    a->geometry.key.word[0] == b->geometry.key.word[0] &&
	    a->geometry.key.word[1] == b->geometry.key.word[1];
}

/* From the oldest on, so that the youngest remain where there is less room. */
static int
move_shard(struct tlsc_store *to, struct tlsc_shard *shard, int64_t now)
{
	uint32_t at, left, ring = shard->store->geometry.ring;
	int error, result = TLSCACHE_OK;
	struct tlsc_place place;

	at = atomic_load_explicit(&shard->shared->tail, memory_order_relaxed);
	left = atomic_load_explicit(&shard->shared->used,
	    memory_order_relaxed);
	while (left > 0 && tlsc_shard_place(shard, at, &place) &&
	    place.size <= left) {
		error = move_place(to, shard, &place, now);
		if (error != TLSCACHE_OK)
			result = error;
		left -= place.size;
		at = at + place.size < ring ? at + place.size : 0;
	}
	TLSC_FAULT(CARRIED);
	tlsc_shard_begin(shard);
	tlsc_shard_empty(shard);
	tlsc_shard_ring_save(shard);
	tlsc_count_carry(to, shard);
	tlsc_shard_end(shard);
	return result;
}

static int
move_place(struct tlsc_store *to, const struct tlsc_shard *shard,
    const struct tlsc_place *place, int64_t now)
{
	const struct tlsc_store *from = shard->store;
	const struct tlsc_entry *entry = &place->entry;
	int64_t expires = from->geometry.epoch + entry->expires;
	unsigned char bytes[TLSCACHE_ID_MAX + TLSCACHE_DATA_MAX];
	struct tlsc_id id = { bytes, entry->idlen };
	uint64_t hash;
	int error;

	if ((entry->flags & TLSC_LIVE) == 0 || expires <= now)
		return TLSCACHE_OK;
	memcpy(bytes, shard->ring + place->at + sizeof(*entry),
	    id.len + place->len);
	hash = tlsc_hash(&from->geometry.key, bytes, id.len);
	if (tlsc_shard_slot(shard, hash, place->at) == NULL ||
	    tlsc_entry_check(from, entry, hash, bytes + id.len,
	    place->len) != entry->check)
		error = TLSCACHE_OK;
	else
		error = tlsc_store_put_moved(to, id, bytes + id.len,
		    place->len, expires, from->geometry.epoch + entry->stored,
		    (entry->flags & TLSC_CLAIMED) != 0, now);
	explicit_bzero(bytes, id.len + place->len);
	TLSC_FAULT(MOVED);
	return error;
}
