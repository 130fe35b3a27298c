/* SPDX-License-Identifier: ISC */
/*
 * The store, from inside: order, room, wiping, and its invariants after all
 * kinds of histories.
 */
#include "config.h"

#include <sys/wait.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"
#include "test_tlscache.h"

#define SMALL (128u << 10)

static struct tlsc_store *store;
static unsigned char data[TLSCACHE_DATA_MAX], buf[TLSCACHE_DATA_MAX];

static void
setup_size(size_t size)
{
	store = load_store(size);
	memset(data, 'd', sizeof(data));
}

static void
setup(void)
{
	setup_size(SMALL);
}

static void
teardown(void)
{
	const char *wrong = load_invariants(store);

	ck_assert_msg(wrong == NULL, "%s", wrong);
	tlsc_store_free(store);
}

static struct tlscache_stat
count(void)
{
	struct tlscache_stat stat;

	tlsc_store_stat(store, &stat);
	return stat;
}

static void
put(uint64_t n, size_t len, int64_t now)
{
	unsigned char bytes[LOAD_ID];

	ck_assert_int_eq(tlsc_store_put(store, load_id(bytes, n), data, len,
	    now + LOAD_LIFE, now), TLSCACHE_OK);
}

static bool
get(uint64_t n, int64_t now)
{
	unsigned char bytes[LOAD_ID];
	size_t len;
	int error;

	error = tlsc_store_get(store, load_id(bytes, n), buf, sizeof(buf),
	    &len, now);
	ck_assert(error == TLSCACHE_OK || error == TLSCACHE_E_MISS);
	if (error == TLSCACHE_OK)
		ck_assert_mem_eq(buf, data, len);
	return error == TLSCACHE_OK;
}

static const size_t sizes[] = {
	TLSCACHE_SIZE_MIN, TLSCACHE_SIZE_MIN + 1, 200000, 256 << 10,
	(256 << 10) + 4096, 1 << 20, (1 << 20) - 1, 3000000, 32 << 20,
	100000000,
};

/* A store is about as large as was asked for, and what it says it holds. */
START_TEST(size_is_kept)
{
	struct tlscache_stat stat;
	uint64_t bytes = 0, n = 0;

	setup_size(sizes[_i]);
	ck_assert_uint_le(store->segment.size, sizes[_i] + 4096);
	ck_assert_uint_ge(store->segment.size, sizes[_i] - sizes[_i] / 50);
	stat = count();
	ck_assert_uint_ge(stat.capacity, sizes[_i] / 100 * 91);
	ck_assert_uint_le(stat.capacity, sizes[_i]);
	ck_assert_uint_eq(stat.shards, store->geometry.shards);
	ck_assert_uint_ge(stat.capacity / stat.shards, 3 * TLSCACHE_DATA_MAX);
	ck_assert_uint_eq(stat.shards & (stat.shards - 1), 0);
	/* Fill it once, and it is full indeed. */
	for (; bytes < stat.capacity + stat.capacity / 4; bytes += 10048)
		put(n++, 10000, LOAD_NOW);
	stat = count();
	ck_assert_uint_ge(stat.bytes, stat.capacity / 10 * 7);
}
END_TEST

START_TEST(sizes_that_cannot_be)
{
	ck_assert_int_eq(tlsc_store_new(&store, TLSCACHE_SIZE_MIN - 1,
	    LOAD_NOW), TLSCACHE_E_INVAL);
	ck_assert_ptr_null(store);
	ck_assert_int_eq(tlsc_store_new(&store, 0, LOAD_NOW),
	    TLSCACHE_E_INVAL);
	ck_assert_int_eq(tlsc_store_new(&store, SIZE_MAX, LOAD_NOW),
	    TLSCACHE_E_INVAL);
}
END_TEST

/* 5,000 plain TLS 1.3 sessions, id and all, in one mebibyte. */
START_TEST(five_thousand_in_a_mebibyte)
{
	struct tlscache_stat stat;
	uint64_t n;

	setup_size(1 << 20);
	for (n = 0; n < 20000; n++)
		put(n, 136, LOAD_NOW);
	stat = count();
	printf("sessions of 136 bytes in 1 MiB: %llu, %.1f bytes each\n",
	    (unsigned long long)stat.entries,
	    (double)store->segment.size / (double)stat.entries);
	ck_assert_uint_ge(stat.entries, 5000);
	ck_assert_uint_le(store->segment.size, 1 << 20);
}
END_TEST

START_TEST(the_oldest_go_first)
{
	struct tlscache_stat stat;
	uint64_t held, n;

	for (n = 0; n < 3000; n++)
		put(n, 100, LOAD_NOW + (int64_t)(n / 50));
	stat = count();
	ck_assert_uint_gt(stat.evicted, 0);
	ck_assert_uint_eq(stat.entries, stat.stores - stat.evicted);
	/* Shards fill alike, more or less. */
	held = stat.entries;
	for (n = 3000 - held * 8 / 10; n < 3000; n++)
		ck_assert(get(n, LOAD_NOW + 59));
	for (n = 0; n < 3000 - held * 12 / 10; n++)
		ck_assert(!get(n, LOAD_NOW + 59));
	/* The age of those that went: between what fits and all of it. */
	ck_assert_uint_ge(stat.evicted_age_min, held * 8 / 10 / 50);
	ck_assert_uint_le(stat.evicted_age_min,
	    stat.evicted_age / stat.evicted);
	ck_assert_uint_le(stat.evicted_age / stat.evicted, 60);
}
END_TEST

START_TEST(what_is_fetched_stays)
{
	uint64_t n;

	put(0, 100, LOAD_NOW);
	put(1, 100, LOAD_NOW);
	for (n = 2; n < 20000; n++) {
		put(n, 100, LOAD_NOW);
		if (n % 100 == 0)
			ck_assert(get(0, LOAD_NOW));
	}
	ck_assert(!get(1, LOAD_NOW));
}
END_TEST

/* A chance is used up by going to the head once. */
START_TEST(what_was_fetched_long_ago_goes)
{
	uint64_t n;

	put(0, 100, LOAD_NOW);
	ck_assert(get(0, LOAD_NOW));
	for (n = 1; n < 5000; n++)
		put(n, 100, LOAD_NOW);
	ck_assert(!get(0, LOAD_NOW));
}
END_TEST

/* Lives LOAD_LIFE, is fetched, and comes to the tail at that age. */
static const struct {
	int64_t age;
	bool stays;
} ages[] = {
	{ 0, true }, { LOAD_LIFE / 2, true }, { LOAD_LIFE * 66 / 100, true },
	{ LOAD_LIFE * 67 / 100, false }, { LOAD_LIFE - 1, false },
};

START_TEST(what_ends_soon_does_not_stay)
{
	int64_t now = LOAD_NOW + ages[_i].age;
	uint64_t end, n = 1;

	put(0, 100, LOAD_NOW);
	ck_assert(get(0, LOAD_NOW));
	for (end = count().capacity / 152 * 3 / 2; n < end; n++)
		put(n, 100, now);
	ck_assert_int_eq(get(0, now), ages[_i].stays);
}
END_TEST

static void
put_once(uint64_t n, int64_t now)
{
	unsigned char bytes[LOAD_ID];

	ck_assert_int_eq(tlsc_store_put_once(store, load_id(bytes, n), data,
	    100, now + LOAD_LIFE, now), TLSCACHE_OK);
}

/* Entries of 152 bytes that fit, more or less. */
static uint64_t
capacity(void)
{
	return count().capacity / 152;
}

/*
 * Of those that are of use once, the used ones go before the others; these are
 * few, so that a store need not lift more than it may.
 */
START_TEST(what_was_used_once_goes)
{
	uint64_t end, i, n;

	for (n = 0; n < 100; n++) {
		put_once(n, LOAD_NOW);
		if (n % 4 != 0)
			ck_assert(get(n, LOAD_NOW));
	}
	/* Once around all shards, and for none of them twice. */
	for (end = n + capacity() * 3 / 2; n < end; n++)
		put(n, 100, LOAD_NOW);
	for (i = 0; i < 100; i++)
		ck_assert_int_eq(get(i, LOAD_NOW), i % 4 == 0);
}
END_TEST

/* Nobody ever asks for these: they go to the head one time. */
START_TEST(what_was_never_used_goes_the_second_time)
{
	uint64_t end, i, n;

	for (n = 0; n < 100; n++)
		put_once(n, LOAD_NOW);
	for (end = n + capacity() * 3; n < end; n++)
		put(n, 100, LOAD_NOW);
	for (i = 0; i < 100; i++)
		ck_assert(!get(i, LOAD_NOW));
	/* All that comes is like that: the store is bounded all the same. */
	for (i = 0; i < 10000; i++)
		put_once(n + i, LOAD_NOW);
	ck_assert_uint_eq(count().evicted + count().entries, n + 10000);
}
END_TEST

/* A client that offers the same one over and over. */
START_TEST(what_is_used_again_and_again_stays)
{
	uint64_t n;

	put_once(0, LOAD_NOW);
	ck_assert(get(0, LOAD_NOW));
	for (n = 1; n < 20000; n++) {
		if (n % 2 == 0)
			put_once(n, LOAD_NOW);
		else
			put(n, 100, LOAD_NOW);
		if (n % 100 == 0)
			ck_assert(get(0, LOAD_NOW));
	}
}
END_TEST

/* Everything is fetched, so all deserve a chance; the store is bounded. */
START_TEST(chances_are_bounded)
{
	uint64_t n;

	for (n = 0; n < 5000; n++) {
		put(n, 100, LOAD_NOW);
		ck_assert(get(n, LOAD_NOW));
	}
	ck_assert_uint_eq(count().evicted + count().entries, 5000);
}
END_TEST

START_TEST(a_claim_goes_along_with_a_chance)
{
	unsigned char bytes[LOAD_ID];
	uint64_t n;

	put(0, 100, LOAD_NOW);
	ck_assert_int_eq(tlsc_store_claim(store, load_id(bytes, 0), LOAD_NOW),
	    TLSCACHE_OK);
	for (n = 1; n < 20000; n++) {
		put(n, 50 + n % 300, LOAD_NOW);
		if (n % 50 == 0)
			ck_assert(get(0, LOAD_NOW));
	}
	ck_assert_int_eq(tlsc_store_claim(store, load_id(bytes, 0), LOAD_NOW),
	    TLSCACHE_E_CLAIMED);
}
END_TEST

/* Many tiny ones: the index is full before the ring is. */
START_TEST(index_is_full)
{
	uint64_t n, slots;

	slots = (uint64_t)store->geometry.shards * store->geometry.buckets *
	    TLSC_BUCKET;
	for (n = 0; n < 4 * slots; n++) {
		put(n, n % 3, LOAD_NOW);
		ck_assert(get(n, LOAD_NOW));
	}
	ck_assert_uint_le(count().entries, slots);
	ck_assert_uint_ge(count().entries, slots * 9 / 10);
}
END_TEST

START_TEST(largest_entries)
{
	uint64_t n;

	for (n = 0; n < 200; n++) {
		put(n, TLSCACHE_DATA_MAX, LOAD_NOW);
		ck_assert(get(n, LOAD_NOW));
		if (n % 3 == 0)
			put(1000 + n, n, LOAD_NOW);
	}
	ck_assert_uint_ge(count().entries, 4);
}
END_TEST

START_TEST(expired_at_the_tail_makes_room)
{
	struct tlscache_stat stat;
	uint64_t n;

	for (n = 0; n < 400; n++)
		put(n, 100, LOAD_NOW);
	for (n = 400; n < 2000; n++)
		put(n, 100, LOAD_NOW + LOAD_LIFE + (int64_t)n / 10);
	stat = count();
	ck_assert_uint_ge(stat.expired, 400);
	ck_assert_uint_eq(stat.stores, stat.entries + stat.expired +
	    stat.evicted);
}
END_TEST

START_TEST(expire_finds_all)
{
	unsigned char bytes[LOAD_ID];
	size_t calls = 0, wiped = 0;
	uint64_t n;

	for (n = 0; n < 300; n++)
		ck_assert_int_eq(tlsc_store_put(store, load_id(bytes, n),
		    data, 100, LOAD_NOW + LOAD_LIFE + (int64_t)(n % 2) * 1000,
		    LOAD_NOW), TLSCACHE_OK);
	ck_assert_uint_eq(tlsc_store_expire(store, 100000, LOAD_NOW), 0);
	while (wiped < 150 && calls++ < 10000)
		wiped += tlsc_store_expire(store, 10, LOAD_NOW + LOAD_LIFE);
	ck_assert_uint_eq(wiped, 150);
	ck_assert_uint_eq(tlsc_store_expire(store, 100000,
	    LOAD_NOW + LOAD_LIFE), 0);
	ck_assert_uint_eq(count().expired, 150);
	ck_assert_uint_eq(count().entries, 150);
	for (n = 0; n < 300; n++)
		ck_assert_int_eq(get(n, LOAD_NOW + 1000), n % 2 == 1);
}
END_TEST

/* A time far from the one that the store was made at, in both directions. */
START_TEST(times_far_away)
{
	static const int64_t times[] = {
		0, 1, LOAD_NOW, 4000000000, 0xfffffffe,
	};
	size_t i;

	for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		put(i, 100, times[i]);
		ck_assert(get(i, times[i]));
		if (times[i] < 4000000000)
			ck_assert(get(i, times[i] + LOAD_LIFE - 1));
		ck_assert(!get(i, times[i] + LOAD_LIFE));
	}
	/* What nobody can foresee is over. */
	put(100, 100, INT64_MAX - LOAD_LIFE);
	ck_assert(!get(100, INT64_MAX - LOAD_LIFE));
	put(101, 100, INT64_MIN);
	ck_assert(!get(101, 0));
}
END_TEST

/* A clock that is set back, and one that jumps. */
START_TEST(clock_goes_back)
{
	uint64_t n;

	put(0, 100, LOAD_NOW);
	ck_assert(get(0, LOAD_NOW - 500000));
	for (n = 1; n < 3000; n++)
		put(n, 100, LOAD_NOW - (int64_t)n);
	ck_assert_uint_eq(count().evicted_age, 0);
}
END_TEST

#define SECRET "a secret that nobody may find"

static void
put_secret(uint64_t n, int64_t expires)
{
	unsigned char bytes[LOAD_ID];

	ck_assert_int_eq(tlsc_store_put(store, load_id(bytes, n), SECRET,
	    sizeof(SECRET), expires, LOAD_NOW), TLSCACHE_OK);
	ck_assert(load_in_memory(store, SECRET, sizeof(SECRET)));
}

static void
wipe_remove(void)
{
	unsigned char bytes[LOAD_ID];

	ck_assert_int_eq(tlsc_store_remove(store, load_id(bytes, 0)),
	    TLSCACHE_OK);
}

static void
wipe_replace(void)
{
	put(0, 10, LOAD_NOW);
}

static void
wipe_fetch_expired(void)
{
	ck_assert(!get(0, LOAD_NOW + LOAD_LIFE));
}

static void
wipe_expire(void)
{
	ck_assert_uint_eq(tlsc_store_expire(store, 100000,
	    LOAD_NOW + LOAD_LIFE), 1);
}

static void
wipe_expire_tail(void)
{
	uint64_t n;

	for (n = 1; n < 64; n++)
		put(n, 10, LOAD_NOW + LOAD_LIFE);
}

static void
wipe_evict(void)
{
	uint64_t n;

	for (n = 1; n < 3000; n++)
		put(n, 100, LOAD_NOW);
}

static void
wipe_evict_from_index(void)
{
	uint64_t n;

	for (n = 1; n < 10000; n++)
		put(n, 0, LOAD_NOW);
}

static const struct {
	const char *how;
	void (*wipe)(void);
} wipes[] = {
	{ "remove", wipe_remove },
	{ "replace", wipe_replace },
	{ "fetch of one that has expired", wipe_fetch_expired },
	{ "expire", wipe_expire },
	{ "expire at the tail", wipe_expire_tail },
	{ "evict", wipe_evict },
	{ "evict from the index", wipe_evict_from_index },
};

START_TEST(gone_is_wiped)
{
	put_secret(0, LOAD_NOW + LOAD_LIFE);
	wipes[_i].wipe();
	ck_assert_msg(!load_in_memory(store, SECRET, sizeof(SECRET)), "%s",
	    wipes[_i].how);
	ck_assert(!load_in_memory(store, "nobody", 6));
}
END_TEST

/* What is lifted to the head leaves no copy behind. */
START_TEST(lifted_is_wiped)
{
	unsigned char bytes[LOAD_ID];
	uint64_t n;

	put_secret(0, LOAD_NOW + LOAD_LIFE);
	for (n = 1; n < 9000; n++) {
		put(n, 1 + n % 700, LOAD_NOW);
		if (n % 40 == 0)
			(void)!tlsc_store_get(store, load_id(bytes, 0), buf,
			    sizeof(buf), &(size_t){ 0 }, LOAD_NOW);
	}
	ck_assert(load_in_memory(store, SECRET, sizeof(SECRET)));
	ck_assert_int_eq(tlsc_store_remove(store, load_id(bytes, 0)),
	    TLSCACHE_OK);
	ck_assert(!load_in_memory(store, "nobody", 6));
}
END_TEST

/* Histories of all operations; the invariants are looked at on the way. */
START_TEST(random_histories)
{
	uint64_t seed = (uint64_t)_i * 1000003;
	const char *wrong;
	int64_t now = LOAD_NOW;
	int round;

	setup_size(_i % 2 == 0 ? SMALL : 1 << 20);
	for (round = 0; round < 60; round++) {
		ck_assert_uint_eq(load_mix(store, load_random(&seed), 500,
		    (uint64_t)round * 100, 4000, now), 0);
		now += (int64_t)(load_random(&seed) % 30);
		wrong = load_invariants(store);
		ck_assert_msg(wrong == NULL, "history %d, round %d: %s", _i,
		    round, wrong);
	}
	ck_assert_uint_eq(count().corrupt, 0);
	ck_assert_uint_eq(count().stores, count().entries + count().replaced +
	    count().removes + count().expired + count().evicted);
	ck_assert_uint_eq(count().misses, count().miss_unknown +
	    count().miss_expired);
	ck_assert_uint_eq(count().busy, 0);
}
END_TEST

/* An entry for each of some ids, in a store that is large enough. */
struct model {
	bool there, claimed;
	bool over; /* has expired, and may be there still */
	int64_t expires;
};

START_TEST(agrees_with_a_model)
{
	struct model model[500], *m;
	unsigned char bytes[LOAD_ID];
	uint64_t n, seed = (uint64_t)_i, word;
	int64_t now = LOAD_NOW;
	struct tlsc_id id;
	int i;

	setup_size(32 << 20);
	memset(model, 0, sizeof(model));
	for (i = 0; i < 30000; i++) {
		word = load_random(&seed);
		n = (word >> 16) % 500;
		m = &model[n];
		id = load_id(bytes, n);
		if (word % 64 == 63)
			now++;
		if (m->there && m->expires <= now) {
			memset(m, 0, sizeof(*m));
			m->over = true;
		}
		switch (word % 8) {
		case 0: case 1:
			ck_assert_int_eq(load_put(store, n, now), 0);
			memset(m, 0, sizeof(*m));
			m->there = true;
			m->expires = now + LOAD_LIFE;
			break;
		case 2:
			ck_assert(tlsc_store_remove(store, id) == (m->there ?
			    TLSCACHE_OK : TLSCACHE_E_MISS) || m->over);
			memset(m, 0, sizeof(*m));
			break;
		case 3:
			ck_assert_int_eq(tlsc_store_claim(store, id, now),
			    !m->there ? TLSCACHE_E_MISS : m->claimed ?
			    TLSCACHE_E_CLAIMED : TLSCACHE_OK);
			m->claimed = m->there;
			break;
		default:
			ck_assert_int_eq(load_get(store, n, now),
			    m->there ? TLSCACHE_OK : TLSCACHE_E_MISS);
			break;
		}
	}
}
END_TEST

#ifdef TLSHERD_DEBUG
/* With nothing but a handle, and with a change that is left unfinished. */
START_TEST(change_without_the_lock)
{
	struct tlsc_shard shard = tlsc_shard_at(store, 0);

	tlsc_shard_begin(&shard);
}
END_TEST

START_TEST(unlock_within_a_change)
{
	struct tlsc_shard shard = tlsc_shard_at(store, 0);

	ck_assert_int_eq(tlsc_shard_lock(&shard), TLSCACHE_OK);
	tlsc_shard_begin(&shard);
	tlsc_shard_unlock(&shard);
}
END_TEST
#endif

Suite *
store_suite(void)
{
	Suite *suite = suite_create("store");
	TCase *tc = tcase_create("store");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, the_oldest_go_first);
	tcase_add_test(tc, what_is_fetched_stays);
	tcase_add_test(tc, what_was_fetched_long_ago_goes);
	tcase_add_test(tc, chances_are_bounded);
	tcase_add_loop_test(tc, what_ends_soon_does_not_stay, 0, COUNT(ages));
	tcase_add_test(tc, what_was_used_once_goes);
	tcase_add_test(tc, what_was_never_used_goes_the_second_time);
	tcase_add_test(tc, what_is_used_again_and_again_stays);
	tcase_add_test(tc, a_claim_goes_along_with_a_chance);
	tcase_add_test(tc, index_is_full);
	tcase_add_test(tc, largest_entries);
	tcase_add_test(tc, expired_at_the_tail_makes_room);
	tcase_add_test(tc, expire_finds_all);
	tcase_add_test(tc, times_far_away);
	tcase_add_test(tc, clock_goes_back);
	tcase_add_loop_test(tc, gone_is_wiped, 0, COUNT(wipes));
	tcase_add_test(tc, lifted_is_wiped);
	suite_add_tcase(suite, tc);

	tc = tcase_create("store-sizes");
	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_loop_test(tc, size_is_kept, 0, COUNT(sizes));
	tcase_add_test(tc, five_thousand_in_a_mebibyte);
	tcase_add_loop_test(tc, random_histories, 0, 12);
	tcase_add_loop_test(tc, agrees_with_a_model, 0, 4);
	suite_add_tcase(suite, tc);

#ifdef TLSHERD_DEBUG
	tc = tcase_create("store-mistakes");
	tcase_set_tags(tc, "fork");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test_raise_signal(tc, change_without_the_lock, SIGABRT);
	tcase_add_test_raise_signal(tc, unlock_within_a_change, SIGABRT);
	suite_add_tcase(suite, tc);
#endif

	tc = tcase_create("store-refused");
	tcase_add_test(tc, sizes_that_cannot_be);
	suite_add_tcase(suite, tc);
	return suite;
}
