/* SPDX-License-Identifier: ISC */
/* Of what somebody says the end is kept. */
#include "config.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/tail.h"
#include "test_base.h"

static const struct {
	const char *said, *line;
} lines[] = {
	{ "", "" },
	{ "\n\n", "" },
	{ "one", "one" },
	{ "one\ntwo\n", "two" },
	{ "one\n\ntwo\n\n", "two" },
};

START_TEST(last_line)
{
	struct tail t = { .len = 0 };
	int pipefd[2];

	ck_assert_int_eq(pipe(pipefd), 0);
	ck_assert_int_eq(fd_nonblock(pipefd[0]), 0);
	ck_assert_int_eq(write(pipefd[1], lines[_i].said,
	    strlen(lines[_i].said)), (ssize_t)strlen(lines[_i].said));
	ck_assert_int_eq(tail_read(&t, pipefd[0]), 1);
	close(pipefd[1]);
	ck_assert_int_eq(tail_read(&t, pipefd[0]), 0);
	close(pipefd[0]);
	ck_assert_str_eq(tail_last_line(&t), lines[_i].line);
}
END_TEST

START_TEST(more_than_there_is_room_for)
{
	struct tail t = { .len = 0 };
	char much[3 * sizeof(t.text)];
	int pipefd[2];

	memset(much, 'x', sizeof(much));
	memcpy(much + sizeof(much) - 5, "\nend\n", 5);
	ck_assert_int_eq(pipe(pipefd), 0);
	ck_assert_int_eq(fd_nonblock(pipefd[0]), 0);
	ck_assert_int_eq(write(pipefd[1], much, sizeof(much)),
	    (ssize_t)sizeof(much));
	ck_assert_int_eq(tail_read(&t, pipefd[0]), 1);
	ck_assert_uint_lt(t.len, sizeof(t.text));
	ck_assert_uint_eq(strlen(t.text), t.len);
	ck_assert_uint_ge(t.len, sizeof(t.text) / 2 - 1);
	ck_assert_str_eq(tail_last_line(&t), "end");
	close(pipefd[0]);
	close(pipefd[1]);
}
END_TEST

START_TEST(without_end)
{
	struct tail t = { .len = 0 };
	int fd = open("/dev/zero", O_RDONLY);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(tail_read(&t, fd), 1);
	close(fd);
}
END_TEST

Suite *
tail_suite(void)
{
	Suite *s = suite_create("tail");
	TCase *tc = tcase_create("tail");

	tcase_add_loop_test(tc, last_line, 0, sizeof(lines) / sizeof(lines[0]));
	tcase_add_test(tc, more_than_there_is_room_for);
	tcase_add_test(tc, without_end);
	suite_add_tcase(s, tc);
	return s;
}
