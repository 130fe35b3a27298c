/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conn/conn_int.h"
#include "test_conn.h"
#include "world.h"

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

/* ends: theirs */
static void
crowd(int *ends)
{
	const struct sockaddr sa = { .sa_family = AF_UNIX };
	int pair[2], i;

	world_open_service(CONF_SERVICE_ECHO);
	for (i = 0; i < CONNS; i++) {
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM |
		    SOCK_NONBLOCK, 0, pair), 0);
		ck_assert_int_eq(conn_new(world.hub, &world.listener,
		    pair[0], &sa, sizeof(sa.sa_family)), 0);
		ends[i] = pair[1];
	}
}

/*
 * Thousands that come together expire together. Those that are served have
 * their turn in between.
 */
START_TEST(a_turn_has_an_end)
{
	int ends[CONNS], i;
	uint64_t before, most = 0;

	world.site.listen.handshake_timeout = 50;
	crowd(ends);
	while (conn_hub_count(world.hub) > 0) {
		before = closes(CLOSE_HANDSHAKE_TIMEOUT);
		event_base_loop(world.hub_conf.base, EVLOOP_ONCE);
		if (closes(CLOSE_HANDSHAKE_TIMEOUT) - before > most)
			most = closes(CLOSE_HANDSHAKE_TIMEOUT) - before;
	}
	ck_assert_uint_eq(closes(CLOSE_HANDSHAKE_TIMEOUT), CONNS);
	ck_assert_uint_le(most, 64);
	for (i = 0; i < CONNS; i++)
		close(ends[i]);
}
END_TEST

static bool
in_doubt(const struct conn *c)
{
	return c->later.recheck;
}

static bool
silent(const struct conn *c)
{
	return c->first == CONN_UNHEARD;
}

static int
how_many(bool (*are)(const struct conn *))
{
	struct conn *c;
	int n = 0;

	TAILQ_FOREACH(c, &world.hub->conns, link)
		if (are(c))
			n++;
	return n;
}

/* The same for those that have sent a byte, and may have been reset since. */
START_TEST(a_turn_of_rechecks_has_an_end)
{
	int ends[CONNS], i, before, most = 0;

	crowd(ends);
	for (i = 0; i < CONNS; i++)
		ck_assert_int_eq(write(ends[i], "\x16", 1), 1);
	do {
		before = how_many(in_doubt);
		event_base_loop(world.hub_conf.base, EVLOOP_ONCE);
		if (before - how_many(in_doubt) > most)
			most = before - how_many(in_doubt);
	} while (how_many(silent) > 0 || how_many(in_doubt) > 0);
	if (event_base_get_features(world.base) & EV_FEATURE_EARLY_CLOSE)
		ck_assert_int_gt(most, 0);
	ck_assert_int_le(most, 32);
	for (i = 0; i < CONNS; i++)
		close(ends[i]);
}
END_TEST

Suite *
deadline_suite(void)
{
	Suite *s;
	TCase *tc;

	s = suite_create("deadline");
	tc = tcase_create("deadline");
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, random_order, 1, 4);
	tcase_add_test(tc, remove_twice);
	suite_add_tcase(s, tc);
	tc = tcase_create("turn");
	tcase_add_checked_fixture(tc, world_setup, world_teardown);
	tcase_add_test(tc, a_turn_has_an_end);
	tcase_add_test(tc, a_turn_of_rechecks_has_an_end);
	suite_add_tcase(s, tc);
	return s;
}
