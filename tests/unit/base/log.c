/* SPDX-License-Identifier: ISC */
/* The log: the form of a line, levels, destinations, reopening, handing on. */
#include "config.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/log.h"
#include "test_base.h"

static char text[65536];

static void
setup(void)
{
	struct err err;

	test_dir_setup();
	log_procinit("");
	log_set_level(LOGLVL_INFO);
	ck_assert_msg(log_open(test_path("log"), "daemon", &err) == 0, "%s",
	    err.text);
}

static void
teardown(void)
{
	struct err err;

	ck_assert_int_eq(log_open("stderr", "daemon", &err), 0);
	log_procinit("");
	log_set_level(LOGLVL_INFO);
	test_dir_teardown();
}

static void
assert_log(const char *name, const char *pattern)
{
	regex_t re;

	test_read(test_path(name), text, sizeof(text));
	ck_assert_int_eq(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
	ck_assert_msg(regexec(&re, text, 0, NULL, 0) == 0, "%s\nis not\n%s",
	    text, pattern);
	regfree(&re);
}

#define HEAD "[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-9:]{8}\\.[0-9]{3}Z " \
	"tlsherd\\[[0-9]+\\] "

START_TEST(form)
{
	log_procinit("worker 3");
	log_info("one %s", "two");
	errno = ENOENT;
	log_warn("file");
	ck_assert_int_eq(errno, ENOENT);
	log_warnx("plain");
	assert_log("log", "^" HEAD "worker 3: one two\n"
	    HEAD "worker 3: file: No such file or directory\n"
	    HEAD "worker 3: plain\n$");
}
END_TEST

START_TEST(hostile)
{
	log_info("a\nb\r\033[2J\177c gr\303\274n");
	assert_log("log", "^" HEAD "a\\\\x0ab\\\\x0d\\\\x1b\\[2J\\\\x7fc "
	    "gr\303\274n\n$");
}
END_TEST

static const struct {
	int length;
	unsigned char fill;
	bool cut;
} lengths[] = {
	{ 4000, 'x', false }, { 4095, 'x', true }, { 4096, 'x', true },
	{ 9000, 'x', true }, { 900, '\n', false }, { 2000, '\n', true },
};

START_TEST(length)
{
	char long_text[10000];
	size_t n;

	memset(long_text, lengths[_i].fill, sizeof(long_text));
	long_text[lengths[_i].length] = '\0';
	log_info("%s", long_text);
	n = test_read(test_path("log"), text, sizeof(text));
	ck_assert_uint_le(n, 4096);
	ck_assert_int_eq(text[n - 1], '\n');
	ck_assert_ptr_eq(strchr(text, '\n'), text + n - 1);
	ck_assert_int_eq(strcmp(text + n - 7, " [cut]\n") == 0,
	    lengths[_i].cut);
}
END_TEST

START_TEST(level)
{
	enum log_level parsed;

	log_set_level(LOGLVL_WARNING);
	ck_assert(log_enabled(LOGLVL_ERROR));
	ck_assert(log_enabled(LOGLVL_WARNING));
	ck_assert(!log_enabled(LOGLVL_NOTICE));
	log_errorx("e");
	log_warnx("w");
	log_notice("n");
	log_info("i");
	log_debug("d");
	assert_log("log", "^" HEAD "e\n" HEAD "w\n$");
	ck_assert_int_eq(log_level_parse("debug", &parsed), 0);
	log_set_level(parsed);
	log_notice("n");
	log_info("i");
	log_debug("d");
	assert_log("log", "w\n" HEAD "n\n" HEAD "i\n" HEAD "d\n$");
	ck_assert_int_eq(log_level_parse("loud", &parsed), -1);
	ck_assert_int_eq(log_level_parse("", &parsed), -1);
}
END_TEST

START_TEST(reopen)
{
	char old[128];
	struct err err;

	snprintf(old, sizeof(old), "%s.1", test_path("log"));
	log_info("first");
	ck_assert_int_eq(rename(test_path("log"), old), 0);
	log_info("second");
	ck_assert_int_eq(log_reopen(&err), 0);
	log_info("third");
	assert_log("log.1", "^" HEAD "first\n" HEAD "second\n$");
	assert_log("log", "^" HEAD "third\n$");
}
END_TEST

/* A log that cannot be opened leaves the one before in use. */
START_TEST(fails)
{
	char expected[256];
	struct err err;
	int fd = log_fd();

	ck_assert_int_eq(log_open(test_path("none/log"), "daemon", &err), -1);
	snprintf(expected, sizeof(expected),
	    "log file %s: No such file or directory", test_path("none/log"));
	ck_assert_str_eq(err.text, expected);
	ck_assert_int_eq(log_open("relative", "daemon", &err), -1);
	ck_assert_str_eq(err.text,
	    "log \"relative\": stderr, syslog or an absolute path is expected");
	ck_assert_int_eq(log_open("syslog", "kitchen", &err), -1);
	ck_assert_str_eq(err.text, "unknown syslog facility \"kitchen\"");
	ck_assert_int_eq(log_fd(), fd);
	log_info("still here");
	assert_log("log", "^" HEAD "still here\n$");
}
END_TEST

START_TEST(mode)
{
	struct stat st;

	ck_assert_int_eq(stat(test_path("log"), &st), 0);
	ck_assert_int_eq(st.st_mode & 0777 & ~0640, 0);
	ck_assert_int_ne(fcntl(log_fd(), F_GETFD) & FD_CLOEXEC, 0);
	ck_assert_int_ne(fcntl(log_fd(), F_GETFL) & O_APPEND, 0);
}
END_TEST

/* A worker gets the master's new file as a descriptor. */
START_TEST(adopt)
{
	struct err err;
	int fd;

	fd = open(test_path("new"), O_WRONLY | O_APPEND | O_CREAT, 0600);
	ck_assert_int_ne(fd, -1);
	log_adopt_fd(fd);
	ck_assert_int_eq(log_fd(), fd);
	log_info("adopted");
	ck_assert_int_eq(log_reopen(&err), 0); /* knows no path: goes on */
	log_info("again");
	assert_log("new", "^" HEAD "adopted\n" HEAD "again\n$");
}
END_TEST

START_TEST(to_stderr)
{
	struct err err;
	int fd, saved;

	saved = dup(STDERR_FILENO);
	fd = open(test_path("stderr"), O_WRONLY | O_CREAT, 0600);
	ck_assert_int_ne(dup2(fd, STDERR_FILENO), -1);
	ck_assert_int_eq(log_open("stderr", "daemon", &err), 0);
	ck_assert_int_eq(log_fd(), -1);
	ck_assert_int_eq(log_reopen(&err), 0);
	log_info("to stderr");
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(fd);
	assert_log("stderr", "^" HEAD "to stderr\n$");
}
END_TEST

START_TEST(facility)
{
	int number = -1;

	ck_assert_int_eq(log_facility_parse("daemon", &number), 0);
	ck_assert_int_eq(number, LOG_DAEMON);
	ck_assert_int_eq(log_facility_parse("LOCAL7", &number), 0);
	ck_assert_int_eq(number, LOG_LOCAL7);
	ck_assert_int_eq(log_facility_parse("local8", &number), -1);
	ck_assert_int_eq(log_facility_parse("", &number), -1);
}
END_TEST

/* Lines of processes that write at the same time stay whole. */
START_TEST(together)
{
	char *line, *rest;
	int child, i, lines = 0, status;

	for (child = 0; child < 4; child++) {
		if (fork() != 0)
			continue;
		for (i = 0; i < 100; i++)
			log_info("%0100d", child);
		_exit(0);
	}
	for (child = 0; child < 4; child++) {
		ck_assert_int_ne(wait(&status), -1);
		ck_assert_int_eq(status, 0);
	}
	test_read(test_path("log"), text, sizeof(text));
	for (line = strtok_r(text, "\n", &rest); line != NULL;
	    line = strtok_r(NULL, "\n", &rest), lines++) {
		ck_assert_int_eq(strncmp(line, "20", 2), 0);
		ck_assert_ptr_nonnull(strstr(line, "] 000000"));
		ck_assert_uint_eq(strlen(strchr(line, ']')), 102);
	}
	ck_assert_int_eq(lines, 400);
}
END_TEST

static void
die(void (*how)(const char *))
{
	int status;
	pid_t pid;

	pid = fork();
	ck_assert_int_ne(pid, -1);
	if (pid == 0) {
		errno = EACCES;
		how("end");
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 1);
}

static void
die_fatal(const char *why)
{
	fatal("%s", why);
}

static void
die_fatalx(const char *why)
{
	fatalx("%s", why);
}

START_TEST(fatals)
{
	die(die_fatal);
	die(die_fatalx);
	assert_log("log", "^" HEAD "end: Permission denied\n" HEAD "end\n$");
}
END_TEST

Suite *
log_suite(void)
{
	Suite *suite = suite_create("log");
	TCase *tc = tcase_create("log");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, form);
	tcase_add_test(tc, hostile);
	tcase_add_loop_test(tc, length, 0, COUNT(lengths));
	tcase_add_test(tc, level);
	tcase_add_test(tc, reopen);
	tcase_add_test(tc, fails);
	tcase_add_test(tc, mode);
	tcase_add_test(tc, adopt);
	tcase_add_test(tc, to_stderr);
	tcase_add_test(tc, facility);
	tcase_add_test(tc, together);
	tcase_add_test(tc, fatals);
	suite_add_tcase(suite, tc);
	return suite;
}
