/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "conn/conn_int.h"
#include "test_conn.h"

#define CONNS 300

static struct conn_hub hub;
static struct conn *conns[CONNS];
static struct event_base *base;

static void
setup(void)
{
	size_t i;

	memset(&hub, 0, sizeof(hub));
	base = event_base_new();
	hub.conf.base = base;
	ck_assert_int_eq(conn_deadline_setup(&hub), 0);
	for (i = 0; i < CONNS; i++) {
		conns[i] = calloc(1, sizeof(*conns[i]));
		conns[i]->hub = &hub;
	}
}

static void
teardown(void)
{
	size_t i;

	for (i = 0; i < CONNS; i++)
		free(conns[i]);
	conn_deadline_free(&hub);
	event_base_free(base);
}

static void
check_heap(void)
{
	const struct conn_deadline *v = hub.deadlines.v;
	size_t i;

	for (i = 1; i <= hub.deadlines.n; i++) {
		ck_assert_uint_eq(v[i].conn->deadline, i);
		ck_assert(i == 1 || v[i / 2].at <= v[i].at);
	}
}

static int64_t
at(const struct conn *c)
{
	return hub.deadlines.v[c->deadline].at;
}

/* Any order of setting, moving forward and removing leaves a heap. */
START_TEST(random_order)
{
	struct conn *c;
	int64_t when;
	size_t n, i;

	srandom((unsigned)_i);
	for (i = n = 0; i < 20000; i++) {
		c = conns[random() % CONNS];
		when = random() % 1000;
		if (c->deadline != 0 && random() % 3 == 0) {
			conn_deadline_remove(c);
			n--;
			ck_assert_uint_eq(c->deadline, 0);
		} else {
			ck_assert_int_eq(conn_deadline_reserve(&hub), 0);
			if (c->deadline == 0)
				n++;
			else if (at(c) < when)
				when = at(c); /* later ones do not count */
			conn_deadline_set(c, when);
			ck_assert_int_eq(at(c), when);
		}
		ck_assert_uint_eq(hub.deadlines.n, n);
		if (i % 100 == 0)
			check_heap();
	}
}
END_TEST

START_TEST(remove_twice)
{
	ck_assert_int_eq(conn_deadline_reserve(&hub), 0);
	conn_deadline_set(conns[0], 5);
	conn_deadline_remove(conns[0]);
	conn_deadline_remove(conns[0]);
	ck_assert_uint_eq(hub.deadlines.n, 0);
}
END_TEST

Suite *
deadline_suite(void)
{
	Suite *s;
	TCase *tc;

	s = suite_create("deadline");
	tc = tcase_create("deadline");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, random_order, 1, 4);
	tcase_add_test(tc, remove_twice);
	suite_add_tcase(s, tc);
	return s;
}
