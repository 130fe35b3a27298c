/* SPDX-License-Identifier: ISC */
/* Histograms: in which bucket a time is counted. */
#include "config.h"

#include "stats/histogram.h"
#include "test_stats.h"

static const struct {
	int64_t us;
	unsigned bucket;
} times[] = {
	{ INT64_MIN, 0 },
	{ -1, 0 },
	{ 0, 0 },
	{ 64, 0 },
	{ 65, 1 },
	{ 96, 1 },
	{ 97, 2 },
	{ 128, 2 },
	{ 129, 3 },
	{ 1024, 8 },
	{ 67108864, 40 },
	{ 67108865, 41 },
	{ INT64_MAX, 41 },
};

START_TEST(time_in_bucket)
{
	ck_assert_uint_eq(histogram_bucket(times[_i].us), times[_i].bucket);
}
END_TEST

/* A bound is the last time in its bucket, and buckets follow each other. */
START_TEST(bounds)
{
	uint64_t bound, before = 0;
	unsigned i;

	for (i = 0; i < HISTOGRAM_BOUNDS; i++) {
		bound = histogram_bound(i);
		ck_assert_uint_gt(bound, before);
		ck_assert_uint_eq(histogram_bucket((int64_t)bound), i);
		ck_assert_uint_eq(histogram_bucket((int64_t)bound + 1), i + 1);
		before = bound;
	}
	ck_assert_uint_eq(histogram_bound(HISTOGRAM_BOUNDS), UINT64_MAX);
}
END_TEST

START_TEST(adding)
{
	struct histogram h = { 0 };

	histogram_add(&h, 100);
	histogram_add(&h, 128);
	histogram_add(&h, -5);
	ck_assert_uint_eq(h.buckets[2], 2);
	ck_assert_uint_eq(h.buckets[0], 1);
	ck_assert_uint_eq(h.sum, 228);
}
END_TEST

Suite *
histogram_suite(void)
{
	Suite *s;
	TCase *tc;

	s = suite_create("histogram");
	tc = tcase_create("histogram");
	tcase_add_loop_test(tc, time_in_bucket, 0,
	    sizeof(times) / sizeof(times[0]));
	tcase_add_test(tc, bounds);
	tcase_add_test(tc, adding);
	suite_add_tcase(s, tc);
	return s;
}
