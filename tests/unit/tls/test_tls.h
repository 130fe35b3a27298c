/* SPDX-License-Identifier: ISC */
/* The suites of test_tls. */
#ifndef TEST_TLS_H
#define TEST_TLS_H

#include <check.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

Suite *alpn_suite(void);
Suite *cert_suite(void);
Suite *client_cert_suite(void);
Suite *crl_suite(void);
Suite *early_suite(void);
Suite *groups_suite(void);
Suite *hello_suite(void);
Suite *info_suite(void);
Suite *keys_file_suite(void);
Suite *note_suite(void);
Suite *policy_suite(void);
Suite *protocol_suite(void);
Suite *trial_suite(void);

#endif
