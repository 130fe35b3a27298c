/* SPDX-License-Identifier: ISC */
/* The parts of libtlscache that know nothing of OpenSSL. */
#include "config.h"

#include <stdlib.h>

#include "test_tlscache.h"

int
main(void)
{
	const char *fd = getenv("TEST_TLSCACHE_ADOPT");
	SRunner *runner;
	int failed;

	if (fd != NULL)
		return cache_adopter(atoi(fd));
	runner = srunner_create(hash_suite());
	srunner_add_suite(runner, segment_suite());
	srunner_add_suite(runner, store_suite());
	srunner_add_suite(runner, move_suite());
	srunner_add_suite(runner, cache_suite());
	srunner_add_suite(runner, damage_suite());
	srunner_add_suite(runner, small_suite());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
