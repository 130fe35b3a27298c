/* SPDX-License-Identifier: ISC */
/* Who does not run. */
#include "config.h"

#include "stats/heartbeat.h"
#include "test_stats.h"

START_TEST(heartbeat)
{
	struct heartbeat h = { .seen = 0 };
	int i;

	for (i = 1; i < 20; i++)
		ck_assert_int_eq(heartbeat_look(&h, (uint64_t)i / 2 + 1, true),
		    HEARTBEAT_NO_NEWS);
	ck_assert_int_eq(heartbeat_look(&h, 100, true), HEARTBEAT_NO_NEWS);
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(heartbeat_look(&h, 100, true),
		    HEARTBEAT_NO_NEWS);
	ck_assert(!h.silent);
	ck_assert_int_eq(heartbeat_look(&h, 100, true), HEARTBEAT_SILENT);
	ck_assert(h.silent);
	for (i = 0; i < 20; i++)
		ck_assert_int_eq(heartbeat_look(&h, 100, true),
		    HEARTBEAT_NO_NEWS);
	ck_assert_int_eq(heartbeat_look(&h, 101, true), HEARTBEAT_BACK);
	ck_assert(!h.silent);
	ck_assert_int_eq(heartbeat_look(&h, 101, true), HEARTBEAT_NO_NEWS);
}
END_TEST

/* Of a version that does not count; and one that does not become ready. */
START_TEST(heartbeat_of_a_beginner)
{
	struct heartbeat old = { .seen = 0 }, new = { .seen = 0 };
	int i;

	for (i = 0; i < 3; i++)
		ck_assert_int_eq(heartbeat_look(&new, 0, false),
		    HEARTBEAT_NO_NEWS);
	ck_assert_int_eq(heartbeat_look(&new, 0, false), HEARTBEAT_SILENT);
	for (i = 0; i < 20; i++)
		ck_assert_int_eq(heartbeat_look(&old, 0, true),
		    HEARTBEAT_NO_NEWS);
}
END_TEST

Suite *
heartbeat_suite(void)
{
	Suite *s = suite_create("heartbeat");
	TCase *tc = tcase_create("heartbeat");

	tcase_add_test(tc, heartbeat);
	tcase_add_test(tc, heartbeat_of_a_beginner);
	suite_add_tcase(s, tc);
	return s;
}
