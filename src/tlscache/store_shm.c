/* SPDX-License-Identifier: ISC */
/*
 * The store in shared memory. Made by the master, used by every process that
 * inherited or adopted it. Knows memory and time, nothing of OpenSSL.
 *
 *	segment   | header | shard heads | shard 0 | shard 1 | ...
 *	shard     | index: buckets of 8 slots | ring of entries |
 *	slot      | tag 32 | place in the ring, 1 + offset / 8, 32 |  0: empty
 *	ring      | dead | live | live | dead | live |  free  | ... filler |
 *	                 ^ tail: the oldest          ^ head: the next goes here
 *	entry     | struct entry | id | data | padding to 8 |
 *
 * An id's keyed hash gives its shard and its tag; the tag gives two buckets,
 * in one of which its slot is. So an operation looks at 16 slots, whatever
 * the size of the cache. Storing appends at the head; when there is no room
 * the oldest entries go from the tail, as many as the new one is long. An
 * entry that was fetched since it was stored goes to the head once more
 * instead, at most SECOND_CHANCES times per store.
 *
 * Invariants of a shard whose lock nobody holds: each slot in use names a
 * live entry with its tag and each live entry has one slot; from the tail,
 * `used` bytes of entries follow each other without a gap up to the head.
 *
 * Lock: one robust process-shared mutex per shard. Everything in a shard, its
 * head, index and ring, is read and written under it, but for:
 *  - counters, which are written under it and read by tlsc_store_stat()
 *    without: atomic objects, so a sum is at worst some operations old;
 *  - `retired`, which is set once without it where it cannot be had.
 * The segment's header is written before anybody else can see it.
 *
 * Death: `seq` is odd while index or ring are being changed. Who gets the
 * lock of a dead process (EOWNERDEAD) finds an even seq, and the shard is
 * whole, or an odd one, and empties the shard. Stores of one thread that has
 * stopped existing are all visible to the next holder in the order of its
 * instructions; signal fences keep the compiler to that order. Emptying can
 * be cut short and begun again: seq stays odd until it is done, and the lock
 * stays inconsistent for the next one. The flags FETCHED and CLAIMED are
 * single bytes that make no other invariant wait for them: set or not set,
 * the shard is whole.
 *
 * Waiting: a holder that is stopped keeps others waiting LOCK_WAIT_MS once;
 * then this process only tries that shard's lock until it gets it.
 *
 * Threat: every process that maps the segment can write to it, a worker under
 * attack included. So the geometry is a copy in the handle, and no offset or
 * length from the segment is used before entry_at() has checked a copy of it.
 * What has no defence is the mutexes themselves: they are the C library's.
 * A check over each entry, keyed, tells flipped bytes from stored ones.
 */
#include "config.h"

#include <sys/random.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fault_int.h"
#include "hash_int.h"
#include "segment_int.h"
#include "store_int.h"

#define MAGIC 0x31636873746c7481ULL
#define LAYOUT 1u
#define HEADER_SIZE 4096u
#define SHARDS_MAX 256u
#define SHARD_MIN (64u << 10)
#define SHARD_GOAL (256u << 10)
#define SHARD_MAX (1u << 30)
#define BUCKET_SLOTS 8u
#define BYTES_PER_SLOT 128u /* a session with its header has about 170 */
#define SECOND_CHANCES 4
#define SECOND_CHANCE_MAX 1024u
#define EXPIRE_PER_STORE 2
#define EXPIRE_STRETCH 64u
#define LOCK_TRIES 32
#define LOCK_WAIT_MS 100

enum {
	FLAG_LIVE = 1,
	FLAG_FETCHED = 2,
	FLAG_CLAIMED = 4,
};

struct entry {
	uint32_t size; /* with this header and padding, a multiple of 8 */
	uint8_t flags;
	uint8_t idlen;
	uint16_t len;
	uint32_t tag;
	uint32_t stored;  /* seconds since the epoch of the segment */
	uint32_t expires; /* the same */
	uint32_t check;
};

/* Fillers and entries can be as short as this. */
#define ENTRY_MIN 8u

struct slot {
	uint32_t tag;
	uint32_t place;
};

struct header {
	uint64_t magic;
	uint32_t layout;
	uint32_t mutex_size;
	uint64_t size; /* of the segment, in bytes */
	uint32_t shards;
	uint32_t buckets; /* per shard */
	uint32_t ring;	  /* bytes per shard */
	uint32_t unused;
	int64_t epoch;
	unsigned char key[TLSC_HASH_KEY];
	uint64_t check;
};

/* Counters of a shard; bytes and entries are levels. */
enum counter {
	C_STORES, C_REPLACED, C_HITS, C_UNKNOWN, C_MISS_EXPIRED, C_REMOVES,
	C_EXPIRED, C_EVICTED, C_EVICTED_AGE, C_EVICTED_AGE_MIN, C_CLAIMS,
	C_CLAIMS_REFUSED, C_RECOVERIES, C_LOST, C_CORRUPT, C_ENTRIES, C_BYTES,
	C_COUNT
};

struct shard_head {
	_Alignas(64) pthread_mutex_t lock;
	_Atomic uint32_t seq;
	_Atomic uint32_t retired;
	uint32_t head;
	uint32_t tail;
	uint32_t used;
	_Atomic uint64_t counter[C_COUNT];
};

/* Counted where the shard's lock could not be had, or no shard is meant. */
struct store_counters {
	_Atomic uint64_t busy;
	_Atomic uint64_t miss_busy;
	_Atomic uint64_t layout;
	_Atomic uint64_t too_large;
};

struct shard {
	struct shard_head *head;
	struct slot *index;
	unsigned char *ring;
};

struct tlsc_store {
	struct tlsc_segment segment;
	struct header geometry; /* a copy that nobody else can change */
	struct store_counters *counters;
	struct shard *shards;
	unsigned char *stuck; /* per shard: waited in vain, only try */
	uint32_t expire_shard; /* where tlsc_store_expire() goes on */
	uint32_t expire_slot;
};

static size_t heads_offset(void);
static size_t shards_offset(const struct header *);
static size_t shard_size(const struct header *);
static void plan(struct header *, size_t);
static uint64_t header_check(const struct header *);
static bool header_valid(const struct header *, size_t);
static int map_shards(struct tlsc_store *);
static int init_locks(struct tlsc_store *);

static int shard_lock(struct tlsc_store *, struct shard *);
static int lock_wait(struct shard *);
static void shard_unlock(struct shard *);
static void shard_recover(struct tlsc_store *, struct shard *);
static void shard_reset(struct tlsc_store *, struct shard *);
static void begin(struct shard *);
static void end(struct shard *);
static void count(struct shard *, enum counter, uint64_t);
static uint64_t counted(const struct shard *, enum counter);

static struct shard *shard_of(struct tlsc_store *, uint64_t);
static struct slot *bucket(const struct tlsc_store *, struct shard *,
    uint32_t, unsigned);
static bool entry_at(const struct tlsc_store *, const struct shard *,
    uint32_t, struct entry *);
static struct slot *find(struct tlsc_store *, struct shard *, uint32_t,
    struct tlsc_id, struct entry *);
static struct slot *slot_of(struct tlsc_store *, struct shard *, uint32_t,
    uint32_t);
static struct slot *slot_free(struct tlsc_store *, struct shard *, uint32_t,
    uint32_t);
static bool make_room(struct tlsc_store *, struct shard *, uint32_t,
    uint32_t, unsigned *);
static bool reclaim(struct tlsc_store *, struct shard *, uint32_t,
    unsigned *);
static void append(struct tlsc_store *, struct shard *, const struct entry *,
    const void *);
static void evicted(struct shard *, const struct entry *, uint32_t);
static void drop(struct shard *, struct slot *, uint32_t,
    const struct entry *);
static void expire_tail(struct tlsc_store *, struct shard *, uint32_t);
static size_t expire_slots(struct tlsc_store *, struct shard *, uint32_t,
    uint32_t, uint32_t);
static void move_shard(struct tlsc_store *, struct tlsc_store *,
    struct shard *, int64_t);
static uint32_t entry_check(const struct tlsc_store *, const struct entry *,
    const unsigned char *);
static uint32_t since_epoch(const struct tlsc_store *, int64_t);

/* ---- life ---- */

int
tlsc_store_new(struct tlsc_store **sp, size_t size, int64_t now)
{
	struct tlsc_store *store;
	struct header *header;
	int error;

	*sp = NULL;
	store = calloc(1, sizeof(*store));
	if (store == NULL)
		return TLSCACHE_E_NOMEM;
	store->segment.fd = -1;
	header = &store->geometry;
	plan(header, size);
	error = tlsc_segment_new(&store->segment, (size_t)header->size,
	    "tlscache-sessions");
	if (error == TLSCACHE_OK) {
		header->size = store->segment.size;
		header->epoch = now - 1;
		if (getrandom(header->key, sizeof(header->key), 0) !=
		    (ssize_t)sizeof(header->key))
			error = TLSCACHE_E_SYSTEM;
	}
	if (error == TLSCACHE_OK)
		error = map_shards(store);
	if (error == TLSCACHE_OK)
		error = init_locks(store);
	if (error != TLSCACHE_OK) {
		tlsc_store_free(store);
		return error;
	}
	header->check = header_check(header);
	memcpy(store->segment.base, header, sizeof(*header));
	*sp = store;
	return TLSCACHE_OK;
}

int
tlsc_store_adopt(struct tlsc_store **sp, int fd)
{
	struct tlsc_store *store;
	int error;

	*sp = NULL;
	store = calloc(1, sizeof(*store));
	if (store == NULL)
		return TLSCACHE_E_NOMEM;
	store->segment.fd = -1;
	error = tlsc_segment_adopt(&store->segment, fd, HEADER_SIZE);
	if (error == TLSCACHE_OK) {
		memcpy(&store->geometry, store->segment.base,
		    sizeof(store->geometry));
		if (!header_valid(&store->geometry, store->segment.size))
			error = TLSCACHE_E_FORMAT;
		else
			error = map_shards(store);
	}
	if (error != TLSCACHE_OK) {
		store->segment.fd = -1; /* stays the caller's */
		tlsc_store_free(store);
		return error;
	}
	*sp = store;
	return TLSCACHE_OK;
}

void
tlsc_store_free(struct tlsc_store *store)
{
	if (store == NULL)
		return;
	tlsc_segment_release(&store->segment);
	explicit_bzero(store->geometry.key, sizeof(store->geometry.key));
	free(store->shards);
	free(store->stuck);
	free(store);
}

int
tlsc_store_fd(const struct tlsc_store *store)
{
	return store->segment.fd;
}

/* As many shards of about SHARD_GOAL bytes as fit, a power of two. */
static void
plan(struct header *header, size_t size)
{
	size_t per_shard;
	uint32_t shards = 1;

	memset(header, 0, sizeof(*header));
	while (shards < SHARDS_MAX && (size / (shards * 2) >= SHARD_GOAL ||
	    (shards < 4 && size / (shards * 2) >= SHARD_MIN)))
		shards *= 2;
	per_shard = size / shards;
	if (per_shard < SHARD_MIN)
		per_shard = SHARD_MIN;
	if (per_shard > SHARD_MAX)
		per_shard = SHARD_MAX;
	header->magic = MAGIC;
	header->layout = LAYOUT;
	header->mutex_size = sizeof(pthread_mutex_t);
	header->shards = shards;
	/* One slot of 8 bytes for each BYTES_PER_SLOT of the ring. */
	header->buckets = (uint32_t)(per_shard / (BYTES_PER_SLOT + 8) /
	    BUCKET_SLOTS);
	header->ring = (uint32_t)((per_shard - header->buckets *
	    BUCKET_SLOTS * sizeof(struct slot)) / 64 * 64);
	header->size = shards_offset(header) + shards * shard_size(header);
}

static size_t
heads_offset(void)
{
	return HEADER_SIZE;
}

static size_t
shards_offset(const struct header *header)
{
	return heads_offset() + header->shards * sizeof(struct shard_head);
}

static size_t
shard_size(const struct header *header)
{
	return (size_t)header->buckets * BUCKET_SLOTS * sizeof(struct slot) +
	    header->ring;
}

static uint64_t
header_check(const struct header *header)
{
	return tlsc_hash(header->key, header, offsetof(struct header, check));
}

static bool
header_valid(const struct header *header, size_t size)
{
	return header->magic == MAGIC && header->layout == LAYOUT &&
	    header->check == header_check(header) &&
	    header->mutex_size == sizeof(pthread_mutex_t) &&
	    header->size == size && header->shards > 0 &&
	    header->shards <= SHARDS_MAX &&
	    (header->shards & (header->shards - 1)) == 0 &&
	    header->buckets > 0 && header->buckets <= SHARD_MAX / 64 &&
	    header->ring >= SHARD_MIN / 2 && header->ring <= SHARD_MAX &&
	    header->ring % 64 == 0 && header->epoch >= 0 &&
	    shards_offset(header) + header->shards * shard_size(header) <=
	    size;
}

static int
map_shards(struct tlsc_store *store)
{
	const struct header *header = &store->geometry;
	unsigned char *base = store->segment.base, *p;
	struct shard *shard;
	uint32_t i;

	_Static_assert(sizeof(struct header) + sizeof(struct store_counters) +
	    64 <= HEADER_SIZE, "the header has grown over its page");
	store->counters = (struct store_counters *)(void *)(base +
	    HEADER_SIZE / 2);
	store->shards = calloc(header->shards, sizeof(*store->shards));
	store->stuck = calloc(header->shards, 1);
	if (store->shards == NULL || store->stuck == NULL)
		return TLSCACHE_E_NOMEM;
	for (i = 0; i < header->shards; i++) {
		shard = &store->shards[i];
		p = base + heads_offset() + i * sizeof(struct shard_head);
		shard->head = (struct shard_head *)(void *)p;
		p = base + shards_offset(header) + i * shard_size(header);
		shard->index = (struct slot *)(void *)p;
		shard->ring = p + header->buckets * BUCKET_SLOTS *
		    sizeof(struct slot);
	}
	return TLSCACHE_OK;
}

static int
init_locks(struct tlsc_store *store)
{
	pthread_mutexattr_t attr;
	uint32_t i;
	int error;

	if (pthread_mutexattr_init(&attr) != 0)
		return TLSCACHE_E_NOMEM;
	error = pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	if (error == 0)
		error = pthread_mutexattr_setrobust(&attr,
		    PTHREAD_MUTEX_ROBUST);
	for (i = 0; error == 0 && i < store->geometry.shards; i++)
		error = pthread_mutex_init(&store->shards[i].head->lock,
		    &attr);
	pthread_mutexattr_destroy(&attr);
	if (error == 0)
		return TLSCACHE_OK;
	errno = error;
	return TLSCACHE_E_SYSTEM;
}

/* ---- lock ---- */

static int
shard_lock(struct tlsc_store *store, struct shard *shard)
{
	unsigned char *stuck = &store->stuck[shard - store->shards];
	int error, tries;

	tries = 0;
	do {
		error = pthread_mutex_trylock(&shard->head->lock);
	} while (error == EBUSY && ++tries < LOCK_TRIES);
	if (error == EBUSY && !*stuck)
		error = lock_wait(shard);
	if (error != 0 && error != EOWNERDEAD) {
		*stuck = 1;
		atomic_fetch_add_explicit(&store->counters->busy, 1,
		    memory_order_relaxed);
		return TLSCACHE_E_BUSY;
	}
	*stuck = 0;
	if (error == EOWNERDEAD)
		shard_recover(store, shard);
	if (atomic_load_explicit(&shard->head->retired,
	    memory_order_relaxed) != 0) {
		shard_unlock(shard);
		return TLSCACHE_E_RETIRED;
	}
	TLSC_FAULT(LOCKED);
	return TLSCACHE_OK;
}

static int
lock_wait(struct shard *shard)
{
	struct timespec until;

#ifdef HAVE_PTHREAD_MUTEX_CLOCKLOCK
	clock_gettime(CLOCK_MONOTONIC, &until);
#else
	clock_gettime(CLOCK_REALTIME, &until);
#endif
	until.tv_nsec += LOCK_WAIT_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
#ifdef HAVE_PTHREAD_MUTEX_CLOCKLOCK
	return pthread_mutex_clocklock(&shard->head->lock, CLOCK_MONOTONIC,
	    &until);
#else
	return pthread_mutex_timedlock(&shard->head->lock, &until);
#endif
}

static void
shard_unlock(struct shard *shard)
{
	TLSC_FAULT(UNLOCK);
	(void)pthread_mutex_unlock(&shard->head->lock);
}

/* The lock's last holder died. We have the lock, marked inconsistent. */
static void
shard_recover(struct tlsc_store *store, struct shard *shard)
{
	TLSC_FAULT(RECOVER);
	if ((atomic_load_explicit(&shard->head->seq, memory_order_relaxed) &
	    1) != 0) {
		shard_reset(store, shard);
		count(shard, C_LOST, 1);
		end(shard);
	}
	count(shard, C_RECOVERIES, 1);
	TLSC_FAULT(RECOVERED);
	(void)pthread_mutex_consistent(&shard->head->lock);
}

/* Empty and wipe the shard. seq is odd. */
static void
shard_reset(struct tlsc_store *store, struct shard *shard)
{
	struct shard_head *head = shard->head;

	memset(shard->index, 0, store->geometry.buckets * BUCKET_SLOTS *
	    sizeof(struct slot));
	TLSC_FAULT(RESET);
	explicit_bzero(shard->ring, store->geometry.ring);
	head->head = head->tail = head->used = 0;
	atomic_store_explicit(&head->counter[C_ENTRIES], 0,
	    memory_order_relaxed);
	atomic_store_explicit(&head->counter[C_BYTES], 0,
	    memory_order_relaxed);
}

static void
begin(struct shard *shard)
{
	uint32_t seq;

	seq = atomic_load_explicit(&shard->head->seq, memory_order_relaxed);
	atomic_store_explicit(&shard->head->seq, seq | 1,
	    memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	TLSC_FAULT(BEGIN);
}

static void
end(struct shard *shard)
{
	uint32_t seq;

	TLSC_FAULT(END);
	atomic_thread_fence(memory_order_release);
	seq = atomic_load_explicit(&shard->head->seq, memory_order_relaxed);
	atomic_store_explicit(&shard->head->seq, (seq | 1) + 1,
	    memory_order_relaxed);
}

static void
count(struct shard *shard, enum counter which, uint64_t n)
{
	atomic_store_explicit(&shard->head->counter[which],
	    counted(shard, which) + n, memory_order_relaxed);
}

static uint64_t
counted(const struct shard *shard, enum counter which)
{
	return atomic_load_explicit(&shard->head->counter[which],
	    memory_order_relaxed);
}

/* ---- index and ring ---- */

static struct shard *
shard_of(struct tlsc_store *store, uint64_t hash)
{
	return &store->shards[(uint32_t)hash & (store->geometry.shards - 1)];
}

static uint32_t
tag_of(uint64_t hash)
{
	return (uint32_t)(hash >> 32);
}

/* The first and the second bucket of a tag; which is 0 or 1. */
static struct slot *
bucket(const struct tlsc_store *store, struct shard *shard, uint32_t tag,
    unsigned which)
{
	uint32_t spread = which == 0 ? tag : tag * 0x9e3779b1u ^ 0x5bd1e995u;
	uint64_t n = (uint64_t)spread * store->geometry.buckets >> 32;

	return shard->index + n * BUCKET_SLOTS;
}

/*
 * Copy the header of the entry at offset `at` and check that it lies within
 * the ring and is long enough for what it says it holds.
 */
static bool
entry_at(const struct tlsc_store *store, const struct shard *shard,
    uint32_t at, struct entry *entry)
{
	uint32_t left, ring = store->geometry.ring;

	if (at % 8 != 0 || at >= ring)
		return false;
	left = ring - at;
	memset(entry, 0, sizeof(*entry));
	memcpy(entry, shard->ring + at,
	    left < sizeof(*entry) ? left : sizeof(*entry));
	if (entry->size < ENTRY_MIN || entry->size % 8 != 0 ||
	    entry->size > left)
		return false;
	return (entry->flags & FLAG_LIVE) == 0 ||
	    (entry->idlen > 0 && entry->idlen <= TLSCACHE_ID_MAX &&
	    entry->len <= TLSCACHE_DATA_MAX &&
	    sizeof(*entry) + entry->idlen + entry->len <= entry->size);
}

static uint32_t
slot_at(const struct slot *slot)
{
	return (slot->place - 1) * 8;
}

static struct slot *
find(struct tlsc_store *store, struct shard *shard, uint32_t tag,
    struct tlsc_id id, struct entry *entry)
{
	struct slot *slot;
	unsigned i, which;

	for (which = 0; which < 2; which++) {
		slot = bucket(store, shard, tag, which);
		for (i = 0; i < BUCKET_SLOTS; i++, slot++) {
			if (slot->place == 0 || slot->tag != tag ||
			    !entry_at(store, shard, slot_at(slot), entry) ||
			    (entry->flags & FLAG_LIVE) == 0 ||
			    entry->idlen != id.len)
				continue;
			if (memcmp(shard->ring + slot_at(slot) +
			    sizeof(*entry), id.bytes, id.len) == 0)
				return slot;
		}
	}
	return NULL;
}

/* The slot of the entry at an offset of the ring. */
static struct slot *
slot_of(struct tlsc_store *store, struct shard *shard, uint32_t tag,
    uint32_t at)
{
	struct slot *slot;
	unsigned i, which;

	for (which = 0; which < 2; which++) {
		slot = bucket(store, shard, tag, which);
		for (i = 0; i < BUCKET_SLOTS; i++, slot++)
			if (slot->place == at / 8 + 1 && slot->tag == tag)
				return slot;
	}
	return NULL;
}

/* An empty slot for a tag; when there is none the oldest entry goes. */
static struct slot *
slot_free(struct tlsc_store *store, struct shard *shard, uint32_t tag,
    uint32_t now)
{
	struct slot *best[2], *oldest, *slot;
	uint32_t oldest_stored;
	struct entry entry;
	unsigned i, n[2], which;

	oldest = NULL;
	oldest_stored = UINT32_MAX;
	for (which = 0; which < 2; which++) {
		best[which] = NULL;
		n[which] = 0;
		slot = bucket(store, shard, tag, which);
		for (i = 0; i < BUCKET_SLOTS; i++, slot++) {
			if (slot->place != 0)
				continue;
			best[which] = slot;
			n[which]++;
		}
	}
	if (n[0] + n[1] > 0)
		return best[n[1] > n[0]];
	for (which = 0; which < 2; which++) {
		slot = bucket(store, shard, tag, which);
		for (i = 0; i < BUCKET_SLOTS; i++, slot++) {
			if (!entry_at(store, shard, slot_at(slot), &entry)) {
				slot->place = 0;
				return slot;
			}
			if (oldest == NULL || entry.stored < oldest_stored) {
				oldest = slot;
				oldest_stored = entry.stored;
			}
		}
	}
	(void)entry_at(store, shard, slot_at(oldest), &entry);
	evicted(shard, &entry, now);
	drop(shard, oldest, slot_at(oldest), &entry);
	return oldest;
}

/* Count an entry that has to go to make room. */
static void
evicted(struct shard *shard, const struct entry *entry, uint32_t now)
{
	uint64_t age, min;

	if (entry->expires <= now) {
		count(shard, C_EXPIRED, 1);
		return;
	}
	age = now > entry->stored ? now - entry->stored : 0;
	min = counted(shard, C_EVICTED_AGE_MIN);
	if (counted(shard, C_EVICTED) == 0 || age < min)
		atomic_store_explicit(
		    &shard->head->counter[C_EVICTED_AGE_MIN], age,
		    memory_order_relaxed);
	count(shard, C_EVICTED, 1);
	count(shard, C_EVICTED_AGE, age);
}

/*
 * Unlink and wipe a live entry. Its place in the ring stays taken until the
 * tail has come that far.
 */
static void
drop(struct shard *shard, struct slot *slot, uint32_t at,
    const struct entry *entry)
{
	uint32_t size = entry->size;

	if (slot != NULL)
		memset(slot, 0, sizeof(*slot));
	TLSC_FAULT(UNLINKED);
	explicit_bzero(shard->ring + at, size);
	memcpy(shard->ring + at, &size, sizeof(size));
	count(shard, C_ENTRIES, -(uint64_t)1);
	count(shard, C_BYTES, -(uint64_t)size);
	TLSC_FAULT(WIPED);
}

/*
 * Free the oldest part of the ring. False when it makes no sense: the shard is
 * corrupt and has been emptied.
 */
static bool
reclaim(struct tlsc_store *store, struct shard *shard, uint32_t now,
    unsigned *chances)
{
	unsigned char again[SECOND_CHANCE_MAX];
	struct shard_head *head = shard->head;
	uint32_t at = head->tail;
	struct entry entry;
	bool keep = false;

	if (!entry_at(store, shard, at, &entry) || entry.size > head->used) {
		shard_reset(store, shard);
		count(shard, C_CORRUPT, 1);
		return false;
	}
	if ((entry.flags & FLAG_LIVE) != 0) {
		keep = (entry.flags & FLAG_FETCHED) != 0 && *chances > 0 &&
		    entry.expires > now && entry.size <= sizeof(again);
		if (keep)
			memcpy(again, shard->ring + at, entry.size);
		else
			evicted(shard, &entry, now);
		drop(shard, slot_of(store, shard, entry.tag, at), at,
		    &entry);
	}
	head->tail = at + entry.size == store->geometry.ring ? 0 :
	    at + entry.size;
	head->used -= entry.size;
	if (head->used == 0)
		head->head = head->tail = 0;
	if (!keep)
		return true;
	(*chances)--;
	TLSC_FAULT(SECOND_CHANCE);
	if (make_room(store, shard, entry.size, now, chances)) {
		entry.flags &= (uint8_t)~FLAG_FETCHED;
		append(store, shard, &entry, again + sizeof(entry));
	}
	explicit_bzero(again, entry.size);
	return true;
}

/*
 * See to it that `need` bytes are free at the head. What is evicted is about
 * as long, or up to the end of the ring. False: see reclaim().
 */
static bool
make_room(struct tlsc_store *store, struct shard *shard, uint32_t need,
    uint32_t now, unsigned *chances)
{
	struct shard_head *head = shard->head;
	uint32_t filler, ring = store->geometry.ring;

	for (;;) {
		if (head->head > ring || head->tail >= ring ||
		    head->used > ring || head->head % 8 != 0) {
			shard_reset(store, shard);
			count(shard, C_CORRUPT, 1);
			return false;
		}
		if (head->head == ring)
			head->head = 0;
		if (head->used == 0 || head->head > head->tail) {
			filler = ring - head->head;
			if (filler >= need)
				return true;
			memset(shard->ring + head->head, 0, ENTRY_MIN);
			memcpy(shard->ring + head->head, &filler,
			    sizeof(filler));
			head->used += filler;
			head->head = 0;
			continue;
		}
		if (head->tail - head->head >= need &&
		    head->tail != head->head)
			return true;
		if (!reclaim(store, shard, now, chances))
			return false;
	}
}

/* Write an entry at the head, where make_room() has found room. */
static void
append(struct tlsc_store *store, struct shard *shard,
    const struct entry *entry, const void *body)
{
	struct shard_head *head = shard->head;
	uint32_t at = head->head;
	struct slot *slot;

	memcpy(shard->ring + at + sizeof(*entry), body,
	    (size_t)entry->idlen + entry->len);
	memcpy(shard->ring + at, entry, sizeof(*entry));
	TLSC_FAULT(APPENDED);
	head->head = at + entry->size;
	head->used += entry->size;
	slot = slot_free(store, shard, entry->tag, entry->stored);
	slot->tag = entry->tag;
	slot->place = at / 8 + 1;
	count(shard, C_ENTRIES, 1);
	count(shard, C_BYTES, entry->size);
	TLSC_FAULT(LINKED);
}

static void
expire_tail(struct tlsc_store *store, struct shard *shard, uint32_t now)
{
	unsigned chances = 0;
	struct entry entry;
	int i;

	for (i = 0; i < EXPIRE_PER_STORE && shard->head->used > 0; i++) {
		if (!entry_at(store, shard, shard->head->tail, &entry) ||
		    ((entry.flags & FLAG_LIVE) != 0 && entry.expires > now))
			return;
		if (!reclaim(store, shard, now, &chances))
			return;
	}
}

static uint32_t
entry_check(const struct tlsc_store *store, const struct entry *entry,
    const unsigned char *body)
{
	uint64_t sum;

	sum = tlsc_hash(store->geometry.key, body,
	    (size_t)entry->idlen + entry->len);
	sum ^= (uint64_t)entry->expires << 32 | (uint32_t)(entry->idlen << 16 |
	    entry->len);
	sum *= 0x9e3779b97f4a7c15ULL;
	return (uint32_t)(sum >> 32);
}

static uint32_t
since_epoch(const struct tlsc_store *store, int64_t when)
{
	if (when <= store->geometry.epoch)
		return 0;
	when -= store->geometry.epoch;
	return when >= UINT32_MAX ? UINT32_MAX - 1 : (uint32_t)when;
}

/* ---- operations ---- */

int
tlsc_store_put(struct tlsc_store *store, struct tlsc_id id, const void *data,
    size_t len, int64_t expires, int64_t now)
{
	unsigned char body[TLSCACHE_ID_MAX + TLSCACHE_DATA_MAX];
	unsigned chances = SECOND_CHANCES;
	struct entry entry, old;
	struct shard *shard;
	struct slot *slot;
	uint32_t seconds = since_epoch(store, now);
	uint64_t hash;
	int error;

	hash = tlsc_hash(store->geometry.key, id.bytes, id.len);
	memset(&entry, 0, sizeof(entry));
	entry.size = (uint32_t)(sizeof(entry) + id.len + len + 7) / 8 * 8;
	entry.flags = FLAG_LIVE;
	entry.idlen = (uint8_t)id.len;
	entry.len = (uint16_t)len;
	entry.tag = tag_of(hash);
	entry.stored = seconds;
	entry.expires = since_epoch(store, expires);
	memcpy(body, id.bytes, id.len);
	memcpy(body + id.len, data, len);
	entry.check = entry_check(store, &entry, body);

	shard = shard_of(store, hash);
	error = shard_lock(store, shard);
	if (error != TLSCACHE_OK)
		goto out;
	begin(shard);
	slot = find(store, shard, entry.tag, id, &old);
	if (slot != NULL) {
		drop(shard, slot, slot_at(slot), &old);
		count(shard, C_REPLACED, 1);
	}
	expire_tail(store, shard, seconds);
	if (!make_room(store, shard, entry.size, seconds, &chances))
		(void)make_room(store, shard, entry.size, seconds, &chances);
	append(store, shard, &entry, body);
	count(shard, C_STORES, 1);
	end(shard);
	shard_unlock(shard);
out:
	explicit_bzero(body, id.len + len);
	return error;
}

int
tlsc_store_get(struct tlsc_store *store, struct tlsc_id id, void *buf,
    size_t size, size_t *lenp, int64_t now)
{
	unsigned char body[TLSCACHE_ID_MAX + TLSCACHE_DATA_MAX];
	struct entry entry;
	struct shard *shard;
	struct slot *slot;
	uint64_t hash;
	int error;

	*lenp = 0;
	hash = tlsc_hash(store->geometry.key, id.bytes, id.len);
	shard = shard_of(store, hash);
	error = shard_lock(store, shard);
	if (error != TLSCACHE_OK) {
		if (error == TLSCACHE_E_BUSY)
			atomic_fetch_add_explicit(&store->counters->miss_busy,
			    1, memory_order_relaxed);
		return error;
	}
	slot = find(store, shard, tag_of(hash), id, &entry);
	if (slot == NULL) {
		count(shard, C_UNKNOWN, 1);
		shard_unlock(shard);
		return TLSCACHE_E_MISS;
	}
	if (entry.expires <= since_epoch(store, now)) {
		begin(shard);
		drop(shard, slot, slot_at(slot), &entry);
		count(shard, C_EXPIRED, 1);
		count(shard, C_MISS_EXPIRED, 1);
		end(shard);
		shard_unlock(shard);
		return TLSCACHE_E_MISS;
	}
	memcpy(body, shard->ring + slot_at(slot) + sizeof(entry),
	    (size_t)entry.idlen + entry.len);
	if (entry_check(store, &entry, body) != entry.check) {
		begin(shard);
		drop(shard, slot, slot_at(slot), &entry);
		count(shard, C_CORRUPT, 1);
		count(shard, C_UNKNOWN, 1);
		end(shard);
		shard_unlock(shard);
		return TLSCACHE_E_MISS;
	}
	shard->ring[slot_at(slot) + offsetof(struct entry, flags)] =
	    entry.flags | FLAG_FETCHED;
	TLSC_FAULT(FETCHED);
	count(shard, C_HITS, 1);
	shard_unlock(shard);
	*lenp = entry.len;
	if (entry.len > size)
		error = TLSCACHE_E_SPACE;
	else
		memcpy(buf, body + entry.idlen, entry.len);
	explicit_bzero(body, (size_t)entry.idlen + entry.len);
	return error;
}

int
tlsc_store_claim(struct tlsc_store *store, struct tlsc_id id, int64_t now)
{
	struct entry entry;
	struct shard *shard;
	struct slot *slot;
	uint64_t hash;
	int error;

	hash = tlsc_hash(store->geometry.key, id.bytes, id.len);
	shard = shard_of(store, hash);
	error = shard_lock(store, shard);
	if (error != TLSCACHE_OK)
		return error;
	slot = find(store, shard, tag_of(hash), id, &entry);
	if (slot == NULL || entry.expires <= since_epoch(store, now))
		error = TLSCACHE_E_MISS;
	else if ((entry.flags & FLAG_CLAIMED) != 0)
		error = TLSCACHE_E_CLAIMED;
	else
		shard->ring[slot_at(slot) + offsetof(struct entry, flags)] =
		    entry.flags | FLAG_CLAIMED;
	TLSC_FAULT(CLAIMED);
	count(shard, error == TLSCACHE_OK ? C_CLAIMS : C_CLAIMS_REFUSED, 1);
	shard_unlock(shard);
	return error;
}

int
tlsc_store_remove(struct tlsc_store *store, struct tlsc_id id)
{
	struct entry entry;
	struct shard *shard;
	struct slot *slot;
	uint64_t hash;
	int error;

	hash = tlsc_hash(store->geometry.key, id.bytes, id.len);
	shard = shard_of(store, hash);
	error = shard_lock(store, shard);
	if (error != TLSCACHE_OK)
		return error;
	slot = find(store, shard, tag_of(hash), id, &entry);
	if (slot != NULL) {
		begin(shard);
		drop(shard, slot, slot_at(slot), &entry);
		count(shard, C_REMOVES, 1);
		end(shard);
	}
	shard_unlock(shard);
	return slot != NULL ? TLSCACHE_OK : TLSCACHE_E_MISS;
}

/*
 * Walks the index, which does not move between two calls, a stretch of slots
 * under each lock.
 */
size_t
tlsc_store_expire(struct tlsc_store *store, size_t work, int64_t now)
{
	uint32_t slots = store->geometry.buckets * BUCKET_SLOTS;
	uint32_t seconds = since_epoch(store, now);
	size_t wiped = 0;
	struct shard *shard;
	uint32_t stretch;

	while (work > 0) {
		if (store->expire_slot >= slots) {
			store->expire_slot = 0;
			store->expire_shard = (store->expire_shard + 1) %
			    store->geometry.shards;
		}
		stretch = slots - store->expire_slot;
		if (stretch > EXPIRE_STRETCH)
			stretch = EXPIRE_STRETCH;
		if (stretch > work)
			stretch = (uint32_t)work;
		shard = &store->shards[store->expire_shard];
		if (shard_lock(store, shard) == TLSCACHE_OK) {
			wiped += expire_slots(store, shard,
			    store->expire_slot, stretch, seconds);
			shard_unlock(shard);
		}
		store->expire_slot += stretch;
		work -= stretch;
	}
	return wiped;
}

static size_t
expire_slots(struct tlsc_store *store, struct shard *shard, uint32_t first,
    uint32_t n, uint32_t now)
{
	struct entry entry;
	size_t wiped = 0;
	uint32_t i;

	begin(shard);
	for (i = first; i < first + n; i++) {
		struct slot *slot = &shard->index[i];

		if (slot->place == 0 ||
		    !entry_at(store, shard, slot_at(slot), &entry) ||
		    (entry.flags & FLAG_LIVE) == 0 || entry.expires > now)
			continue;
		drop(shard, slot, slot_at(slot), &entry);
		count(shard, C_EXPIRED, 1);
		wiped++;
	}
	end(shard);
	return wiped;
}

/*
 * Shard by shard: retire it, then copy what it held. Whoever comes for a claim
 * before finds the entry here and its mark goes along; whoever comes after is
 * refused. A shard whose lock cannot be had is retired all the same, and what
 * it holds is lost: a full handshake each, but never a second claim.
 */
int
tlsc_store_move(struct tlsc_store *to, struct tlsc_store *from, int64_t now)
{
	struct shard *shard;
	int error, result = TLSCACHE_OK;
	uint32_t i;

	for (i = 0; i < from->geometry.shards; i++) {
		shard = &from->shards[i];
		error = shard_lock(from, shard);
		atomic_store_explicit(&shard->head->retired, 1,
		    memory_order_relaxed);
		TLSC_FAULT(RETIRED);
		if (error == TLSCACHE_OK) {
			begin(shard);
			move_shard(to, from, shard, now);
			shard_reset(from, shard);
			end(shard);
			shard_unlock(shard);
		} else if (error != TLSCACHE_E_RETIRED) {
			result = error;
		}
	}
	return result;
}

static void
move_shard(struct tlsc_store *to, struct tlsc_store *from,
    struct shard *shard, int64_t now)
{
	uint32_t at = shard->head->tail, left = shard->head->used;
	const unsigned char *body;
	struct entry entry;
	struct tlsc_id id;
	int64_t expires;

	while (left > 0 && entry_at(from, shard, at, &entry) &&
	    entry.size <= left) {
		body = shard->ring + at + sizeof(entry);
		expires = from->geometry.epoch + entry.expires;
		if ((entry.flags & FLAG_LIVE) != 0 && expires > now &&
		    entry_check(from, &entry, body) == entry.check) {
			id.bytes = body;
			id.len = entry.idlen;
			if (tlsc_store_put(to, id, body + entry.idlen,
			    entry.len, expires, now) == TLSCACHE_OK &&
			    (entry.flags & FLAG_CLAIMED) != 0)
				(void)tlsc_store_claim(to, id, now);
		}
		left -= entry.size;
		at += entry.size;
		if (at == from->geometry.ring)
			at = 0;
	}
}

/* ---- counters ---- */

void
tlsc_store_not_a_session(struct tlsc_store *store)
{
	atomic_fetch_add_explicit(&store->counters->layout, 1,
	    memory_order_relaxed);
}

void
tlsc_store_too_large(struct tlsc_store *store)
{
	atomic_fetch_add_explicit(&store->counters->too_large, 1,
	    memory_order_relaxed);
}

void
tlsc_store_stat(const struct tlsc_store *store, struct tlscache_stat *stat)
{
	const struct store_counters *counters = store->counters;
	uint64_t c[C_COUNT] = { 0 }, min = 0, n;
	uint32_t i;
	int k;

	for (i = 0; i < store->geometry.shards; i++) {
		for (k = 0; k < C_COUNT; k++)
			c[k] += counted(&store->shards[i], (enum counter)k);
		n = counted(&store->shards[i], C_EVICTED_AGE_MIN);
		if (counted(&store->shards[i], C_EVICTED) > 0 &&
		    (n < min || min == 0))
			min = n;
	}
	memset(stat, 0, sizeof(*stat));
	stat->stores = c[C_STORES];
	stat->replaced = c[C_REPLACED];
	stat->too_large = atomic_load(&counters->too_large);
	stat->miss_layout = atomic_load(&counters->layout);
	stat->miss_busy = atomic_load(&counters->miss_busy);
	stat->busy = atomic_load(&counters->busy);
	stat->hits = c[C_HITS] > stat->miss_layout ?
	    c[C_HITS] - stat->miss_layout : 0;
	stat->miss_unknown = c[C_UNKNOWN];
	stat->miss_expired = c[C_MISS_EXPIRED];
	stat->misses = stat->miss_unknown + stat->miss_expired +
	    stat->miss_layout + stat->miss_busy;
	stat->removes = c[C_REMOVES];
	stat->expired = c[C_EXPIRED];
	stat->evicted = c[C_EVICTED];
	stat->evicted_age = c[C_EVICTED_AGE];
	stat->evicted_age_min = min;
	stat->claims = c[C_CLAIMS];
	stat->claims_refused = c[C_CLAIMS_REFUSED];
	stat->lock_recoveries = c[C_RECOVERIES];
	stat->shards_lost = c[C_LOST];
	stat->corrupt = c[C_CORRUPT];
	stat->entries = c[C_ENTRIES];
	stat->bytes = c[C_BYTES];
	stat->capacity = (uint64_t)store->geometry.shards *
	    store->geometry.ring;
	stat->shards = store->geometry.shards;
}
