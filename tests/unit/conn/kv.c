/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <string.h>

#include "conn/kv.h"
#include "test_conn.h"

static const struct {
	const char *value, *line;
} texts[] = {
	{ NULL, "k=-" },
	{ "", "k=-" },
	{ "plain", "k=plain" },
	{ "a=b", "k=a=b" },
	{ "two words", "k=two\\x20words" },
	{ "\"q\"'\\", "k=\\x22q\\x22\\x27\\x5c" },
	{ "a\nb\x1b[2J\x7f", "k=a\\x0ab\\x1b[2J\\x7f" },
	{ "\xc3\xa9", "k=\\xc3\\xa9" },
};

START_TEST(text)
{
	struct kv kv;
	char buf[128];

	kv_init(&kv, buf, sizeof(buf));
	kv_text(&kv, "k", texts[_i].value);
	ck_assert_str_eq(buf, texts[_i].line);
	ck_assert_uint_eq(kv.len, strlen(buf));
}
END_TEST

START_TEST(line)
{
	struct kv kv;
	char buf[128];

	kv_init(&kv, buf, sizeof(buf));
	ck_assert_str_eq(buf, "");
	kv_number(&kv, "n", UINT64_MAX);
	kv_ms(&kv, "a", 0);
	kv_ms(&kv, "b", 1234567);
	kv_ms(&kv, "c", -1);
	ck_assert_str_eq(buf, "n=18446744073709551615 a=0.000 b=1234.567 "
	    "c=-");
}
END_TEST

/* A long value is cut, never in the middle of an escape. */
START_TEST(long_value)
{
	char buf[1024], value[600];
	struct kv kv;

	memset(value, _i == 0 ? 'x' : ' ', sizeof(value));
	value[sizeof(value) - 1] = '\0';
	value[0] = 'x';
	kv_init(&kv, buf, sizeof(buf));
	kv_text(&kv, "k", value);
	ck_assert_uint_le(kv.len, 2 + KV_VALUE_MAX);
	ck_assert_uint_gt(kv.len, 2 + KV_VALUE_MAX - 4);
	ck_assert_str_eq(buf + kv.len - 3, _i == 0 ? "xxx" : "x20");
}
END_TEST

/* Nothing is written beyond any size, and a NUL stands at the end. */
START_TEST(short_buffer)
{
	char buf[64];
	struct kv kv;

	memset(buf, '#', sizeof(buf));
	kv_init(&kv, buf, (size_t)_i);
	kv_text(&kv, "key", "some value");
	kv_number(&kv, "n", 4711);
	ck_assert_uint_lt(strlen(buf), (size_t)_i);
	ck_assert_int_eq(buf[_i], '#');
}
END_TEST

Suite *
kv_suite(void)
{
	Suite *s;
	TCase *tc;

	s = suite_create("kv");
	tc = tcase_create("kv");
	tcase_add_loop_test(tc, text, 0, COUNT(texts));
	tcase_add_test(tc, line);
	tcase_add_loop_test(tc, long_value, 0, 2);
	tcase_add_loop_test(tc, short_buffer, 1, 40);
	suite_add_tcase(s, tc);
	return s;
}
