/* SPDX-License-Identifier: ISC */
#ifndef TEST_MASTER_H
#define TEST_MASTER_H

#include <check.h>

Suite *handover_suite(void);
Suite *logfile_suite(void);
Suite *sockets_suite(void);
Suite *supervise_suite(void);

/* A folder of the test's own, removed afterwards with what is in it. */
void test_dir_setup(void);
void test_dir_teardown(void);
/* A name in it; the same memory for every call. */
const char *test_path(const char *name);

#endif
