/* SPDX-License-Identifier: ISC */
/* Runs the suites of src/stats. */
#include "config.h"

#include <stdlib.h>

#include "test_stats.h"

int
main(void)
{
	SRunner *runner;
	int failed;

	runner = srunner_create(names_suite());
	srunner_add_suite(runner, scoreboard_suite());
	srunner_add_suite(runner, heartbeat_suite());
	srunner_add_suite(runner, histogram_suite());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
