/* SPDX-License-Identifier: ISC */
/* Error texts: the place before them, always one line, never too long. */
#include "config.h"

#include <string.h>

#include "base/err.h"
#include "test_base.h"

static const struct {
	struct loc loc;
	const char *message, *text;
} rows[] = {
	{ { "/etc/t.conf", 12 }, "no", "/etc/t.conf:12: no" },
	{ { "-o workers=0", 0 }, "no", "-o workers=0: no" },
	{ { NULL, 12 }, "no", "no" },
	{ { "a\nb", 1 }, "c\td\033[2J\177", "a?b:1: c?d?[2J?" },
	{ { NULL, 0 }, "gr\303\274n", "gr\303\274n" },
};

START_TEST(text)
{
	struct err err;

	ck_assert_int_eq(err_set(&err, &rows[_i].loc, "%s",
	    rows[_i].message), -1);
	ck_assert_str_eq(err.text, rows[_i].text);
}
END_TEST

START_TEST(nowhere)
{
	struct err err;

	ck_assert_int_eq(err_set(&err, NULL, "%d files", 3), -1);
	ck_assert_str_eq(err.text, "3 files");
}
END_TEST

START_TEST(too_long)
{
	char file[3000];
	struct loc loc = { file, 1 };
	struct err err;

	memset(file, 'x', sizeof(file));
	file[sizeof(file) - 1] = '\0';
	ck_assert_int_eq(err_set(&err, &loc, "text"), -1);
	ck_assert_uint_eq(strlen(err.text), sizeof(err.text) - 1);
	ck_assert_int_eq(err_set(&err, NULL, "%s", file), -1);
	ck_assert_uint_eq(strlen(err.text), sizeof(err.text) - 1);
}
END_TEST

Suite *
err_suite(void)
{
	Suite *suite = suite_create("err");
	TCase *tc = tcase_create("err");

	tcase_add_loop_test(tc, text, 0, COUNT(rows));
	tcase_add_test(tc, nowhere);
	tcase_add_test(tc, too_long);
	suite_add_tcase(suite, tc);
	return suite;
}
