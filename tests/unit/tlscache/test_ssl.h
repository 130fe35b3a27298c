/* SPDX-License-Identifier: ISC */
/* The suites of test_tlscache_ssl. */
#ifndef TEST_SSL_H
#define TEST_SSL_H

#include <check.h>

Suite *attach_suite(void);
Suite *early_suite(void);
Suite *keys_suite(void);
Suite *keys_plan_suite(void);

#endif
