/* SPDX-License-Identifier: ISC */
/* The suites of src/base and what they share. */
#ifndef TEST_BASE_H
#define TEST_BASE_H

#include <check.h>
#include <stddef.h>

#include "test_dir.h"

#define COUNT(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))

Suite *addr_suite(void);
Suite *child_suite(void);
Suite *clock_suite(void);
Suite *daemon_suite(void);
Suite *err_suite(void);
Suite *fd_suite(void);
Suite *keepalive_suite(void);
Suite *letter_suite(void);
Suite *log_suite(void);
Suite *mem_suite(void);
Suite *memfile_suite(void);
Suite *names_suite(void);
Suite *notify_suite(void);
Suite *pidfile_suite(void);
Suite *proctitle_suite(void);
Suite *program_suite(void);
Suite *sink_suite(void);
Suite *syslogger_suite(void);
Suite *tail_suite(void);
Suite *units_suite(void);
Suite *words_suite(void);
Suite *wire_suite(void);

/* The text of a file, NUL-terminated; its length. Fails the test otherwise. */
size_t test_read(const char *path, char *buf, size_t size);

#endif
