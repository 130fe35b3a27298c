/* SPDX-License-Identifier: ISC */
/* The clocks: the right epoch, the right unit, never backwards. */
#include "config.h"

#include <time.h>

#include "base/clock.h"
#include "test_base.h"

START_TEST(wall)
{
	int64_t before = time(NULL), now = clock_wall();

	ck_assert_int_ge(now, before);
	ck_assert_int_le(now, time(NULL));
}
END_TEST

START_TEST(mono)
{
	struct timespec ts;
	int64_t last, now;
	int i;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	last = clock_mono_us();
	ck_assert_int_ge(last, (int64_t)ts.tv_sec * 1000000);
	ck_assert_int_lt(last, ((int64_t)ts.tv_sec + 60) * 1000000);
	for (i = 0; i < 1000; i++) {
		now = clock_mono_us();
		ck_assert_int_ge(now, last);
		last = now;
	}
}
END_TEST

Suite *
clock_suite(void)
{
	Suite *suite = suite_create("clock");
	TCase *tc = tcase_create("clock");

	tcase_add_test(tc, wall);
	tcase_add_test(tc, mono);
	suite_add_tcase(suite, tc);
	return suite;
}
