/* SPDX-License-Identifier: ISC */
/* Which backend is next: turns, failures that are remembered, nobody left. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "yard.h"

#define HOUR_US INT64_C(3600000000)

static struct conf_addr *addrs;
static struct leg leg;
static int64_t now;

/* A pool of n backends that nobody calls. */
static void
pool_of(size_t n)
{
	static char text[] = "192.0.2.1:1";
	size_t i;

	addrs = calloc(n, sizeof(*addrs));
	for (i = 0; i < n; i++)
		addrs[i].text = addrs[i].number = text;
	yard.listen.backends = addrs;
	yard.listen.nbackends = n;
	yard.listen.backend_retry = 3600000;
	yard.pool = backend_pool_new(&yard.listen, NULL);
	now = clock_mono_us();
}

/* A new leg, whose turn it is. */
static void
begin(unsigned worker)
{
	memset(&leg, 0, sizeof(leg));
	leg.pool = yard.pool;
	leg.tried = now;
	backend_turn(&leg, worker);
}

/* Its next backend; -1: there is none. */
static int
next(void)
{
	return backend_next(&leg) ? (int)(backend_address(&leg) - addrs) : -1;
}

/* What connect.c does when a backend would not have us. */
static void
refuse(int error)
{
	leg.failed++;
	backend_down(&leg, error);
}

static void
teardown(void)
{
	free(addrs);
	addrs = NULL;
	yard_teardown();
}

START_TEST(turns)
{
	int i;

	pool_of(3);
	for (i = 0; i < 7; i++) {
		begin(4);
		ck_assert_int_eq(next(), (4 + i) % 3);
		backend_up(&leg);
	}
}
END_TEST

/* One leg tries each of them once, and then gives up. */
START_TEST(each_once)
{
	unsigned tried = 0;
	int i;

	pool_of(3);
	begin((unsigned)_i);
	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(next(), (_i + i) % 3);
		tried |= 1u << (_i + i) % 3;
		refuse(ECONNREFUSED);
	}
	ck_assert_uint_eq(tried, 7);
	ck_assert_int_eq(next(), -1);
}
END_TEST

/* What has failed is passed over for backend_retry, by later legs. */
START_TEST(passed_over)
{
	int i;

	pool_of(2);
	begin(0);
	ck_assert_int_eq(next(), 0);
	refuse(ETIMEDOUT);
	ck_assert_int_eq(next(), 1);
	backend_up(&leg);
	for (i = 0; i < 5; i++) {
		begin(0);
		ck_assert_int_eq(next(), 1);
	}
	/* Its time is over: one tries it, others do not meanwhile. */
	now += HOUR_US + 1000000;
	yard.pool->turn = 0;
	begin(0);
	ck_assert_int_eq(next(), 0);
	for (i = 0; i < 5; i++) {
		begin(0);
		ck_assert_int_eq(next(), 1);
	}
	leg.first = 0;
	leg.step = 1;
	backend_up(&leg);
	yard.pool->turn = 0;
	begin(0);
	ck_assert_int_eq(next(), 0);
}
END_TEST

/* With backend_retry = 0 nothing is remembered. */
START_TEST(forgotten)
{
	pool_of(2);
	yard.listen.backend_retry = 0;
	begin(0);
	ck_assert_int_eq(next(), 0);
	refuse(ECONNREFUSED);
	begin(1);
	ck_assert_int_eq(next(), 0);
}
END_TEST

/* When nobody else is left, those that are down are tried. */
START_TEST(last_resort)
{
	size_t i;

	pool_of(3);
	for (i = 0; i < 3; i++)
		yard.pool->backends[i].down_until = now + HOUR_US;
	begin(1);
	ck_assert_int_eq(next(), 1);
	refuse(ECONNREFUSED);
	ck_assert_int_eq(next(), 2);
	refuse(ECONNREFUSED);
	ck_assert_int_eq(next(), 0);
	refuse(ECONNREFUSED);
	ck_assert_int_eq(next(), -1);
}
END_TEST

/* Of many, too, an end is found, and nobody is left out. */
START_TEST(many)
{
	bool tried[100] = { false };
	size_t i;
	int n, last = -1;

	pool_of(100);
	for (i = 0; i < 100; i += 2)
		yard.pool->backends[i].down_until = now + HOUR_US;
	begin(90);
	for (i = 0; i < 100 && (n = next()) != -1; i++) {
		tried[last = n] = true;
		refuse(ECONNREFUSED);
	}
	ck_assert_int_eq(next(), -1);
	ck_assert_ptr_eq(backend_address(&leg), &addrs[last]);
	for (i = 0; i < 64; i++)
		ck_assert(tried[i]);
}
END_TEST

static const int ours[] = { EADDRNOTAVAIL, EMFILE, ENFILE, ENOBUFS, ENOMEM };

/* What this machine lacks is no fault of the backend. */
START_TEST(our_fault)
{
	pool_of(1);
	begin(0);
	ck_assert_int_eq(next(), 0);
	refuse(ours[_i]);
	ck_assert_int_eq(yard.pool->backends[0].down_until, 0);
	ck_assert(!yard.pool->backends[0].told_down);
}
END_TEST

/* A backend that is up and down does not fill the log. */
START_TEST(log_is_quiet)
{
	struct backend_state *b;

	pool_of(1);
	b = &yard.pool->backends[0];
	begin(0);
	ck_assert_int_eq(next(), 0);
	refuse(ECONNREFUSED);
	ck_assert(b->told_down);
	backend_up(&leg);
	ck_assert_int_eq(b->down_until, 0);
	ck_assert(b->told_down); /* too soon to say that it is up */
	b->told -= HOUR_US;
	backend_up(&leg);
	ck_assert(!b->told_down);
	refuse(ECONNREFUSED);
	ck_assert(!b->told_down); /* and too soon for this */
}
END_TEST

Suite *
choose_suite(void)
{
	Suite *s;
	TCase *tc;

	s = suite_create("choose");
	tc = tcase_create("choose");
	tcase_add_checked_fixture(tc, yard_setup, teardown);
	tcase_add_test(tc, turns);
	tcase_add_loop_test(tc, each_once, 0, 3);
	tcase_add_test(tc, passed_over);
	tcase_add_test(tc, forgotten);
	tcase_add_test(tc, last_resort);
	tcase_add_test(tc, many);
	tcase_add_loop_test(tc, our_fault, 0, COUNT(ours));
	tcase_add_test(tc, log_is_quiet);
	suite_add_tcase(s, tc);
	return s;
}
