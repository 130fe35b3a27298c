/* SPDX-License-Identifier: ISC */
#ifndef TEST_MASTER_H
#define TEST_MASTER_H

#include <check.h>

#include "test_dir.h"

Suite *channel_suite(void);
Suite *handover_suite(void);
Suite *manager_suite(void);
Suite *state_suite(void);
Suite *supervise_suite(void);

#endif
