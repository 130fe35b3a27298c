/* SPDX-License-Identifier: ISC */
/*
 * A log whose reader does not read, in each form that one can have, and disks
 * that are full. What waits ends in Check's time-out.
 */
#include "config.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "test_base.h"

/* More than a pipe, a terminal or a socket keeps. */
#define MANY 40000

static int saved = -1; /* standard error as it was */
static _Atomic uint64_t count;

static void
setup(void)
{
	test_dir_setup();
	(void)signal(SIGPIPE, SIG_IGN);
	count = 0;
	log_count_lost(&count);
	saved = dup(STDERR_FILENO);
}

static void
teardown(void)
{
	struct err err;

	dup2(saved, STDERR_FILENO);
	close(saved);
	ck_assert_int_eq(log_open("stderr", "daemon", &err), 0);
	test_dir_teardown();
}

/* The log to standard error, which is fd from now on. */
static void
to_stderr(int fd)
{
	struct err err;

	ck_assert_int_ne(dup2(fd, STDERR_FILENO), -1);
	close(fd);
	ck_assert_int_eq(log_open("stderr", "daemon", &err), 0);
}

static int
by_pipe(void)
{
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	to_stderr(fds[1]);
	return fds[0];
}

static int
by_fifo(void)
{
	struct err err;
	int fd;

	ck_assert_int_eq(mkfifo(test_path("fifo"), 0600), 0);
	fd = open(test_path("fifo"), O_RDONLY | O_NONBLOCK);
	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(log_open(test_path("fifo"), "daemon", &err), 0);
	return fd;
}

static int
by_terminal(void)
{
	int fd, slave;

	fd = posix_openpt(O_RDWR | O_NOCTTY);
	ck_assert_int_ne(fd, -1);
	ck_assert(grantpt(fd) == 0 && unlockpt(fd) == 0);
	slave = open(ptsname(fd), O_RDWR | O_NOCTTY);
	ck_assert_int_ne(slave, -1);
	to_stderr(slave);
	return fd;
}

static int
by_socket(void)
{
	int sv[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	to_stderr(sv[1]);
	return sv[0];
}

static int (*const sinks[])(void) = { by_pipe, by_fifo, by_terminal,
	by_socket };

/* Read until this stands there, and count the whole lines before. */
static unsigned
read_until(int fd, const char *end, unsigned *lost)
{
	static char buf[4096];
	size_t have = 0;
	unsigned lines = 0;
	char *nl, *p;
	ssize_t n;

	for (;;) {
		n = read(fd, buf + have, sizeof(buf) - have - 1);
		if (n == -1 && errno == EAGAIN)
			continue;
		ck_assert_int_gt(n, 0);
		have += (size_t)n;
		buf[have] = '\0';
		while ((nl = strchr(buf, '\n')) != NULL) {
			*nl = '\0';
			if (strstr(buf, end) != NULL)
				return lines;
			if ((p = strstr(buf, "] ")) != NULL &&
			    strstr(p, " lost here: ") != NULL)
				*lost += (unsigned)atoi(p + 2);
			else if (strstr(buf, "] a line of text") != NULL) {
				ck_assert_ptr_nonnull(strstr(buf, "text end"));
				lines++;
			}
			have -= (size_t)(nl + 1 - buf);
			memmove(buf, nl + 1, have + 1);
		}
	}
}

/*
 * Nobody reads, then somebody does: no line waits, each was taken or is
 * counted, and those that were taken are whole.
 */
START_TEST(stalled)
{
	unsigned lines, lost = 0;
	int fd, i, status;
	pid_t pid;

	fd = sinks[_i]();
	for (i = 0; i < MANY; i++)
		log_warnx("a line of text, %060d, text end", i);
	ck_assert_uint_gt(count, 0);
	ck_assert_uint_lt(count, MANY);
	ck_assert_int_eq(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK, 0);
	pid = fork();
	ck_assert_int_ne(pid, -1);
	if (pid == 0) {
		for (;;) { /* each is the first one with room, or lost */
			usleep(1000);
			log_warnx("the end");
		}
	}
	lines = read_until(fd, "the end", &lost);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	close(fd);
	ck_assert_uint_ge(lost, count);
	/* A torn one is lost, and stands there in part. */
	ck_assert_uint_eq(lines + count, MANY);
}
END_TEST

/* A reader that goes and comes again. */
START_TEST(reader_gone)
{
	unsigned lost = 0;
	int fd;

	close(by_fifo());
	log_warnx("to nobody");
	log_warnx("to nobody");
	ck_assert_uint_eq(count, 2);
	fd = open(test_path("fifo"), O_RDONLY | O_NONBLOCK);
	ck_assert_int_ne(fd, -1);
	log_warnx("the end");
	ck_assert_uint_eq(read_until(fd, "the end", &lost), 0);
	ck_assert_uint_eq(lost, 2);
	close(fd);
}
END_TEST

/*
 * A file that cannot grow, as on a full disk: a part of a line is left, and
 * another process, that does not know, does not write behind it.
 */
START_TEST(torn)
{
	struct rlimit all, limit;
	char text[4096];
	struct err err;
	int status;
	pid_t pid;

	(void)signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &all), 0);
	limit = all;
	ck_assert_int_eq(log_open(test_path("log"), "daemon", &err), 0);
	log_warnx("whole");
	pid = fork();
	ck_assert_int_ne(pid, -1);
	if (pid == 0) {
		limit.rlim_cur = 100;
		(void)setrlimit(RLIMIT_FSIZE, &limit);
		log_warnx("torn %0100d", 1);
		log_warnx("not there %0100d", 1);
		_exit(count == 2 ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	log_warnx("again");
	test_read(test_path("log"), text, sizeof(text));
	ck_assert_ptr_nonnull(strstr(text, "] whole\n"));
	ck_assert_ptr_nonnull(strstr(text, "] torn 0000"));
	ck_assert_ptr_nonnull(strstr(text, "0\n2"));
	ck_assert_ptr_nonnull(strstr(text, "] 2 lines were lost here: "));
	ck_assert_ptr_nonnull(strstr(text, "] again\n"));
	ck_assert_ptr_null(strstr(text, "not there"));
}
END_TEST

START_TEST(full_device)
{
	char text[1024];
	struct err err;

	if (access("/dev/full", W_OK) == -1)
		return;
	ck_assert_int_eq(log_open("/dev/full", "daemon", &err), 0);
	log_warnx("nowhere");
	ck_assert_int_eq(log_open(test_path("log"), "daemon", &err), 0);
	log_warnx("here");
	ck_assert_uint_eq(count, 1);
	test_read(test_path("log"), text, sizeof(text));
	ck_assert_ptr_nonnull(strstr(text, "] 1 line was lost here: "
	    "No space left on device\n"));
}
END_TEST

/* A daemon gives its terminal back; the log must not keep it. */
START_TEST(stderr_changed)
{
	char buf[256];
	int fd, null;

	fd = by_pipe();
	log_warnx("a line of text, text end");
	null = open("/dev/null", O_WRONLY);
	ck_assert_int_ne(dup2(null, STDERR_FILENO), -1);
	close(null);
	log_stderr_changed();
	log_warnx("to nowhere");
	ck_assert_int_gt(read(fd, buf, sizeof(buf)), 0);
	ck_assert_int_eq(read(fd, buf, sizeof(buf)), 0);
	close(fd);
}
END_TEST

Suite *
sink_suite(void)
{
	Suite *suite = suite_create("sink");
	TCase *tc = tcase_create("sink");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 20);
	tcase_add_loop_test(tc, stalled, 0, COUNT(sinks));
	tcase_add_test(tc, reader_gone);
	tcase_add_test(tc, torn);
	tcase_add_test(tc, full_device);
	tcase_add_test(tc, stderr_changed);
	suite_add_tcase(suite, tc);
	return suite;
}
