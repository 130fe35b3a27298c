/* SPDX-License-Identifier: ISC */
/* Runs the suites of src/conf. */
#include "config.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test_conf.h"

char test_dir[64];

static void
setup(void)
{
	snprintf(test_dir, sizeof(test_dir), "/tmp/test_conf.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(test_dir));
	ck_assert_int_eq(chdir(test_dir), 0);
}

static int
remove_cb(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static void
teardown(void)
{
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(nftw(test_dir, remove_cb, 8, FTW_DEPTH | FTW_PHYS),
	    0);
}

TCase *
test_case(const char *name)
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, setup, teardown);
	return tc;
}

void
test_write(const char *name, const char *text)
{
	FILE *fp = fopen(name, "w");

	ck_assert_ptr_nonnull(fp);
	ck_assert_int_ne(fputs(text, fp), EOF);
	ck_assert_int_eq(fclose(fp), 0);
}

struct conf *
test_load(const char *text)
{
	struct conf *conf;
	struct err err;

	test_write("t.conf", text);
	conf = conf_load("t.conf", NULL, 0, &err);
	ck_assert_msg(conf != NULL, "%s", err.text);
	ck_assert_str_eq(err.text, "");
	return conf;
}

void
test_refused(const char *text, const char *error)
{
	struct conf *conf;
	int fd, saved;
	struct stat st;
	struct err err;

	test_write("t.conf", text);
	saved = dup(STDERR_FILENO);
	fd = open("stderr", O_RDWR | O_CREAT | O_TRUNC, 0600);
	ck_assert_int_ne(dup2(fd, STDERR_FILENO), -1);
	conf = conf_load("t.conf", NULL, 0, &err);
	dup2(saved, STDERR_FILENO);
	close(saved);
	ck_assert_int_eq(fstat(fd, &st), 0);
	close(fd);
	ck_assert_msg(conf == NULL, "loaded without: %s", error);
	ck_assert_str_eq(err.text, error);
	ck_assert_int_eq(st.st_size, 0);
	conf_free(test_load(LISTEN("x", "")));
}

char *
test_printed(const struct conf *conf)
{
	size_t size;
	char *text;
	FILE *fp;

	fp = open_memstream(&text, &size);
	ck_assert_ptr_nonnull(fp);
	conf_print(conf, fp);
	ck_assert_int_eq(fclose(fp), 0);
	return text;
}

int
main(void)
{
	SRunner *runner;
	int failed;

	runner = srunner_create(values_suite());
	srunner_add_suite(runner, addresses_suite());
	srunner_add_suite(runner, assign_suite());
	srunner_add_suite(runner, documents_suite());
	srunner_add_suite(runner, errors_suite());
	srunner_add_suite(runner, files_suite());
	srunner_add_suite(runner, include_suite());
	srunner_add_suite(runner, print_suite());
	srunner_add_suite(runner, processors_suite());
	srunner_add_suite(runner, sections_suite());
	srunner_add_suite(runner, shape_suite());
	srunner_add_suite(runner, syntax_suite());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
