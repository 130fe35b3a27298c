/* SPDX-License-Identifier: ISC */
/* The title, as the kernel shows it; main() has called proctitle_init(). */
#include "config.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/proctitle.h"
#include "test_base.h"

#define SHOWN "/proc/self/cmdline"

START_TEST(title)
{
	char text[4096];
	size_t n;

	proctitle_set("worker %d, a longer title", 10);
	n = test_read(SHOWN, text, sizeof(text));
	ck_assert_str_eq(text, "tlsherd: worker 10, a longer title");
	/* Nothing of the old title or of argv behind a shorter one. */
	proctitle_set("worker %d", 1);
	n = test_read(SHOWN, text, sizeof(text));
	ck_assert_str_eq(text, "tlsherd: worker 1");
	for (; n > strlen("tlsherd: worker 1"); n--)
		ck_assert_int_eq(text[n], '\0');
}
END_TEST

START_TEST(too_long)
{
	char *long_title, text[4096];

	long_title = malloc(1 << 20);
	ck_assert_ptr_nonnull(long_title);
	memset(long_title, 'x', (1 << 20) - 1);
	long_title[(1 << 20) - 1] = '\0';
	proctitle_set("%s", long_title);
	free(long_title);
	test_read(SHOWN, text, sizeof(text));
	ck_assert_int_eq(strncmp(text, "tlsherd: xxx", 12), 0);
}
END_TEST

START_TEST(environment)
{
	proctitle_set("%0500d", 0);
	ck_assert_ptr_nonnull(getenv("PATH"));
	ck_assert_ptr_nonnull(strchr(getenv("PATH"), '/'));
	ck_assert_int_eq(setenv("TEST_PROCTITLE", "1", 1), 0);
	ck_assert_str_eq(getenv("TEST_PROCTITLE"), "1");
	ck_assert_int_eq(unsetenv("TEST_PROCTITLE"), 0);
}
END_TEST

Suite *
proctitle_suite(void)
{
	Suite *suite = suite_create("proctitle");
	TCase *tc = tcase_create("proctitle");
	const char *preload = getenv("LD_PRELOAD");
	bool valgrind = preload != NULL && strstr(preload, "vgpreload");

	/* valgrind shows an argv of its own making */
	if (access(SHOWN, R_OK) == 0 && !valgrind) {
		tcase_add_test(tc, title);
		tcase_add_test(tc, too_long);
	}
	tcase_add_test(tc, environment);
	suite_add_tcase(suite, tc);
	return suite;
}
