/* SPDX-License-Identifier: ISC */
/* Runs the suites of src/master. */
#include "config.h"

#include <stdlib.h>

#include "base/log.h"
#include "test_master.h"

int
main(void)
{
	SRunner *runner;
	int failed;

	log_set_level(LOGLVL_ERROR);
	runner = srunner_create(channel_suite());
	srunner_add_suite(runner, handover_suite());
	srunner_add_suite(runner, manager_suite());
	srunner_add_suite(runner, state_suite());
	srunner_add_suite(runner, supervise_suite());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
