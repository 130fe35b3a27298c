/* SPDX-License-Identifier: ISC */
/*
 * Bytes of the segment are changed by somebody who should not: all over it,
 * but for the locks. Nobody leaves its bounds (there are pages around the
 * mapping that kill who does), nobody gets wrong data, and the store goes on.
 */
#include "config.h"

#include <sys/mman.h>
#include <sys/wait.h>

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "load.h"
#include "test_tlscache.h"

#define ENTRIES 2000u

static struct tlsc_store *store;
static unsigned char *base;

/* Nobody may touch the pages beside the segment. */
static void
guard(void *page)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	void *p;

	p = mmap(page, size, PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (p != MAP_FAILED && p != page)
		(void)munmap(p, size);
}

static void
setup(void)
{
	uint64_t n;

	store = load_store(256 << 10);
	base = store->segment.base;
	guard(base - sysconf(_SC_PAGESIZE));
	guard(base + store->segment.size);
	for (n = 0; n < ENTRIES; n++)
		ck_assert_int_eq(load_put(store, n, LOAD_NOW), 0);
}

static void
teardown(void)
{
	tlsc_store_free(store);
}

/* Is the byte part of a lock? */
static bool
is_lock(size_t at)
{
	size_t head = sizeof(struct tlsc_shard_head);

	return at >= TLSC_HEADS_OFFSET &&
	    at < TLSC_HEADS_OFFSET + store->geometry.shards * head &&
	    (at - TLSC_HEADS_OFFSET) % head < sizeof(pthread_mutex_t);
}

static void
damage(size_t at, unsigned char byte)
{
	if (!is_lock(at))
		*(volatile unsigned char *)(base + at) = byte;
}

/* Nothing was wrong, and new entries are kept as ever. */
static void
goes_on(uint64_t seed)
{
	uint64_t n, found = 0;

	ck_assert_uint_eq(load_mix(store, seed, 3000, 0, ENTRIES + 500,
	    LOAD_NOW), 0);
	for (n = 0; n < ENTRIES; n++)
		ck_assert_int_le(load_get(store, n, LOAD_NOW), 0);
	for (n = 10000; n < 10100; n++) {
		ck_assert_int_eq(load_put(store, n, LOAD_NOW), 0);
		found += load_get(store, n, LOAD_NOW) == 0;
	}
	/* A damaged shard may once more find a place that makes no sense. */
	ck_assert_uint_ge(found, 95);
}

START_TEST(bytes_here_and_there)
{
	uint64_t seed = (uint64_t)_i, word;
	int i, n = 1 << _i % 12;

	for (i = 0; i < n; i++) {
		word = load_random(&seed);
		damage((size_t)(word >> 8) % store->segment.size,
		    (unsigned char)word);
	}
	goes_on(seed);
}
END_TEST

START_TEST(one_byte_of_each_entry)
{
	uint64_t seed = (uint64_t)_i;
	struct tlscache_stat stat;
	struct tlsc_place place;
	struct tlsc_shard shard;
	uint32_t at, i, k;

	for (i = 0; i < store->geometry.shards; i++) {
		shard = tlsc_shard_at(store, i);
		ck_assert_int_eq(tlsc_shard_lock(&shard), TLSCACHE_OK);
		for (k = 0; k < store->geometry.buckets * TLSC_BUCKET; k++)
			if (tlsc_slot_place(&shard.slots[k], &at) &&
			    tlsc_shard_place(&shard, at, &place))
				shard.ring[at + load_random(&seed) %
				    place.size] ^= (unsigned char)(1 <<
				    load_random(&seed) % 8);
		tlsc_shard_unlock(&shard);
	}
	goes_on(seed);
	tlsc_store_stat(store, &stat);
	ck_assert_uint_gt(stat.corrupt, 10);
	ck_assert_uint_eq(stat.misses, stat.miss_unknown + stat.miss_expired);
}
END_TEST

static const unsigned char patterns[] = { 0x00, 0xff, 0x01, 0x80, 0x55 };

START_TEST(all_of_it)
{
	size_t at;

	for (at = 0; at < store->segment.size; at++)
		damage(at, patterns[_i]);
	goes_on(1);
}
END_TEST

START_TEST(random_numbers_in_all_of_it)
{
	uint64_t seed = (uint64_t)_i;
	size_t at;

	for (at = 0; at < store->segment.size; at++)
		damage(at, (unsigned char)load_random(&seed));
	goes_on(seed);
}
END_TEST

/* Heads, tails and levels only: what all the rest leans on. */
START_TEST(heads_and_tails)
{
	uint64_t seed = (uint64_t)_i;
	struct tlsc_shard_head *head;
	uint32_t i;

	for (i = 0; i < store->geometry.shards; i++) {
		head = tlsc_shard_at(store, i).shared;
		head->head = (uint32_t)load_random(&seed);
		head->tail = (uint32_t)load_random(&seed) %
		    store->geometry.ring / TLSC_UNIT * TLSC_UNIT;
		if (load_random(&seed) % 2 == 0)
			head->used = (uint32_t)load_random(&seed);
		if (load_random(&seed) % 2 == 0)
			head->head %= store->geometry.ring;
		head->seq = (uint32_t)load_random(&seed);
	}
	goes_on(seed);
}
END_TEST

/* Moving a damaged store, too. */
START_TEST(damaged_move)
{
	struct tlsc_store *to;
	uint64_t n, seed = (uint64_t)_i, word;
	int i;

	for (i = 0; i < 1000; i++) {
		word = load_random(&seed);
		damage((size_t)(word >> 8) % store->segment.size,
		    (unsigned char)word);
	}
	to = load_store(1 << 20);
	ck_assert_int_eq(tlsc_store_move(to, store, LOAD_NOW), 0);
	for (n = 0; n < ENTRIES; n++)
		ck_assert_int_le(load_get(to, n, LOAD_NOW), 0);
	ck_assert_ptr_null(load_invariants(to));
	tlsc_store_free(to);
}
END_TEST

/*
 * At the same time: a process that writes all over the segment while others
 * work. What was checked must be what is used.
 */
START_TEST(while_others_work)
{
	uint64_t seed = (uint64_t)_i, word;
	int status;
	pid_t pid;
	unsigned i;

	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		for (;;) {
			word = load_random(&seed);
			damage((size_t)(word >> 8) % store->segment.size,
			    (unsigned char)word);
		}
	}
	for (i = 0; i < 20; i++)
		ck_assert_uint_eq(load_mix(store, i, 2000, 0, ENTRIES,
		    LOAD_NOW), 0);
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	goes_on(seed);
}
END_TEST

/* Headers with a good check, as somebody makes them who knows how. */
static const struct {
	size_t at, len;
	uint64_t value;
} headers[] = {
#define FIELD(name, value)						\
	{ offsetof(struct tlsc_header, name),				\
	    sizeof(((struct tlsc_header *)0)->name), value }
	FIELD(shards, 0),
	FIELD(shards, 3),
	FIELD(shards, 1u << 10),
	FIELD(shards, TLSC_SHARDS_MAX),
	FIELD(buckets, 1),
	FIELD(buckets, TLSC_BUCKETS_MAX),
	FIELD(buckets, UINT32_MAX),
	FIELD(ring, 0),
	FIELD(ring, 1024),
	FIELD(ring, 40001),
	FIELD(ring, UINT32_MAX - 63),
	FIELD(size, 128 << 10),
	FIELD(size, UINT64_MAX),
	FIELD(epoch, UINT64_MAX),
	FIELD(epoch, INT64_MAX),
	FIELD(epoch, (uint64_t)INT64_MAX - UINT32_MAX + 1),
};

START_TEST(sealed_header_is_refused)
{
	struct tlsc_header header = store->geometry;
	struct tlsc_store *adopted;
	int fd = tlsc_store_fd(store);

	header.check = tlsc_hash(&header.key, &header,
	    offsetof(struct tlsc_header, check));
	memcpy(base, &header, sizeof(header));
	ck_assert_int_eq(tlsc_store_adopt(&adopted, dup(fd)), TLSCACHE_OK);
	tlsc_store_free(adopted);

	memcpy((unsigned char *)&header + headers[_i].at, &headers[_i].value,
	    headers[_i].len);
	header.check = tlsc_hash(&header.key, &header,
	    offsetof(struct tlsc_header, check));
	memcpy(base, &header, sizeof(header));
	ck_assert_int_eq(tlsc_store_adopt(&adopted, fd), TLSCACHE_E_FORMAT);
	ck_assert_ptr_null(adopted);
}
END_TEST

Suite *
damage_suite(void)
{
	Suite *suite = suite_create("damage");
	TCase *tc = tcase_create("damage");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_loop_test(tc, bytes_here_and_there, 0, 60);
	tcase_add_loop_test(tc, one_byte_of_each_entry, 0, 10);
	tcase_add_loop_test(tc, all_of_it, 0, COUNT(patterns));
	tcase_add_loop_test(tc, random_numbers_in_all_of_it, 0, 10);
	tcase_add_loop_test(tc, heads_and_tails, 0, 20);
	tcase_add_loop_test(tc, damaged_move, 0, 10);
	tcase_add_loop_test(tc, while_others_work, 0, 5);
	tcase_add_loop_test(tc, sealed_header_is_refused, 0, COUNT(headers));
	suite_add_tcase(suite, tc);
	return suite;
}
