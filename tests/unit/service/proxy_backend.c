/* SPDX-License-Identifier: ISC */
/* The proxy's choice of a backend: turns, and those that have failed. */
#include "config.h"

#include <sys/resource.h>

#include "backend/backend_int.h"
#include "base/clock.h"
#include "base/keepalive.h"
#include "conn/conn_int.h"
#include "peer.h"
#include "site_proxy.h"
#include "test_service.h"
#include "world.h"

static struct backend_state *
state(size_t i)
{
	return &((struct backend_pool *)world.listener.service)->backends[i];
}

static void
shut(size_t i)
{
	backend_close(&backends[i]);
	backends_closed[i] = true;
}

/* A client that some backend of the n accepts; which. */
static size_t
reach(size_t n)
{
	struct peer *client, *server = NULL;
	int64_t until = world_deadline();
	size_t i = 0;

	client = client_connect(NULL);
	while (server == NULL) {
		world_turn();
		ck_assert(!world_late(until));
		for (i = 0; i < n && server == NULL; i++)
			if (!backends_closed[i])
				server = backend_accept(&backends[i]);
	}
	client->finish = server->finish = true;
	wait_for(conn_hub_count(world.hub) == 0);
	return i - 1;
}

/* The failure of one client is remembered for the next ones. */
START_TEST(remembered)
{
	size_t i;

	world.site.listen.backend_retry = _i < 2 ? 3600000 : 0;
	site_proxy(2, _i % 2 == 1);
	shut(0);
	for (i = 0; i < 6; i++)
		ck_assert_uint_eq(reach(2), 1);
	ck_assert_uint_eq(metric(METRIC_BACKEND_FAILURES), _i < 2 ? 1 : 3);
	ck_assert_int_eq(state(0)->down_until != 0, _i < 2);
	ck_assert(state(0)->told_down && !state(1)->told_down);
}
END_TEST

/* One that does not answer costs one client the time, not every second one. */
START_TEST(hangs)
{
	int fds[64];
	struct addr addr;
	struct err err;
	size_t i, n;

	world.site.listen.backend_retry = 3600000;
	world.site.listen.connect_timeout = 80;
	site_proxy_backlog(2, _i == 1, 1);
	ck_assert_int_eq(addr_parse(backends[0].text, &addr, NULL, &err), 0);
	for (n = 0; n < 64 && (fds[n] = fill_one(&addr)) != -1; n++)
		;
	ck_assert_uint_lt(n, 64);
	backends_closed[0] = true; /* as far as reach() is concerned */
	for (i = 0; i < 6; i++)
		ck_assert_uint_eq(reach(2), 1);
	ck_assert_uint_eq(metric(METRIC_BACKEND_FAILURES), 1);
	while (n > 0)
		close_fd(fds[--n]);
	backend_close(&backends[0]);
}
END_TEST

/* The others have the turns of one that is down, all the same number. */
START_TEST(fair)
{
	size_t i, n[3] = { 0, 0, 0 };

	world.site.listen.backend_retry = 3600000;
	site_proxy(3, false);
	state(_i)->down_until = clock_mono_us() + 3600000000;
	for (i = 0; i < 6; i++)
		n[reach(3)]++;
	for (i = 0; i < 3; i++)
		ck_assert_uint_eq(n[i], i == (size_t)_i ? 0 : 3);
}
END_TEST

/* When its time is over, one client tries it. */
START_TEST(tried_again)
{
	size_t i;

	world.site.listen.backend_retry = 3600000;
	site_proxy(2, false);
	state(0)->down_until = 1;
	state(0)->told_down = true;
	state(0)->told = clock_mono_us() - 3600000000;
	if (_i == 0)
		shut(0);
	for (i = 0; i < 6; i++)
		(void)reach(2);
	ck_assert_uint_eq(metric(METRIC_BACKEND_FAILURES), _i == 0 ? 1 : 0);
	ck_assert_int_eq(state(0)->down_until == 0, _i == 1);
	ck_assert_int_eq(state(0)->told_down, _i == 0);
}
END_TEST

/* All of them are down, it seems: each client tries all. */
START_TEST(last_resort)
{
	struct peer *client;
	size_t i;

	world.site.listen.backend_retry = 3600000;
	site_proxy(3, false);
	for (i = 0; i < 3; i++)
		state(i)->down_until = clock_mono_us() + 3600000000;
	ck_assert_uint_lt(reach(3), 3);
	ck_assert_uint_eq(metric(METRIC_BACKEND_FAILURES), 0);
	for (i = 0; i < 3; i++)
		shut(i);
	for (i = 1; i <= 2; i++) {
		client = client_new(NULL);
		wait_for(client->eof);
		peer_drop(client);
		wait_for(conn_hub_count(world.hub) == 0);
		ck_assert_uint_eq(closes(CLOSE_BACKEND_DOWN), i);
		ck_assert_uint_eq(metric(METRIC_BACKEND_FAILURES), 3 * i);
	}
}
END_TEST

/* What this machine lacks is no fault of the backend. */
START_TEST(no_descriptor)
{
	struct rlimit old, new;
	struct peer *client;

	world.site.listen.backend_retry = 3600000;
	site_proxy(1, false);
	client = client_new(NULL);
	getrlimit(RLIMIT_NOFILE, &old);
	new = old;
	new.rlim_cur = 3;
	setrlimit(RLIMIT_NOFILE, &new);
	wait_for(client->connected);
	setrlimit(RLIMIT_NOFILE, &old);
	wait_for(metric(METRIC_BACKEND_FAILURES) == 1);
	ck_assert_int_eq(state(0)->down_until, 0);
	ck_assert(!state(0)->told_down);
}
END_TEST

/* A client that does not wait for the time-out, but long enough. */
START_TEST(impatient)
{
	struct peer *client;
	struct addr addr;
	struct leg *leg;
	struct err err;
	int fds[64];
	size_t n;

	world.site.listen.backend_retry = 3600000;
	world.site.listen.connect_timeout = 3600000;
	site_proxy_backlog(1, _i / 2 == 1, 1);
	ck_assert_int_eq(addr_parse(backends[0].text, &addr, NULL, &err), 0);
	for (n = 0; n < 64 && (fds[n] = fill_one(&addr)) != -1; n++)
		;
	client = client_connect(NULL);
	leg = the_leg();
	wait_for(leg->state == (_i / 2 == 1 ? LEG_RETRY : LEG_CONNECTING));
	if (_i % 2 == 1)
		leg->tried -= 1000000;
	else
		leg->tried += 3600000000; /* no time has passed */
	peer_reset(client);
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_int_eq(state(0)->told_down, _i % 2 == 1);
	while (n > 0)
		close_fd(fds[--n]);
}
END_TEST

/* Keepalive of the backend's socket: when nothing has moved for so long. */
START_TEST(keepalive)
{
	struct peer *client, *server;
	const struct leg *leg;
	int64_t moved;

	world.site.listen.backend_keepalive = 1000;
	site_proxy(1, _i == 1);
	client = client_connect(NULL);
	peer_send_text(client, "hello");
	wait_for((server = backend_accept(&backends[0])) != NULL);
	leg = the_leg();
	wait_for(peer_got(server, "hello"));
	moved = clock_mono_us();
	ck_assert(!keepalive_is_on(leg->wire.fd));
	if (_i == 0)
		wait_for(keepalive_is_on(leg->wire.fd));
	else
		wait_for(the_conn()->rest_ms == 0);
	ck_assert_int_ge(clock_mono_us() - moved, 900000);
	ck_assert_uint_eq(the_conn()->rest_ms, 0);
	peer_send_text(server, "world");
	wait_for(peer_got(client, "world"));
}
END_TEST

/* The client's: here nothing is inherited from the listening socket. */
START_TEST(client_keepalive)
{
	struct client_how how = { .local = _i == 2 };

	world.site.listen.client_keepalive = _i == 0 ? 0 : 60000;
	site_proxy(1, false);
	(void)client_connect(&how);
	ck_assert_int_eq(keepalive_is_on(the_conn()->wire.fd), _i == 1);
}
END_TEST

Suite *
proxy_backend_suite(void)
{
	Suite *s;
	TCase *tc;

	s = suite_create("proxy_backend");
	tc = world_tcase("proxy_backend");
	tcase_add_checked_fixture(tc, NULL, site_proxy_close);
	tcase_add_loop_test(tc, remembered, 0, 4);
	tcase_add_loop_test(tc, hangs, 0, 2);
	tcase_add_loop_test(tc, fair, 0, 3);
	tcase_add_loop_test(tc, tried_again, 0, 2);
	tcase_add_test(tc, last_resort);
	tcase_add_test(tc, no_descriptor);
	tcase_add_loop_test(tc, impatient, 0, 4);
	tcase_add_loop_test(tc, keepalive, 0, 2);
	tcase_add_loop_test(tc, client_keepalive, 0, 3);
	suite_add_tcase(s, tc);
	return s;
}
