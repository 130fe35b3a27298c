/* SPDX-License-Identifier: ISC */
/*
 * The store in shared memory: the operations. Made by the master, used by
 * every process that has inherited or adopted it. Knows memory and time,
 * nothing of OpenSSL.
 *
 *	segment  | header | shard heads | shard 0 | shard 1 | …
 *	head     | lock, seq, retired | counters | head, tail, used |
 *	shard    | index | ring |
 *	index    | bucket | bucket | …       16 slots each: a cache line
 *	slot     | tag 16 | 1 + offset / 8, 16 |                 0: empty
 *	ring     | live | dead | live | free | live | live | dead (filler) |
 *	                                head ^      ^ tail: the oldest
 *	entry    | units 16, idlen 8, flags 8 | expires 32 | stored 32 |
 *	         | check 32 | id | data | padding to 8 |
 *
 * The hash of an id, keyed with random bytes of the segment so that no client
 * can aim, gives its shard and two buckets of the shard's index; its slot is
 * in the one that was emptier. A new entry is written at the head. When there
 * is no room, places at the tail are freed until there is: about as many bytes
 * as the new entry has. Up to four entries per store that are likely to be
 * asked for yet go to the head once more instead. Of those that are of use
 * again and again, these are the ones that were fetched since, unless the last
 * third of their life has begun. Of those that are of use once (ONCE: TLS 1.3
 * gives its client another session with each resumption), they are the ones
 * that were not fetched, and they go to the head one time; whoever is fetched
 * twice is of use again and again. When both buckets are full, the oldest
 * entry of these goes. So every operation looks at 32 slots, moves five
 * entries and frees 16 KiB at most, whatever the size of the cache.
 *
 * What an operation does under the lock is this and copying. Hashing the id,
 * the check and all of OpenSSL's work come before or after it.
 *
 * Invariants, true whenever nobody holds the lock:
 *	(1) each slot in use names a live entry with an id of its tag and
 *	    buckets, and each live entry is named by one slot;
 *	(2) from the tail on, places follow each other without a gap for `used`
 *	    bytes, up to the head; none crosses the end of the ring;
 *	(3) what is not a live entry is zero, but for the length of dead ones.
 *
 * Who reads and writes what, under what:
 *	header           written before anybody else has the segment, constant
 *	                 after; read once, into the handle
 *	lock             a robust, process-shared mutex
 *	index, ring,     only under the lock. Also while seq is odd, but for the
 *	head, tail, used   flags FETCHED, ONCE and CLAIMED
 *	FETCHED, ONCE,   one byte, under the lock: set or not set, (1) to (3) hold,
 *	CLAIMED            so seq need not be odd
 *	seq              under the lock
 *	counter[]        of a shard: written under the lock, read without by
 *	                 tlsc_store_stat(); atomic words, so a reader gets a
 *	                 value that was true a moment ago. That of the header's
 *	                 page: atomic additions, without a lock
 *	retired          read under the lock; set to one value, once, and that
 *	                 even where the lock cannot be had: who holds it has
 *	                 looked before. An atomic word
 *	prefetching      index, ring and head, without the lock: hints to the
 *	                 processor; of slots, to tell where the entry is
 * All of the handle (struct tlsc_store) is this process's own.
 *
 * Death. A process can die between any two instructions; the kernel then
 * gives its lock to the next one, which is told (EOWNERDEAD). If seq is even
 * nothing was being changed and the shard is whole. If it is odd the shard is
 * emptied, which costs some thousand sessions a full handshake, and counted.
 * A dead process has executed its instructions up to some point and none
 * after, and whoever gets its lock sees the effects of all of them, as with
 * any lock: the kernel writes to it with an atomic instruction after the
 * last. So it is enough that the compiler keeps the writes to seq in their
 * place, and signal fences do that. Recovery itself can be cut short at any
 * instruction: the lock stays inconsistent until the shard is whole and seq
 * even, so the next one begins again.
 *
 * Waiting. A holder may be stopped (SIGSTOP, a debugger). Another process
 * waits WAIT_MS for it once, then remembers that, and only tries from then on,
 * until it gets the lock again. Without the lock a fetch misses, nothing is
 * stored, and a claim is refused.
 *
 * Claims. Early data of a session are accepted by a process that was granted
 * its claim; there is one at most, ever. In a store a session is one of
 *
 *	absent    not stored yet
 *	free      stored: live, named by a slot, CLAIMED not set
 *	claimed   the same, CLAIMED set
 *	lost      was stored, and is not any more
 *
 * and these are all the steps, each under the lock of its shard ("odd": while
 * seq is odd). Names are those of the model, tests/model/claim.pml.
 *
 *	absent → free            worker: put                      odd
 *	absent → free, claimed   mover: put_moved into the new
 *	                         store, as it was in the old one;
 *	                         under both locks                 odd
 *	lost → claimed           the same, moved once more        odd
 *	free → claimed           worker: claim, which is granted  a byte
 *	free → claimed           mover: in the old store, before
 *	                         it copies; in the new one, when
 *	                         it moves the session once more   a byte
 *	free → free,             keeper, any put that needs room:
 *	claimed → claimed        lift                             odd
 *	free, claimed → lost     keeper: drop, of what is evicted,
 *	                         expired, removed, corrupt, or
 *	                         replaced by a put of its id      odd
 *	free, claimed → lost     whose shard is emptied: after a
 *	                         death, when it is corrupt, or by
 *	                         the mover at its end             odd
 *
 * Two claims granted would be two steps from free. In one store there is one:
 * no step leads back to free, for who writes flags writes the CLAIMED that it
 * has read under the same hold of the lock; and no session is stored twice,
 * for OpenSSL makes another id of 32 random bytes for each TLS 1.3 ticket. (A
 * put of an id that is there, as TLS 1.2 does, makes another session of it.)
 * Of two stores one grants: the old shard is retired, for ever, before any of
 * it is copied, so a claim that was granted there is in the copy; the old entry
 * is claimed before its copy is put. So one copy at most is free, however often
 * the mover begins again, and none takes the place of one that is there.
 *
 * Death at any instruction leaves one of these states. While seq is even, what
 * is written is a byte or a word. A worker that dies with a claim takes it
 * along: nobody else gets one. While seq is odd the session is lost with its
 * shard. If a mover dies between the old entry's being claimed and the end of
 * put_moved, it can be moved again, claimed. And who has no lock, finds nothing
 * or finds the shard retired, grants nothing.
 *
 * Threat. Clients choose ids to look for and parts of the data, and cannot
 * choose where these go. Each process that maps the segment can write to it, a
 * worker under attack included, at any time. So the geometry is a copy in the
 * handle, made before the segment was shared or checked in full; every offset
 * and length is copied out, checked and used from the copy; bytes that did not
 * pass the check are not returned. What is trusted is the mutexes: they are
 * the C library's, which keeps pointers in their memory and writes through
 * them; so nobody takes a lock here with more rights than a worker has. The
 * check tells damage, not forgery: who can write to the segment can read the
 * key in it.
 */
#include "config.h"

#include <string.h>

#include "fault_int.h"
#include "shm_int.h"

/* What is to be put. */
struct item {
	struct tlsc_id id;
	const void *data;
	size_t len;
	struct tlsc_entry entry; /* but for the check */
	uint64_t hash;
};

static int enter(struct tlsc_store *, struct tlsc_shard *, uint64_t);
static int enter_ready(struct tlsc_store *, struct tlsc_shard *, uint64_t);
static void item_fill(struct tlsc_store *, struct item *, int64_t, int64_t);
static int put_new(struct tlsc_store *, const struct item *, int64_t);
static void put(struct tlsc_shard *, const struct item *, uint32_t, bool);
static void get_miss(struct tlsc_shard *, enum tlsc_counter);
static void drop_corrupt(struct tlsc_store *, struct tlsc_id, uint64_t);
static uint64_t id_hash(const struct tlsc_store *, struct tlsc_id);

int
tlsc_store_put(struct tlsc_store *store, struct tlsc_id id, const void *data,
    size_t len, int64_t expires, int64_t now)
{
	struct item item = { .id = id, .data = data, .len = len };

	item_fill(store, &item, expires, now);
	return put_new(store, &item, now);
}

int
tlsc_store_put_once(struct tlsc_store *store, struct tlsc_id id,
    const void *data, size_t len, int64_t expires, int64_t now)
{
	struct item item = { .id = id, .data = data, .len = len };

	item_fill(store, &item, expires, now);
	item.entry.flags |= TLSC_ONCE;
	return put_new(store, &item, now);
}

static int
put_new(struct tlsc_store *store, const struct item *item, int64_t now)
{
	struct tlsc_shard shard;
	int error;

	error = enter(store, &shard, item->hash);
	if (error != TLSCACHE_OK)
		return error;
	put(&shard, item, tlsc_since_epoch(store, now), false);
	tlsc_count(&shard, TLSC_COUNT_stores, 1);
	tlsc_shard_unlock(&shard);
	return TLSCACHE_OK;
}

/*
 * If there is an entry of that id already, it is a younger one, and stays. It
 * is as good as claimed if the older one was: once too seldom does no harm.
 */
int
tlsc_store_put_moved(struct tlsc_store *store, struct tlsc_id id,
    const void *data, size_t len, int64_t expires, int64_t stored,
    uint8_t flags, int64_t now)
{
	struct item item = { .id = id, .data = data, .len = len };
	bool claimed = (flags & TLSC_CLAIMED) != 0;
	struct tlsc_place place;
	struct tlsc_shard shard;
	int error;

	item_fill(store, &item, expires, stored);
	item.entry.flags |= flags & (TLSC_CLAIMED | TLSC_ONCE | TLSC_FETCHED);
	error = enter(store, &shard, item.hash);
	if (error != TLSCACHE_OK)
		return error;
	if (tlsc_shard_find(&shard, item.hash, id, &place) == NULL)
		put(&shard, &item, tlsc_since_epoch(store, now), true);
	else if (claimed)
		tlsc_shard_set_flag(&shard, &place, TLSC_CLAIMED);
	tlsc_shard_unlock(&shard);
	return TLSCACHE_OK;
}

static void
item_fill(struct tlsc_store *store, struct item *item, int64_t expires,
    int64_t stored)
{
	struct tlsc_entry *entry = &item->entry;
	size_t size = sizeof(*entry) + item->id.len + item->len;
	size_t units = (size + TLSC_UNIT - 1) / TLSC_UNIT;

	debug_assert(item->len <= TLSCACHE_DATA_MAX);
	item->hash = id_hash(store, item->id);
	entry->units = (uint16_t)units;
	entry->idlen = (uint8_t)item->id.len;
	entry->flags = (uint8_t)(TLSC_LIVE |
	    (units * TLSC_UNIT - size) << TLSC_PAD_SHIFT);
	entry->expires = tlsc_since_epoch(store, expires);
	entry->stored = tlsc_since_epoch(store, stored);
	entry->check = tlsc_entry_check(store, entry, item->hash, item->data,
	    item->len);
}

static void
put(struct tlsc_shard *shard, const struct item *item, uint32_t now,
    bool moved)
{
	struct tlsc_place place;
	_Atomic uint32_t *slot;

	tlsc_shard_begin(shard);
	tlsc_shard_ring_load(shard);
	slot = moved ? NULL :
	    tlsc_shard_find(shard, item->hash, item->id, &place);
	if (slot != NULL) {
		tlsc_shard_drop(shard, slot, &place);
		tlsc_count(shard, TLSC_COUNT_replaced, 1);
	}
	tlsc_shard_expire_tail(shard, now);
	tlsc_shard_room(shard, item->entry.units * TLSC_UNIT, now);
	tlsc_shard_append(shard, &item->entry, item->hash, item->id,
	    item->data, item->len, now);
	tlsc_shard_ring_save(shard);
	tlsc_shard_end(shard);
}

int
tlsc_store_get(struct tlsc_store *store, struct tlsc_id id, void *buf,
    size_t size, size_t *lenp, int64_t now)
{
	uint64_t hash = id_hash(store, id);
	_Atomic uint32_t *slot;
	struct tlsc_place place;
	struct tlsc_shard shard;
	int error;

	*lenp = 0;
	error = enter_ready(store, &shard, hash);
	if (error == TLSCACHE_E_BUSY) {
		tlsc_count_unlocked(store, TLSC_COUNT_misses, 1);
		tlsc_count_unlocked(store, TLSC_COUNT_miss_busy, 1);
	}
	if (error != TLSCACHE_OK)
		return error;
	slot = tlsc_shard_find(&shard, hash, id, &place);
	if (slot == NULL) {
		get_miss(&shard, TLSC_COUNT_miss_unknown);
		return TLSCACHE_E_MISS;
	}
	if (place.entry.expires <= tlsc_since_epoch(store, now)) {
		tlsc_shard_drop_counted(&shard, slot, &place,
		    TLSC_COUNT_expired);
		get_miss(&shard, TLSC_COUNT_miss_expired);
		return TLSCACHE_E_MISS;
	}
	if (place.len <= size && place.len > 0)
		memcpy(buf, shard.ring + place.at + sizeof(place.entry) +
		    place.entry.idlen, place.len);
	TLSC_FAULT(COPIED);
	tlsc_shard_fetched(&shard, &place);
	TLSC_FAULT(FETCHED);
	tlsc_count(&shard, TLSC_COUNT_hits, 1);
	tlsc_shard_unlock(&shard);

	*lenp = place.len;
	if (place.len > size)
		return TLSCACHE_E_SPACE;
	if (tlsc_entry_check(store, &place.entry, hash, buf, place.len) ==
	    place.entry.check)
		return TLSCACHE_OK;
	explicit_bzero(buf, place.len);
	*lenp = 0;
	drop_corrupt(store, id, hash);
	return TLSCACHE_E_MISS;
}

static void
get_miss(struct tlsc_shard *shard, enum tlsc_counter reason)
{
	tlsc_count(shard, TLSC_COUNT_misses, 1);
	tlsc_count(shard, reason, 1);
	tlsc_shard_unlock(shard);
}

/*
 * What was counted as a hit has not passed the check. It goes, unless another
 * process has been here in the meantime.
 */
static void
drop_corrupt(struct tlsc_store *store, struct tlsc_id id, uint64_t hash)
{
	_Atomic uint32_t *slot;
	struct tlsc_place place;
	struct tlsc_shard shard;
	const unsigned char *data;

	tlsc_count_unlocked(store, TLSC_COUNT_hits, -(uint64_t)1);
	tlsc_count_unlocked(store, TLSC_COUNT_misses, 1);
	tlsc_count_unlocked(store, TLSC_COUNT_miss_unknown, 1);
	if (enter(store, &shard, hash) != TLSCACHE_OK)
		return;
	slot = tlsc_shard_find(&shard, hash, id, &place);
	if (slot != NULL) {
		data = shard.ring + place.at + sizeof(place.entry) +
		    place.entry.idlen;
		if (tlsc_entry_check(store, &place.entry, hash, data,
		    place.len) != place.entry.check)
			tlsc_shard_drop_counted(&shard, slot, &place,
			    TLSC_COUNT_corrupt);
	}
	tlsc_shard_unlock(&shard);
}

int
tlsc_store_claim(struct tlsc_store *store, struct tlsc_id id, int64_t now)
{
	uint64_t hash = id_hash(store, id);
	struct tlsc_place place;
	struct tlsc_shard shard;
	int error;

	error = enter(store, &shard, hash);
	if (error != TLSCACHE_OK) {
		tlsc_count_unlocked(store, TLSC_COUNT_claims_refused, 1);
		return error;
	}
	if (tlsc_shard_find(&shard, hash, id, &place) == NULL ||
	    place.entry.expires <= tlsc_since_epoch(store, now)) {
		error = TLSCACHE_E_MISS;
	} else if ((place.entry.flags & TLSC_CLAIMED) != 0) {
		error = TLSCACHE_E_CLAIMED;
	} else {
		tlsc_shard_set_flag(&shard, &place, TLSC_CLAIMED);
		TLSC_FAULT(CLAIMED);
	}
	tlsc_count(&shard, error == TLSCACHE_OK ? TLSC_COUNT_claims :
	    TLSC_COUNT_claims_refused, 1);
	tlsc_shard_unlock(&shard);
	return error;
}

int
tlsc_store_remove(struct tlsc_store *store, struct tlsc_id id)
{
	uint64_t hash = id_hash(store, id);
	_Atomic uint32_t *slot;
	struct tlsc_place place;
	struct tlsc_shard shard;
	int error;

	error = enter(store, &shard, hash);
	if (error != TLSCACHE_OK)
		return error;
	slot = tlsc_shard_find(&shard, hash, id, &place);
	if (slot != NULL)
		tlsc_shard_drop_counted(&shard, slot, &place,
		    TLSC_COUNT_removes);
	tlsc_shard_unlock(&shard);
	return slot != NULL ? TLSCACHE_OK : TLSCACHE_E_MISS;
}

/* ---- parts of these ---- */

/* Get the lock of the shard that a hash belongs to. */
static int
enter(struct tlsc_store *store, struct tlsc_shard *shard, uint64_t hash)
{
	int error;

	*shard = tlsc_shard_at(store, tlsc_hash_shard(store, hash));
	tlsc_shard_prefetch(shard, hash);
	TLSC_FAULT(ENTERED);
	error = tlsc_shard_lock(shard);
	if (error == TLSCACHE_OK && tlsc_shard_retired(shard)) {
		tlsc_shard_unlock(shard);
		error = TLSCACHE_E_RETIRED;
	}
	return error;
}

/*
 * For who expects an entry there: the processor has it at hand before the lock
 * is taken, and others do not wait for the memory.
 */
static int
enter_ready(struct tlsc_store *store, struct tlsc_shard *shard, uint64_t hash)
{
	*shard = tlsc_shard_at(store, tlsc_hash_shard(store, hash));
	tlsc_shard_prefetch(shard, hash);
	tlsc_shard_prefetch_entry(shard, hash);
	return enter(store, shard, hash);
}

static uint64_t
id_hash(const struct tlsc_store *store, struct tlsc_id id)
{
	debug_assert(id.len > 0 && id.len <= TLSCACHE_ID_MAX);
	return tlsc_hash(&store->geometry.key, id.bytes, id.len);
}
