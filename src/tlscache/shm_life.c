/* SPDX-License-Identifier: ISC */
/*
 * Making and adopting a store: the layout of its segment, in numbers. The
 * master makes, a new master adopts; workers inherit.
 */
#include "config.h"

#include <sys/mman.h>
#include <sys/random.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shm_int.h"

#define MAGIC 0x6e73736563736c74ULL /* "tlscessn", little-endian */
#define LAYOUT 2u
#define SHARD_SMALL (64u << 10) /* up to four shards of this size, … */
#define SHARD_GOAL (128u << 10) /* … more of them from this size on */
#define BYTES_PER_SLOT 112u	/* of the ring; plain sessions need 150 */
#define EPOCH_BACK ((int64_t)1 << 31)
#define EPOCH_MAX (INT64_MAX - UINT32_MAX) /* a time of an entry is later */

_Static_assert(TLSC_COUNTERS_OFFSET + TLSC_COUNTERS * sizeof(uint64_t) <=
    TLSC_HEADS_OFFSET && sizeof(struct tlsc_header) <= TLSC_COUNTERS_OFFSET,
    "the header has grown over its page");
_Static_assert(sizeof(struct tlsc_entry) == 16, "an entry's header has a hole");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "64-bit atomics take a lock here");

/* A row in the table makes another layout without anybody's doing. */
static const char counter_names[] =
#define X(name, doc) #name " "
#include "tlscache_stat.def"
#undef X
    ;

static int store_alloc(struct tlsc_store **);
static int store_map(struct tlsc_store *);
static bool plan(struct tlsc_header *, size_t);
static size_t shards_offset(const struct tlsc_header *);
static size_t shard_size(const struct tlsc_header *);
static bool header_valid(const struct tlsc_header *, size_t);
static uint64_t header_check(const struct tlsc_header *);
static uint64_t counters_hash(void);
static int init_locks(struct tlsc_store *);

int
tlsc_store_new(struct tlsc_store **sp, size_t size, int64_t now)
{
	struct tlsc_store *store;
	struct tlsc_header *header;
	int error;

	*sp = NULL;
	error = store_alloc(&store);
	if (error != TLSCACHE_OK)
		return error;
	header = &store->geometry;
	error = TLSCACHE_E_INVAL;
	if (!plan(header, size))
		goto fail;
	/*
	 * Times are kept in 32 bits. The epoch leaves 68 years in both
	 * directions, so that a caller may have a clock of its own.
	 */
	header->epoch = now > EPOCH_BACK ? now - EPOCH_BACK : 0;
	error = TLSCACHE_E_SYSTEM;
	if (getrandom(&header->key, sizeof(header->key), 0) !=
	    (ssize_t)sizeof(header->key))
		goto fail;
	error = tlsc_segment_new(&store->segment, (size_t)header->size,
	    "tlscache-sessions");
	if (error != TLSCACHE_OK)
		goto fail;
	header->size = store->segment.size;
	header->check = header_check(header);
	error = store_map(store);
	if (error == TLSCACHE_OK)
		error = init_locks(store);
	if (error != TLSCACHE_OK)
		goto fail;
	memcpy(store->segment.base, header, sizeof(*header));
	*sp = store;
	return TLSCACHE_OK;

fail:
	tlsc_store_free(store);
	return error;
}

int
tlsc_store_adopt(struct tlsc_store **sp, int fd)
{
	struct tlsc_store *store;
	int error;

	*sp = NULL;
	error = store_alloc(&store);
	if (error != TLSCACHE_OK)
		return error;
	error = tlsc_segment_adopt(&store->segment, fd, TLSC_HEADS_OFFSET);
	if (error == TLSCACHE_OK) {
		memcpy(&store->geometry, store->segment.base,
		    sizeof(store->geometry));
		atomic_signal_fence(memory_order_seq_cst);
		if (header_valid(&store->geometry, store->segment.size))
			error = store_map(store);
		else
			error = TLSCACHE_E_FORMAT;
	}
	if (error != TLSCACHE_OK) {
		tlsc_segment_disown(&store->segment);
		tlsc_store_free(store);
		return error;
	}
	tlsc_segment_own(&store->segment);
	*sp = store;
	return TLSCACHE_OK;
}

int
tlsc_store_fd(const struct tlsc_store *store)
{
	return store->segment.fd;
}

void
tlsc_store_free(struct tlsc_store *store)
{
	if (store == NULL)
		return;
	tlsc_segment_release(&store->segment);
	if (store->process != NULL)
		(void)munmap(store->process,
		    TLSC_COUNTERS * sizeof(*store->process));
	explicit_bzero(&store->geometry, sizeof(store->geometry));
	free(store->stuck);
	free(store);
}

/* The counters of this process are in memory that a child finds zeroed. */
static int
store_alloc(struct tlsc_store **sp)
{
	size_t size = TLSC_COUNTERS * sizeof(uint64_t);
	struct tlsc_store *store;
	void *p;

	store = calloc(1, sizeof(*store));
	if (store == NULL)
		return TLSCACHE_E_NOMEM;
	store->segment.fd = -1;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED) {
		free(store);
		return TLSCACHE_E_NOMEM;
	}
#ifdef MADV_WIPEONFORK
	(void)madvise(p, size, MADV_WIPEONFORK);
#endif
	store->process = p;
	*sp = store;
	return TLSCACHE_OK;
}

static int
store_map(struct tlsc_store *store)
{
	unsigned char *base = store->segment.base;

	store->counter = (_Atomic uint64_t *)(void *)(base +
	    TLSC_COUNTERS_OFFSET);
	store->stuck = calloc(store->geometry.shards, 1);
	return store->stuck != NULL ? TLSCACHE_OK : TLSCACHE_E_NOMEM;
}

struct tlsc_shard
tlsc_shard_at(struct tlsc_store *store, uint32_t number)
{
	const struct tlsc_header *header = &store->geometry;
	unsigned char *base = store->segment.base, *p;
	struct tlsc_shard shard;

	debug_assert(number < header->shards);
	p = base + TLSC_HEADS_OFFSET +
	    number * sizeof(struct tlsc_shard_head);
	shard.store = store;
	shard.number = number;
	shard.shared = (struct tlsc_shard_head *)(void *)p;
	p = base + shards_offset(header) + number * shard_size(header);
	shard.slots = (_Atomic uint32_t *)(void *)p;
	shard.ring = p + header->buckets * TLSC_BUCKET * sizeof(uint32_t);
	tlsc_shard_hold(&shard, TLSC_OUTSIDE);
	shard.head = shard.tail = shard.used = 0;
	return shard;
}

/* Fill in the numbers for a segment of size bytes. */
static bool
plan(struct tlsc_header *header, size_t size)
{
	size_t each, shards = 1;

	memset(header, 0, sizeof(*header));
	if (size < TLSCACHE_SIZE_MIN)
		return false;
	while (shards < TLSC_SHARDS_MAX && size / (shards * 2) >=
	    (shards < 4 ? SHARD_SMALL : SHARD_GOAL))
		shards *= 2;
	each = (size - TLSC_HEADS_OFFSET) / shards -
	    sizeof(struct tlsc_shard_head);
	header->magic = MAGIC;
	header->layout = LAYOUT;
	header->mutex_size = sizeof(pthread_mutex_t);
	header->shard_head_size = sizeof(struct tlsc_shard_head);
	header->counters = counters_hash();
	header->shards = (uint32_t)shards;
	if (each > TLSC_RING_MAX)
		return false;
	header->buckets = (uint32_t)(each / TLSC_BUCKET /
	    (BYTES_PER_SLOT + sizeof(uint32_t)));
	header->ring = (uint32_t)((each - header->buckets * TLSC_BUCKET *
	    sizeof(uint32_t)) / 64 * 64);
	header->size = shards_offset(header) + shards * shard_size(header);
	return true;
}

static size_t
shards_offset(const struct tlsc_header *header)
{
	return TLSC_HEADS_OFFSET +
	    header->shards * sizeof(struct tlsc_shard_head);
}

static size_t
shard_size(const struct tlsc_header *header)
{
	return header->buckets * TLSC_BUCKET * sizeof(uint32_t) +
	    header->ring;
}

/* Whatever passes here is safe to use with a segment of that size. */
static bool
header_valid(const struct tlsc_header *header, size_t size)
{
	return header->magic == MAGIC && header->layout == LAYOUT &&
	    header->mutex_size == sizeof(pthread_mutex_t) &&
	    header->shard_head_size == sizeof(struct tlsc_shard_head) &&
	    header->counters == counters_hash() &&
	    header->shards > 0 && header->shards <= TLSC_SHARDS_MAX &&
	    (header->shards & (header->shards - 1)) == 0 &&
	    header->buckets > 1 && header->buckets <= TLSC_BUCKETS_MAX &&
	    header->ring >= SHARD_SMALL / 2 &&
	    header->ring <= TLSC_RING_MAX && header->ring % 64 == 0 &&
	    header->epoch >= 0 && header->epoch <= EPOCH_MAX &&
	    header->size == size &&
	    size >= shards_offset(header) &&
	    shard_size(header) <=
	    (size - shards_offset(header)) / header->shards &&
	    header->check == header_check(header);
}

static uint64_t
header_check(const struct tlsc_header *header)
{
	return tlsc_hash(&header->key, header,
	    offsetof(struct tlsc_header, check));
}

static uint64_t
counters_hash(void)
{
	static const struct tlsc_hash_key key;

	return tlsc_hash(&key, counter_names, sizeof(counter_names));
}

static int
init_locks(struct tlsc_store *store)
{
	pthread_mutexattr_t attr;
	uint32_t i;
	int error;

	error = pthread_mutexattr_init(&attr);
	if (error != 0)
		return TLSCACHE_E_NOMEM;
	error = pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	if (error == 0)
		error = pthread_mutexattr_setrobust(&attr,
		    PTHREAD_MUTEX_ROBUST);
	for (i = 0; error == 0 && i < store->geometry.shards; i++)
		error = pthread_mutex_init(
		    &tlsc_shard_at(store, i).shared->lock, &attr);
	(void)pthread_mutexattr_destroy(&attr);
	if (error == 0)
		return TLSCACHE_OK;
	errno = error;
	return TLSCACHE_E_SYSTEM;
}
