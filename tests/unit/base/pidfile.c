/* SPDX-License-Identifier: ISC */
/* The pid file: the lock, who holds it, stale files, files that are none. */
#include "config.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/pidfile.h"
#include "test_base.h"

static char path[128];

static void
setup(void)
{
	test_dir_setup();
	snprintf(path, sizeof(path), "%s", test_path("pid"));
}

static void
create(const char *content)
{
	FILE *fp = fopen(path, "w");

	ck_assert_ptr_nonnull(fp);
	fputs(content, fp);
	ck_assert_int_eq(fclose(fp), 0);
}

START_TEST(life)
{
	char expected[200], text[64];
	struct pidfile *pf;
	struct stat st;
	struct err err;

	pf = pidfile_open(path, &err);
	ck_assert_msg(pf != NULL, "%s", err.text);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777 & ~0644, 0);
	ck_assert_ptr_null(pidfile_open(path, &err));
	snprintf(expected, sizeof(expected),
	    "pid file %s: tlsherd is starting already", path);
	ck_assert_str_eq(err.text, expected);

	ck_assert_int_eq(pidfile_write(pf), 0);
	test_read(path, text, sizeof(text));
	snprintf(expected, sizeof(expected), "%ld\n", (long)getpid());
	ck_assert_str_eq(text, expected);
	ck_assert_ptr_null(pidfile_open(path, &err));
	snprintf(expected, sizeof(expected),
	    "pid file %s: tlsherd is running already, pid %ld", path,
	    (long)getpid());
	ck_assert_str_eq(err.text, expected);

	pidfile_remove(pf);
	ck_assert_int_eq(access(path, F_OK), -1);
	pidfile_remove(NULL);
	pidfile_forget(NULL);
}
END_TEST

START_TEST(stale)
{
	struct pidfile *pf;
	struct err err;
	char text[64];

	create("1234567890\n"); /* longer than what we write over it */
	pf = pidfile_open(path, &err);
	ck_assert_msg(pf != NULL, "%s", err.text);
	ck_assert_int_eq(pidfile_write(pf), 0);
	test_read(path, text, sizeof(text));
	ck_assert_int_eq(strtol(text, NULL, 10), getpid());
	ck_assert_ptr_eq(strchr(text, '\n') + 1, text + strlen(text));
	pidfile_remove(pf);
}
END_TEST

#ifdef F_OFD_SETLK
static int
lock_for_reading(int fd)
{
	struct flock all;

	memset(&all, 0, sizeof(all));
	all.l_type = F_RDLCK;
	return fcntl(fd, F_OFD_SETLK, &all);
}

static int
lock_shared(int fd)
{
	return flock(fd, LOCK_SH);
}

static int
lock_alone(int fd)
{
	return flock(fd, LOCK_EX);
}

static int (*const strangers[])(int) = {
	lock_shared, lock_alone, lock_for_reading,
};

/* What anybody can do who may read the file. */
START_TEST(stale_and_locked)
{
	struct pidfile *pf;
	char text[64];
	struct err err;
	int fd;

	create("12345\n");
	fd = open(path, O_RDONLY);
	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(strangers[_i](fd), 0);
	pf = pidfile_open(path, &err);
	ck_assert_msg(pf != NULL, "%s", err.text);
	ck_assert_int_eq(pidfile_write(pf), 0);
	test_read(path, text, sizeof(text));
	ck_assert_int_eq(strtol(text, NULL, 10), getpid());
	ck_assert_ptr_null(pidfile_open(path, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "running already"));
	close(fd);
	/* Nor is a lock to be had while tlsherd runs. */
	fd = open(path, O_RDONLY);
	ck_assert_int_eq(lock_for_reading(fd), -1);
	close(fd);
	pidfile_remove(pf);
	ck_assert_int_eq(access(path, F_OK), -1);
}
END_TEST

START_TEST(other_file_locked)
{
	struct err err;
	int fd;

	create("something else\n");
	fd = open(path, O_RDONLY);
	ck_assert_int_eq(lock_for_reading(fd), 0);
	ck_assert_ptr_null(pidfile_open(path, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "is not a pid file"));
	ck_assert_int_eq(access(path, F_OK), 0);
	close(fd);
}
END_TEST
#endif

static const char *const not_pids[] = {
	"root:x:0:0::/root:/bin/sh\n", "12", "12\n13\n", "-3\n", "0\n", "\n",
	"99999999999999999999999999999999999999\n",
};

START_TEST(other_file)
{
	char expected[200], text[64];
	struct err err;

	create(not_pids[_i]);
	ck_assert_ptr_null(pidfile_open(path, &err));
	snprintf(expected, sizeof(expected), "%s exists and is not a pid file",
	    path);
	ck_assert_str_eq(err.text, expected);
	test_read(path, text, sizeof(text));
	ck_assert_str_eq(text, not_pids[_i]);
}
END_TEST

START_TEST(no_folder)
{
	char expected[200];
	struct err err;

	ck_assert_ptr_null(pidfile_open(test_path("none/pid"), &err));
	snprintf(expected, sizeof(expected),
	    "pid file %s: its folder does not exist", test_path("none/pid"));
	ck_assert_str_eq(err.text, expected);
}
END_TEST

START_TEST(symlink_refused)
{
	struct err err;

	ck_assert_int_eq(symlink(test_path("elsewhere"), path), 0);
	ck_assert_ptr_null(pidfile_open(path, &err));
	ck_assert_ptr_nonnull(strstr(err.text,
	    "a symbolic link is not followed"));
	ck_assert_int_eq(access(test_path("elsewhere"), F_OK), -1);
}
END_TEST

/* With a reader, too: what is not a file can neither be locked nor read. */
START_TEST(pipe_refused)
{
	struct err err;
	int reader;

	ck_assert_int_eq(mkfifo(path, 0644), 0);
	ck_assert_ptr_null(pidfile_open(path, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "not a regular file"));
	reader = open(path, O_RDONLY | O_NONBLOCK);
	ck_assert_int_ne(reader, -1);
	ck_assert_ptr_null(pidfile_open(path, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "not a regular file"));
	close(reader);
}
END_TEST

/*
 * The lock lives as long as one process has the descriptor: a daemon's
 * parent may leave, a worker that forgets it does not keep it.
 */
START_TEST(fork_passes_lock)
{
	int go[2], status;
	struct pidfile *pf;
	struct err err;
	char byte;
	pid_t pid;

	pf = pidfile_open(path, &err);
	ck_assert_ptr_nonnull(pf);
	ck_assert_int_eq(pipe(go), 0);
	pid = fork();
	ck_assert_int_ne(pid, -1);
	if (pid == 0) {
		close(go[1]);
		status = read(go[0], &byte, 1) == 0 ? 0 : 1;
		pidfile_forget(pf);
		_exit(status);
	}
	close(go[0]);
	pidfile_forget(pf);
	ck_assert_ptr_null(pidfile_open(path, &err));
	close(go[1]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	pf = pidfile_open(path, &err);
	ck_assert_msg(pf != NULL, "%s", err.text);
	pidfile_remove(pf);
}
END_TEST

/* A worker that closes its copy leaves the master's lock alone. */
START_TEST(forgotten_by_a_child)
{
	struct pidfile *pf;
	struct err err;
	int status;
	pid_t pid;

	pf = pidfile_open(path, &err);
	ck_assert_ptr_nonnull(pf);
	pid = fork();
	ck_assert_int_ne(pid, -1);
	if (pid == 0) {
		pidfile_forget(pf);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	close(dup(pidfile_fd(pf)));
	ck_assert_ptr_null(pidfile_open(path, &err));
	pidfile_remove(pf);
}
END_TEST

/* What stands at the path is another's by now: leave it. */
START_TEST(replaced)
{
	struct pidfile *pf;
	struct err err;

	pf = pidfile_open(path, &err);
	ck_assert_ptr_nonnull(pf);
	ck_assert_int_eq(unlink(path), 0);
	create("77\n");
	pidfile_remove(pf);
	ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

/* As over exec: the descriptor is the same, the handle is not. */
START_TEST(adopted)
{
	struct pidfile *pf, *next;
	struct err err;
	int fd;

	pf = pidfile_open(path, &err);
	ck_assert_ptr_nonnull(pf);
	fd = dup(pidfile_fd(pf));
	next = pidfile_adopt(fd, pidfile_path(pf));
	ck_assert_ptr_nonnull(next);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	pidfile_forget(pf);
	ck_assert_ptr_null(pidfile_open(path, &err));
	ck_assert_int_eq(pidfile_write(next), 0);
	pidfile_remove(next);
	ck_assert_int_eq(access(path, F_OK), -1);
}
END_TEST

START_TEST(adopted_replaced)
{
	struct pidfile *pf;
	struct err err;

	pf = pidfile_open(path, &err);
	ck_assert_ptr_nonnull(pf);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_ptr_null(pidfile_adopt(pidfile_fd(pf), path));
	create("77\n");
	ck_assert_ptr_null(pidfile_adopt(pidfile_fd(pf), path));
	pidfile_forget(pf);
}
END_TEST

Suite *
pidfile_suite(void)
{
	Suite *suite = suite_create("pidfile");
	TCase *tc = tcase_create("pidfile");

	tcase_add_checked_fixture(tc, setup, test_dir_teardown);
	tcase_add_test(tc, life);
	tcase_add_test(tc, stale);
#ifdef F_OFD_SETLK
	tcase_add_loop_test(tc, stale_and_locked, 0, COUNT(strangers));
	tcase_add_test(tc, other_file_locked);
#endif
	tcase_add_loop_test(tc, other_file, 0, COUNT(not_pids));
	tcase_add_test(tc, no_folder);
	tcase_add_test(tc, symlink_refused);
	tcase_add_test(tc, pipe_refused);
	tcase_add_test(tc, fork_passes_lock);
	tcase_add_test(tc, forgotten_by_a_child);
	tcase_add_test(tc, replaced);
	tcase_add_test(tc, adopted);
	tcase_add_test(tc, adopted_replaced);
	suite_add_tcase(suite, tc);
	return suite;
}
