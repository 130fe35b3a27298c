/* SPDX-License-Identifier: ISC */
/* Whether a log can be opened, and which log a configuration means. */
#include "config.h"

#include <sys/stat.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "master/master_int.h"
#include "test_master.h"

static char file[] = "a.conf";
static char facility[] = "daemon";
static struct conf conf;
static struct err err;

static void
setup(void)
{
	test_dir_setup();
	memset(&conf, 0, sizeof(conf));
	conf.log.loc.file = file;
	conf.log.loc.line = 7;
	conf.syslog_facility = facility;
	conf.log_level = LOGLVL_ERROR;
}

static void
teardown(void)
{
	free(conf.log.value);
	test_dir_teardown();
}

START_TEST(names_are_good)
{
	static const char *const names[] = { "auto", "stderr", "syslog" };

	conf.log.value = xstrdup(names[_i]);
	ck_assert_int_eq(logfile_check(&conf, &err), 0);
}
END_TEST

START_TEST(file_is_good)
{
	struct stat st;

	conf.log.value = xstrdup(test_path("log"));
	ck_assert_int_eq(logfile_check(&conf, &err), 0);
	ck_assert_int_eq(stat(conf.log.value, &st), 0);
	ck_assert_int_eq(st.st_mode & 0027, 0);
	ck_assert_int_eq(log_fd(), -1);
}
END_TEST

START_TEST(file_cannot_be)
{
	conf.log.value = xstrdup(test_path("no/log"));
	ck_assert_int_eq(logfile_check(&conf, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "a.conf:7: log \""));
	ck_assert_ptr_nonnull(strstr(err.text, "No such file"));
}
END_TEST

START_TEST(auto_means)
{
	struct master_options options;
	struct master m;

	memset(&options, 0, sizeof(options));
	memset(&m, 0, sizeof(m));
	m.options = &options;
	TAILQ_INIT(&m.processes);
	conf.log.value = xstrdup(test_path("log"));
	ck_assert_int_eq(logfile_use(&m, &conf, &err), 0);
	ck_assert_int_ne(log_fd(), -1);
	free(conf.log.value);
	conf.log.value = xstrdup("auto");
	conf.log_level = LOGLVL_DEBUG;
	options.foreground = _i != 0;
	ck_assert_int_eq(logfile_use(&m, &conf, &err), 0);
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
	tcase_add_test(tc, file_cannot_be);
	tcase_add_loop_test(tc, auto_means, 0, 2);
	suite_add_tcase(s, tc);
	return s;
}
