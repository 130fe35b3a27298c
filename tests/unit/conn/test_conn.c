/* SPDX-License-Identifier: ISC */
/* Runs the suites of src/conn. */
#include "config.h"

#include <err.h>
#include <stdlib.h>

#include "base/log.h"
#include "pki.h"
#include "test_conn.h"

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
	runner = srunner_create(close_suite());
	srunner_add_suite(runner, deadline_suite());
	srunner_add_suite(runner, early_suite());
	srunner_add_suite(runner, handshake_suite());
	srunner_add_suite(runner, kv_suite());
	srunner_add_suite(runner, log_suite());
	srunner_add_suite(runner, preface_suite());
	srunner_add_suite(runner, scratch_suite());
	srunner_add_suite(runner, stream_suite());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	pki_cleanup();
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
