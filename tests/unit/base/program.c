/* SPDX-License-Identifier: ISC */
/* The path of the program, as it was called. */
#include "config.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/program.h"
#include "test_base.h"

static void
touch(const char *name, mode_t mode)
{
	int fd = open(test_path(name), O_WRONLY | O_CREAT, mode);

	ck_assert_int_ne(fd, -1);
	close(fd);
}

/* What the test changes. */
static const char *path_was;

/* There are a/prog, which is no program, b/prog, and a link to it. */
static void
setup(void)
{
	test_dir_setup();
	path_was = getenv("PATH");
	ck_assert_ptr_nonnull(path_was);
	ck_assert_int_eq(mkdir(test_path("a"), 0700), 0);
	ck_assert_int_eq(mkdir(test_path("b"), 0700), 0);
	touch("a/prog", 0600);
	touch("b/prog", 0700);
	ck_assert_int_eq(symlink("b/prog", test_path("link")), 0);
	ck_assert_int_eq(chdir(test_dir), 0);
}

static void
teardown(void)
{
	ck_assert_int_eq(setenv("PATH", path_was, 1), 0);
	ck_assert_int_eq(chdir("/"), 0);
	test_dir_teardown();
}

/* "@" stands for the folder; path NULL: there is none. */
static const struct {
	const char *argv0, *env, *path;
} rows[] = {
	{ "/usr/sbin/x", "@/b", "/usr/sbin/x" },
	{ "@/link", "", "@/link" },
	{ "b/prog", "", "@/b/prog" },
	{ "./b/prog", "", "@/./b/prog" },
	{ "prog", "@/none:@/a:@/b", "@/b/prog" },
	{ "link", "/none:@", "@/link" },
	{ "prog", "b", "@/b/prog" },
	{ "link", "/none:", "@/./link" },
	{ "prog", "@/a", NULL },
	{ "prog", NULL, NULL },
	{ "", "@/b", NULL },
	{ NULL, "@/b", NULL },
};

static const char *
expand(const char *text, char *buf, size_t size)
{
	size_t n = 0;

	if (text == NULL)
		return NULL;
	buf[0] = '\0';
	for (; *text != '\0'; text++)
		n += (size_t)snprintf(buf + n, size - n, *text == '@' ? "%s" :
		    "%.1s", *text == '@' ? test_dir : text);
	return buf;
}

START_TEST(path)
{
	char argv0[PATH_MAX], env[PATH_MAX], want[PATH_MAX], *got;

	if (rows[_i].env == NULL)
		unsetenv("PATH");
	else
		setenv("PATH", expand(rows[_i].env, env, sizeof(env)), 1);
	got = program_path(expand(rows[_i].argv0, argv0, sizeof(argv0)));
	if (rows[_i].path == NULL)
		ck_assert_ptr_null(got);
	else
		ck_assert_str_eq(got, expand(rows[_i].path, want,
		    sizeof(want)));
	free(got);
}
END_TEST

START_TEST(absolute)
{
	char expected[256];
	char *found;

	snprintf(expected, sizeof(expected), "%s/link", test_dir);
	found = program_absolute("link");
	ck_assert_str_eq(found, expected);
	free(found);
	ck_assert_int_eq(chdir("/"), 0);
	found = program_absolute("etc");
	ck_assert_str_eq(found, "/etc");
	free(found);
	found = program_absolute("/a/../b");
	ck_assert_str_eq(found, "/a/../b");
	free(found);
}
END_TEST

Suite *
program_suite(void)
{
	Suite *suite = suite_create("program");
	TCase *tc = tcase_create("program");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, path, 0, COUNT(rows));
	tcase_add_test(tc, absolute);
	suite_add_tcase(suite, tc);
	return suite;
}
