/* SPDX-License-Identifier: ISC */
/* Runs the suites of src/master. */
#include "config.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "test_master.h"

static char dir[64];

void
test_dir_setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/test_master.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

void
test_dir_teardown(void)
{
	struct dirent *de;
	DIR *d;

	d = opendir(dir);
	ck_assert_ptr_nonnull(d);
	while ((de = readdir(d)) != NULL)
		if (de->d_name[0] != '.')
			unlink(test_path(de->d_name));
	closedir(d);
	ck_assert_int_eq(rmdir(dir), 0);
}

const char *
test_path(const char *name)
{
	static char path[400];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

int
main(void)
{
	SRunner *runner;
	int failed;

	log_set_level(LOGLVL_ERROR);
	runner = srunner_create(sockets_suite());
	srunner_add_suite(runner, handover_suite());
	srunner_add_suite(runner, logfile_suite());
	srunner_add_suite(runner, supervise_suite());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
