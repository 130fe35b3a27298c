/* SPDX-License-Identifier: ISC */
/* The byte interface of <tlscache.h>, as its users see it. */
#include "config.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache_int.h"
#include "test_tlscache.h"
#include "tlscache.h"

#define NOW 1000

static struct tlscache *cache;
static unsigned char data[TLSCACHE_DATA_MAX + 1], buf[TLSCACHE_DATA_MAX];
static const unsigned char id[] = "an id of thirty-three bytes is it";
static size_t len;

static void
setup(void)
{
	size_t i;

	ck_assert_int_eq(tlscache_open(&cache, 1 << 20), TLSCACHE_OK);
	for (i = 0; i < sizeof(data); i++)
		data[i] = (unsigned char)(i * 7 + i / 256);
}

static void
teardown(void)
{
	tlscache_close(cache);
}

static struct tlscache_stat
count(void)
{
	struct tlscache_stat stat;

	tlscache_stat(cache, &stat);
	return stat;
}

static int
store(const void *key, size_t keylen, size_t n)
{
	return tlscache_store(cache, key, keylen, data, n, NOW + 100, NOW);
}

static int
fetch(const void *key, size_t keylen)
{
	return tlscache_fetch(cache, key, keylen, buf, sizeof(buf), &len, NOW);
}

static const struct {
	bool id;
	size_t idlen;
	bool data;
	size_t len;
	int64_t expires;
	int error;
} stores[] = {
	{ true, 32, true, 100, NOW + 1, TLSCACHE_OK },
	{ true, 1, true, 1, NOW + 1, TLSCACHE_OK },
	{ true, 32, true, TLSCACHE_DATA_MAX, NOW + 1, TLSCACHE_OK },
	{ true, 32, true, 0, NOW + 1, TLSCACHE_OK },
	{ true, 32, false, 0, INT64_MAX, TLSCACHE_OK },
	{ true, 32, true, TLSCACHE_DATA_MAX + 1, NOW + 1, TLSCACHE_E_TOOBIG },
	{ true, 32, true, SIZE_MAX, NOW + 1, TLSCACHE_E_TOOBIG },
	{ false, 32, true, 100, NOW + 1, TLSCACHE_E_INVAL },
	{ true, 0, true, 100, NOW + 1, TLSCACHE_E_INVAL },
	{ true, 33, true, 100, NOW + 1, TLSCACHE_E_INVAL },
	{ true, SIZE_MAX, true, 100, NOW + 1, TLSCACHE_E_INVAL },
	{ true, 32, false, 100, NOW + 1, TLSCACHE_E_INVAL },
	{ true, 32, true, 100, NOW, TLSCACHE_E_INVAL },
	{ true, 32, true, 100, INT64_MIN, TLSCACHE_E_INVAL },
};

START_TEST(arguments_of_store)
{
	bool ok = stores[_i].error == TLSCACHE_OK;

	ck_assert_int_eq(tlscache_store(cache, stores[_i].id ? id : NULL,
	    stores[_i].idlen, stores[_i].data ? data : NULL, stores[_i].len,
	    stores[_i].expires, NOW), stores[_i].error);
	ck_assert_uint_eq(count().stores, ok);
	ck_assert_uint_eq(count().entries, ok);
	ck_assert_uint_eq(count().too_large,
	    stores[_i].error == TLSCACHE_E_TOOBIG);
	if (!ok)
		return;
	ck_assert_int_eq(fetch(id, stores[_i].idlen), TLSCACHE_OK);
	ck_assert_uint_eq(len, stores[_i].len);
	ck_assert_mem_eq(buf, data, len);
}
END_TEST

START_TEST(arguments_of_others)
{
	static const size_t bad[] = { 0, 33, SIZE_MAX };
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_int_eq(fetch(id, bad[i]), TLSCACHE_E_INVAL);
		ck_assert_int_eq(tlscache_claim(cache, id, bad[i], NOW),
		    TLSCACHE_E_INVAL);
		ck_assert_int_eq(tlscache_remove(cache, id, bad[i]),
		    TLSCACHE_E_INVAL);
	}
	ck_assert_int_eq(fetch(NULL, 32), TLSCACHE_E_INVAL);
	ck_assert_int_eq(tlscache_claim(cache, NULL, 32, NOW),
	    TLSCACHE_E_INVAL);
	ck_assert_int_eq(tlscache_remove(cache, NULL, 32), TLSCACHE_E_INVAL);
	ck_assert_int_eq(tlscache_fetch(cache, id, 32, NULL, 1, &len, NOW),
	    TLSCACHE_E_INVAL);
	ck_assert_uint_eq(count().misses, 0);
	ck_assert_uint_eq(count().claims_refused, 0);
}
END_TEST

/* Every length of id, all kinds of lengths of data. */
START_TEST(round_trip)
{
	static const size_t lens[] = {
		0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 104, 135, 136, 137,
		255, 256, 1023, 1024, 4095, 10240, 16383, 16384,
	};
	size_t i, idlen = (size_t)_i;

	for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		ck_assert_int_eq(store(id, idlen, lens[i]), TLSCACHE_OK);
		memset(buf, 'x', sizeof(buf));
		ck_assert_int_eq(fetch(id, idlen), TLSCACHE_OK);
		ck_assert_uint_eq(len, lens[i]);
		ck_assert_mem_eq(buf, data, len);
		if (len < sizeof(buf))
			ck_assert_int_eq(buf[len], 'x');
	}
	ck_assert_uint_eq(count().entries, 1);
	ck_assert_uint_eq(count().replaced, i - 1);
}
END_TEST

START_TEST(ids_of_other_lengths_are_others)
{
	size_t i;

	for (i = 1; i <= 32; i++)
		ck_assert_int_eq(store(id, i, i), TLSCACHE_OK);
	for (i = 1; i <= 32; i++) {
		ck_assert_int_eq(fetch(id, i), TLSCACHE_OK);
		ck_assert_uint_eq(len, i);
	}
}
END_TEST

START_TEST(buffer_too_small)
{
	ck_assert_int_eq(store(id, 32, 100), TLSCACHE_OK);
	memset(buf, 'x', sizeof(buf));
	ck_assert_int_eq(tlscache_fetch(cache, id, 32, buf, 99, &len, NOW),
	    TLSCACHE_E_SPACE);
	ck_assert_uint_eq(len, 100);
	ck_assert_int_eq(buf[0], 'x');
	ck_assert_int_eq(tlscache_fetch(cache, id, 32, NULL, 0, &len, NOW),
	    TLSCACHE_E_SPACE);
	ck_assert_uint_eq(len, 100);
	ck_assert_int_eq(tlscache_fetch(cache, id, 32, buf, 100, &len, NOW),
	    TLSCACHE_OK);
}
END_TEST

START_TEST(all_that_has_expired)
{
	ck_assert_int_eq(store(id, 32, 100), TLSCACHE_OK);
	ck_assert_uint_eq(tlscache_expire(cache, SIZE_MAX, NOW + 99), 0);
	ck_assert_uint_eq(tlscache_expire(cache, SIZE_MAX, NOW + 100), 1);
	ck_assert_uint_eq(count().expired, 1);
}
END_TEST

START_TEST(expires_to_the_second)
{
	ck_assert_int_eq(store(id, 32, 100), TLSCACHE_OK);
	ck_assert_int_eq(tlscache_fetch(cache, id, 32, buf, sizeof(buf), &len,
	    NOW + 99), TLSCACHE_OK);
	ck_assert_int_eq(tlscache_claim(cache, id, 32, NOW + 100),
	    TLSCACHE_E_MISS);
	ck_assert_int_eq(tlscache_fetch(cache, id, 32, buf, sizeof(buf), &len,
	    NOW + 100), TLSCACHE_E_MISS);
	ck_assert_uint_eq(len, 0);
	ck_assert_uint_eq(count().miss_expired, 1);
	ck_assert_uint_eq(count().expired, 1);
	/* It is gone, also for whom it is earlier. */
	ck_assert_int_eq(fetch(id, 32), TLSCACHE_E_MISS);
	ck_assert_uint_eq(count().miss_unknown, 1);
	ck_assert_uint_eq(count().misses, 2);
}
END_TEST

START_TEST(claimed_once)
{
	ck_assert_int_eq(tlscache_claim(cache, id, 32, NOW),
	    TLSCACHE_E_MISS);
	ck_assert_int_eq(store(id, 32, 100), TLSCACHE_OK);
	ck_assert_int_eq(tlscache_claim(cache, id, 32, NOW), TLSCACHE_OK);
	ck_assert_int_eq(tlscache_claim(cache, id, 32, NOW),
	    TLSCACHE_E_CLAIMED);
	ck_assert_int_eq(fetch(id, 32), TLSCACHE_OK);
	ck_assert_int_eq(tlscache_claim(cache, id, 32, NOW),
	    TLSCACHE_E_CLAIMED);
	ck_assert_uint_eq(count().claims, 1);
	ck_assert_uint_eq(count().claims_refused, 3);
	/* A new session under this id has not been claimed. */
	ck_assert_int_eq(store(id, 32, 101), TLSCACHE_OK);
	ck_assert_int_eq(tlscache_claim(cache, id, 32, NOW), TLSCACHE_OK);
	ck_assert_int_eq(tlscache_remove(cache, id, 32), TLSCACHE_OK);
	ck_assert_int_eq(tlscache_claim(cache, id, 32, NOW),
	    TLSCACHE_E_MISS);
}
END_TEST

START_TEST(removed)
{
	ck_assert_int_eq(tlscache_remove(cache, id, 32), TLSCACHE_E_MISS);
	ck_assert_int_eq(store(id, 32, 100), TLSCACHE_OK);
	ck_assert_int_eq(tlscache_remove(cache, id, 32), TLSCACHE_OK);
	ck_assert_int_eq(fetch(id, 32), TLSCACHE_E_MISS);
	ck_assert_int_eq(tlscache_remove(cache, id, 32), TLSCACHE_E_MISS);
	ck_assert_uint_eq(count().removes, 1);
	ck_assert_uint_eq(count().entries, 0);
	ck_assert_uint_eq(count().bytes, 0);
}
END_TEST

START_TEST(two_caches_are_two)
{
	struct tlscache *other;

	ck_assert_int_eq(tlscache_open(&other, 1 << 20), TLSCACHE_OK);
	ck_assert_int_eq(store(id, 32, 100), TLSCACHE_OK);
	ck_assert_int_eq(tlscache_fetch(other, id, 32, buf, sizeof(buf), &len,
	    NOW), TLSCACHE_E_MISS);
	tlscache_close(other);
	ck_assert_int_eq(fetch(id, 32), TLSCACHE_OK);
}
END_TEST

/* 100,000 new sessions in 256 KiB: no error, and the newest are there. */
START_TEST(much_too_small)
{
	struct tlscache_stat stat;
	struct tlscache *small;
	uint32_t n;
	size_t found = 0;

	ck_assert_int_eq(tlscache_open(&small, 256 << 10), TLSCACHE_OK);
	for (n = 0; n < 100000; n++)
		ck_assert_int_eq(tlscache_store(small, &n, sizeof(n), data,
		    104, NOW + 7200 + n / 1000, NOW + n / 1000), TLSCACHE_OK);
	tlscache_stat(small, &stat);
	ck_assert_uint_eq(stat.stores, 100000);
	ck_assert_uint_eq(stat.evicted, stat.stores - stat.entries);
	ck_assert_uint_eq(stat.shards, 4);
	ck_assert_uint_ge(stat.evicted_age / stat.evicted, 1);
	ck_assert_uint_le(stat.evicted_age / stat.evicted, 3);
	for (n = 99000; n < 100000; n++)
		found += tlscache_fetch(small, &n, sizeof(n), buf,
		    sizeof(buf), &len, NOW + 100) == TLSCACHE_OK;
	ck_assert_uint_ge(found, 990);
	tlscache_close(small);
}
END_TEST

START_TEST(a_hit_of_no_use_is_a_miss)
{
	static const enum tlsc_miss whys[] = { TLSC_MISS_EXPIRED,
		TLSC_MISS_CONTEXT, TLSC_MISS_LAYOUT };
	struct tlscache_stat own, all;
	enum tlsc_miss why = whys[_i];

	ck_assert_int_eq(store(id, 32, 100), TLSCACHE_OK);
	ck_assert_int_eq(fetch(id, 32), TLSCACHE_OK);
	ck_assert_uint_eq(count().hits, 1);
	tlsc_cache_miss(cache, why);
	all = count();
	tlscache_stat_process(cache, &own);
	ck_assert_uint_eq(all.hits, 0);
	ck_assert_uint_eq(all.misses, 1);
	ck_assert_uint_eq(all.miss_expired, why == TLSC_MISS_EXPIRED);
	ck_assert_uint_eq(all.miss_context, why == TLSC_MISS_CONTEXT);
	ck_assert_uint_eq(all.miss_layout, why == TLSC_MISS_LAYOUT);
	ck_assert_uint_eq(own.hits, 0);
	ck_assert_uint_eq(own.misses, 1);
}
END_TEST

/* All or nothing, as the limits have it. */
START_TEST(locked_or_not)
{
	struct rlimit none = { 0, 0 };
	struct tlscache *other, *adopted;
	struct tlscache_stat stat;
	int fd;

	ck_assert_int_eq(tlscache_open(&other, TLSCACHE_SIZE_MIN),
	    TLSCACHE_OK);
	tlscache_stat(other, &stat);
	ck_assert(stat.locked == 0 || stat.locked >= stat.capacity);
	ck_assert_int_eq(setrlimit(RLIMIT_MEMLOCK, &none), 0);
	if (geteuid() == 0)
		ck_assert_int_eq(setresuid(65534, 65534, 65534), 0);
	fd = dup(tlscache_fd(other));
	ck_assert_int_eq(tlscache_adopt(&adopted, fd), TLSCACHE_OK);
	tlscache_stat(adopted, &stat);
	ck_assert(stat.locked == 0 || NO_MLOCK);
	tlscache_close(adopted);
	tlscache_close(other);
}
END_TEST

/* What a child does is seen by all, and counted as its own. */
START_TEST(processes_share_and_count_apart)
{
	struct tlscache_stat own, all;
	int status;
	pid_t pid;

	ck_assert_int_eq(store(id, 32, 100), TLSCACHE_OK);
	ck_assert_int_eq(store(id, 31, 100), TLSCACHE_OK);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		tlscache_stat_process(cache, &own);
		_exit(own.stores == 0 && fetch(id, 32) == TLSCACHE_OK &&
		    fetch(id, 5) == TLSCACHE_E_MISS &&
		    store(id, 30, 100) == TLSCACHE_OK &&
		    (tlscache_stat_process(cache, &own), own.stores == 1) &&
		    own.hits == 1 && own.misses == 1 &&
		    own.miss_unknown == 1 ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(fetch(id, 30), TLSCACHE_OK);
	tlscache_stat_process(cache, &own);
	ck_assert_uint_eq(own.stores, 2);
	ck_assert_uint_eq(own.hits, 1);
	ck_assert_uint_eq(own.misses, 0);
	all = count();
	ck_assert_uint_eq(all.stores, 3);
	ck_assert_uint_eq(all.hits, 2);
	ck_assert_uint_eq(all.misses, 1);
	ck_assert_uint_eq(all.entries, 3);
}
END_TEST

START_TEST(adopted_is_the_same_cache)
{
	struct tlscache_stat own, stat;
	struct tlscache *other;

	ck_assert_int_eq(store(id, 32, 100), TLSCACHE_OK);
	ck_assert_int_eq(tlscache_claim(cache, id, 32, NOW), TLSCACHE_OK);
	ck_assert_int_eq(tlscache_adopt(&other, dup(tlscache_fd(cache))),
	    TLSCACHE_OK);
	tlscache_close(cache);
	cache = other;
	ck_assert_int_eq(fetch(id, 32), TLSCACHE_OK);
	ck_assert_mem_eq(buf, data, 100);
	ck_assert_int_eq(tlscache_claim(cache, id, 32, NOW),
	    TLSCACHE_E_CLAIMED);
	ck_assert_int_eq(store(id, 31, 100), TLSCACHE_OK);
	stat = count();
	ck_assert_uint_eq(stat.stores, 2);
	ck_assert_uint_eq(stat.hits, 1);
	ck_assert_uint_eq(stat.claims, 1);
	tlscache_stat_process(cache, &own);
	ck_assert_uint_eq(own.stores, 1);
}
END_TEST

/* Another program, with nothing but the descriptor. */
START_TEST(adopted_over_exec)
{
	char arg[16];
	int fd, status;
	pid_t pid;

	ck_assert_int_eq(store(id, 32, 100), TLSCACHE_OK);
	fd = dup(tlscache_fd(cache));
	ck_assert_int_ne(fd, -1);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		snprintf(arg, sizeof(arg), "%d", fd);
		setenv("TEST_TLSCACHE_ADOPT", arg, 1);
		execl("/proc/self/exe", "test_tlscache", (char *)NULL);
		_exit(127);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(fetch(id, 16), TLSCACHE_OK);
	ck_assert_uint_eq(len, 7);
	close(fd);
}
END_TEST

int
cache_adopter(int fd)
{
	size_t i;

	for (i = 0; i < sizeof(data); i++)
		data[i] = (unsigned char)(i * 7 + i / 256);
	return tlscache_adopt(&cache, fd) == TLSCACHE_OK &&
	    fetch(id, 32) == TLSCACHE_OK && len == 100 &&
	    memcmp(buf, data, 100) == 0 &&
	    store(id, 16, 7) == TLSCACHE_OK ? 0 : 1;
}

/* Each byte of the header matters. */
START_TEST(damaged_header_is_refused)
{
	struct tlscache *other;
	int fd = dup(tlscache_fd(cache));
	unsigned char *p;
	size_t i;

	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert_ptr_ne(p, MAP_FAILED);
	for (i = 0; i < 72; i++) {
		p[i] ^= 0x10;
		ck_assert_msg(tlscache_adopt(&other, fd) ==
		    TLSCACHE_E_FORMAT, "byte %zu", i);
		ck_assert_ptr_null(other);
		ck_assert_int_eq(fcntl(fd, F_GETFD), 0);
		p[i] ^= 0x10;
	}
	ck_assert_int_eq(tlscache_adopt(&other, fd), TLSCACHE_OK);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	tlscache_close(other);
	munmap(p, 4096);
}
END_TEST

START_TEST(moved)
{
	struct tlscache *other, *same;

	ck_assert_int_eq(tlscache_open(&other, 2 << 20), TLSCACHE_OK);
	ck_assert_int_eq(store(id, 32, 100), TLSCACHE_OK);
	ck_assert_int_eq(tlscache_claim(cache, id, 32, NOW), TLSCACHE_OK);
	/* A cache is not moved to itself, by whatever handle. */
	ck_assert_int_eq(tlscache_adopt(&same, dup(tlscache_fd(cache))),
	    TLSCACHE_OK);
	ck_assert_int_eq(tlscache_move(same, cache, NOW), TLSCACHE_E_INVAL);
	ck_assert_int_eq(tlscache_move(cache, cache, NOW), TLSCACHE_E_INVAL);
	ck_assert_int_eq(fetch(id, 32), TLSCACHE_OK);

	ck_assert_int_eq(tlscache_move(other, cache, NOW), TLSCACHE_OK);
	ck_assert_int_eq(fetch(id, 32), TLSCACHE_E_RETIRED);
	ck_assert_int_eq(tlscache_fetch(same, id, 32, buf, sizeof(buf), &len,
	    NOW), TLSCACHE_E_RETIRED);
	ck_assert_int_eq(store(id, 31, 100), TLSCACHE_E_RETIRED);
	tlscache_close(same);
	tlscache_close(cache);
	cache = other;
	ck_assert_int_eq(fetch(id, 32), TLSCACHE_OK);
	ck_assert_mem_eq(buf, data, 100);
	ck_assert_int_eq(tlscache_claim(cache, id, 32, NOW),
	    TLSCACHE_E_CLAIMED);
	ck_assert_uint_eq(count().stores, 1);
	ck_assert_uint_eq(count().hits, 2);
}
END_TEST

START_TEST(opened_in_vain)
{
	ck_assert_int_eq(tlscache_open(&cache, TLSCACHE_SIZE_MIN - 1),
	    TLSCACHE_E_INVAL);
	ck_assert_ptr_null(cache);
	ck_assert_int_eq(tlscache_open(&cache, SIZE_MAX), TLSCACHE_E_INVAL);
	ck_assert_ptr_null(cache);
	ck_assert_int_eq(tlscache_open(&cache, (size_t)1 << 40),
	    TLSCACHE_E_NOMEM);
	ck_assert_ptr_null(cache);
	tlscache_close(NULL);
}
END_TEST

START_TEST(every_code_has_its_text)
{
	const char *texts[16];
	int code, i, n = 0;

	for (code = TLSCACHE_OK; code >= TLSCACHE_E_RETIRED - 1; code--) {
		texts[n] = tlscache_strerror(code);
		ck_assert_ptr_nonnull(texts[n]);
		for (i = 0; i < n; i++)
			ck_assert_str_ne(texts[i], texts[n]);
		n++;
	}
	ck_assert_str_eq(tlscache_strerror(1), "unknown error");
	ck_assert_str_eq(texts[n - 1], "unknown error");
}
END_TEST

Suite *
cache_suite(void)
{
	Suite *suite = suite_create("cache");
	TCase *tc = tcase_create("cache");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, arguments_of_store, 0, COUNT(stores));
	tcase_add_test(tc, arguments_of_others);
	tcase_add_loop_test(tc, round_trip, 1, TLSCACHE_ID_MAX + 1);
	tcase_add_test(tc, ids_of_other_lengths_are_others);
	tcase_add_test(tc, buffer_too_small);
	tcase_add_test(tc, all_that_has_expired);
	tcase_add_test(tc, expires_to_the_second);
	tcase_add_test(tc, claimed_once);
	tcase_add_test(tc, removed);
	tcase_add_test(tc, two_caches_are_two);
	tcase_add_test(tc, much_too_small);
	tcase_add_loop_test(tc, a_hit_of_no_use_is_a_miss, 0, 3);
	tcase_add_test(tc, locked_or_not);
	tcase_add_test(tc, processes_share_and_count_apart);
	tcase_add_test(tc, adopted_is_the_same_cache);
	tcase_add_test(tc, damaged_header_is_refused);
	tcase_add_test(tc, moved);
	suite_add_tcase(suite, tc);

	/* Under valgrind this program cannot start itself. */
	tc = tcase_create("cache-exec");
	tcase_set_tags(tc, "fork");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, adopted_over_exec);
	suite_add_tcase(suite, tc);

	tc = tcase_create("cache-none");
	tcase_add_test(tc, opened_in_vain);
	tcase_add_test(tc, every_code_has_its_text);
	suite_add_tcase(suite, tc);
	return suite;
}
