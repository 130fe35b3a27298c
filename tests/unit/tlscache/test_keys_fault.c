/* SPDX-License-Identifier: ISC */
/*
 * The writer of a ring of ticket keys is killed at every marked point of
 * every operation. Whoever reads then finds the set of before or the new one,
 * whole; the next writer finds no lock and leaves no key behind that is over.
 */
#include "config.h"

#include <sys/wait.h>

#include <check.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keys_int.h"
#include "tlscache.h"

#define ROTATE 100
#define KEEP 0
#define START 1000

static const struct {
	const char *name;
	const char *after;
} points[] = {
#define X(NAME, what) { #NAME, what },
#include "keys_fault.def"
#undef X
};

static struct tlscache_keys *ring;
static int fatal = -1; /* the point at which this process dies */

void
tlsc_keys_fault(enum tlsc_keys_fault point)
{
	if ((int)point == fatal)
		(void)raise(SIGKILL);
}

static unsigned char file[2][TLSC_KEY_80];
static const struct tlscache_key_bytes files[] = {
	{ file[0], TLSC_KEY_80 }, { file[1], TLSC_KEY_48 },
};

static int
op_rotate(void)
{
	return tlscache_keys_rotate(ring, START + ROTATE) > 0 ? 0 : -1;
}

static int
op_from_files(void)
{
	return tlscache_keys_set(ring, files, 2, START);
}

static int
op_from_other_files(void)
{
	return tlscache_keys_set(ring, files + 1, 1, START);
}

static int
op_own(void)
{
	return tlscache_keys_set(ring, NULL, 0, START);
}

static const struct op {
	const char *name;
	int (*before)(void); /* what the ring has gone through, or NULL */
	int (*run)(void);
	bool outside; /* keys from files afterwards */
} ops[] = {
	{ "rotate", NULL, op_rotate, false },
	{ "from files", NULL, op_from_files, true },
	{ "from other files", op_from_files, op_from_other_files, true },
	{ "back to our own", op_from_files, op_own, false },
};
#define NOPS (sizeof(ops) / sizeof(ops[0]))

/* Is this key anywhere in the shared memory? */
static bool
in_memory(const unsigned char aes[16])
{
	return memmem(ring->segment.base, ring->segment.size, aes, 16) !=
	    NULL;
}

static void
killed_at(const struct op *op, int point)
{
	struct tlsc_keyset before, found;
	size_t i;
	int status;
	pid_t pid;

	ck_assert_int_eq(tlscache_keys_open(&ring, ROTATE, KEEP, START),
	    TLSCACHE_OK);
	ck_assert(op->before == NULL || op->before() == 0);
	memset(&before, 0, sizeof(before));
	ck_assert(tlsc_ring_load(ring->ring, &before));

	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		fatal = point;
		_exit(op->run() == 0 ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
	    "%s did not come to %s", op->name, points[point].name);

	memset(&found, 0, sizeof(found));
	ck_assert(tlsc_ring_load(ring->ring, &found));
	if (point < TLSC_KEYS_FAULT_FLIPPED) {
		ck_assert_mem_eq(&found, &before, sizeof(found));
	} else {
		ck_assert_mem_ne(&found, &before, sizeof(found));
		ck_assert_uint_eq(found.outside, op->outside);
	}

	ck_assert_int_eq(op->run(), 0);
	ck_assert(tlsc_ring_load(ring->ring, &found));
	ck_assert_uint_eq(found.outside, op->outside);
	for (i = 0; i < before.n; i++)
		ck_assert_int_eq(in_memory(before.key[i].aes),
		    tlsc_keyset_decrypts(&found, before.key[i].name,
		    START + ROTATE) != NULL);
	tlscache_keys_close(ring);
}

START_TEST(the_writer_dies)
{
	size_t i;

	memset(file[0], 'a', sizeof(file[0]));
	memset(file[1], 'b', sizeof(file[1]));
	for (i = 0; i < NOPS; i++) {
		killed_at(&ops[i], _i);
		printf("%s: killed at %s: %s\n", ops[i].name, points[_i].name,
		    points[_i].after);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("keys_fault");
	TCase *tc = tcase_create("keys_fault");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, the_writer_dies, 0, TLSC_KEYS_FAULT_COUNT);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
