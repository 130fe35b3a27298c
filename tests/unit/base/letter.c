/* SPDX-License-Identifier: ISC */
/* Letters: what is written is read, once, by whom it is for. */
#include "config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/letter.h"
#include "test_base.h"

static struct err err;
static char heard[256];

static void
write_lines(FILE *fp, const void *arg)
{
	fputs(arg, fp);
}

/* "no" cannot be read. */
static bool
hear(void *arg, const char *keyword, struct words *w)
{
	const char *word = words_next(w);
	size_t n = strlen(heard);

	ck_assert_ptr_eq(arg, heard);
	snprintf(heard + n, sizeof(heard) - n, "%s=%s;", keyword,
	    word != NULL ? word : "");
	return strcmp(keyword, "no") != 0;
}

static int
send_letter(const char *head, const char *lines)
{
	int fd = letter_write(head, write_lines, lines, &err);

	ck_assert_msg(fd != -1, "%s", err.text);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(letter_announce(fd), 0);
	return fd;
}

static const struct {
	const char *head, *lines;
	const char *heard, *bad; /* bad NULL: it can be read */
} letters[] = {
	{ "head 1", "", "", NULL },
	{ "head 1", "one 1 2\nyes\n", "one=1;yes=;", NULL },
	{ "head 2", "one 1\n", "", "\"head 2\" instead of \"head 1\"" },
	{ "head 1", "one 1\nno 2\ntwo 3\n", "one=1;no=2;",
	    "cannot be read: \"no\"" },
};

START_TEST(and_back)
{
	const char *bad = letters[_i].bad;
	int r;

	(void)send_letter(letters[_i].head, letters[_i].lines);
	r = letter_read("head 1", hear, heard, &err);
	ck_assert_int_eq(r, bad == NULL ? 0 : -1);
	ck_assert_str_eq(heard, letters[_i].heard);
	if (bad != NULL)
		ck_assert_msg(strstr(err.text, bad) != NULL, "%s", err.text);
	ck_assert_ptr_null(getenv(LETTER_ENV));
	/* There is no second one. */
	ck_assert_int_eq(letter_read("head 1", hear, heard, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "is not there"));
}
END_TEST

START_TEST(withdrawn)
{
	(void)send_letter("head 1", "");
	letter_withdraw();
	ck_assert(!letter_for_us());
	ck_assert_int_eq(letter_read("head 1", hear, heard, &err), -1);
}
END_TEST

START_TEST(passes)
{
	int fd = send_letter("head 1", "");

	letter_pass(-1, true);
	letter_pass(fd, true);
	ck_assert_int_eq(fcntl(fd, F_GETFD), 0);
	letter_pass(fd, false);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
}
END_TEST

Suite *
letter_suite(void)
{
	Suite *s = suite_create("letter");
	TCase *tc = tcase_create("letter");

	/* A process reads what was announced once. */
	tcase_set_tags(tc, "fork");
	tcase_add_loop_test(tc, and_back, 0, COUNT(letters));
	tcase_add_test(tc, withdrawn);
	tcase_add_test(tc, passes);
	suite_add_tcase(s, tc);
	return s;
}
