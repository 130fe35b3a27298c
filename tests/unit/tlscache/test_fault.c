/* SPDX-License-Identifier: ISC */
/*
 * A process is killed at every marked point (fault.def) of every operation,
 * with and without the lock of a shard, while two others go on working. They
 * must not wait for it, must not read a wrong byte, and lose at most the shard
 * that was being written; and the counters must tell. A point that no
 * operation comes to fails the test, too.
 *
 * Prints a line for each: what was visited, and what it cost.
 */
#include "config.h"

#include <sys/mman.h>
#include <sys/wait.h>

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fault_int.h"
#include "load.h"

#define SIZE TLSCACHE_SIZE_MIN
#define ENTRIES 1500u  /* more than fit: the ring is full, and has gone round */
#define BYSTANDERS 2
#define WATCHDOG 5     /* seconds for what takes milliseconds */
#define LATER 7	       /* a point may be passed many times: not only the first */

static const struct {
	const char *name;
	bool holds, writing;
	const char *what;
} points[] = {
#define X(NAME, holds, writing, what) { #NAME, holds, writing, what },
#include "fault.def"
#undef X
};

static struct tlsc_store *store, *other;
static int fatal = -1; /* the point at which this process dies … */
static int passes;     /* … when it has come to it so often */

void
tlsc_fault(enum tlsc_fault point)
{
	if ((int)point == fatal && --passes == 0)
		(void)raise(SIGKILL);
}

static void
op_store(void)
{
	(void)load_put(store, 1000000, LOAD_NOW);
}

/* Until an entry that was fetched is at the tail, and the end of the ring. */
static void
op_evict(void)
{
	uint64_t n;

	for (n = 0; n < ENTRIES; n++)
		(void)load_put(store, 2000000 + n, LOAD_NOW);
}

/* What the next ones are about; nobody else knows it. */
#define MINE 3000000

static void
store_mine(void)
{
	(void)load_put(store, MINE, LOAD_NOW);
}

static void
op_fetch(void)
{
	(void)load_get(store, MINE, LOAD_NOW);
}

static void
op_claim(void)
{
	unsigned char bytes[LOAD_ID];

	(void)tlsc_store_claim(store, load_id(bytes, MINE), LOAD_NOW);
}

static void
op_remove(void)
{
	unsigned char bytes[LOAD_ID];

	(void)tlsc_store_remove(store, load_id(bytes, MINE));
}

static void
op_expire(void)
{
	(void)tlsc_store_expire(store, 1000000, LOAD_NOW + 2 * LOAD_LIFE);
}

static void
op_move(void)
{
	(void)tlsc_store_move(other, store, LOAD_NOW);
}

/* All shards, one of which somebody has left half-written. */
static void
op_recover(void)
{
	uint64_t n;

	for (n = 0; n < ENTRIES; n++)
		(void)load_get(store, n, LOAD_NOW);
}

static const struct op {
	const char *name;
	void (*before)(void); /* by the same process, unharmed */
	void (*run)(void);
	bool after_death; /* another process has died before */
	bool moves;
} ops[] = {
	{ "store", NULL, op_store, false, false },
	{ "store when full", NULL, op_evict, false, false },
	{ "replace", store_mine, store_mine, false, false },
	{ "fetch", store_mine, op_fetch, false, false },
	{ "claim", store_mine, op_claim, false, false },
	{ "remove", store_mine, op_remove, false, false },
	{ "expire", NULL, op_expire, false, false },
	{ "move", NULL, op_move, false, true },
	{ "recover", NULL, op_recover, true, false },
};
#define NOPS (sizeof(ops) / sizeof(ops[0]))

/* In a child; true: it died there, false: it did not come there. */
static bool
dies(const struct op *op, int point, int pass)
{
	int status;
	pid_t pid;

	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		alarm(WATCHDOG);
		if (op->before != NULL)
			op->before();
		fatal = point;
		passes = pass;
		op->run();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) || WTERMSIG(status) == SIGKILL);
	return WIFSIGNALED(status);
}

static pid_t
bystander(int number, const _Atomic int *stop)
{
	uint64_t seed = (uint64_t)number;
	unsigned bad = 0;
	pid_t pid;

	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid != 0)
		return pid;
	do {
		alarm(WATCHDOG);
		bad += load_mix(store, load_random(&seed), 200, 0, ENTRIES,
		    LOAD_NOW);
	} while (atomic_load(stop) == 0 && bad == 0);
	_exit(bad == 0 ? 0 : 1);
}

static void
fill(void)
{
	uint64_t n;

	store = load_store(SIZE);
	other = load_store(2 * SIZE);
	for (n = 0; n < ENTRIES; n++) {
		ck_assert_int_eq(load_put(store, n, LOAD_NOW), TLSCACHE_OK);
		if (n > 3) /* the oldest ones get a second chance */
			(void)load_get(store, n - 3, LOAD_NOW);
	}
}

static void
check_store(struct tlsc_store *s)
{
	const char *wrong;
	uint64_t n;

	wrong = load_invariants(s);
	ck_assert_msg(wrong == NULL, "%s", wrong);
	for (n = 0; n < ENTRIES; n++)
		ck_assert_int_le(load_get(s, n, LOAD_NOW), 0);
}

static struct tlscache_stat
count(void)
{
	struct tlscache_stat a, b;

	tlsc_store_stat(store, &a);
	tlsc_store_stat(other, &b);
	a.lock_recoveries += b.lock_recoveries;
	a.shards_lost += b.shards_lost;
	return a;
}

/* Did the operation come to the point? */
static bool
visit(const struct op *op, int point, int pass)
{
	_Atomic int *stop;
	struct tlscache_stat stat;
	pid_t pids[BYSTANDERS];
	int i, status;
	bool died;
	void *p;

	p = mmap(NULL, sizeof(*stop), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(p, MAP_FAILED);
	stop = p;
	fill();
	if (op->after_death)
		ck_assert(dies(&ops[0], TLSC_FAULT_BEGUN, 1));
	/* Those who stand by would do the recovery; and nobody may be moved. */
	for (i = 0; !op->moves && !op->after_death && i < BYSTANDERS; i++)
		pids[i] = bystander(i, stop);
	died = dies(op, point, pass);
	for (i = 0; op->after_death && i < BYSTANDERS; i++)
		pids[i] = bystander(i, stop);
	atomic_store(stop, 1);
	for (i = 0; !op->moves && i < BYSTANDERS; i++) {
		ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
		ck_assert_msg(status == 0, "%s at %s: another process %s",
		    op->name, points[point].name, WIFSIGNALED(status) ?
		    "waited too long" : "saw what must not be");
	}
	if (op->moves)
		ck_assert_int_eq(tlsc_store_move(other, store, LOAD_NOW),
		    TLSCACHE_OK);
	check_store(store);
	check_store(other);
	stat = count();
	if (died && op->moves) {
		ck_assert_uint_ge(stat.lock_recoveries,
		    points[point].holds ? 1 : 0);
		ck_assert_uint_le(stat.shards_lost, 1);
	} else if (died && !op->after_death) {
		ck_assert_uint_eq(stat.lock_recoveries,
		    points[point].holds ? 1 : 0);
		ck_assert_uint_eq(stat.shards_lost,
		    points[point].writing ? 1 : 0);
	} else if (op->after_death) {
		ck_assert_uint_ge(stat.lock_recoveries, 1);
		ck_assert_uint_eq(stat.shards_lost, 1);
	}
	if (died)
		printf("%-15s %-10s %s %s, %llu recovered, %llu lost: %s\n",
		    op->name, points[point].name, pass == 1 ? "first" :
		    "later", points[point].holds ? "locked" : "free  ",
		    (unsigned long long)stat.lock_recoveries,
		    (unsigned long long)stat.shards_lost,
		    points[point].what);
	tlsc_store_free(store);
	tlsc_store_free(other);
	munmap(p, sizeof(*stop));
	return died;
}

START_TEST(every_point)
{
	unsigned visits = 0;
	size_t i;

	for (i = 0; i < NOPS; i++) {
		visits += visit(&ops[i], _i, 1);
		visits += visit(&ops[i], _i, LATER);
	}
	ck_assert_msg(visits > 0, "no operation comes to %s", points[_i].name);
}
END_TEST

/*
 * A process is stopped, not killed, with the lock: the others give up after a
 * moment, once, and all is well when it goes on.
 */
START_TEST(stopped_with_the_lock)
{
	unsigned char bytes[LOAD_ID];
	int error, status;
	uint64_t n;
	pid_t pid;

	fill();
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		struct tlsc_shard shard = tlsc_shard_at(store, 0);

		if (tlsc_shard_lock(&shard) != TLSCACHE_OK)
			_exit(1);
		(void)raise(SIGSTOP);
		tlsc_shard_unlock(&shard);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, WUNTRACED), pid);
	ck_assert(WIFSTOPPED(status));
	alarm(WATCHDOG);
	for (n = 0; n < ENTRIES; n++) {
		error = load_get(store, n, LOAD_NOW);
		ck_assert(error == TLSCACHE_OK || error == TLSCACHE_E_MISS ||
		    error == TLSCACHE_E_BUSY);
		error = tlsc_store_claim(store, load_id(bytes, n), LOAD_NOW);
		ck_assert_int_le(error, 0);
	}
	alarm(0);
	ck_assert_uint_gt(count().busy, 0);
	kill(pid, SIGCONT);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	check_store(store);
	ck_assert_uint_eq(count().lock_recoveries, 0);
	tlsc_store_free(store);
	tlsc_store_free(other);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("fault");
	TCase *tc = tcase_create("fault");
	SRunner *runner;
	int failed;

	setvbuf(stdout, NULL, _IOLBF, 0);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, every_point, 0, TLSC_FAULTS_COUNT);
	tcase_add_test(tc, stopped_with_the_lock);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
