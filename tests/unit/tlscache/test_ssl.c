/* SPDX-License-Identifier: ISC */
/* The parts of libtlscache that know OpenSSL. */
#include "config.h"

#include <stdlib.h>

#include "test_ssl.h"

int
main(void)
{
	SRunner *runner;
	int failed;

	runner = srunner_create(attach_suite());
	srunner_add_suite(runner, early_suite());
	srunner_add_suite(runner, keys_suite());
	srunner_add_suite(runner, keys_plan_suite());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
