/* SPDX-License-Identifier: ISC */
/* Lines to a system logger of our own, which reads or does not. */
#include "config.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <regex.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sink.h"
#include "base/syslogger.h"
#include "test_base.h"

/* More than any kernel keeps for a logger that does not read. */
#define MANY 20000

static char path[128];
static int logger;

static void
begin(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	logger = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	ck_assert_int_ne(logger, -1);
	strcpy(un.sun_path, path);
	ck_assert_int_eq(bind(logger, (struct sockaddr *)&un, sizeof(un)), 0);
}

static void
end(void)
{
	close(logger);
	ck_assert_int_eq(unlink(path), 0);
}

static void
setup(void)
{
	test_dir_setup();
	snprintf(path, sizeof(path), "%s", test_path("log"));
	begin();
	syslogger_open(path, LOG_LOCAL3);
}

static void
teardown(void)
{
	syslogger_close();
	close(logger);
	test_dir_teardown();
}

/* The next line, or false. */
static bool
take(char *text, size_t size)
{
	ssize_t n = recv(logger, text, size - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

static void
assert_line(const char *expected)
{
	char pattern[256], text[512];
	regex_t re;

	snprintf(pattern, sizeof(pattern), "^<%d>[A-Z][a-z]{2} [ 0-9][0-9] "
	    "[0-9]{2}:[0-9]{2}:[0-9]{2} tlsherd\\[%ld\\]: %s$",
	    LOG_LOCAL3 | LOG_INFO, (long)getpid(), expected);
	ck_assert(take(text, sizeof(text)));
	ck_assert_int_eq(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
	ck_assert_msg(regexec(&re, text, 0, NULL, 0) == 0, "%s\nis not\n%s",
	    text, pattern);
	regfree(&re);
}

START_TEST(form)
{
	syslogger_write(LOG_INFO, "worker 1: a %s line");
	assert_line("worker 1: a %s line");
}
END_TEST

/* With a send that waits this does not end. */
START_TEST(not_read)
{
	char expected[128], first[512], text[512];
	unsigned taken;
	int i;

	for (i = 0; i < MANY; i++)
		syslogger_write(LOG_INFO, "line");
	for (taken = 0; take(text, sizeof(text)); taken++)
		ck_assert_ptr_nonnull(strstr(text, "]: line"));
	ck_assert_uint_gt(taken, 0);
	ck_assert_uint_lt(taken, MANY);
	syslogger_write(LOG_INFO, "again");
	ck_assert(take(first, sizeof(first)));
	snprintf(expected, sizeof(expected), "]: %u lines were lost here: "
	    "the reader of the log was too slow", MANY - taken);
	ck_assert_msg(strstr(first, expected) != NULL, "%s", first);
	assert_line("again");
	syslogger_write(LOG_INFO, "and again");
	assert_line("and again");
	ck_assert(!take(text, sizeof(text)));
}
END_TEST

/*
 * A logger that takes a line now and then: all lines together wait no longer
 * than a few milliseconds in a second. With one that waits for each this does
 * not end.
 */
START_TEST(read_slowly)
{
	int64_t begin;
	char text[512];
	int i, status;
	pid_t pid;

	pid = fork();
	ck_assert_int_ne(pid, -1);
	if (pid == 0) {
		for (;;) {
			usleep(SINK_PATIENCE_US / 2);
			(void)!recv(logger, text, sizeof(text), 0);
		}
	}
	begin = clock_mono_us();
	for (i = 0; i < MANY; i++)
		syslogger_write(LOG_INFO, "line");
	ck_assert_int_lt(clock_mono_us() - begin, 10000000);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(take(text, sizeof(text)));
}
END_TEST

/* A logger with a stream: lines end with a NUL. */
START_TEST(stream)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	char text[1024];
	ssize_t n;
	int fd, i;

	end();
	logger = socket(AF_UNIX, SOCK_STREAM, 0);
	strcpy(un.sun_path, path);
	ck_assert_int_eq(bind(logger, (struct sockaddr *)&un, sizeof(un)), 0);
	ck_assert_int_eq(listen(logger, 1), 0);
	syslogger_write(LOG_INFO, "one");
	ck_assert_int_ne(fd = accept(logger, NULL, NULL), -1);
	for (i = 0; i < MANY; i++)
		syslogger_write(LOG_INFO, "line"); /* none waits */
	n = read(fd, text, sizeof(text));
	ck_assert_int_eq(n, sizeof(text));
	ck_assert_ptr_nonnull(strstr(text, "]: one"));
	ck_assert_ptr_nonnull(strstr(text + strlen(text) + 1, "]: line"));
	close(fd);
}
END_TEST

START_TEST(restarted)
{
	char text[512];

	end();
	syslogger_write(LOG_INFO, "nobody is there");
	begin();
	syslogger_write(LOG_INFO, "here");
	ck_assert(take(text, sizeof(text)));
	ck_assert_ptr_nonnull(strstr(text, "]: 1 line was lost here: "));
	assert_line("here");
	end();
	begin();
	syslogger_write(LOG_INFO, "and here");
	assert_line("and here");
}
END_TEST

START_TEST(opened_again)
{
	char text[512];

	syslogger_close();
	syslogger_close();
	syslogger_open(path, LOG_LOCAL3);
	syslogger_write(LOG_INFO, "once more");
	assert_line("once more");
	ck_assert(!take(text, sizeof(text)));
}
END_TEST

Suite *
syslogger_suite(void)
{
	Suite *suite = suite_create("syslogger");
	TCase *tc = tcase_create("syslogger");

	tcase_set_tags(tc, "fork"); /* what is lost is counted in the process */
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, form);
	tcase_add_test(tc, not_read);
	tcase_add_test(tc, read_slowly);
	tcase_add_test(tc, stream);
	tcase_add_test(tc, restarted);
	tcase_add_test(tc, opened_again);
	suite_add_tcase(suite, tc);
	return suite;
}
