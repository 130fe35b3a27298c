/* SPDX-License-Identifier: ISC */
/* Whether a log can be opened, and which log a configuration means. */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "generation/generation.h"
#include "test_generation.h"

static char file[] = "a.conf";
static char facility[] = "daemon";
static struct conf conf;
static struct generation g = { .conf = &conf };
static struct err err;

static void
setup(void)
{
	test_dir_setup();
	memset(&conf, 0, sizeof(conf));
	g.log_fd = -1;
	conf.log.loc.file = file;
	conf.log.loc.line = 7;
	conf.syslog_facility = facility;
	conf.log_level = LOGLVL_ERROR;
}

static void
teardown(void)
{
	if (g.log_fd != -1)
		close(g.log_fd);
	free(conf.log.value);
	test_dir_teardown();
}

START_TEST(names_are_good)
{
	static const char *const names[] = { "auto", "stderr", "syslog" };

	conf.log.value = xstrdup(names[_i]);
	ck_assert_int_eq(conf_check_paths(&conf, &err), 0);
	ck_assert_int_eq(logfile_open(&g, &err), 0);
	ck_assert_int_eq(g.log_fd, -1);
}
END_TEST

START_TEST(file_is_good)
{
	struct stat st;

	conf.log.value = xstrdup(test_path("log"));
	ck_assert_int_eq(conf_check_paths(&conf, &err), 0);
	ck_assert_int_eq(stat(conf.log.value, &st), -1);
	ck_assert_int_eq(logfile_open(&g, &err), 0);
	ck_assert_int_eq(stat(conf.log.value, &st), 0);
	ck_assert_int_eq(st.st_mode & 0027, 0);
	ck_assert_int_eq(log_fd(), -1);
}
END_TEST

/* What cannot be the log, whether there is a file or not. */
static const struct {
	const char *path, *text;
	bool tested; /* … in a test of the configuration, too */
} bad[] = {
	{ "no/log", "No such file", true },
	{ "folder", "Is a directory", true },
	{ "file/log", "Not a directory", true },
	{ "pipe", "nobody reads this pipe", false },
	{ "nowhere", "No such file", true }, /* a link to no/log */
	{ "to_pipe", "nobody reads this pipe", false },
};

START_TEST(file_cannot_be)
{
	conf.log.value = xstrdup(test_path(bad[_i].path));
	ck_assert_int_eq(mkdir(test_path("folder"), 0755), 0);
	ck_assert_int_eq(mkfifo(test_path("pipe"), 0644), 0);
	ck_assert_int_eq(close(creat(test_path("file"), 0644)), 0);
	ck_assert_int_eq(symlink("no/log", test_path("nowhere")), 0);
	ck_assert_int_eq(symlink("pipe", test_path("to_pipe")), 0);
	ck_assert_int_eq(conf_check_paths(&conf, &err),
	    bad[_i].tested ? -1 : 0);
	if (bad[_i].tested) {
		ck_assert_ptr_nonnull(strstr(err.text, "a.conf:7: log \""));
		ck_assert_ptr_nonnull(strstr(err.text, bad[_i].text));
	}
	err.text[0] = '\0';
	ck_assert_int_eq(logfile_open(&g, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "a.conf:7: log \""));
	ck_assert_ptr_nonnull(strstr(err.text, bad[_i].text));
	ck_assert_int_eq(rmdir(test_path("folder")), 0);
}
END_TEST

/* A writer that comes and goes is the end for who reads it. */
START_TEST(pipe_is_not_opened_for_a_test)
{
	struct pollfd p = { .events = POLLIN };

	conf.log.value = xstrdup(test_path("pipe"));
	ck_assert_int_eq(mkfifo(conf.log.value, 0644), 0);
	p.fd = open(conf.log.value, O_RDONLY | O_NONBLOCK);
	ck_assert_int_ne(p.fd, -1);
	ck_assert_int_eq(conf_check_paths(&conf, &err), 0);
	ck_assert_int_eq(poll(&p, 1, 0), 0);
	close(p.fd);
}
END_TEST

/* Who reads it must not meet an end between the check and the first line. */
START_TEST(pipe_stays_open)
{
	char byte;
	int reader;

	conf.log.value = xstrdup(test_path("pipe"));
	ck_assert_int_eq(mkfifo(conf.log.value, 0644), 0);
	reader = open(conf.log.value, O_RDONLY | O_NONBLOCK);
	ck_assert_int_ne(reader, -1);
	ck_assert_int_eq(logfile_open(&g, &err), 0);
	ck_assert_int_eq(read(reader, &byte, 1), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_eq(logfile_use(&g, false, &err), 0);
	ck_assert_int_eq(read(reader, &byte, 1), -1);
	ck_assert_int_eq(errno, EAGAIN);
	/* … and a full one is nothing to wait for. */
	ck_assert_int_ne(fcntl(log_fd(), F_GETFL) & O_NONBLOCK, 0);
	close(reader);
	ck_assert_int_eq(log_open("stderr", facility, &err), 0);
}
END_TEST

START_TEST(auto_means)
{
	conf.log.value = xstrdup(test_path("log"));
	ck_assert_int_eq(logfile_use(&g, false, &err), 0);
	ck_assert_int_ne(log_fd(), -1);
	free(conf.log.value);
	conf.log.value = xstrdup("auto");
	conf.log_level = LOGLVL_DEBUG;
	ck_assert_int_eq(logfile_use(&g, _i != 0, &err), 0);
	ck_assert_int_eq(log_fd(), -1);
	ck_assert(log_enabled(LOGLVL_DEBUG));
}
END_TEST

Suite *
logfile_suite(void)
{
	Suite *s = suite_create("logfile");
	TCase *tc = tcase_create("logfile");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, names_are_good, 0, 3);
	tcase_add_test(tc, file_is_good);
	tcase_add_loop_test(tc, file_cannot_be, 0,
	    sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(tc, pipe_is_not_opened_for_a_test);
	tcase_add_test(tc, pipe_stays_open);
	tcase_add_loop_test(tc, auto_means, 0, 2);
	suite_add_tcase(s, tc);
	return s;
}
