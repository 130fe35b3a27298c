/* SPDX-License-Identifier: ISC */
/* From one store to another: nothing is lost that fits, above all no claim. */
#include "config.h"

#include <sys/mman.h>
#include <sys/wait.h>

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "load.h"
#include "test_tlscache.h"

#define ENTRIES 1000u

static struct tlsc_store *from, *to;

static void
setup(void)
{
	uint64_t n;

	from = load_store(1 << 20);
	for (n = 0; n < ENTRIES; n++)
		ck_assert_int_eq(load_put(from, n, LOAD_NOW + (int64_t)n /
		    100), 0);
	to = NULL;
}

static void
teardown(void)
{
	const char *wrong = load_invariants(from);

	ck_assert_msg(wrong == NULL, "%s", wrong);
	wrong = to != NULL ? load_invariants(to) : NULL;
	ck_assert_msg(wrong == NULL, "%s", wrong);
	tlsc_store_free(from);
	tlsc_store_free(to);
}

static void
open_to(size_t size)
{
	to = load_store(size);
}

static int
claim(struct tlsc_store *store, uint64_t n)
{
	unsigned char bytes[LOAD_ID];

	return tlsc_store_claim(store, load_id(bytes, n), LOAD_NOW + 20);
}

static struct tlscache_stat
count(const struct tlsc_store *store)
{
	struct tlscache_stat stat;

	tlsc_store_stat(store, &stat);
	return stat;
}

/* All of a store's counters that do not tell what is there now. */
static void
same_history(const struct tlscache_stat *a, const struct tlscache_stat *b)
{
	struct tlscache_stat x = *a, y = *b;

	x.entries = y.entries = 0;
	x.bytes = y.bytes = 0;
	x.capacity = y.capacity = 0;
	x.locked = y.locked = 0;
	x.shards = y.shards = 0;
	ck_assert_mem_eq(&x, &y, sizeof(x));
}

/* What was used before the move is what goes first after it. */
START_TEST(used_once_stays_used)
{
	unsigned char bytes[LOAD_ID], data[100] = { 0 };
	uint64_t n, used = ENTRIES, fresh = used + 1;
	size_t len;

	for (n = used; n <= fresh; n++)
		ck_assert_int_eq(tlsc_store_put_once(from, load_id(bytes, n),
		    data, sizeof(data), LOAD_NOW + LOAD_LIFE, LOAD_NOW), 0);
	ck_assert_int_eq(tlsc_store_get(from, load_id(bytes, used), data,
	    sizeof(data), &len, LOAD_NOW), 0);
	open_to(2 << 20);
	ck_assert_int_eq(tlsc_store_move(to, from, LOAD_NOW), 0);
	for (n = fresh + 1; n < count(to).capacity / 152 * 3 / 2; n++)
		ck_assert_int_eq(tlsc_store_put(to, load_id(bytes, n), data,
		    sizeof(data), LOAD_NOW + LOAD_LIFE, LOAD_NOW), 0);
	ck_assert_int_eq(tlsc_store_get(to, load_id(bytes, used), data,
	    sizeof(data), &len, LOAD_NOW), TLSCACHE_E_MISS);
	ck_assert_int_eq(tlsc_store_get(to, load_id(bytes, fresh), data,
	    sizeof(data), &len, LOAD_NOW), 0);
}
END_TEST

START_TEST(everything_to_a_larger_one)
{
	struct tlscache_stat before = count(from), after;
	uint64_t n;

	open_to(8 << 20);
	ck_assert_int_eq(tlsc_store_move(to, from, LOAD_NOW + 20), 0);
	after = count(to);
	ck_assert_uint_eq(after.entries, before.entries);
	same_history(&before, &after);
	ck_assert_uint_eq(before.entries, ENTRIES);
	for (n = 0; n < ENTRIES; n++)
		ck_assert_int_eq(load_get(to, n, LOAD_NOW + 20), 0);
	ck_assert_uint_eq(count(from).entries, 0);
	ck_assert_uint_eq(count(from).stores, 0);
}
END_TEST

START_TEST(the_youngest_to_a_smaller_one)
{
	uint64_t n;

	open_to(128 << 10);
	ck_assert_int_eq(tlsc_store_move(to, from, LOAD_NOW + 20), 0);
	ck_assert_uint_gt(count(to).evicted, 0);
	ck_assert_uint_gt(count(to).entries, 50);
	for (n = ENTRIES - 20; n < ENTRIES; n++)
		ck_assert_int_eq(load_get(to, n, LOAD_NOW + 20), 0);
	/* Their age is the one they had. */
	ck_assert_uint_ge(count(to).evicted_age_min, 10);
}
END_TEST

START_TEST(claims_go_along)
{
	uint64_t n;

	for (n = ENTRIES - 200; n < ENTRIES; n += 2)
		ck_assert_int_eq(claim(from, n), TLSCACHE_OK);
	open_to(8 << 20);
	ck_assert_int_eq(tlsc_store_move(to, from, LOAD_NOW + 20), 0);
	for (n = ENTRIES - 200; n < ENTRIES; n++)
		ck_assert_int_eq(claim(to, n), n % 2 == 0 ?
		    TLSCACHE_E_CLAIMED : TLSCACHE_OK);
}
END_TEST

START_TEST(the_old_one_is_retired_in_all_processes)
{
	unsigned char bytes[LOAD_ID];
	uint64_t n = ENTRIES - 1;
	struct tlscache_stat stat;
	int go[2], status;
	pid_t pid;
	char c;

	ck_assert_int_eq(pipe(go), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		close(go[1]);
		_exit(read(go[0], &c, 1) == 0 &&
		    load_get(from, n, LOAD_NOW) == TLSCACHE_E_RETIRED &&
		    load_put(from, n, LOAD_NOW) == TLSCACHE_E_RETIRED &&
		    claim(from, n) == TLSCACHE_E_RETIRED &&
		    tlsc_store_remove(from, load_id(bytes, n)) ==
		    TLSCACHE_E_RETIRED &&
		    tlsc_store_expire(from, 1000, LOAD_NOW) == 0 ? 0 : 1);
	}
	open_to(2 << 20);
	ck_assert_int_eq(tlsc_store_move(to, from, LOAD_NOW + 20), 0);
	close(go[0]);
	close(go[1]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	stat = count(from);
	ck_assert_uint_eq(stat.misses, 0);
	ck_assert_uint_eq(stat.entries, 0);
}
END_TEST

START_TEST(what_is_there_already_is_younger)
{
	static const unsigned char young[] = "young";
	unsigned char buf[TLSCACHE_DATA_MAX], bytes[LOAD_ID];
	uint64_t n = ENTRIES - 1, m = ENTRIES - 2;
	size_t len;

	open_to(8 << 20);
	ck_assert_int_eq(claim(from, n), TLSCACHE_OK);
	ck_assert_int_eq(tlsc_store_put(to, load_id(bytes, n), young,
	    sizeof(young), LOAD_NOW + 500, LOAD_NOW + 15), 0);
	ck_assert_int_eq(tlsc_store_put(to, load_id(bytes, m), young,
	    sizeof(young), LOAD_NOW + 500, LOAD_NOW + 15), 0);
	ck_assert_int_eq(tlsc_store_move(to, from, LOAD_NOW + 20), 0);
	ck_assert_int_eq(tlsc_store_get(to, load_id(bytes, n), buf,
	    sizeof(buf), &len, LOAD_NOW + 20), 0);
	ck_assert_uint_eq(len, sizeof(young));
	ck_assert_mem_eq(buf, young, len);
	ck_assert_int_eq(claim(to, n), TLSCACHE_E_CLAIMED);
	ck_assert_int_eq(claim(to, m), TLSCACHE_OK);
}
END_TEST

START_TEST(what_has_expired_stays_behind)
{
	open_to(8 << 20);
	ck_assert_int_eq(tlsc_store_move(to, from,
	    LOAD_NOW + LOAD_LIFE + 5), 0);
	ck_assert_uint_gt(count(to).entries, 0);
	ck_assert_uint_le(count(to).entries, ENTRIES * 4 / 10);
	ck_assert_int_eq(load_get(to, ENTRIES - 1, LOAD_NOW + LOAD_LIFE + 5),
	    0);
}
END_TEST

/* Unbounded, the walk would take the time-out of the test. */
START_TEST(damaged_length_of_what_is_used)
{
	struct tlsc_shard shard;
	uint32_t i;

	open_to(8 << 20);
	for (i = 0; i < from->geometry.shards; i++) {
		shard = tlsc_shard_at(from, i);
		atomic_store(&shard.shared->used, UINT32_MAX);
	}
	ck_assert_int_eq(tlsc_store_move(to, from, LOAD_NOW + 20), 0);
	ck_assert_uint_eq(count(to).entries, 0);
	ck_assert_uint_eq(count(from).entries, 0);
}
END_TEST

START_TEST(minimum_of_an_earlier_move_is_kept)
{
	struct tlsc_store *third = load_store(4 << 20);

	open_to(8 << 20);
	atomic_store(&tlsc_shard_at(from, 0).shared->counter[
	    TLSC_COUNT_evicted_age_min], 8); /* kept as one more */
	ck_assert_int_eq(tlsc_store_move(third, from, LOAD_NOW + 20), 0);
	ck_assert_uint_eq(count(third).evicted_age_min, 7);
	ck_assert_int_eq(tlsc_store_move(to, third, LOAD_NOW + 20), 0);
	ck_assert_uint_eq(count(to).evicted_age_min, 7);
	tlsc_store_free(third);
}
END_TEST

START_TEST(moving_again_changes_nothing)
{
	struct tlscache_stat first, second;

	open_to(8 << 20);
	ck_assert_int_eq(tlsc_store_move(to, from, LOAD_NOW + 20), 0);
	first = count(to);
	ck_assert_int_eq(tlsc_store_move(to, from, LOAD_NOW + 20), 0);
	second = count(to);
	ck_assert_mem_eq(&first, &second, sizeof(first));
}
END_TEST

START_TEST(moves_that_make_no_sense)
{
	struct tlsc_store *third = load_store(4 << 20);

	open_to(2 << 20);
	ck_assert_int_eq(tlsc_store_move(from, from, LOAD_NOW),
	    TLSCACHE_E_INVAL);
	ck_assert_int_eq(load_get(from, ENTRIES - 1, LOAD_NOW), 0);
	ck_assert_int_eq(tlsc_store_move(to, from, LOAD_NOW), 0);
	/* Not into one that has moved itself. */
	ck_assert_int_eq(tlsc_store_move(from, third, LOAD_NOW),
	    TLSCACHE_E_RETIRED);
	ck_assert_int_eq(load_put(third, 1, LOAD_NOW), 0);
	tlsc_store_free(third);
}
END_TEST

/* Several processes claim while another one moves: each entry once. */
#define CLAIMERS 3

static void
claimer(_Atomic unsigned char *won, _Atomic int *ready)
{
	uint64_t n;
	int error;

	atomic_fetch_add(ready, 1);
	for (n = ENTRIES; n-- > 0;) {
		error = claim(from, n);
		if (error == TLSCACHE_E_RETIRED)
			error = claim(to, n);
		if (error == TLSCACHE_OK)
			atomic_fetch_add(&won[n], 1);
	}
	_exit(0);
}

START_TEST(claims_during_the_move)
{
	_Atomic unsigned char *won;
	_Atomic int *ready;
	int i, status;
	uint64_t n;
	void *p;

	open_to(8 << 20);
	p = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(p, MAP_FAILED);
	won = p;
	ready = (_Atomic int *)(void *)((char *)p + 4096);
	for (i = 0; i < CLAIMERS; i++)
		if (fork() == 0)
			claimer(won, ready);
	while (atomic_load(ready) < CLAIMERS)
		;
	ck_assert_int_eq(tlsc_store_move(to, from, LOAD_NOW + 20), 0);
	for (i = 0; i < CLAIMERS; i++) {
		ck_assert_int_gt(wait(&status), 0);
		ck_assert_int_eq(status, 0);
	}
	for (n = 0; n < ENTRIES; n++)
		ck_assert_uint_le(won[n], 1);
	/* Whoever comes now finds them all claimed, or not there. */
	for (n = 0; n < ENTRIES; n++)
		if (won[n] == 1)
			ck_assert_int_ne(claim(to, n), TLSCACHE_OK);
	munmap(p, 8192);
}
END_TEST

/*
 * A mover is killed somewhere in the middle; what it had moved by then is
 * claimed and lost; the next mover finds it in the old store, and must not
 * bring it back for a second claim.
 */
START_TEST(a_second_mover_brings_no_claim_back)
{
	unsigned char bytes[LOAD_ID], won[ENTRIES] = { 0 };
	unsigned moved = 0;
	uint64_t n;
	pid_t pid;

	open_to(8 << 20);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		(void)!tlsc_store_move(to, from, LOAD_NOW + 20);
		_exit(0);
	}
	while (count(to).entries < 1 + 20 * (unsigned)_i)
		;
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	for (n = 0; n < ENTRIES; n++)
		if (claim(to, n) == TLSCACHE_OK) {
			won[n] = 1;
			moved++;
			ck_assert_int_eq(tlsc_store_remove(to,
			    load_id(bytes, n)), 0);
		}
	ck_assert_uint_gt(moved, 0);
	ck_assert_int_eq(tlsc_store_move(to, from, LOAD_NOW + 20), 0);
	for (n = 0; n < ENTRIES; n++)
		if (won[n] == 1)
			ck_assert_int_ne(claim(to, n), TLSCACHE_OK);
}
END_TEST

Suite *
move_suite(void)
{
	Suite *suite = suite_create("move");
	TCase *tc = tcase_create("move");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, used_once_stays_used);
	tcase_add_test(tc, everything_to_a_larger_one);
	tcase_add_test(tc, the_youngest_to_a_smaller_one);
	tcase_add_test(tc, claims_go_along);
	tcase_add_test(tc, the_old_one_is_retired_in_all_processes);
	tcase_add_test(tc, what_is_there_already_is_younger);
	tcase_add_test(tc, what_has_expired_stays_behind);
	tcase_add_test(tc, damaged_length_of_what_is_used);
	tcase_add_test(tc, minimum_of_an_earlier_move_is_kept);
	tcase_add_test(tc, moving_again_changes_nothing);
	tcase_add_test(tc, moves_that_make_no_sense);
	tcase_add_loop_test(tc, claims_during_the_move, 0, 20);
	tcase_add_loop_test(tc, a_second_mover_brings_no_claim_back, 0, 20);
	suite_add_tcase(suite, tc);
	return suite;
}
