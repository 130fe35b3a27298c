/* SPDX-License-Identifier: ISC */
/* Memory files: closed at exec, not executable, of a size that stays. */
#include "config.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/memfile.h"
#include "test_base.h"

static int
made(void)
{
	int fd = memfile_new("test");

	if (fd == -1)
		ck_assert_int_eq(errno, ENOSYS);
	return fd;
}

START_TEST(size_stays)
{
	int fd = made();

	if (fd == -1)
		return;
	ck_assert(!memfile_has_size(fd, 8192));
	ck_assert_int_eq(memfile_fix_size(fd, 8192), 0);
	ck_assert(memfile_has_size(fd, 8192));
	ck_assert(!memfile_has_size(fd, 4096));
	ck_assert_int_eq(ftruncate(fd, 4096), -1);
	ck_assert_int_eq(ftruncate(fd, 16384), -1);
	ck_assert_int_eq(memfile_fix_size(fd, 4096), -1);
	close(fd);
}
END_TEST

/* Of the right size, but somebody may shorten it yet. */
START_TEST(not_sealed)
{
	int fd = made();

	if (fd == -1)
		return;
	ck_assert_int_eq(ftruncate(fd, 4096), 0);
	ck_assert(!memfile_has_size(fd, 4096));
	close(fd);
}
END_TEST

START_TEST(no_memory_file)
{
	ck_assert(!memfile_has_size(-1, 1));
	ck_assert(!memfile_has_size(STDIN_FILENO, 1));
}
END_TEST

START_TEST(not_inherited_by_programs)
{
	int fd = made();

	if (fd == -1)
		return;
	ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
	close(fd);
}
END_TEST

#ifdef HAVE_MEMFD_CREATE
/* Linux 6.3 and later can say so. */
START_TEST(not_executable)
{
	const int seal_exec = 0x20;
	struct stat st;
	int fd = made(), probe;

	probe = memfd_create("probe", 8U);
	if (fd == -1 || probe == -1)
		return;
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0111, 0);
	ck_assert_int_ne(fcntl(fd, F_GET_SEALS) & seal_exec, 0);
	close(probe);
	close(fd);
}
END_TEST
#endif

Suite *
memfile_suite(void)
{
	Suite *suite = suite_create("memfile");
	TCase *tc = tcase_create("memfile");

	tcase_add_test(tc, size_stays);
	tcase_add_test(tc, not_sealed);
	tcase_add_test(tc, no_memory_file);
	tcase_add_test(tc, not_inherited_by_programs);
#ifdef HAVE_MEMFD_CREATE
	tcase_add_test(tc, not_executable);
#endif
	suite_add_tcase(suite, tc);
	return suite;
}
