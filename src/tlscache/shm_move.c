/* SPDX-License-Identifier: ISC */
/*
 * From one store to another, for a new size; the master at reload.
 *
 * First all shards are retired, each under its lock: who claims before does it
 * in an entry whose mark goes along, who comes after is sent away. Then their
 * entries are copied, the oldest of all shards before the others as far as
 * possible: a slice of each shard in turn, for shards are alike. So the
 * youngest remain where there is less room. At last the shards are emptied.
 * Should the mover die in between, moving can be repeated: what is in the new
 * store already stays as it is. What has been claimed there, and then was lost
 * there, must not come back: so an entry is claimed where it was before it is
 * copied. At worst a session that was moved twice has no early data.
 *
 * Where the lock cannot be had the shard is retired all the same, and what it
 * holds is lost: full handshakes, but never a second claim, for who holds the
 * lock grants its claim in an entry that nobody sees any more.
 *
 * The lock of a shard of the new store is taken while that of the old one is
 * held, never the other way round.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "fault_int.h"
#include "shm_int.h"

#define SLICES 32u

/* How far a shard has been copied. */
struct cursor {
	uint32_t at;
	uint32_t left;
	uint32_t used; /* bytes that there were to be copied */
};

static bool same_segment(const struct tlsc_store *, const struct tlsc_store *);
static int retire(struct tlsc_shard *, struct cursor *);
static int move_slice(struct tlsc_store *, struct tlsc_shard *,
    struct cursor *, uint32_t, int64_t);
static int move_place(struct tlsc_store *, struct tlsc_shard *,
    struct tlsc_place *, int64_t);
static int finish(struct tlsc_store *, struct tlsc_shard *);

int
tlsc_store_move(struct tlsc_store *to, struct tlsc_store *from, int64_t now)
{
	uint32_t i, n, shards = from->geometry.shards;
	struct tlsc_shard shard = tlsc_shard_at(to, 0);
	int error, result = TLSCACHE_OK;
	struct cursor *cursors;

	if (same_segment(to, from))
		return TLSCACHE_E_INVAL;
	if (tlsc_shard_retired(&shard))
		return TLSCACHE_E_RETIRED;
	cursors = calloc(shards, sizeof(*cursors));
	if (cursors == NULL)
		return TLSCACHE_E_NOMEM;
	for (i = 0; i < shards; i++) {
		shard = tlsc_shard_at(from, i);
		error = retire(&shard, &cursors[i]);
		if (error != TLSCACHE_OK)
			result = error;
	}
	for (n = SLICES; n-- > 0;)
		for (i = 0; i < shards; i++) {
			shard = tlsc_shard_at(from, i);
			error = move_slice(to, &shard, &cursors[i], n, now);
			if (error != TLSCACHE_OK)
				result = error;
		}
	for (i = 0; i < shards; i++) {
		shard = tlsc_shard_at(from, i);
		error = finish(to, &shard);
		if (error != TLSCACHE_OK)
			result = error;
	}
	free(cursors);
	return result;
}

/* Two handles can be of one segment; its key is random. */
static bool
same_segment(const struct tlsc_store *a, const struct tlsc_store *b)
{
	return a->geometry.key.word[0] == b->geometry.key.word[0] &&
	    a->geometry.key.word[1] == b->geometry.key.word[1];
}

static int
retire(struct tlsc_shard *shard, struct cursor *cursor)
{
	int error;

	error = tlsc_shard_lock(shard);
	atomic_store_explicit(&shard->shared->retired, TLSC_SHARD_RETIRED,
	    memory_order_relaxed);
	if (error != TLSCACHE_OK)
		return error;
	TLSC_FAULT(RETIRED);
	cursor->at = atomic_load_explicit(&shard->shared->tail,
	    memory_order_relaxed);
	cursor->used = atomic_load_explicit(&shard->shared->used,
	    memory_order_relaxed);
	if (cursor->used > shard->store->geometry.ring)
		cursor->used = 0; /* damaged: no walk round and round */
	cursor->left = cursor->used;
	tlsc_shard_unlock(shard);
	return TLSCACHE_OK;
}

/* Copy what is there until that many of the shard's slices remain. */
static int
move_slice(struct tlsc_store *to, struct tlsc_shard *shard,
    struct cursor *cursor, uint32_t slices, int64_t now)
{
	uint32_t remain = (uint32_t)((uint64_t)cursor->used * slices / SLICES);
	uint32_t ring = shard->store->geometry.ring;
	int error, result = TLSCACHE_OK;
	struct tlsc_place place;

	if (cursor->left <= remain)
		return TLSCACHE_OK;
	error = tlsc_shard_lock(shard);
	if (error != TLSCACHE_OK)
		return error;
	while (cursor->left > remain) {
		if (!tlsc_shard_place(shard, cursor->at, &place) ||
		    place.size > cursor->left) {
			cursor->left = 0;
			break;
		}
		error = move_place(to, shard, &place, now);
		if (error != TLSCACHE_OK)
			result = error;
		cursor->left -= place.size;
		cursor->at = cursor->at + place.size < ring ?
		    cursor->at + place.size : 0;
	}
	tlsc_shard_unlock(shard);
	return result;
}

static int
move_place(struct tlsc_store *to, struct tlsc_shard *shard,
    struct tlsc_place *place, int64_t now)
{
	const struct tlsc_store *from = shard->store;
	const struct tlsc_entry *entry = &place->entry;
	int64_t expires = from->geometry.epoch + entry->expires;
	unsigned char bytes[TLSCACHE_ID_MAX + TLSCACHE_DATA_MAX];
	struct tlsc_id id = { bytes, entry->idlen };
	uint8_t flags = entry->flags; /* before it is claimed here */
	int error = TLSCACHE_OK;
	uint64_t hash;

	if ((entry->flags & TLSC_LIVE) == 0 || expires <= now)
		return TLSCACHE_OK;
	memcpy(bytes, shard->ring + place->at + sizeof(*entry),
	    id.len + place->len);
	hash = tlsc_hash(&from->geometry.key, bytes, id.len);
	if (tlsc_shard_slot(shard, hash, place->at) != NULL &&
	    tlsc_entry_check(from, entry, hash, bytes + id.len,
	    place->len) == entry->check) {
		tlsc_shard_set_flag(shard, place, TLSC_CLAIMED);
		TLSC_FAULT(MOVING);
		error = tlsc_store_put_moved(to, id, bytes + id.len,
		    place->len, expires, from->geometry.epoch + entry->stored,
		    flags, now);
	}
	explicit_bzero(bytes, id.len + place->len);
	TLSC_FAULT(MOVED);
	return error;
}

/* Empty a shard and have its counters go on in the other store. */
static int
finish(struct tlsc_store *to, struct tlsc_shard *shard)
{
	int error;

	error = tlsc_shard_lock(shard);
	if (error != TLSCACHE_OK)
		return error;
	TLSC_FAULT(CARRIED);
	tlsc_shard_begin(shard);
	tlsc_shard_empty(shard);
	tlsc_shard_ring_save(shard);
	tlsc_count_carry(to, shard);
	tlsc_shard_end(shard);
	tlsc_shard_unlock(shard);
	return TLSCACHE_OK;
}
