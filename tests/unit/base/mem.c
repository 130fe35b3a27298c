/* SPDX-License-Identifier: ISC */
/* Memory that is there or ends the process. */
#include "config.h"

#include <sys/resource.h>

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "test_base.h"

START_TEST(works)
{
	char *p;
	int i;

	p = xcalloc(16, 2);
	for (i = 0; i < 32; i++)
		ck_assert_int_eq(p[i], 0);
	p = xreallocarray(p, 100, 100);
	p[9999] = 'x';
	p = xreallocarray(p, 0, 8);
	ck_assert_ptr_nonnull(p);
	free(p);
	p = xcalloc(0, 0);
	ck_assert_ptr_nonnull(p);
	free(p);
	p = xstrdup("copy");
	ck_assert_str_eq(p, "copy");
	free(p);
	p = xasprintf("%s-%03d", "a", 7);
	ck_assert_str_eq(p, "a-007");
	free(p);
}
END_TEST

/* The message is fatal()'s affair; it would only clutter the test's output. */
static void
quiet(void)
{
	int fd = open("/dev/null", O_WRONLY);

	ck_assert_int_ne(dup2(fd, STDERR_FILENO), -1);
}

START_TEST(product_overflows)
{
	quiet();
	free(xreallocarray(NULL, SIZE_MAX / 2, 3));
}
END_TEST

/* With sanitizers there is no limit to what may be reserved. */
#if defined(__SANITIZE_ADDRESS__)
#define LIMITED 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LIMITED 0
#endif
#endif
#ifndef LIMITED
#define LIMITED 1
#endif

/* It is told before small things fail, and no longer when there is room. */
START_TEST(spare)
{
	struct rlimit limit = { 0, 0 };
	char *held[64], *small;
	size_t n;

	ck_assert(mem_spare());
	if (!LIMITED)
		return;
	limit.rlim_cur = limit.rlim_max = (rlim_t)256 << 20;
	ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
	for (n = 0; n < 64 && mem_spare(); n++) {
		held[n] = malloc(MEM_SPARE / 2);
		ck_assert_ptr_nonnull(held[n]);
	}
	ck_assert_uint_gt(n, 2);
	ck_assert_uint_lt(n, 64);
	small = malloc(MEM_SPARE / 4);
	ck_assert_ptr_nonnull(small);
	free(small);
	while (n > 0)
		free(held[--n]);
	ck_assert(mem_spare());
}
END_TEST

Suite *
mem_suite(void)
{
	Suite *suite = suite_create("mem");
	TCase *tc = tcase_create("mem");
	const char *fork_mode = getenv("CK_FORK");

	tcase_add_test(tc, works);
	if (fork_mode == NULL || fork_mode[0] != 'n') {
		tcase_add_test(tc, spare);
		tcase_add_exit_test(tc, product_overflows, 1);
	}
	suite_add_tcase(suite, tc);
	return suite;
}
