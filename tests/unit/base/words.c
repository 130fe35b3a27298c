/* SPDX-License-Identifier: ISC */
/* Lines of words: what is written is read, and what is not one is refused. */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/words.h"
#include "test_base.h"

static char line[256];
static struct words w;

static void
read_line(const char *text)
{
	snprintf(line, sizeof(line), "%s", text);
	w.rest = line;
}

static const char *const texts[] = { "plain", "", "with space", "100%",
	"two\nlines", "\303\274", "%20", "\001\177" };

START_TEST(text_and_back)
{
	char *written = NULL, *again = NULL, *more = NULL;
	size_t len;
	FILE *fp;

	fp = open_memstream(&written, &len);
	ck_assert_ptr_nonnull(fp);
	words_put_text(fp, texts[_i]);
	words_put_text(fp, "next");
	ck_assert_int_eq(fclose(fp), 0);
	ck_assert_ptr_null(strchr(written, '\n'));
	ck_assert_int_eq(written[0], ' ');
	read_line(written + 1);
	ck_assert(words_text(&w, &again));
	ck_assert_str_eq(again, texts[_i]);
	ck_assert_str_eq(words_next(&w), "next");
	ck_assert(!words_text(&w, &more));
	ck_assert_ptr_null(more);
	free(again);
	free(written);
}
END_TEST

static const char *const bad_texts[] = { "%", "%2", "%g0", "%0g", "a%" };

START_TEST(bad_text)
{
	char *text = NULL;

	read_line(bad_texts[_i]);
	ck_assert(!words_text(&w, &text));
	free(text);
}
END_TEST

START_TEST(text_twice)
{
	char *text = NULL;

	read_line("a b");
	ck_assert(words_text(&w, &text));
	ck_assert(!words_text(&w, &text));
	ck_assert_str_eq(text, "a");
	free(text);
}
END_TEST

static const struct {
	const char *text;
	bool good;
} numbers[] = {
	{ "5", true }, { "-3", true }, { "7", true }, { "8", false },
	{ "-4", false }, { "", false }, { "5x", false }, { "x", false },
	{ "99999999999999999999", false },
};

START_TEST(number)
{
	int64_t n;

	read_line(numbers[_i].text);
	ck_assert(words_number(&w, -3, 7, &n) == numbers[_i].good);
	if (numbers[_i].good)
		ck_assert_int_eq(n, atoi(numbers[_i].text));
}
END_TEST

START_TEST(flag)
{
	bool b;

	read_line("1 0 2");
	ck_assert(words_flag(&w, &b) && b);
	ck_assert(words_flag(&w, &b) && !b);
	ck_assert(!words_flag(&w, &b));
	ck_assert(!words_flag(&w, &b));
}
END_TEST

START_TEST(descriptor)
{
	int fd, got;

	fd = open("/dev/null", O_RDONLY);
	ck_assert_int_gt(fd, STDERR_FILENO);
	snprintf(line, sizeof(line), "%d -1 -2 2 1000000", fd);
	w.rest = line;
	ck_assert(words_fd(&w, &got));
	ck_assert_int_eq(got, fd);
	ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
	ck_assert(words_fd(&w, &got));
	ck_assert_int_eq(got, -1);
	ck_assert(!words_fd(&w, &got));
	ck_assert(!words_fd(&w, &got));
	ck_assert(!words_fd(&w, &got));
	close(fd);
}
END_TEST

Suite *
words_suite(void)
{
	Suite *s = suite_create("words");
	TCase *tc = tcase_create("words");

	tcase_add_loop_test(tc, text_and_back, 0, COUNT(texts));
	tcase_add_loop_test(tc, bad_text, 0, COUNT(bad_texts));
	tcase_add_test(tc, text_twice);
	tcase_add_loop_test(tc, number, 0, COUNT(numbers));
	tcase_add_test(tc, flag);
	tcase_add_test(tc, descriptor);
	suite_add_tcase(s, tc);
	return s;
}
