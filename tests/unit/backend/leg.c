/* SPDX-License-Identifier: ISC */
/* A leg that is up: bytes both ways, what waits, and all ends. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>

#include "base/keepalive.h"
#include "yard.h"

#define LOTS (4u << 20)

static int server;
static uint8_t *lots, *got;
static size_t ngot;

/* A leg that is up, and the other end of it. */
static void
open_pair(bool local)
{
	yard_open(1, local, 5);
	yard_connect();
	server = yard_accept(0);
	wait_for(leg_is_up(&yard.leg));
}

/* Bytes of which no two parts are the same. */
static void
make_lots(void)
{
	size_t i;

	lots = malloc(LOTS);
	got = malloc(LOTS);
	ngot = 0;
	for (i = 0; i < LOTS; i++)
		lots[i] = (uint8_t)(i ^ i >> 8 ^ i >> 16);
}

static void
setup(void)
{
	server = -1;
	lots = got = NULL;
	yard_setup();
}

static void
teardown(void)
{
	if (server != -1)
		close(server);
	free(lots);
	free(got);
	yard_teardown();
}

/* What the server can read now; false: there will be no more. */
static bool
serve(void)
{
	ssize_t n = recv(server, got + ngot, LOTS - ngot, 0);

	if (n > 0)
		ngot += (size_t)n;
	return n > 0 || (n == -1 && errno == EAGAIN);
}

START_TEST(both_ways)
{
	char buf[16];

	open_pair(_i == 1);
	ck_assert_int_eq(leg_send(&yard.leg, "ping", 4), LEG_TAKEN);
	wait_for(recv(server, buf, sizeof(buf), 0) == 4);
	ck_assert_int_eq(send(server, "pong", 4, 0), 4);
	yard.input = 0;
	wait_for(yard.input > 0);
	ck_assert(leg_has_input(&yard.leg));
	ck_assert_int_eq(leg_read(&yard.leg, buf, 2), 2);
	ck_assert(leg_has_input(&yard.leg) && !leg_in_doubt(&yard.leg));
	ck_assert_int_eq(leg_read(&yard.leg, buf + 2, 14), 2);
	ck_assert_mem_eq(buf, "pong", 4);
	/* It got less than it might: something may hide behind. */
	ck_assert(leg_in_doubt(&yard.leg) || leg_has_input(&yard.leg));
	ck_assert_int_eq(leg_send(&yard.leg, "ping", 4), LEG_TAKEN);
	ck_assert(!leg_in_doubt(&yard.leg));
	leg_look(&yard.leg);
	ck_assert_int_eq(leg_read(&yard.leg, buf, sizeof(buf)), 0);
	ck_assert(!leg_ended(&yard.leg) && !leg_is_broken(&yard.leg));
	ck_assert(!leg_has_input(&yard.leg));
}
END_TEST

/* What the backend does not take waits, and goes when it reads. */
START_TEST(waits)
{
	size_t left;

	open_pair(_i == 1);
	make_lots();
	ck_assert_int_eq(leg_send(&yard.leg, lots, LOTS), LEG_KEPT);
	left = leg_waits(&yard.leg);
	ck_assert_uint_gt(left, 0);
	ck_assert_uint_lt(left, LOTS);
	ck_assert_mem_eq(leg_untouched(&yard.leg), lots + LOTS - left, 100);
	yard_turn();
	ck_assert_uint_eq(leg_flush(&yard.leg), 0);
	ck_assert_int_eq(yard.sent, 0);
	wait_for(serve() && yard.sent > 0);
	wait_for(serve() && ngot == LOTS);
	ck_assert_uint_eq(leg_waits(&yard.leg), 0);
	ck_assert_mem_eq(got, lots, LOTS);
	ck_assert_int_eq(yard.broken, 0);
}
END_TEST

/* The backend's end, with its last bytes or without. */
START_TEST(ended)
{
	bool local = _i % 2 == 1, bytes = _i / 2 == 1;
	char buf[16];

	open_pair(local);
	if (bytes)
		ck_assert_int_eq(send(server, "bye", 3, 0), 3);
	ck_assert_int_eq(shutdown(server, SHUT_WR), 0);
	wait_for(leg_has_input(&yard.leg));
	if (bytes)
		ck_assert_int_eq(leg_read(&yard.leg, buf, sizeof(buf)), 3);
	while (leg_has_input(&yard.leg))
		ck_assert_int_eq(leg_read(&yard.leg, buf, sizeof(buf)), 0);
	ck_assert(leg_ended(&yard.leg) && !leg_is_broken(&yard.leg));
	/* It may go on reading. */
	ck_assert_int_eq(leg_send(&yard.leg, "more", 4), LEG_TAKEN);
	wait_for(recv(server, buf, sizeof(buf), 0) == 4);
}
END_TEST

static void
reset_server(void)
{
	const struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	ck_assert_int_eq(setsockopt(server, SOL_SOCKET, SO_LINGER, &linger,
	    sizeof(linger)), 0);
	close(server);
	server = -1;
}

/* Its reset: an error for who reads, for who sends, and for what waits. */
START_TEST(reset)
{
	char buf[16];

	open_pair(false);
	if (_i == 2) {
		make_lots();
		ck_assert_int_eq(leg_send(&yard.leg, lots, LOTS), LEG_KEPT);
	}
	reset_server();
	if (_i == 0) {
		wait_for(leg_has_input(&yard.leg));
		ck_assert_int_eq(leg_read(&yard.leg, buf, sizeof(buf)), -1);
		ck_assert(!leg_ended(&yard.leg));
	} else if (_i == 1) {
		ck_assert_int_eq(leg_send(&yard.leg, "x", 1), LEG_BROKEN);
		ck_assert_uint_eq(leg_waits(&yard.leg), 0);
	} else {
		wait_for(yard.broken == 1);
		ck_assert_uint_eq(leg_waits(&yard.leg), 0);
	}
	ck_assert(leg_is_broken(&yard.leg) && leg_is_over(&yard.leg));
	ck_assert(leg_error(&yard.leg) == ECONNRESET ||
	    leg_error(&yard.leg) == EPIPE);
}
END_TEST

/* Our end, and then the close: no more than an end. */
START_TEST(shut)
{
	char buf[16];

	open_pair(_i == 1);
	ck_assert_int_eq(leg_send(&yard.leg, "last", 4), LEG_TAKEN);
	ck_assert(!leg_is_shut(&yard.leg));
	leg_shut(&yard.leg);
	leg_shut(&yard.leg);
	ck_assert(leg_is_shut(&yard.leg));
	wait_for(recv(server, buf, sizeof(buf), 0) == 4);
	wait_for(recv(server, buf, sizeof(buf), 0) == 0);
	ck_assert_int_eq(send(server, "yes", 3, 0), 3);
	wait_for(leg_has_input(&yard.leg));
	ck_assert_int_eq(leg_read(&yard.leg, buf, sizeof(buf)), 3);
}
END_TEST

/* How the close looks to the backend: as an end or as a reset. */
START_TEST(closed)
{
	char buf[16];
	ssize_t n;

	open_pair(false);
	leg_end(&yard.leg, _i == 1);
	leg_close(&yard.leg);
	ck_assert(leg_is_over(&yard.leg) && !leg_is_up(&yard.leg));
	wait_for((n = recv(server, buf, sizeof(buf), 0)) != -1 ||
	    errno != EAGAIN);
	if (_i == 1)
		ck_assert(n == -1 && errno == ECONNRESET);
	else
		ck_assert_int_eq(n, 0);
	leg_close(&yard.leg);
}
END_TEST

/* What the backend's system has not taken, where the kernel says so. */
START_TEST(unsent)
{
	open_pair(_i == 1);
	make_lots();
	ck_assert_int_eq(leg_unsent(&yard.leg), 0); /* nothing was sent */
	ck_assert_int_eq(leg_send(&yard.leg, lots, LOTS), LEG_KEPT);
	if (leg_unsent(&yard.leg) == -1)
		return; /* it does not say */
	ck_assert_int_gt(leg_unsent(&yard.leg), 0);
	wait_for(serve() && ngot == LOTS);
	wait_for(leg_unsent(&yard.leg) == 0);
}
END_TEST

START_TEST(keepalive)
{
	yard.listen.backend_keepalive = 60000;
	leg_keepalive(&yard.leg); /* of a leg that is not begun: nothing */
	open_pair(_i == 1);
	ck_assert(!keepalive_is_on(yard.leg.wire.fd));
	leg_keepalive(&yard.leg);
	ck_assert_int_eq(keepalive_is_on(yard.leg.wire.fd), _i == 0);
}
END_TEST

/* Zeros are a leg that is not begun: it takes all, and has nothing. */
START_TEST(not_begun)
{
	ck_assert_int_eq(leg_send(&yard.leg, "x", 1), LEG_TAKEN);
	ck_assert(!leg_has_input(&yard.leg) && !leg_is_up(&yard.leg));
	ck_assert(leg_is_over(&yard.leg) && !leg_has_failed(&yard.leg));
	ck_assert_uint_eq(leg_waits(&yard.leg) + leg_flush(&yard.leg), 0);
	leg_close(&yard.leg);
}
END_TEST

Suite *
leg_suite(void)
{
	Suite *s;
	TCase *tc;

	s = suite_create("leg");
	tc = tcase_create("leg");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, both_ways, 0, 2);
	tcase_add_loop_test(tc, waits, 0, 2);
	tcase_add_loop_test(tc, ended, 0, 4);
	tcase_add_loop_test(tc, reset, 0, 3);
	tcase_add_loop_test(tc, shut, 0, 2);
	tcase_add_loop_test(tc, closed, 0, 2);
	tcase_add_loop_test(tc, unsent, 0, 2);
	tcase_add_loop_test(tc, keepalive, 0, 2);
	tcase_add_test(tc, not_begun);
	suite_add_tcase(s, tc);
	return s;
}
