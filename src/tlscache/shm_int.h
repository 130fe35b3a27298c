/* SPDX-License-Identifier: ISC */
/*
 * What the files of the shared-memory store have in common; the design stands
 * at the head of store_shm.c.
 *
 *	store_shm.c  the operations
 *	shm_life.c   making, adopting, the layout of the segment
 *	shm_lock.c   a shard's lock, recovery of a dead process's
 *	shm_place.c  what stands in its memory, checked
 *	shm_index.c  from an id to its entry
 *	shm_ring.c   entries: room, order, wiping
 *	shm_expire.c wiping what is too old, step by step
 *	shm_move.c   from one store to another
 *	shm_stat.c   counters
 */
#ifndef TLSC_SHM_INT_H
#define TLSC_SHM_INT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hash_int.h"
#include "segment_int.h"
#include "store_int.h"

#define TLSC_BUCKET 16u		   /* slots of a bucket: a cache line */
#define TLSC_UNIT 8u		   /* entries are multiples of this long */
#define TLSC_RING_MAX (65535u * TLSC_UNIT) /* what a slot can name */
#define TLSC_SHARDS_MAX (1u << 21)
#define TLSC_BUCKETS_MAX (1u << 13)
#define TLSC_COUNTERS_OFFSET 1024u /* in the header's page */
#define TLSC_HEADS_OFFSET 4096u
#define TLSC_SHARD_RETIRED 0x72657469u

enum {
	TLSC_LIVE = 1,
	TLSC_FETCHED = 2, /* since it was stored or went to the head again */
	TLSC_CLAIMED = 4,
	TLSC_ONCE = 8,	  /* of no use after it was fetched */
	TLSC_LIFTED = 16, /* such a one: went to the head again */
	TLSC_PAD_SHIFT = 5, /* above it: bytes of padding after the data */
};

/* Before the id and the data of an entry; of a dead one, the first 4 bytes. */
struct tlsc_entry {
	uint16_t units; /* of TLSC_UNIT bytes: the way to the next entry */
	uint8_t idlen;
	uint8_t flags;
	uint32_t expires; /* seconds since the epoch of the store */
	uint32_t stored;
	uint32_t check; /* of all but units and flags, see tlsc_entry_check() */
};

struct tlsc_header {
	uint64_t magic;
	uint32_t layout;
	uint32_t mutex_size;
	uint32_t shard_head_size;
	uint32_t shards;  /* a power of two */
	uint32_t buckets; /* of each shard */
	uint32_t ring;	  /* bytes of each shard */
	uint64_t size;	  /* bytes of the segment */
	uint64_t counters; /* which there are, in which order */
	int64_t epoch;
	struct tlsc_hash_key key;
	uint64_t check; /* of all before */
};

enum tlsc_counter {
#define X(name, doc) TLSC_COUNT_##name,
#include "tlscache_stat.def"
#undef X
	TLSC_COUNTERS
};

/* Fetching writes to the first two lines only. */
struct tlsc_shard_head {
	_Alignas(128) pthread_mutex_t lock;
	_Atomic uint32_t seq;	  /* odd: being written */
	_Atomic uint32_t retired; /* TLSC_SHARD_RETIRED: moved away */
	_Alignas(64) _Atomic uint64_t counter[TLSC_COUNTERS];
	_Atomic uint32_t head;
	_Atomic uint32_t tail;
	_Atomic uint32_t used;
};

struct tlsc_store {
	struct tlsc_segment segment;
	struct tlsc_header geometry; /* a copy that nobody else can change */
	_Atomic uint64_t *counter;   /* in the segment: counted without lock */
	uint64_t *process;	     /* what this process alone did */
	unsigned char *stuck;	     /* per shard: waited in vain before */
	uint32_t expire_shard;	     /* where tlsc_store_expire() goes on */
	uint32_t expire_slot;
};

/* A time as entries have it. */
static inline uint32_t
tlsc_since_epoch(const struct tlsc_store *store, int64_t when)
{
	if (when <= store->geometry.epoch)
		return 0;
	when -= store->geometry.epoch;
	return when < UINT32_MAX ? (uint32_t)when : UINT32_MAX;
}

/* How far an operation has got into a shard. */
enum tlsc_hold {
	TLSC_OUTSIDE,
	TLSC_LOCKED,   /* tlsc_shard_lock() */
	TLSC_CHANGING, /* tlsc_shard_begin() */
};

/* One shard as an operation sees it. */
struct tlsc_shard {
	struct tlsc_store *store;
	struct tlsc_shard_head *shared;
	_Atomic uint32_t *slots;
	unsigned char *ring;
	uint32_t number;
	enum tlsc_hold hold; /* tlsc_shard_hold() */
	/* Copies of the shared ones, between ring_load and ring_save. */
	uint32_t head, tail, used;
};

/* Noted for debug_assert() alone. */
static inline void
tlsc_shard_hold(struct tlsc_shard *shard, enum tlsc_hold hold)
{
#ifdef TLSHERD_DEBUG
	shard->hold = hold;
#endif
}

/* An entry as it was found: copied out of the segment and checked. */
struct tlsc_place {
	struct tlsc_entry entry;
	uint32_t at;   /* offset in the ring */
	uint32_t size; /* to the next entry */
	uint32_t len;  /* of the data; 0 unless live */
};

/* shm_life.c */

struct tlsc_shard tlsc_shard_at(struct tlsc_store *, uint32_t number);

/* shm_lock.c */

/* 0 or TLSCACHE_E_BUSY. Repairs what a dead holder left. */
int tlsc_shard_lock(struct tlsc_shard *);
void tlsc_shard_unlock(struct tlsc_shard *);
bool tlsc_shard_retired(const struct tlsc_shard *);

/* Between these the index and the ring may be changed. */
void tlsc_shard_begin(struct tlsc_shard *);
void tlsc_shard_end(struct tlsc_shard *);

/* shm_place.c */

/* Copy what is at an offset of the ring. False: it cannot be used. */
bool tlsc_shard_place(const struct tlsc_shard *, uint32_t at,
    struct tlsc_place *);
void tlsc_shard_set_flag(struct tlsc_shard *, struct tlsc_place *, uint8_t);
/* Note that an entry was fetched. */
void tlsc_shard_fetched(struct tlsc_shard *, struct tlsc_place *);

/* Get head, tail and used, and put them back. What makes no sense is emptied. */
void tlsc_shard_ring_load(struct tlsc_shard *);
void tlsc_shard_ring_save(const struct tlsc_shard *);
/* All that can be done about one that makes no sense: empty it, and count. */
void tlsc_shard_corrupt(struct tlsc_shard *);
/* Empty and wipe the shard, which is being written. */
void tlsc_shard_empty(struct tlsc_shard *);

/* The keyed check over an entry: its header, hash of the id, and data. */
uint32_t tlsc_entry_check(const struct tlsc_store *, const struct tlsc_entry *,
    uint64_t hash, const void *data, size_t len);

/* shm_index.c */

uint32_t tlsc_hash_shard(const struct tlsc_store *, uint64_t hash);
void tlsc_shard_prefetch(const struct tlsc_shard *, uint64_t hash);
/* The same for the entry of that hash, if there is one. */
void tlsc_shard_prefetch_entry(const struct tlsc_shard *, uint64_t hash);

/* The slot of the live entry of that id, or NULL. */
_Atomic uint32_t *tlsc_shard_find(const struct tlsc_shard *, uint64_t hash,
    struct tlsc_id, struct tlsc_place *);

/* The slot that names a place, or NULL. */
_Atomic uint32_t *tlsc_shard_slot(const struct tlsc_shard *, uint64_t hash,
    uint32_t at);

/*
 * The better of the empty slots for an id. When there is none: the slot of
 * its oldest neighbour, who has to go.
 */
_Atomic uint32_t *tlsc_shard_slot_free(const struct tlsc_shard *,
    uint64_t hash);

void tlsc_slot_set(_Atomic uint32_t *, uint64_t hash, uint32_t at);
/* The place that a slot names; false when it is empty. */
bool tlsc_slot_place(const _Atomic uint32_t *, uint32_t *at);

/* shm_ring.c */

/* Reclaim a few places at the tail that are dead or expired. */
void tlsc_shard_expire_tail(struct tlsc_shard *, uint32_t now);

/* Have `need` bytes free at the head, at the cost of the oldest entries. */
void tlsc_shard_room(struct tlsc_shard *, uint32_t need, uint32_t now);

/* Write an entry to the head and the index; there is room for it. */
void tlsc_shard_append(struct tlsc_shard *, const struct tlsc_entry *,
    uint64_t hash, struct tlsc_id, const void *data, size_t len,
    uint32_t now);

/* Unlink and wipe a live entry. */
void tlsc_shard_drop(struct tlsc_shard *, _Atomic uint32_t *slot,
    const struct tlsc_place *);
/* The same for who has begun no change of his own; and count why. */
void tlsc_shard_drop_counted(struct tlsc_shard *, _Atomic uint32_t *slot,
    const struct tlsc_place *, enum tlsc_counter);

/* store_shm.c */

/*
 * tlsc_store_put() for an entry that was stored before, elsewhere. Of its flags
 * it keeps CLAIMED, ONCE and FETCHED.
 */
int tlsc_store_put_moved(struct tlsc_store *, struct tlsc_id,
    const void *data, size_t len, int64_t expires, int64_t stored,
    uint8_t flags, int64_t now);

/* shm_stat.c */

/* Under the shard's lock, and for this process. */
void tlsc_count(struct tlsc_shard *, enum tlsc_counter, uint64_t);
/* The same for what only the shard has: entries, bytes. */
void tlsc_level(struct tlsc_shard *, enum tlsc_counter, uint64_t);
/* Without a lock. */
void tlsc_count_unlocked(struct tlsc_store *, enum tlsc_counter, uint64_t);
/* A live entry goes because there is no room. */
void tlsc_count_evicted(struct tlsc_shard *, uint64_t age);
/* Have another store count what this shard has, and this one from 0 again. */
void tlsc_count_carry(struct tlsc_store *to, struct tlsc_shard *);

#endif
