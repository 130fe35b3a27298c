/* SPDX-License-Identifier: ISC */
/* Runs the suites of src/report. */
#include "config.h"

#include <stdlib.h>

#include "test_report.h"

void
tlscache_stat(const struct tlscache *cache, struct tlscache_stat *stat)
{
	*stat = cache->stat;
}

void
tlscache_keys_stat(const struct tlscache_keys *keys,
    struct tlscache_keys_stat *stat)
{
	*stat = keys->stat;
}

int
main(void)
{
	SRunner *runner;
	int failed;

	runner = srunner_create(report_suite());
	srunner_add_suite(runner, report_line_suite());
	srunner_add_suite(runner, prometheus_suite());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
