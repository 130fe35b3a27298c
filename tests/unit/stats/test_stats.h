/* SPDX-License-Identifier: ISC */
/* The suites of test_stats. */
#ifndef TEST_STATS_H
#define TEST_STATS_H

#include <check.h>

Suite *heartbeat_suite(void);
Suite *histogram_suite(void);
Suite *names_suite(void);
Suite *scoreboard_suite(void);

#endif
