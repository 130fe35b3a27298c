/* SPDX-License-Identifier: ISC */
/* Runs the suites of src/tls. */
#include "config.h"

#include <stdlib.h>

#include "base/log.h"
#include "pki.h"
#include "test_tls.h"

int
main(void)
{
	SRunner *runner;
	int failed;

	log_set_level(LOGLVL_ERROR); /* a test of warnings asks for them */
	pki_setup();
	runner = srunner_create(alpn_suite());
	srunner_add_suite(runner, cert_suite());
	srunner_add_suite(runner, client_cert_suite());
	srunner_add_suite(runner, crl_suite());
	srunner_add_suite(runner, early_suite());
	srunner_add_suite(runner, groups_suite());
	srunner_add_suite(runner, hello_suite());
	srunner_add_suite(runner, info_suite());
	srunner_add_suite(runner, keys_file_suite());
	srunner_add_suite(runner, note_suite());
	srunner_add_suite(runner, policy_suite());
	srunner_add_suite(runner, protocol_suite());
	srunner_add_suite(runner, trial_suite());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	pki_cleanup();
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
