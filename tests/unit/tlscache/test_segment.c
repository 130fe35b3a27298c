/* SPDX-License-Identifier: ISC */
/* Shared memory: made, shared, adopted, refused. */
#include "config.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "segment_int.h"
#include "test_tlscache.h"
#include "tlscache.h"

static struct tlsc_segment seg;

static void
setup(void)
{
	ck_assert_int_eq(tlsc_segment_new(&seg, 10000, "test"), TLSCACHE_OK);
}

static void
teardown(void)
{
	tlsc_segment_release(&seg);
}

START_TEST(is_zeroed_and_whole_pages)
{
	const unsigned char *p = seg.base;
	size_t i;

	ck_assert_uint_ge(seg.size, 10000);
	ck_assert_uint_eq(seg.size % (size_t)sysconf(_SC_PAGESIZE), 0);
	for (i = 0; i < seg.size; i++)
		ck_assert_uint_eq(p[i], 0);
}
END_TEST

START_TEST(is_shared_with_children)
{
	char *p = seg.base;
	int status;
	pid_t pid;

	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		p[seg.size - 1] = 'x';
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(p[seg.size - 1], 'x');
}
END_TEST

START_TEST(nobody_can_shorten_it)
{
	ck_assert_int_eq(ftruncate(seg.fd, 4096), -1);
	ck_assert_int_eq(ftruncate(seg.fd, 1 << 20), -1);
	ck_assert_int_eq(fcntl(seg.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}
END_TEST

/* Flags of the mapping, as the kernel tells them. */
START_TEST(is_kept_out_of_core_dumps_and_swap)
{
	char line[512], start[32], flags[512] = "";
	FILE *f;

	f = fopen("/proc/self/smaps", "r");
	if (f == NULL)
		return;
	snprintf(start, sizeof(start), "%lx-", (unsigned long)(uintptr_t)
	    seg.base);
	while (fgets(line, sizeof(line), f) != NULL &&
	    strncmp(line, start, strlen(start)) != 0)
		;
	while (fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, "VmFlags:", 8) != 0)
			continue;
		snprintf(flags, sizeof(flags), "%s", line);
		break;
	}
	fclose(f);
	ck_assert_msg(flags[0] == '\0' || strstr(flags, " dd") != NULL,
	    "%s", flags);
	if (seg.locked && !NO_MLOCK)
		ck_assert_ptr_nonnull(strstr(flags, " lo"));
}
END_TEST

START_TEST(without_leave_to_lock_it_works_all_the_same)
{
	struct rlimit none = { 0, 0 };
	struct tlsc_segment other;

	ck_assert_int_eq(setrlimit(RLIMIT_MEMLOCK, &none), 0);
	if (geteuid() == 0)
		ck_assert_int_eq(setresuid(65534, 65534, 65534), 0);
	ck_assert_int_eq(tlsc_segment_new(&other, 10000, "test"),
	    TLSCACHE_OK);
	ck_assert(!other.locked || NO_MLOCK);
	memset(other.base, 1, other.size);
	tlsc_segment_release(&other);
}
END_TEST

START_TEST(adopted_is_the_same_memory)
{
	struct tlsc_segment other;
	int fd;

	fd = dup(seg.fd);
	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(tlsc_segment_adopt(&other, fd, 4096), TLSCACHE_OK);
	ck_assert_int_eq(other.fd, fd);
	ck_assert_uint_eq(other.size, seg.size);
	ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
	tlsc_segment_own(&other);
	ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	memcpy(other.base, "hello", 5);
	ck_assert_mem_eq(seg.base, "hello", 5);
	tlsc_segment_release(&other);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
}
END_TEST

static int
fd_file(void)
{
	FILE *f = tmpfile();
	int fd;

	ck_assert_ptr_nonnull(f);
	fd = dup(fileno(f));
	fclose(f);
	ck_assert_int_eq(ftruncate(fd, 1 << 20), 0);
	return fd;
}

static int
fd_pipe(void)
{
	int pair[2];

	ck_assert_int_eq(pipe(pair), 0);
	close(pair[1]);
	return pair[0];
}

static int
fd_not_sealed(void)
{
	int fd = memfd_create("test", MFD_ALLOW_SEALING);

	ck_assert_int_eq(ftruncate(fd, 1 << 20), 0);
	return fd;
}

static int
fd_sealed(off_t size, unsigned seals)
{
	int fd = memfd_create("test", MFD_ALLOW_SEALING);

	ck_assert_int_eq(ftruncate(fd, size), 0);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static int
fd_short(void)
{
	return fd_sealed(4095, F_SEAL_SHRINK | F_SEAL_GROW);
}

static int
fd_empty(void)
{
	return fd_sealed(0, F_SEAL_SHRINK | F_SEAL_GROW);
}

static int
fd_can_shrink(void)
{
	return fd_sealed(1 << 20, F_SEAL_GROW);
}

static int
fd_read_only(void)
{
	return fd_sealed(1 << 20, F_SEAL_SHRINK | F_SEAL_WRITE);
}

static const struct {
	const char *what;
	int (*make)(void);
	int error;
} strangers[] = {
	{ "a file", fd_file, TLSCACHE_E_FORMAT },
	{ "a pipe", fd_pipe, TLSCACHE_E_FORMAT },
	{ "not sealed", fd_not_sealed, TLSCACHE_E_FORMAT },
	{ "too short", fd_short, TLSCACHE_E_FORMAT },
	{ "empty", fd_empty, TLSCACHE_E_FORMAT },
	{ "can shrink", fd_can_shrink, TLSCACHE_E_FORMAT },
	{ "cannot be written", fd_read_only, TLSCACHE_E_SYSTEM },
};

START_TEST(strangers_are_refused_and_stay_the_callers)
{
	struct tlsc_segment other;
	int fd = strangers[_i].make(), flags;

	flags = fcntl(fd, F_GETFD);
	ck_assert_int_ne(flags, -1);
	ck_assert_msg(tlsc_segment_adopt(&other, fd, 4096) ==
	    strangers[_i].error, "%s", strangers[_i].what);
	ck_assert_int_eq(fcntl(fd, F_GETFD), flags);
	close(fd);
}
END_TEST

START_TEST(no_descriptor)
{
	struct tlsc_segment other;

	ck_assert_int_eq(tlsc_segment_adopt(&other, -1, 4096),
	    TLSCACHE_E_FORMAT);
}
END_TEST

static const struct {
	size_t size;
	int error;
} sizes[] = {
	{ 0, TLSCACHE_E_INVAL },
	{ SIZE_MAX, TLSCACHE_E_INVAL },
	{ SIZE_MAX / 4, TLSCACHE_E_NOMEM },
	{ 1, TLSCACHE_OK },
};

START_TEST(sizes_out_of_reach)
{
	struct tlsc_segment other;
	int error;

	error = tlsc_segment_new(&other, sizes[_i].size, "test");
	ck_assert_int_eq(error, sizes[_i].error);
	if (error == TLSCACHE_OK)
		tlsc_segment_release(&other);
	ck_assert_ptr_null(other.base);
	ck_assert_int_eq(other.fd, -1);
}
END_TEST

Suite *
segment_suite(void)
{
	Suite *suite = suite_create("segment");
	TCase *tc = tcase_create("segment");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, is_zeroed_and_whole_pages);
	tcase_add_test(tc, is_shared_with_children);
	tcase_add_test(tc, nobody_can_shorten_it);
	tcase_add_test(tc, adopted_is_the_same_memory);
	tcase_add_loop_test(tc, strangers_are_refused_and_stay_the_callers, 0,
	    COUNT(strangers));
	tcase_add_test(tc, no_descriptor);
	tcase_add_loop_test(tc, sizes_out_of_reach, 0, COUNT(sizes));
	suite_add_tcase(suite, tc);
	/* Under valgrind the kernel tells of other flags. */
	tc = tcase_create("segment-flags");
	tcase_set_tags(tc, "fork");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, is_kept_out_of_core_dumps_and_swap);
	suite_add_tcase(suite, tc);
	/* Gives up its rights: alone in its process. */
	tc = tcase_create("segment-limit");
	tcase_set_tags(tc, "fork");
	tcase_add_test(tc, without_leave_to_lock_it_works_all_the_same);
	suite_add_tcase(suite, tc);
	return suite;
}
