/* SPDX-License-Identifier: ISC */
/*
 * The size that the log line advises, put to the test with the real cache: a
 * load is played with a cache that is too small for it, and then once more
 * with the size that was advised, which must hold everything.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <check.h>
#include <tlscache.h>

#include "report/report.h"

struct load {
	size_t size;	 /* of the cache that is too small */
	int64_t seconds; /* of the period */
	int64_t warm;	 /* seconds of the same before it */
	int64_t timeout; /* of the sessions */
	unsigned rate;	 /* stores per second … */
	int64_t on;	 /* … in the first seconds of every … */
	int64_t every;	 /* … so many */
	unsigned gone;	 /* percent that are removed a second later */
	size_t len;	 /* of a session, more or less */
};

static const struct load loads[] = {
	{ 128 << 10, 3600, 7200, 7200, 5, 1, 1, 0, 136 },
	{ 1 << 20, 3600, 7200, 7200, 5, 1, 1, 0, 136 },
	{ 4 << 20, 3600, 7200, 7200, 5, 1, 1, 0, 136 },
	{ 1 << 20, 3600, 7200, 7200, 5, 1, 1, 50, 136 },
	{ 1 << 20, 3600, 7200, 7200, 5, 1, 1, 90, 136 },
	{ 1 << 20, 3600, 7200, 7200, 1, 1, 1, 0, 2000 },
	{ 256 << 10, 3600, 600, 300, 20, 1, 1, 0, 136 },
	{ 256 << 10, 3600, 0, 7200, 200, 60, 3600, 0, 136 },
	{ 256 << 10, 60, 0, 7200, 200, 1, 1, 0, 136 },
};

/* A different id for every n, spread as those of OpenSSL are. */
static void
id_make(unsigned char id[32], uint64_t n)
{
	memset(id, 0, 32);
	n *= 0x9e3779b97f4a7c15ULL;
	memcpy(id, &n, sizeof(n));
}

static void
play(const struct load *l, size_t size, struct tlscache_stat *before,
    struct tlscache_stat *after)
{
	unsigned char data[8192], id[32];
	struct tlscache *cache;
	uint64_t n, first;
	int64_t now, t;
	unsigned k;

	ck_assert_int_eq(tlscache_open(&cache, size), 0);
	memset(data, 'd', sizeof(data));
	now = (int64_t)time(NULL);
	n = first = 0;
	for (t = 0; t < l->warm + l->seconds; t++) {
		if (t == l->warm)
			tlscache_stat(cache, before);
		for (; first < n; first++) {
			id_make(id, first);
			if (first % 100 < l->gone)
				(void)tlscache_remove(cache, id, sizeof(id));
		}
		for (k = 0; t % l->every < l->on && k < l->rate; k++, n++) {
			id_make(id, n);
			ck_assert_int_eq(tlscache_store(cache, id, sizeof(id),
			    data, l->len + n % 7 * l->len / 20,
			    now + t + l->timeout, now + t), 0);
		}
	}
	tlscache_stat(cache, after);
	tlscache_close(cache);
}

START_TEST(advice)
{
	struct tlscache_stat before, after;
	struct report_period p;
	const struct load *l;
	uint64_t advised, most;

	l = &loads[_i];
	play(l, l->size, &before, &after);
	ck_assert_uint_gt(after.evicted, before.evicted);
	memset(&p, 0, sizeof(p));
	p.before = &before;
	p.now = &after;
	p.seconds = l->seconds;
	p.session_timeout = l->timeout;
	p.cache_size = l->size;
	advised = report_size_needed(&p);

	play(l, (size_t)advised, &before, &after);
	ck_assert_uint_eq(after.evicted, before.evicted);
	/* Three times all that was ever stored is too much to ask for. */
	most = after.stores * (l->len + l->len / 3 + 64) * 3 + (256 << 10);
	ck_assert_uint_lt(advised, most);
}
END_TEST

int
main(void)
{
	SRunner *runner;
	Suite *suite;
	TCase *tc;
	int failed;

	suite = suite_create("advice");
	tc = tcase_create("advice");
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, advice, 0, sizeof(loads) / sizeof(loads[0]));
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
