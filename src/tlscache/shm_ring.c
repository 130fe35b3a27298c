/* SPDX-License-Identifier: ISC */
/*
 * The ring of a shard: entries in the order in which they came, room for the
 * next one at the cost of the oldest, and wiping. All under the shard's lock,
 * between begin and end. A ring that makes no sense is emptied; room can then
 * be made in any case.
 */
#include "config.h"

#include <string.h>

#include "fault_int.h"
#include "shm_int.h"

#define CHANCES 4	  /* entries lifted to the head per store */
#define EXPIRE_AT_TAIL 2  /* places looked at per store */
/* What is left of a header where a place can be as short as TLSC_UNIT. */
#define DEAD_SIZE offsetof(struct tlsc_entry, expires)

static void ring_close(struct tlsc_shard *);
static void reclaim(struct tlsc_shard *, const struct tlsc_place *, uint32_t,
    unsigned *);
static void lift(struct tlsc_shard *, _Atomic uint32_t *, uint64_t,
    const struct tlsc_place *);
static void write_dead(struct tlsc_shard *, uint32_t, uint32_t);
static uint64_t place_hash(const struct tlsc_shard *,
    const struct tlsc_place *);

void
tlsc_shard_expire_tail(struct tlsc_shard *shard, uint32_t now)
{
	struct tlsc_place place;
	unsigned chances = 0;
	int i;

	debug_assert(shard->hold == TLSC_CHANGING);
	for (i = 0; i < EXPIRE_AT_TAIL && shard->used > 0; i++) {
		if (!tlsc_shard_place(shard, shard->tail, &place)) {
			tlsc_shard_corrupt(shard);
			return;
		}
		if ((place.entry.flags & TLSC_LIVE) != 0 &&
		    place.entry.expires > now)
			return;
		reclaim(shard, &place, now, &chances);
	}
}

/*
 * Every turn but two frees a place at the tail, and those are adjacent: after
 * `need` bytes of them there is room.
 */
void
tlsc_shard_room(struct tlsc_shard *shard, uint32_t need, uint32_t now)
{
	uint32_t ring = shard->store->geometry.ring;
	unsigned chances = CHANCES;
	struct tlsc_place place;

	debug_assert(shard->hold == TLSC_CHANGING);
	debug_assert(need > 0 && need <= ring && need % TLSC_UNIT == 0);
	for (;;) {
		if (shard->used == 0)
			shard->head = shard->tail = 0;
		if (shard->used == 0 || shard->head > shard->tail) {
			if (ring - shard->head >= need)
				return;
			ring_close(shard);
		} else if (shard->tail - shard->head >= need) {
			return;
		} else if (tlsc_shard_place(shard, shard->tail, &place)) {
			reclaim(shard, &place, now, &chances);
		} else {
			tlsc_shard_corrupt(shard);
		}
	}
}

/* The rest up to the end is too short: begin at the start again. */
static void
ring_close(struct tlsc_shard *shard)
{
	uint32_t left = shard->store->geometry.ring - shard->head;

	write_dead(shard, shard->head, left);
	shard->used += left;
	shard->head = 0;
	TLSC_FAULT(CLOSED);
}

/*
 * Is it likely that somebody will ask for a live entry yet? One that was
 * fetched will be again, but the last third of its life is not worth the room:
 * if the cache keeps entries that long, others that go for it would still be
 * asked for.
 */
static bool
deserves_chance(const struct tlsc_entry *entry, uint32_t now)
{
	uint32_t age = now > entry->stored ? now - entry->stored : 0;

	if ((entry->flags & TLSC_ONCE) != 0)
		return (entry->flags & (TLSC_FETCHED | TLSC_LIFTED)) == 0;
	return (entry->flags & TLSC_FETCHED) != 0 &&
	    entry->expires - now > age / 2;
}

/*
 * Free what is at the tail. A live entry that deserves it goes to the head
 * again if there are chances left.
 */
static void
reclaim(struct tlsc_shard *shard, const struct tlsc_place *place,
    uint32_t now, unsigned *chances)
{
	const struct tlsc_entry *entry = &place->entry;
	_Atomic uint32_t *slot;
	uint64_t hash;

	if ((entry->flags & TLSC_LIVE) != 0) {
		hash = place_hash(shard, place);
		slot = tlsc_shard_slot(shard, hash, place->at);
		if (slot == NULL) {
			tlsc_count(shard, TLSC_COUNT_corrupt, 1);
		} else if (entry->expires <= now) {
			tlsc_count(shard, TLSC_COUNT_expired, 1);
		} else if (*chances > 0 && deserves_chance(entry, now)) {
			(*chances)--;
			lift(shard, slot, hash, place);
			return;
		} else {
			tlsc_count_evicted(shard, now > entry->stored ?
			    now - entry->stored : 0);
		}
		tlsc_shard_drop(shard, slot, place);
	}
	memset(shard->ring + place->at, 0, DEAD_SIZE);
	shard->used -= place->size;
	shard->tail += place->size;
	if (shard->tail == shard->store->geometry.ring)
		shard->tail = 0;
	TLSC_FAULT(RECLAIMED);
}

/*
 * The gap between head and tail is too short for anything else; moved to the
 * head, the entry leaves the same gap behind it. Places overlap when the gap
 * is shorter than the entry.
 */
static void
lift(struct tlsc_shard *shard, _Atomic uint32_t *slot, uint64_t hash,
    const struct tlsc_place *place)
{
	uint32_t gap = place->at - shard->head, ring;
	uint8_t flags = place->entry.flags;

	if ((flags & TLSC_ONCE) != 0)
		flags |= TLSC_LIFTED;
	else
		flags &= (uint8_t)~TLSC_FETCHED;
	ring = shard->store->geometry.ring;
	if (gap > 0)
		memmove(shard->ring + shard->head, shard->ring + place->at,
		    place->size);
	shard->ring[shard->head + offsetof(struct tlsc_entry, flags)] = flags;
	TLSC_FAULT(LIFTED);
	tlsc_slot_set(slot, hash, shard->head);
	if (gap >= place->size)
		explicit_bzero(shard->ring + place->at, place->size);
	else
		explicit_bzero(shard->ring + shard->head + place->size, gap);
	shard->head += place->size;
	shard->tail += place->size;
	if (shard->head == ring)
		shard->head = 0;
	if (shard->tail == ring)
		shard->tail = 0;
}

void
tlsc_shard_append(struct tlsc_shard *shard, const struct tlsc_entry *entry,
    uint64_t hash, struct tlsc_id id, const void *data, size_t len,
    uint32_t now)
{
	unsigned char *p = shard->ring + shard->head;
	uint32_t at = shard->head, old, size = entry->units * TLSC_UNIT;
	struct tlsc_place place;
	_Atomic uint32_t *slot;

	debug_assert(shard->hold == TLSC_CHANGING);
	debug_assert(size <= shard->store->geometry.ring - shard->head);
	debug_assert(sizeof(*entry) + id.len + len <= size);
	memcpy(p + sizeof(*entry), id.bytes, id.len);
	if (len > 0)
		memcpy(p + sizeof(*entry) + id.len, data, len);
	TLSC_FAULT(HALF);
	memcpy(p, entry, sizeof(*entry));
	TLSC_FAULT(APPENDED);
	slot = tlsc_shard_slot_free(shard, hash);
	if (tlsc_slot_place(slot, &old) &&
	    tlsc_shard_place(shard, old, &place) &&
	    (place.entry.flags & TLSC_LIVE) != 0) {
		if (place.entry.expires <= now)
			tlsc_count(shard, TLSC_COUNT_expired, 1);
		else
			tlsc_count_evicted(shard, now > place.entry.stored ?
			    now - place.entry.stored : 0);
		tlsc_shard_drop(shard, slot, &place);
	}
	tlsc_slot_set(slot, hash, at);
	TLSC_FAULT(LINKED);
	shard->head += size;
	if (shard->head == shard->store->geometry.ring)
		shard->head = 0;
	shard->used += size;
	tlsc_level(shard, TLSC_COUNT_entries, 1);
	tlsc_level(shard, TLSC_COUNT_bytes, size);
}

/*
 * The place stays taken until the tail has come there. slot is NULL for an
 * entry that none names.
 */
void
tlsc_shard_drop(struct tlsc_shard *shard, _Atomic uint32_t *slot,
    const struct tlsc_place *place)
{
	debug_assert(shard->hold == TLSC_CHANGING);
	if (slot != NULL)
		atomic_store_explicit(slot, 0, memory_order_relaxed);
	TLSC_FAULT(UNLINKED);
	explicit_bzero(shard->ring + place->at, place->size);
	write_dead(shard, place->at, place->size);
	tlsc_level(shard, TLSC_COUNT_entries, -(uint64_t)1);
	tlsc_level(shard, TLSC_COUNT_bytes, -(uint64_t)place->size);
	TLSC_FAULT(WIPED);
}

void
tlsc_shard_drop_counted(struct tlsc_shard *shard, _Atomic uint32_t *slot,
    const struct tlsc_place *place, enum tlsc_counter reason)
{
	tlsc_shard_begin(shard);
	tlsc_shard_drop(shard, slot, place);
	tlsc_count(shard, reason, 1);
	tlsc_shard_end(shard);
}

static void
write_dead(struct tlsc_shard *shard, uint32_t at, uint32_t size)
{
	struct tlsc_entry dead = { .units = (uint16_t)(size / TLSC_UNIT) };

	memcpy(shard->ring + at, &dead, DEAD_SIZE);
}

static uint64_t
place_hash(const struct tlsc_shard *shard, const struct tlsc_place *place)
{
	return tlsc_hash(&shard->store->geometry.key, shard->ring +
	    place->at + sizeof(struct tlsc_entry), place->entry.idlen);
}
