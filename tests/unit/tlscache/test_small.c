/* SPDX-License-Identifier: ISC */
/*
 * A cache that is far too small for its clients: nothing but hits is lost, and
 * of these as many as the model of the benchmark (tests/bench) predicts.
 */
#include "config.h"

#include <sys/stat.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cache_int.h"
#include "cache_model.h"
#include "test_tlscache.h"

#define SIZE (256u << 10)
#define LEN 102 /* of a plain TLS 1.3 session */
#define NEW_SESSIONS 100000u
#define SLACK_KIB 64 /* by which a process may grow that stores */

/* In 10,000 seconds, of which a session lives 7,200. */
static const struct trace_shape shape = {
	.clients = 50000, .exponent = 0.9, .per_second = 20,
	.seconds = 10000, .life = 7200, .seed = 1,
};

static struct trace trace;
static struct model_store store;

static void
setup(void)
{
	trace_init(&trace, &shape);
	ck_assert_int_eq(tlscache_open(&store.cache, SIZE), TLSCACHE_OK);
	store.len = LEN;
	store.errors = 0;
}

static void
teardown(void)
{
	tlscache_close(store.cache);
	trace_release(&trace);
}

static struct tlscache_stat
count(void)
{
	struct tlscache_stat stat;

	tlscache_stat(store.cache, &stat);
	return stat;
}

/* Entries in a cache that is full of them. */
static uint32_t
room(void)
{
	unsigned char id[TLSCACHE_ID_MAX] = { 0 }, data[LEN] = { 0 };
	struct tlscache *cache;
	struct tlscache_stat stat;
	uint32_t n;

	ck_assert_int_eq(tlscache_open(&cache, SIZE), TLSCACHE_OK);
	for (n = 0; n < 2 * SIZE / LEN; n++) {
		memcpy(id, &n, sizeof(n));
		ck_assert_int_eq(tlscache_store(cache, id, sizeof(id), data,
		    LEN, 1000, 1), TLSCACHE_OK);
	}
	tlscache_stat(cache, &stat);
	tlscache_close(cache);
	return (uint32_t)stat.entries;
}

static double
predicted(bool renew)
{
	struct policy *policy;
	struct model_result r;

	policy = policy_new(renew ? POLICY_ONCE : POLICY_CHANCE, room(),
	    trace.n);
	r = model_run(&trace, renew, &policy_ops, policy);
	policy_free(policy);
	return 100 * model_hit_rate(&r);
}

/* TLS 1.2, in which a session is used again, and TLS 1.3. */
START_TEST(as_many_hits_as_predicted)
{
	struct tlscache_stat stat;
	double measured, want;
	struct model_result r;

	store.once = _i != 0;
	r = model_run(&trace, store.once, &model_store_ops, &store);
	measured = 100 * model_hit_rate(&r);
	want = predicted(store.once);
	printf("256 KiB, TLS 1.%d, %u connections, %u new sessions: "
	    "%.2f hits per 100, predicted %.2f\n", 2 + _i, r.connections,
	    r.sessions, measured, want);
	ck_assert_uint_ge(r.sessions, NEW_SESSIONS);
	ck_assert_uint_eq(store.errors, 0);
	ck_assert_double_le(fabs(measured - want), 0.5);
	stat = count();
	ck_assert_uint_eq(stat.stores, r.sessions);
	ck_assert_uint_eq(stat.hits, r.hits);
	ck_assert_uint_eq(stat.misses, r.offered - r.hits);
	ck_assert_uint_eq(stat.busy + stat.corrupt + stat.too_large +
	    stat.lock_recoveries, 0);
	ck_assert_uint_le(stat.bytes, stat.capacity);
	ck_assert_uint_eq(stat.stores, stat.entries + stat.evicted +
	    stat.expired + stat.replaced);
}
END_TEST

/* Kilobytes of this process that are of no file and no segment. */
static long
anonymous(void)
{
	char line[256];
	long kib = -1;
	FILE *f;

	f = fopen("/proc/self/status", "r");
	if (f == NULL)
		return -1;
	while (kib == -1 && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "RssAnon: %ld", &kib) != 1)
			kib = -1;
	(void)fclose(f);
	return kib;
}

START_TEST(memory_is_constant)
{
	unsigned char id[TLSCACHE_ID_MAX] = { 0 }, data[LEN] = { 0 };
	struct stat before, after;
	uint32_t n, wrong = 0;
	long kib = 0;

	/* Each assertion of Check allocates, so there is none on the way. */
	ck_assert_int_eq(fstat(tlscache_fd(store.cache), &before), 0);
	ck_assert_int_le(before.st_size, SIZE + 4096);
	for (n = 0; n < NEW_SESSIONS; n++) {
		if (n == NEW_SESSIONS / 10)
			kib = anonymous();
		memcpy(id, &n, sizeof(n));
		wrong += tlsc_cache_store_once(store.cache, id, sizeof(id),
		    data, LEN, 1000, 1) != TLSCACHE_OK;
	}
	kib = anonymous() - kib;
	ck_assert_uint_eq(wrong, 0);
	ck_assert_int_le(kib, SLACK_KIB);
	ck_assert_int_eq(fstat(tlscache_fd(store.cache), &after), 0);
	ck_assert_int_eq(before.st_size, after.st_size);
	ck_assert_int_eq(before.st_blocks, after.st_blocks);
	ck_assert_uint_eq(count().evicted + count().entries, NEW_SESSIONS);
}
END_TEST

Suite *
small_suite(void)
{
	Suite *suite = suite_create("small");
	TCase *tc = tcase_create("small");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, as_many_hits_as_predicted, 0, 2);
	tcase_add_test(tc, memory_is_constant);
	suite_add_tcase(suite, tc);
	return suite;
}
