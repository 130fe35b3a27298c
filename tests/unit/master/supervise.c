/* SPDX-License-Identifier: ISC */
/* How long the next worker waits after so many faults in a row. */
#include "config.h"

#include <limits.h>

#include "master/master_int.h"
#include "test_master.h"

static const struct {
	unsigned faults;
	long delay;
} rows[] = {
	{ 0, 0 },
	{ 1, 0 },
	{ 3, 0 },
	{ 4, 100 },
	{ 5, 200 },
	{ 6, 400 },
	{ 9, 3200 },
	{ 10, 5000 },
	{ 11, 5000 },
	{ 1000, 5000 },
	{ UINT_MAX, 5000 },
};

START_TEST(delay)
{
	ck_assert_int_eq(supervise_delay(rows[_i].faults), rows[_i].delay);
}
END_TEST

Suite *
supervise_suite(void)
{
	Suite *s = suite_create("supervise");
	TCase *tc = tcase_create("delay");

	tcase_add_loop_test(tc, delay, 0, sizeof(rows) / sizeof(rows[0]));
	suite_add_tcase(s, tc);
	return s;
}
