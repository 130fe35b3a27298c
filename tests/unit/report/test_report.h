/* SPDX-License-Identifier: ISC */
/*
 * The suites of test_report, and caches that have counted whatever a test wants:
 * this program brings its own tlscache_stat() and tlscache_keys_stat().
 */
#ifndef TEST_REPORT_H
#define TEST_REPORT_H

#include <check.h>
#include <tlscache.h>

struct tlscache {
	struct tlscache_stat stat;
};

struct tlscache_keys {
	struct tlscache_keys_stat stat;
};

Suite *report_suite(void);
Suite *report_line_suite(void);
Suite *prometheus_suite(void);

#endif
