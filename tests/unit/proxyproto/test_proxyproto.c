/* SPDX-License-Identifier: ISC */
/* Runs the suites of src/proxyproto. */
#include "config.h"

#include <stdlib.h>

#include "test_proxyproto.h"

int
main(void)
{
	SRunner *runner;
	int failed;

	runner = srunner_create(read_v1_suite());
	srunner_add_suite(runner, read_v2_suite());
	srunner_add_suite(runner, write_suite());
	srunner_add_suite(runner, crc32c_suite());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
