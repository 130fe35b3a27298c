/* SPDX-License-Identifier: ISC */
/* The suites of src/worker. */
#ifndef TEST_WORKER_H
#define TEST_WORKER_H

#include <check.h>

Suite *control_suite(void);

#endif
