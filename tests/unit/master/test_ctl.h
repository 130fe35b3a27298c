/* SPDX-License-Identifier: ISC */
/*
 * The suites of test_ctl, and caches that have counted whatever a test wants:
 * this program brings its own tlscache_stat() and tlscache_keys_stat().
 */
#ifndef TEST_CTL_H
#define TEST_CTL_H

#include <check.h>
#include <tlscache.h>

struct tlscache {
	struct tlscache_stat stat;
};

struct tlscache_keys {
	struct tlscache_keys_stat stat;
};

Suite *ctl_suite(void);
Suite *report_suite(void);
Suite *report_line_suite(void);

#endif
