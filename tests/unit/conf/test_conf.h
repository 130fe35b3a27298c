/* SPDX-License-Identifier: ISC */
/*
 * The suites of src/conf. Each test runs in a folder of its own, with
 * configurations under relative names: errors read "t.conf:3: …".
 */
#ifndef TEST_CONF_H
#define TEST_CONF_H

#include <check.h>
#include <stddef.h>

#include "conf/conf.h"

#define COUNT(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))

/* A listener with all that it must have, in one line. */
#define LISTEN(name, rest)						\
	"listen \"" name "\" { address = { \"127.0.0.1:0\" } " rest	\
	" certificate \"c\" { chain = \"c.pem\" } }\n"

struct bad {
	const char *text, *error;
};

Suite *addresses_suite(void);
Suite *assign_suite(void);
Suite *documents_suite(void);
Suite *errors_suite(void);
Suite *files_suite(void);
Suite *include_suite(void);
Suite *print_suite(void);
Suite *processors_suite(void);
Suite *sections_suite(void);
Suite *shape_suite(void);
Suite *syntax_suite(void);
Suite *values_suite(void);

extern char test_dir[64]; /* the folder, absolute */

/* A test case with the folder as its fixture. */
TCase *test_case(const char *name);

void test_write(const char *name, const char *text);

/* Write text to t.conf and load it; the test fails when that does. */
struct conf *test_load(const char *text);

/*
 * Write text to t.conf and load it: expects this error, nothing on standard
 * error, and that a good file still loads afterwards.
 */
void test_refused(const char *text, const char *error);

/* What conf_print() prints, to be freed. */
char *test_printed(const struct conf *);

#endif
