/* SPDX-License-Identifier: ISC */
/* The scoreboard: slots, sums, and processes that count at the same time. */
#include "config.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stats/scoreboard.h"
#include "test_stats.h"

#define WORKERS 3
#define SLOTS 5

static struct scoreboard *sb;

static void
setup(void)
{
	sb = scoreboard_new(WORKERS, SLOTS);
	ck_assert_ptr_nonnull(sb);
}

static void
teardown(void)
{
	scoreboard_free(sb);
}

static uint64_t
accepted(unsigned worker)
{
	struct totals t;

	scoreboard_sum(sb, worker, &t);
	return t.metrics[METRIC_ACCEPTED];
}

static void
reap(pid_t pid)
{
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
}

static const struct {
	unsigned workers, slots;
} bad_sizes[] = { { 0, 1 }, { 1, 0 }, { UINT_MAX, 1 }, { 1, UINT_MAX } };

START_TEST(test_bad_size)
{
	errno = 0;
	ck_assert_ptr_null(scoreboard_new(bad_sizes[_i].workers,
	    bad_sizes[_i].slots));
	ck_assert_int_eq(errno, EINVAL);
}
END_TEST

START_TEST(test_take)
{
	struct slot *s[SLOTS];
	int i, j;

	for (i = 0; i < SLOTS; i++) {
		s[i] = scoreboard_take(sb, (unsigned)i % WORKERS);
		ck_assert_ptr_nonnull(s[i]);
		ck_assert_uint_eq((uintptr_t)s[i] % 64, 0);
		for (j = 0; j < i; j++)
			ck_assert_ptr_ne(s[i], s[j]);
	}
	ck_assert_ptr_null(scoreboard_take(sb, 0));
	scoreboard_release(sb, s[2]);
	ck_assert_ptr_eq(scoreboard_take(sb, 0), s[2]);
	ck_assert_ptr_null(scoreboard_take(sb, 0));
}
END_TEST

START_TEST(test_take_no_such_worker)
{
	ck_assert_ptr_null(scoreboard_take(sb, WORKERS));
	ck_assert_ptr_null(scoreboard_take(sb, UINT_MAX));
}
END_TEST

START_TEST(test_sum)
{
	struct slot *a, *b, *old;
	struct totals t;

	a = scoreboard_take(sb, 0);
	b = scoreboard_take(sb, 1);
	old = scoreboard_take(sb, 1);
	slot_add(a, METRIC_ACCEPTED, 1);
	slot_add(b, METRIC_ACCEPTED, 10);
	slot_add(old, METRIC_ACCEPTED, 100);
	slot_add(old, METRIC_ACCEPTED, 100);
	slot_add(b, METRIC_BYTES_OUT, UINT64_C(1) << 40);
	b->closes[CLOSE_DONE] = 4;
	old->connections = 3;
	b->connections = 2;

	ck_assert_uint_eq(accepted(0), 1);
	ck_assert_uint_eq(accepted(1), 210);
	ck_assert_uint_eq(accepted(2), 0);
	ck_assert_uint_eq(accepted(WORKERS), 0);
	scoreboard_sum(sb, SCOREBOARD_ALL, &t);
	ck_assert_uint_eq(t.metrics[METRIC_ACCEPTED], 211);
	ck_assert_uint_eq(t.metrics[METRIC_BYTES_OUT], UINT64_C(1) << 40);
	ck_assert_uint_eq(t.metrics[METRIC_BYTES_IN], 0);
	ck_assert_uint_eq(t.closes[CLOSE_DONE], 4);
	ck_assert_uint_eq(t.connections, 5);
}
END_TEST

/* What a dead process counted stays; what it held open is gone with it. */
START_TEST(test_release)
{
	struct slot *s;
	struct totals t;
	int i;

	for (i = 0; i < 10; i++) {
		s = scoreboard_take(sb, 1);
		ck_assert_ptr_nonnull(s);
		ck_assert_uint_eq(s->metrics[METRIC_ACCEPTED], 0);
		ck_assert_uint_eq(s->closes[CLOSE_STOPPED], 0);
		ck_assert_uint_eq(s->connections, 0);
		slot_add(s, METRIC_ACCEPTED, 5);
		s->closes[CLOSE_STOPPED] = 1;
		s->connections = 9;
		scoreboard_release(sb, s);
	}
	scoreboard_sum(sb, 1, &t);
	ck_assert_uint_eq(t.metrics[METRIC_ACCEPTED], 50);
	ck_assert_uint_eq(t.closes[CLOSE_STOPPED], 10);
	ck_assert_uint_eq(t.connections, 0);
	ck_assert_uint_eq(accepted(0), 0);
	ck_assert_uint_eq(accepted(SCOREBOARD_ALL), 50);
}
END_TEST

/* What a process had in hand when it died has an end, and one only. */
START_TEST(test_release_in_hand)
{
	struct slot *s;
	struct totals t;

	s = scoreboard_take(sb, 1);
	slot_add(s, METRIC_ACCEPTED, 10);
	slot_add(s, METRIC_HANDSHAKES_BEGUN, 8);
	slot_add(s, METRIC_HANDSHAKES_FULL, 3);
	slot_add(s, METRIC_HANDSHAKES_RESUMED, 2);
	slot_failure(s, FAILURE_CIPHER);
	slot_close(s, CLOSE_HANDSHAKE);
	slot_close(s, CLOSE_DONE);
	scoreboard_release(sb, s);
	scoreboard_sum(sb, 1, &t);
	ck_assert_uint_eq(t.closes[CLOSE_WORKER_DIED], 8);
	ck_assert_uint_eq(t.metrics[METRIC_CLOSED], 10);
	ck_assert_uint_eq(t.failures[FAILURE_WORKER_DIED], 2);
	ck_assert_uint_eq(t.failures[FAILURE_CIPHER], 1);
	ck_assert_uint_eq(t.metrics[METRIC_HANDSHAKES_FAILED], 3);
	/* And a process that has ended everything leaves nothing. */
	s = scoreboard_take(sb, 1);
	slot_add(s, METRIC_ACCEPTED, 1);
	slot_close(s, CLOSE_DONE);
	scoreboard_release(sb, s);
	scoreboard_sum(sb, 1, &t);
	ck_assert_uint_eq(t.closes[CLOSE_WORKER_DIED], 8);
	ck_assert_uint_eq(t.metrics[METRIC_CLOSED], 11);
}
END_TEST

/* Killed between a reason and the total: the totals follow the reasons. */
START_TEST(test_release_between)
{
	struct slot *s;
	struct totals t;

	s = scoreboard_take(sb, 1);
	slot_add(s, METRIC_ACCEPTED, 1);
	slot_add(s, METRIC_HANDSHAKES_BEGUN, 1);
	s->failures[FAILURE_CIPHER] = 1;
	s->closes[CLOSE_HANDSHAKE] = 1;
	scoreboard_release(sb, s);
	scoreboard_sum(sb, 1, &t);
	ck_assert_uint_eq(t.metrics[METRIC_CLOSED], 1);
	ck_assert_uint_eq(t.metrics[METRIC_HANDSHAKES_FAILED], 1);
	ck_assert_uint_eq(t.closes[CLOSE_WORKER_DIED], 0);
	ck_assert_uint_eq(t.failures[FAILURE_WORKER_DIED], 0);
}
END_TEST

START_TEST(test_histograms)
{
	struct slot *a, *b;
	struct totals t;

	a = scoreboard_take(sb, 0);
	b = scoreboard_take(sb, 1);
	histogram_add(&a->histograms[HISTOGRAM_HANDSHAKE_ID], 100);
	histogram_add(&b->histograms[HISTOGRAM_HANDSHAKE_ID], 70);
	histogram_add(&b->histograms[HISTOGRAM_HANDSHAKE_ID], 100);
	scoreboard_release(sb, b);
	scoreboard_sum(sb, SCOREBOARD_ALL, &t);
	ck_assert_uint_eq(t.histograms[HISTOGRAM_HANDSHAKE_ID].sum, 270);
	ck_assert_uint_eq(t.histograms[HISTOGRAM_HANDSHAKE_ID].buckets[2], 2);
	ck_assert_uint_eq(t.histograms[HISTOGRAM_HANDSHAKE_ID].buckets[1], 1);
	ck_assert_uint_eq(t.histograms[HISTOGRAM_HANDSHAKE_FULL].sum, 0);
	b = scoreboard_take(sb, 1);
	ck_assert_uint_eq(b->histograms[HISTOGRAM_HANDSHAKE_ID].sum, 0);
}
END_TEST

/* A worker that writes nonsense must not lead the master astray. */
START_TEST(test_scribble)
{
	struct slot *s, *other;
	size_t size = SLOTS * sizeof(*s);

	other = scoreboard_take(sb, 0);
	s = scoreboard_take(sb, 2);
	memset(other, 0xff, size);
	ck_assert_uint_eq(accepted(0), UINT64_MAX);
	ck_assert_uint_eq(accepted(1), 0);
	scoreboard_release(sb, s);
	ck_assert_ptr_eq(scoreboard_take(sb, 1), s);
	ck_assert_uint_eq(accepted(1), 0);
	ck_assert_ptr_nonnull(scoreboard_take(sb, 1));
	ck_assert_uint_eq(accepted(1), 0);
}
END_TEST

START_TEST(test_processes)
{
	struct slot *s[SLOTS];
	pid_t pid[SLOTS];
	int i, n;

	for (i = 0; i < SLOTS; i++) {
		s[i] = scoreboard_take(sb, (unsigned)i % WORKERS);
		ck_assert_ptr_nonnull(s[i]);
		pid[i] = fork();
		ck_assert_int_ge(pid[i], 0);
		if (pid[i] == 0) {
			for (n = 0; n < 20000; n++)
				slot_add(s[i], METRIC_ACCEPTED, 1);
			_exit(0);
		}
	}
	for (i = 0; i < SLOTS; i++) {
		reap(pid[i]);
		if (i % 2 == 0)
			scoreboard_release(sb, s[i]);
	}
	ck_assert_uint_eq(accepted(0), 40000);
	ck_assert_uint_eq(accepted(1), 40000);
	ck_assert_uint_eq(accepted(2), 20000);
	ck_assert_uint_eq(accepted(SCOREBOARD_ALL), 100000);
}
END_TEST

#ifdef HAVE_MEMFD_CREATE
/* The program after an exec; the one before has a process that goes on. */
START_TEST(test_adopt)
{
	struct scoreboard *old = sb;
	struct slot *s, *gone, *kept;
	struct err err;
	unsigned number;

	gone = scoreboard_take(old, 1);
	slot_add(gone, METRIC_ACCEPTED, 100);
	scoreboard_release(old, gone);
	s = scoreboard_take(old, 2);
	slot_add(s, METRIC_ACCEPTED, 10);
	number = scoreboard_slot_number(old, s);
	sb = scoreboard_adopt(dup(scoreboard_fd(old)), WORKERS, SLOTS, &err);
	ck_assert_msg(sb != NULL, "%s", err.text);
	ck_assert_int_ne(fcntl(scoreboard_fd(sb), F_GETFD) & FD_CLOEXEC, 0);
	slot_add(s, METRIC_ACCEPTED, 1);
	ck_assert_uint_eq(accepted(1), 100);
	ck_assert_uint_eq(accepted(2), 0); /* nobody's yet */
	ck_assert_ptr_null(scoreboard_keep(sb, SLOTS, 2));
	ck_assert_ptr_null(scoreboard_keep(sb, UINT_MAX, 2));
	ck_assert_ptr_null(scoreboard_keep(sb, number, WORKERS));
	kept = scoreboard_keep(sb, number, 2);
	ck_assert_ptr_nonnull(kept);
	ck_assert_ptr_null(scoreboard_keep(sb, number, 2));
	ck_assert_uint_eq(accepted(2), 11);
	scoreboard_release(sb, kept);
	ck_assert_uint_eq(accepted(SCOREBOARD_ALL), 111);
	scoreboard_free(old);
}
END_TEST

/* What is not ours, or of other tables, or can be shortened. */
static const struct {
	unsigned workers, slots;
	int damage; /* the byte of the file that is changed; -1: none */
	bool pipe;
} bad_boards[] = {
	{ WORKERS + 1, SLOTS, -1, false },
	{ WORKERS, SLOTS - 1, -1, false },
	{ SLOTS, WORKERS, -1, false },
	{ WORKERS, SLOTS, 0, false },
	{ WORKERS, SLOTS, 8, false },
	{ WORKERS, SLOTS, -1, true },
};

START_TEST(test_adopt_refused)
{
	struct err err;
	unsigned char byte;
	int fd, pipefd[2];

	ck_assert_int_eq(pipe(pipefd), 0);
	fd = bad_boards[_i].pipe ? pipefd[0] : dup(scoreboard_fd(sb));
	if (bad_boards[_i].damage >= 0) {
		ck_assert_int_eq(pread(fd, &byte, 1, bad_boards[_i].damage), 1);
		byte ^= 1;
		ck_assert_int_eq(pwrite(fd, &byte, 1, bad_boards[_i].damage),
		    1);
	}
	ck_assert_ptr_null(scoreboard_adopt(fd, bad_boards[_i].workers,
	    bad_boards[_i].slots, &err));
	ck_assert_uint_gt(strlen(err.text), 0);
	ck_assert_int_ne(fcntl(fd, F_GETFD), -1);
}
END_TEST

START_TEST(test_adopt_unsealed)
{
	struct err err;
	struct stat st;
	char *bytes;
	int fd;

	ck_assert_int_eq(fstat(scoreboard_fd(sb), &st), 0);
	bytes = malloc((size_t)st.st_size);
	ck_assert_ptr_nonnull(bytes);
	ck_assert_int_eq(pread(scoreboard_fd(sb), bytes, (size_t)st.st_size,
	    0), st.st_size);
	fd = memfd_create("test", 0);
	ck_assert_int_eq(pwrite(fd, bytes, (size_t)st.st_size, 0),
	    st.st_size);
	free(bytes);
	ck_assert_ptr_null(scoreboard_adopt(fd, WORKERS, SLOTS, &err));
}
END_TEST
#endif

#ifdef TLSHERD_DEBUG
START_TEST(test_release_twice)
{
	struct slot *s = scoreboard_take(sb, 1);

	scoreboard_release(sb, s);
	scoreboard_release(sb, s);
}
END_TEST

START_TEST(test_no_such_reason)
{
	slot_close(scoreboard_take(sb, 1), CLOSE_REASON_COUNT);
}
END_TEST
#endif

Suite *
scoreboard_suite(void)
{
	Suite *s;
	TCase *tc;

	s = suite_create("scoreboard");
	tc = tcase_create("scoreboard");
	tcase_set_timeout(tc, 30);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_bad_size, 0,
	    sizeof(bad_sizes) / sizeof(bad_sizes[0]));
	tcase_add_test(tc, test_take);
	tcase_add_test(tc, test_take_no_such_worker);
	tcase_add_test(tc, test_sum);
	tcase_add_test(tc, test_release);
	tcase_add_test(tc, test_release_in_hand);
	tcase_add_test(tc, test_release_between);
	tcase_add_test(tc, test_histograms);
	tcase_add_test(tc, test_scribble);
	tcase_add_test(tc, test_processes);
#ifdef HAVE_MEMFD_CREATE
	tcase_add_test(tc, test_adopt);
	tcase_add_loop_test(tc, test_adopt_refused, 0,
	    sizeof(bad_boards) / sizeof(bad_boards[0]));
	tcase_add_test(tc, test_adopt_unsealed);
#endif
	suite_add_tcase(s, tc);

#ifdef TLSHERD_DEBUG
	tc = tcase_create("mistakes");
	tcase_set_tags(tc, "fork");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test_raise_signal(tc, test_release_twice, SIGABRT);
	tcase_add_test_raise_signal(tc, test_no_such_reason, SIGABRT);
	suite_add_tcase(s, tc);
#endif
	return s;
}
