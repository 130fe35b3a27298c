/* SPDX-License-Identifier: ISC */
/* The JSON writer: punctuation, escapes, UTF-8, and what aborts it. */
#include "config.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "base/json.h"

static struct json j;
static FILE *out;
static char *text;
static size_t length;

static void
setup(void)
{
	out = open_memstream(&text, &length);
	ck_assert_ptr_nonnull(out);
	json_init(&j, out);
}

static void
teardown(void)
{
	fclose(out);
	free(text);
}

static const struct {
	const char *in, *expect;
} strings[] = {
	{ "", "\"\"" },
	{ "plain", "\"plain\"" },
	{ "a \"b\" \\ c/d", "\"a \\\"b\\\" \\\\ c/d\"" },
	{ "\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\"" },
	{ "\x01\x1f\x7f", "\"\\u0001\\u001f\\u007f\"" },
	{ "\xc2\x80 \xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x91",
	    "\"\xc2\x80 \xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x91\"" },
	{ "\xef\xbf\xbf\xf4\x8f\xbf\xbf",
	    "\"\xef\xbf\xbf\xf4\x8f\xbf\xbf\"" },
	{ "a\x80z", "\"a\\ufffdz\"" },			/* no lead */
	{ "a\xc3", "\"a\\ufffd\"" },			/* cut short */
	{ "\xe2\x82", "\"\\ufffd\\ufffd\"" },
	{ "\xf0\x9f\x90", "\"\\ufffd\\ufffd\\ufffd\"" },
	{ "\xc0\xaf", "\"\\ufffd\\ufffd\"" },		/* overlong */
	{ "\xe0\x80\xaf", "\"\\ufffd\\ufffd\\ufffd\"" },
	{ "\xf0\x80\x80\xaf", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"" },
	{ "\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"" }, /* surrogate */
	{ "\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"" },
	{ "\xf5\xff", "\"\\ufffd\\ufffd\"" },		/* past U+10FFFF */
	{ "\xc3(", "\"\\ufffd(\"" },
};

START_TEST(string)
{
	json_string(&j, NULL, strings[_i].in);
	ck_assert_int_eq(json_finish(&j), 0);
	ck_assert_uint_eq(length, strlen(strings[_i].expect) + 1);
	ck_assert_mem_eq(text, strings[_i].expect, length - 1);
	ck_assert_int_eq(text[length - 1], '\n');
}
END_TEST

START_TEST(nesting)
{
	json_object_begin(&j, NULL);
	json_string(&j, "a\"", "x");
	json_null(&j, "none");
	json_string(&j, "null", NULL);
	json_array_begin(&j, "list");
	json_uint(&j, NULL, UINT64_MAX);
	json_int(&j, NULL, INT64_MIN);
	json_object_begin(&j, NULL);
	json_object_end(&j);
	json_array_begin(&j, NULL);
	json_array_end(&j);
	json_array_end(&j);
	json_object_begin(&j, "in");
	json_bool(&j, "yes", true);
	json_bool(&j, "no", false);
	json_object_end(&j);
	json_real(&j, "pi", 3.14159, 2);
	json_real(&j, "nan", NAN, 2);
	json_real(&j, "inf", INFINITY, 2);
	json_object_end(&j);
	ck_assert_int_eq(json_finish(&j), 0);
	ck_assert_str_eq(text, "{\"a\\\"\":\"x\",\"none\":null,\"null\":null,"
	    "\"list\":[18446744073709551615,-9223372036854775808,{},[]],"
	    "\"in\":{\"yes\":true,\"no\":false},\"pi\":3.14,\"nan\":null,"
	    "\"inf\":null}\n");
}
END_TEST

START_TEST(stream_error)
{
	struct json full;
	FILE *f;

	f = fopen("/dev/full", "w");
	ck_assert_ptr_nonnull(f);
	json_init(&full, f);
	json_bool(&full, NULL, true);
	ck_assert_int_eq(json_finish(&full), -1);
	fclose(f);
}
END_TEST

static void
object_member_without_key(void)
{
	json_object_begin(&j, NULL);
	json_bool(&j, NULL, true);
}

static void
array_member_with_key(void)
{
	json_array_begin(&j, NULL);
	json_bool(&j, "key", true);
}

static void
key_at_the_top(void)
{
	json_bool(&j, "key", true);
}

static void
two_values_at_the_top(void)
{
	json_bool(&j, NULL, true);
	json_bool(&j, NULL, true);
}

static void
wrong_end(void)
{
	json_array_begin(&j, NULL);
	json_object_end(&j);
}

static void
end_of_nothing(void)
{
	json_object_end(&j);
}

static void
unfinished(void)
{
	json_object_begin(&j, NULL);
	ck_assert_int_eq(json_finish(&j), 0);
}

static void
nothing(void)
{
	ck_assert_int_eq(json_finish(&j), 0);
}

static void
too_deep(void)
{
	int i;

	for (i = 0; i <= JSON_DEPTH_MAX; i++)
		json_array_begin(&j, NULL);
}

static void (*const mistakes[])(void) = { object_member_without_key,
	array_member_with_key, key_at_the_top, two_values_at_the_top,
	wrong_end, end_of_nothing, unfinished, nothing, too_deep };

START_TEST(mistake)
{
	mistakes[_i]();
}
END_TEST

int
main(void)
{
	SRunner *runner;
	Suite *suite;
	TCase *tc;
	int failed;

	suite = suite_create("json");
	tc = tcase_create("json");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, string, 0,
	    sizeof(strings) / sizeof(strings[0]));
	tcase_add_test(tc, nesting);
	tcase_add_test(tc, stream_error);
	suite_add_tcase(suite, tc);

	runner = srunner_create(suite);
	if (srunner_fork_status(runner) == CK_FORK) {
		tc = tcase_create("mistakes");
		tcase_add_checked_fixture(tc, setup, teardown);
		tcase_add_loop_test_raise_signal(tc, mistake, SIGABRT, 0,
		    sizeof(mistakes) / sizeof(mistakes[0]));
		suite_add_tcase(suite, tc);
	}
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
