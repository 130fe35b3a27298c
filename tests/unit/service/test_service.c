/* SPDX-License-Identifier: ISC */
/* Runs the suites of src/service. */
#include "config.h"

#include <err.h>
#include <stdlib.h>

#include "base/log.h"
#include "pki.h"
#include "test_service.h"

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
	pki_setup();
	runner = srunner_create(service_suite());
	srunner_add_suite(runner, proxy_suite());
	srunner_add_suite(runner, proxy_backend_suite());
	srunner_add_suite(runner, proxy_end_suite());
	srunner_add_suite(runner, proxy_header_suite());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	pki_cleanup();
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
