/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#include <check.h>

#include "test_dir.h"

char test_dir[64];

void
test_dir_setup(void)
{
	snprintf(test_dir, sizeof(test_dir), "/tmp/test_tlsherd.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(test_dir));
}

static int
remove_cb(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

void
test_dir_teardown(void)
{
	ck_assert_int_eq(nftw(test_dir, remove_cb, 8, FTW_DEPTH | FTW_PHYS),
	    0);
}

const char *
test_path(const char *name)
{
	static char path[400];

	snprintf(path, sizeof(path), "%s/%s", test_dir, name);
	return path;
}
