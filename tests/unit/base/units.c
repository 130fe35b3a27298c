/* SPDX-License-Identifier: ISC */
/* Sizes and durations: what is one, what is none, and back to text. */
#include "config.h"

#include "base/units.h"
#include "test_base.h"

static const struct {
	const char *text;
	size_t value;
} sizes[] = {
	{ "0", 0 }, { "1", 1 }, { "4096", 4096 }, { "64K", 65536 },
	{ "32M", 33554432 }, { "1G", 1073741824 }, { "007K", 7168 },
	{ "18446744073709551615", SIZE_MAX },
	{ "17179869183G", (SIZE_MAX >> 30) << 30 },
};

START_TEST(size)
{
	size_t value = 99;

	ck_assert_int_eq(units_parse_size(sizes[_i].text, &value), 0);
	ck_assert_uint_eq(value, sizes[_i].value);
}
END_TEST

static const char *const no_sizes[] = {
	"", "K", "banana", "-1", "+1", " 1", "1 ", "1.5M", "0x10", "1k", "1KB",
	"1M1K", "1MM", "18446744073709551616", "17179869184G",
	"999999999999999999999999999999",
};

START_TEST(no_size)
{
	size_t value = 99;

	ck_assert_int_eq(units_parse_size(no_sizes[_i], &value), -1);
	ck_assert_uint_eq(value, 99);
}
END_TEST

static const struct {
	const char *text;
	int64_t value;
} durations[] = {
	{ "0", 0 }, { "30", 30000 }, { "500ms", 500 }, { "30s", 30000 },
	{ "5m", 300000 }, { "2h", 7200000 }, { "7d", 604800000 },
	{ "1h30m", 5400000 }, { "1d2h3m4s5ms", 93784005 }, { "1m1ms", 60001 },
	{ "9223372036854775807ms", INT64_MAX },
};

START_TEST(duration)
{
	int64_t value = 99;

	ck_assert_int_eq(units_parse_duration(durations[_i].text, &value), 0);
	ck_assert_int_eq(value, durations[_i].value);
}
END_TEST

static const char *const no_durations[] = {
	"", "s", "banana", "-1s", "1.5h", "1 s", " 1s", "1w", "1S", "30m1h",
	"1h1h", "1h30", "1s1m", "9223372036854775808ms", "106751991168d",
	"9223372036854775807ms1", "106751991167d24h",
	"99999999999999999999999s",
};

START_TEST(no_duration)
{
	int64_t value = 99;

	ck_assert_int_eq(units_parse_duration(no_durations[_i], &value), -1);
	ck_assert_int_eq(value, 99);
}
END_TEST

static const struct {
	size_t value;
	const char *text;
} size_texts[] = {
	{ 0, "0" }, { 1, "1" }, { 1024, "1K" }, { 1025, "1025" },
	{ 33554432, "32M" }, { 1073741824, "1G" }, { 1610612736, "1536M" },
	{ SIZE_MAX, "18446744073709551615" },
};

START_TEST(format_size)
{
	size_t value;
	char buf[32];

	units_format_size(size_texts[_i].value, buf, sizeof(buf));
	ck_assert_str_eq(buf, size_texts[_i].text);
	ck_assert_int_eq(units_parse_size(buf, &value), 0);
	ck_assert_uint_eq(value, size_texts[_i].value);
}
END_TEST

static const struct {
	int64_t value;
	const char *text;
} duration_texts[] = {
	{ 0, "0s" }, { 1, "1ms" }, { 1500, "1500ms" }, { 60000, "1m" },
	{ 5400000, "90m" }, { 7200000, "2h" }, { 604800000, "7d" },
	{ INT64_MAX, "9223372036854775807ms" },
};

START_TEST(format_duration)
{
	int64_t value;
	char buf[32];

	units_format_duration(duration_texts[_i].value, buf, sizeof(buf));
	ck_assert_str_eq(buf, duration_texts[_i].text);
	ck_assert_int_eq(units_parse_duration(buf, &value), 0);
	ck_assert_int_eq(value, duration_texts[_i].value);
}
END_TEST

Suite *
units_suite(void)
{
	Suite *suite = suite_create("units");
	TCase *tc = tcase_create("units");

	tcase_add_loop_test(tc, size, 0, COUNT(sizes));
	tcase_add_loop_test(tc, no_size, 0, COUNT(no_sizes));
	tcase_add_loop_test(tc, duration, 0, COUNT(durations));
	tcase_add_loop_test(tc, no_duration, 0, COUNT(no_durations));
	tcase_add_loop_test(tc, format_size, 0, COUNT(size_texts));
	tcase_add_loop_test(tc, format_duration, 0, COUNT(duration_texts));
	suite_add_tcase(suite, tc);
	return suite;
}
