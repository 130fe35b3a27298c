/* SPDX-License-Identifier: ISC */
/* The suites of test_service; they stand in the world of tests/unit/conn. */
#ifndef TEST_SERVICE_H
#define TEST_SERVICE_H

#include <check.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

Suite *proxy_suite(void);
Suite *proxy_backend_suite(void);
Suite *proxy_end_suite(void);
Suite *proxy_header_suite(void);
Suite *service_suite(void);

#endif
