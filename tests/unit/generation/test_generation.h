/* SPDX-License-Identifier: ISC */
#ifndef TEST_GENERATION_H
#define TEST_GENERATION_H

#include <check.h>

#include "test_dir.h"

Suite *generation_suite(void);
Suite *logfile_suite(void);

#endif
