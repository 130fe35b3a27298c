/* SPDX-License-Identifier: ISC */
/* The suites of test_proxyproto. */
#ifndef TEST_PROXYPROTO_H
#define TEST_PROXYPROTO_H

#include <check.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

Suite *crc32c_suite(void);
Suite *read_v1_suite(void);
Suite *read_v2_suite(void);
Suite *write_suite(void);

#endif
