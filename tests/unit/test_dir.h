/* SPDX-License-Identifier: ISC */
/* A folder of the test's own: setup and teardown are a checked fixture. */
#ifndef TEST_DIR_H
#define TEST_DIR_H

extern char test_dir[64];
void test_dir_setup(void);
/* Removes it with all that is in it. */
void test_dir_teardown(void);

/* "test_dir/name", in static memory until the next call. */
const char *test_path(const char *name);

#endif
