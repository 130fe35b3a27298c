/* SPDX-License-Identifier: ISC */
/* Runs the suites of src/backend. */
#include "config.h"

#include <err.h>
#include <stdlib.h>

#include "base/log.h"
#include "test_backend.h"

int
main(void)
{
	SRunner *runner;
	struct err err;
	int failed;

	/* With its descriptor from the beginning: tests count them. */
	if (log_open("stderr", "daemon", &err) == -1)
		errx(EXIT_FAILURE, "%s", err.text);
	log_set_level(LOGLVL_ERROR);
	runner = srunner_create(choose_suite());
	srunner_add_suite(runner, connect_suite());
	srunner_add_suite(runner, leg_suite());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
