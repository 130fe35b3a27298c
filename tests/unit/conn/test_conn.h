/* SPDX-License-Identifier: ISC */
/* The suites of test_conn. */
#ifndef TEST_CONN_H
#define TEST_CONN_H

#include <check.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

Suite *close_suite(void);
Suite *deadline_suite(void);
Suite *early_suite(void);
Suite *handshake_suite(void);
Suite *kv_suite(void);
Suite *log_suite(void);
Suite *preface_suite(void);
Suite *scratch_suite(void);
Suite *stream_suite(void);

#endif
