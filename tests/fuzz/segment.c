/* SPDX-License-Identifier: ISC */
/*
 * Segments for fuzz_segment: always the same bytes at first, and mapped
 * between two pages that nobody can touch.
 */
#include "config.h"

#include <sys/mman.h>

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "segment.h"
#include "tlscache.h"

static size_t
page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* The store is somewhere else now: what store_map() did is done again. */
static void
guard(struct tlsc_store *store)
{
	size_t page = page_size(), size = store->segment.size;
	unsigned char *region, *base;

	region = mmap(NULL, size + 2 * page, PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	REQUIRE(region != MAP_FAILED);
	base = mremap(store->segment.base, size, size,
	    MREMAP_MAYMOVE | MREMAP_FIXED, region + page);
	REQUIRE(base == region + page);
	store->segment.base = base;
	store->counter = (_Atomic uint64_t *)(void *)(base +
	    TLSC_COUNTERS_OFFSET);
}

void
segment_end(struct segment *s)
{
	size_t page = page_size(), size = s->store->segment.size;
	unsigned char *region = (unsigned char *)s->store->segment.base - page;

	tlsc_store_free(s->store);
	s->store = NULL;
	REQUIRE(munmap(region, size + 2 * page) == 0);
}

static void
init_locks(struct tlsc_store *store)
{
	pthread_mutexattr_t attr;
	uint32_t i;

	REQUIRE(pthread_mutexattr_init(&attr) == 0);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	for (i = 0; i < store->geometry.shards; i++)
		pthread_mutex_init(&tlsc_shard_at(store, i).shared->lock,
		    &attr);
	pthread_mutexattr_destroy(&attr);
}

/*
 * Another geometry has its mutexes elsewhere, where no trusted bytes are.
 */
void
segment_adopt(struct segment *s)
{
	struct tlsc_store *store;
	int error, fd = dup(s->fd);

	REQUIRE(fd != -1);
	error = tlsc_store_adopt(&store, fd);
	if (error != TLSCACHE_OK) {
		REQUIRE(error == TLSCACHE_E_FORMAT && store == NULL);
		REQUIRE(s->header_spoilt && close(fd) == 0);
		return;
	}
	guard(store);
	if (s->store != NULL) {
		if (memcmp(&s->store->geometry, &store->geometry,
		    sizeof(store->geometry)) != 0)
			init_locks(store);
		segment_end(s);
	}
	s->store = store;
}

void
segment_seal(struct segment *s)
{
	struct tlsc_header *header = (struct tlsc_header *)(void *)s->view;

	header->check = tlsc_hash(&header->key, header,
	    offsetof(struct tlsc_header, check));
}

/* What is random, the key, is replaced. */
void
segment_make(struct segment *s, size_t size, uint64_t key)
{
	struct tlsc_header *header;

	REQUIRE(tlsc_store_new(&s->store, size, NOW) == TLSCACHE_OK);
	s->size = s->store->segment.size;
	s->fd = dup(tlsc_store_fd(s->store));
	s->view = mmap(NULL, s->size, PROT_READ | PROT_WRITE, MAP_SHARED,
	    s->fd, 0);
	REQUIRE(s->fd != -1 && s->view != MAP_FAILED);
	tlsc_store_free(s->store);
	s->store = NULL;
	header = (struct tlsc_header *)(void *)s->view;
	header->key.word[0] = key;
	header->key.word[1] = ~key;
	segment_seal(s);
	segment_adopt(s);
}

void
segment_keep(struct segment *s)
{
	segment_end(s);
	s->image = malloc(s->size);
	REQUIRE(s->image != NULL);
	memcpy(s->image, s->view, s->size);
}

void
segment_begin(struct segment *s)
{
	memcpy(s->view, s->image, s->size);
	s->header_spoilt = false;
	segment_adopt(s);
}
