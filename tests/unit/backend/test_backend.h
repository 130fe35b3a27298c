/* SPDX-License-Identifier: ISC */
/* The suites of test_backend. */
#ifndef TEST_BACKEND_H
#define TEST_BACKEND_H

#include <check.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

Suite *choose_suite(void);
Suite *connect_suite(void);
Suite *leg_suite(void);

#endif
