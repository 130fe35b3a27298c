/* SPDX-License-Identifier: ISC */
/*
 * The shared memory of a ring of ticket keys. Made before the first fork;
 * written by the master, read by every worker for every ticket.
 *
 *	header      magic, layout, sizes, checksum; constant after the making
 *	generation  counts the sets; its lowest bit names the bank in force
 *	times       rotate and keep as asked for
 *	counters    added to by everybody
 *	bank 0, 1   a struct tlsc_keyset each
 *
 * Readers take no lock. They read the generation, copy from the bank that it
 * names, and read the generation again: when it is the same, nobody has written
 * to that bank meanwhile. The writer wipes the idle bank, fills it, then
 * adds one to the generation, then wipes the other bank. It may die at any
 * instruction: before the flip the idle bank is rubbish that nobody reads,
 * after it the old bank is, and the next writer wipes it (tlsc_ring_tidy).
 *
 * Why no field is raced for: generation, times, counters and every word of the
 * banks are atomic objects. Words of a bank are written after a release fence
 * that follows the writer's last look at the generation, and read before an
 * acquire fence that precedes the reader's second look. So a reader that got a
 * word of generation g+2 (or of the wiping after g) sees at least g+1 in its
 * second look, and throws the copy away.
 *
 * Writers take turns with a record lock on the memfd (it is the kernel's: a
 * writer that dies has none), so that two masters during a binary upgrade
 * cannot mix their banks. Where there is no memfd no other program can have
 * the ring, and the caller's rule of one writer has to do.
 *
 * Threat: whoever may write to the segment can choose the keys; that is every
 * worker. What is defended is memory: no length, index or time from the
 * segment is used before tlsc_keyset_valid() has seen the copy.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "keys_int.h"

#define RING_MAGIC 0x7379656b736c7481ULL
#define RING_LAYOUT 1u
#define RING_READ_TRIES 16
#define KEYSET_WORDS (sizeof(struct tlsc_keyset) / sizeof(uint64_t))
#define KEYSET_HEAD_WORDS \
	(offsetof(struct tlsc_keyset, key) / sizeof(uint64_t))
#define KEY_WORDS (sizeof(struct tlsc_key) / sizeof(uint64_t))

struct ring_header {
	uint64_t magic;
	uint32_t layout;
	uint32_t keyset_size;
	uint64_t ring_size;
	uint64_t check; /* of the fields above */
};

struct tlsc_ring {
	struct ring_header header;
	_Alignas(64) _Atomic uint64_t generation;
	_Atomic int64_t rotate;
	_Atomic int64_t keep;
	_Alignas(64) _Atomic uint64_t counter[TLSC_RING_COUNTERS];
	_Alignas(64) _Atomic uint64_t bank[2][KEYSET_WORDS];
};

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "64-bit atomics take a lock here");
_Static_assert(sizeof(struct tlsc_key) % sizeof(uint64_t) == 0 &&
    sizeof(struct tlsc_keyset) ==
    (KEYSET_HEAD_WORDS + TLSCACHE_KEYS_MAX * KEY_WORDS) * sizeof(uint64_t),
    "a set of keys is copied word by word");

static void ring_header_fill(struct ring_header *);
static void words_load(void *, const _Atomic uint64_t *, size_t);
static void words_store(_Atomic uint64_t *, const void *, size_t);
static void bank_wipe(_Atomic uint64_t *);

int
tlsc_ring_new(struct tlscache_keys *keys)
{
	int error;

	error = tlsc_segment_new(&keys->segment, sizeof(struct tlsc_ring),
	    "tlscache-keys");
	if (error != TLSCACHE_OK)
		return error;
	keys->ring = keys->segment.base;
	ring_header_fill(&keys->ring->header);
	return TLSCACHE_OK;
}

int
tlsc_ring_adopt(struct tlscache_keys *keys, int fd)
{
	struct ring_header want, found;
	int error;

	error = tlsc_segment_adopt(&keys->segment, fd,
	    sizeof(struct tlsc_ring));
	if (error != TLSCACHE_OK)
		return error;
	memcpy(&found, keys->segment.base, sizeof(found));
	ring_header_fill(&want);
	if (memcmp(&found, &want, sizeof(found)) != 0) {
		tlsc_segment_disown(&keys->segment);
		return TLSCACHE_E_FORMAT;
	}
	tlsc_segment_own(&keys->segment);
	keys->ring = keys->segment.base;
	return TLSCACHE_OK;
}

static void
ring_header_fill(struct ring_header *header)
{
	memset(header, 0, sizeof(*header));
	header->magic = RING_MAGIC;
	header->layout = RING_LAYOUT;
	header->keyset_size = sizeof(struct tlsc_keyset);
	header->ring_size = sizeof(struct tlsc_ring);
	header->check = (header->magic ^ header->ring_size) * 31 +
	    header->layout * 1000003ULL + header->keyset_size;
}

void
tlsc_ring_set_times(struct tlsc_ring *ring, int64_t rotate, int64_t keep)
{
	atomic_store_explicit(&ring->rotate, rotate, memory_order_relaxed);
	atomic_store_explicit(&ring->keep, keep, memory_order_relaxed);
}

void
tlsc_ring_times(const struct tlsc_ring *ring, int64_t *rotate, int64_t *keep)
{
	*rotate = atomic_load_explicit(&ring->rotate, memory_order_relaxed);
	*keep = atomic_load_explicit(&ring->keep, memory_order_relaxed);
}

void
tlsc_ring_count(struct tlsc_ring *ring, enum tlsc_ring_counter which,
    uint64_t n)
{
	atomic_fetch_add_explicit(&ring->counter[which], n,
	    memory_order_relaxed);
}

uint64_t
tlsc_ring_counter(const struct tlsc_ring *ring, enum tlsc_ring_counter which)
{
	return atomic_load_explicit(&ring->counter[which],
	    memory_order_relaxed);
}

bool
tlsc_ring_load(const struct tlsc_ring *ring, struct tlsc_keyset *set)
{
	const _Atomic uint64_t *bank;
	uint64_t after, before;
	int tries;

	after = atomic_load_explicit(&ring->generation, memory_order_acquire);
	for (tries = 0; tries < RING_READ_TRIES; tries++) {
		before = after;
		bank = ring->bank[before & 1];
		words_load(set, bank, KEYSET_HEAD_WORDS);
		if (set->n <= TLSCACHE_KEYS_MAX)
			words_load(set->key, bank + KEYSET_HEAD_WORDS,
			    (size_t)set->n * KEY_WORDS);
		atomic_thread_fence(memory_order_acquire);
		after = atomic_load_explicit(&ring->generation,
		    memory_order_acquire);
		if (after == before)
			return tlsc_keyset_valid(set);
	}
	return false;
}

int
tlsc_ring_lock(struct tlscache_keys *keys)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (keys->segment.fd == -1 ||
	    fcntl(keys->segment.fd, F_SETLK, &lock) == 0) {
		TLSC_KEYS_FAULT(LOCKED);
		return TLSCACHE_OK;
	}
	return errno == EAGAIN || errno == EACCES ? TLSCACHE_E_BUSY :
	    TLSCACHE_E_SYSTEM;
}

void
tlsc_ring_unlock(struct tlscache_keys *keys)
{
	struct flock lock = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	if (keys->segment.fd != -1)
		(void)fcntl(keys->segment.fd, F_SETLK, &lock);
	TLSC_KEYS_FAULT(UNLOCKED);
}

void
tlsc_ring_publish(struct tlsc_ring *ring, const struct tlsc_keyset *set)
{
	_Atomic uint64_t *bank;
	uint64_t generation;

	tlsc_ring_tidy(ring);
	TLSC_KEYS_FAULT(TIDIED);
	generation = atomic_load_explicit(&ring->generation,
	    memory_order_acquire);
	atomic_thread_fence(memory_order_release);
	bank = ring->bank[(generation + 1) & 1];
	words_store(bank, set, KEYSET_HEAD_WORDS);
	TLSC_KEYS_FAULT(HALF);
	words_store(bank + KEYSET_HEAD_WORDS, set->key,
	    (size_t)set->n * KEY_WORDS);
	TLSC_KEYS_FAULT(FILLED);
	atomic_store_explicit(&ring->generation, generation + 1,
	    memory_order_release);
	TLSC_KEYS_FAULT(FLIPPED);
	tlsc_ring_tidy(ring);
	TLSC_KEYS_FAULT(WIPED);
}

void
tlsc_ring_tidy(struct tlsc_ring *ring)
{
	uint64_t generation;

	generation = atomic_load_explicit(&ring->generation,
	    memory_order_acquire);
	atomic_thread_fence(memory_order_release);
	bank_wipe(ring->bank[(generation + 1) & 1]);
}

static void
words_load(void *to, const _Atomic uint64_t *from, size_t n)
{
	unsigned char *p = to;
	uint64_t word;
	size_t i;

	for (i = 0; i < n; i++) {
		word = atomic_load_explicit(&from[i], memory_order_relaxed);
		memcpy(p + i * sizeof(word), &word, sizeof(word));
	}
}

static void
words_store(_Atomic uint64_t *to, const void *from, size_t n)
{
	const unsigned char *p = from;
	uint64_t word;
	size_t i;

	for (i = 0; i < n; i++) {
		memcpy(&word, p + i * sizeof(word), sizeof(word));
		atomic_store_explicit(&to[i], word, memory_order_relaxed);
	}
}

static void
bank_wipe(_Atomic uint64_t *bank)
{
	size_t i;

	for (i = 0; i < KEYSET_WORDS; i++)
		if (atomic_load_explicit(&bank[i], memory_order_relaxed) != 0)
			atomic_store_explicit(&bank[i], 0,
			    memory_order_relaxed);
}
