/* SPDX-License-Identifier: ISC */
/* The names that the tables of src/stats give. */
#include "config.h"

#include <string.h>

#include "stats/scoreboard.h"
#include "test_stats.h"

static const char *
any_metric(int i)
{
	return metric_name((enum metric)i);
}

static const char *
any_close_reason(int i)
{
	return close_reason_name((enum close_reason)i);
}

static const char *
any_failure(int i)
{
	return handshake_failure_name((enum handshake_failure)i);
}

static const struct {
	const char *(*name)(int);
	int count;
} tables[] = {
	{ any_metric, METRIC_COUNT },
	{ any_close_reason, CLOSE_REASON_COUNT },
	{ any_failure, HANDSHAKE_FAILURE_COUNT },
};

START_TEST(test_words)
{
	const char *a;
	int i, j;

	for (i = 0; i < tables[_i].count; i++) {
		a = tables[_i].name(i);
		ck_assert_ptr_nonnull(a);
		ck_assert_uint_gt(strlen(a), 1);
		ck_assert_uint_eq(strspn(a, "abcdefghijklmnopqrstuvwxyz_"),
		    strlen(a));
		for (j = 0; j < i; j++)
			ck_assert_str_ne(a, tables[_i].name(j));
	}
}
END_TEST

START_TEST(test_outside)
{
	ck_assert_str_eq(tables[_i].name(tables[_i].count), "?");
	ck_assert_str_eq(tables[_i].name(-1), "?");
}
END_TEST

START_TEST(test_rows)
{
	ck_assert_str_eq(metric_name(METRIC_BYTES_IN), "bytes_in");
	ck_assert_str_eq(close_reason_name(CLOSE_DONE), "done");
	ck_assert_str_eq(close_reason_name(CLOSE_INTERNAL), "internal");
}
END_TEST

Suite *
names_suite(void)
{
	Suite *s;
	TCase *tc;

	s = suite_create("names");
	tc = tcase_create("names");
	tcase_add_loop_test(tc, test_words, 0, 3);
	tcase_add_loop_test(tc, test_outside, 0, 3);
	tcase_add_test(tc, test_rows);
	suite_add_tcase(s, tc);
	return s;
}
