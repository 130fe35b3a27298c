/* SPDX-License-Identifier: ISC */
/* workers = auto: quotas of control groups, below a root of our own. */
#include "config.h"

#include <sys/stat.h>

#include <stdio.h>
#include <string.h>

#include "conf/conf_int.h"
#include "test_conf.h"

#define V2 "sys/fs/cgroup/"
#define V1 "sys/fs/cgroup/cpu/"

static const struct {
	const char *groups; /* /proc/self/cgroup; NULL: there is none */
	struct {
		const char *path, *text;
	} files[3];
	unsigned most; /* 0: as many as there are */
} rows[] = {
	{ NULL, { { NULL, NULL } }, 0 },
	{ "", { { V2 "cpu.max", "50000 100000\n" } }, 0 },
	{ "0::/\n", { { V2 "cpu.max", "50000 100000\n" } }, 1 },
	{ "0::/\n", { { V2 "cpu.max", "100000 100000\n" } }, 1 },
	{ "0::/\n", { { V2 "cpu.max", "100001 100000\n" } }, 2 },
	{ "0::/\n", { { V2 "cpu.max", "max 100000\n" } }, 0 },
	{ "0::/\n", { { V2 "cpu.max", "1 1000000\n" } }, 1 },
	{ "0::/\n", { { V2 "cpu.max", "0 100000\n" } }, 0 },
	{ "0::/\n", { { V2 "cpu.max", "50000 0\n" } }, 0 },
	{ "0::/\n", { { V2 "cpu.max", "" } }, 0 },
	{ "0::/\n", { { V2 "cpu.max", "9999999999999 1\n" } }, 0 },
	/* Any group on the way. */
	{ "0::/a/b\n", { { V2 "a/b/cpu.max", "50000 100000\n" } }, 1 },
	{ "0::/a/b\n", { { V2 "a/cpu.max", "50000 100000\n" },
	    { V2 "a/b/cpu.max", "max 100000\n" } }, 1 },
	{ "0::/a/b\n", { { V2 "a/cpu.max", "200000 100000\n" },
	    { V2 "a/b/cpu.max", "50000 100000\n" } }, 1 },
	{ "0::/a/b\n", { { V2 "a/b/c/cpu.max", "50000 100000\n" } }, 0 },
	/* The host's path, in a container whose tree begins with its own. */
	{ "0::/docker/0123\n", { { V2 "cpu.max", "50000 100000\n" } }, 1 },
	{ "0::/../..\n", { { V2 "cpu.max", "50000 100000\n" } }, 1 },
	/* Version 1. */
	{ "5:cpu,cpuacct:/a\n0::/\n", { { V1 "a/cpu.cfs_quota_us", "50000\n" },
	    { V1 "a/cpu.cfs_period_us", "100000\n" } }, 1 },
	{ "5:cpuacct,cpu:/a/b\n", { { V1 "a/cpu.cfs_quota_us", "50000\n" },
	    { V1 "a/cpu.cfs_period_us", "100000\n" } }, 1 },
	{ "5:cpu:/a\n", { { V1 "a/cpu.cfs_quota_us", "-1\n" },
	    { V1 "a/cpu.cfs_period_us", "100000\n" } }, 0 },
	{ "5:cpu:/a\n", { { V1 "a/cpu.cfs_quota_us", "50000\n" } }, 0 },
	{ "5:cpuset:/a\n", { { V1 "a/cpu.cfs_quota_us", "50000\n" },
	    { V1 "a/cpu.cfs_period_us", "100000\n" } }, 0 },
	{ "\n:\n::\n5:cpu\n", { { NULL, NULL } }, 0 },
};

static void
put(const char *path, const char *text)
{
	char folder[256], *p;

	snprintf(folder, sizeof(folder), "%s", path);
	for (p = strchr(folder, '/'); p != NULL; p = strchr(p + 1, '/')) {
		*p = '\0';
		(void)mkdir(folder, 0755);
		*p = '/';
	}
	test_write(path, text);
}

START_TEST(quota)
{
	unsigned all = conf_processors("/nonexistent"), n;
	size_t i;

	ck_assert_uint_ge(all, 1);
	if (rows[_i].groups != NULL)
		put("proc/self/cgroup", rows[_i].groups);
	for (i = 0; i < 3 && rows[_i].files[i].path != NULL; i++)
		put(rows[_i].files[i].path, rows[_i].files[i].text);
	n = rows[_i].most != 0 && rows[_i].most < all ? rows[_i].most : all;
	ck_assert_uint_eq(conf_processors(test_dir), n);
}
END_TEST

Suite *
processors_suite(void)
{
	Suite *suite = suite_create("processors");
	TCase *tc = test_case("processors");

	tcase_add_loop_test(tc, quota, 0, COUNT(rows));
	suite_add_tcase(suite, tc);
	return suite;
}
