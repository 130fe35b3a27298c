/* SPDX-License-Identifier: ISC */
/* Getting a leg to a backend: at once, later, the next one, none. */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <sys/resource.h>

#include "base/clock.h"
#include "yard.h"

START_TEST(at_once)
{
	yard_open(1, _i == 1, 5);
	yard_connect();
	wait_for(leg_is_up(&yard.leg));
	ck_assert_int_eq(yard.connected, 1);
	ck_assert_int_eq(yard.refused + yard.failed, 0);
	ck_assert_str_eq(leg_backend(&yard.leg), yard.addrs[0].number);
	ck_assert_int_ge(leg_connect_us(&yard.leg), 0);
	ck_assert_uint_eq(leg_refusals(&yard.leg), 0);
	close(yard_accept(0));
	wait_for(yard.input > 0);
}
END_TEST

START_TEST(next_one)
{
	yard_open(3, _i == 1, 5);
	yard_close(0);
	yard_close(1);
	yard_connect();
	wait_for(leg_is_up(&yard.leg));
	ck_assert_int_eq(yard.refused, 2);
	ck_assert_uint_eq(leg_refusals(&yard.leg), 2);
	ck_assert_int_eq(yard.connected, 1);
	ck_assert_str_eq(leg_backend(&yard.leg), yard.addrs[2].number);
	close(yard_accept(2));
}
END_TEST

START_TEST(none)
{
	yard_open(2, _i == 1, 5);
	yard_close(0);
	yard_close(1);
	yard_connect();
	wait_for(yard.failed == 1);
	ck_assert_int_eq(yard.refused, 2);
	ck_assert_int_eq(leg_error(&yard.leg), ECONNREFUSED);
	ck_assert(leg_is_over(&yard.leg) && !leg_is_connecting(&yard.leg));
	/* What is sent now is thrown away. */
	ck_assert_int_eq(leg_send(&yard.leg, "x", 1), LEG_TAKEN);
	ck_assert_uint_eq(leg_waits(&yard.leg), 0);
}
END_TEST

/* No room in the queue, for as long as we wait: the next one, or none. */
START_TEST(timed_out)
{
	bool local = _i % 2 == 1;
	size_t n = _i < 2 ? 1 : 2;

	yard.listen.connect_timeout = 100;
	yard_open(n, local, 1);
	yard_fill(0);
	yard_connect();
	ck_assert(leg_is_connecting(&yard.leg));
	ck_assert_int_eq(leg_send(&yard.leg, "hello", 5), LEG_KEPT);
	wait_for(yard.refused == 1);
	ck_assert_int_eq(leg_error(&yard.leg), ETIMEDOUT);
	if (n == 1) {
		ck_assert_int_eq(yard.failed, 1);
		ck_assert_uint_eq(leg_waits(&yard.leg), 0);
		return;
	}
	wait_for(leg_is_up(&yard.leg));
	ck_assert_int_eq(yard.failed, 0);
	close(yard_accept(1));
}
END_TEST

/* What was sent meanwhile comes to whoever accepts, in one piece. */
START_TEST(sent_meanwhile)
{
	bool local = _i % 2 == 1, other = _i >= 2;
	char buf[16];
	int fd;

	if (other)
		yard.listen.connect_timeout = 100;
	yard_open(other ? 2 : 1, local, 1);
	yard_fill(0);
	yard_connect();
	ck_assert_int_eq(leg_send(&yard.leg, "hello", 5), LEG_KEPT);
	ck_assert_uint_eq(leg_waits(&yard.leg), 5);
	ck_assert_mem_eq(leg_untouched(&yard.leg), "hello", 5);
	if (!other)
		yard_empty(0);
	fd = yard_accept(other ? 1 : 0);
	wait_for(yard.sent == 1);
	ck_assert_uint_eq(leg_waits(&yard.leg), 0);
	ck_assert_ptr_null(leg_untouched(&yard.leg));
	wait_for(recv(fd, buf, sizeof(buf), 0) == 5);
	ck_assert_mem_eq(buf, "hello", 5);
	close(fd);
}
END_TEST

/* Nothing is called after that, and it can be begun again. */
START_TEST(closed_meanwhile)
{
	bool local = _i % 2 == 1;

	yard_open(1, local, 1);
	yard_fill(0);
	yard_connect();
	ck_assert(leg_is_connecting(&yard.leg));
	ck_assert_int_eq(leg_send(&yard.leg, "x", 1), LEG_KEPT);
	/* A user who has waited long enough has learnt something. */
	if (_i / 2 == 1)
		yard.leg.tried -= 1000000;
	leg_close(&yard.leg);
	ck_assert_uint_eq(leg_waits(&yard.leg), 0);
	ck_assert_int_eq(yard.pool->backends[0].told_down, _i / 2 == 1);
	yard_empty(0);
	yard_turn();
	ck_assert_int_eq(yard.connected + yard.refused + yard.failed, 0);
	yard_connect();
	wait_for(leg_is_up(&yard.leg));
	ck_assert_int_eq(yard.connected, 1);
	ck_assert_uint_eq(leg_waits(&yard.leg), 0);
}
END_TEST

/* No descriptor: the failure is ours, and is told. */
START_TEST(no_descriptor)
{
	struct rlimit old, new;

	yard_open(1, false, 5);
	getrlimit(RLIMIT_NOFILE, &old);
	new = old;
	new.rlim_cur = 3;
	setrlimit(RLIMIT_NOFILE, &new);
	yard_connect();
	setrlimit(RLIMIT_NOFILE, &old);
	ck_assert_int_eq(yard.failed, 1);
	ck_assert_int_eq(leg_error(&yard.leg), EMFILE);
	ck_assert_int_eq(yard.pool->backends[0].down_until, 0);
}
END_TEST

/* Every event is told between `enter` and `leave`. */
START_TEST(enclosed)
{
	yard_open(1, true, 1);
	yard_fill(0);
	yard_connect();
	ck_assert_int_eq(yard.entered, 0);
	wait_for(yard.entered >= 2); /* it comes back in vain */
	ck_assert_int_eq(yard.left, yard.entered);
	yard_empty(0);
	wait_for(leg_is_up(&yard.leg));
}
END_TEST

Suite *
connect_suite(void)
{
	Suite *s;
	TCase *tc;

	s = suite_create("connect");
	tc = tcase_create("connect");
	tcase_add_checked_fixture(tc, yard_setup, yard_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, at_once, 0, 2);
	tcase_add_loop_test(tc, next_one, 0, 2);
	tcase_add_loop_test(tc, none, 0, 2);
	tcase_add_loop_test(tc, timed_out, 0, 4);
	tcase_add_loop_test(tc, sent_meanwhile, 0, 4);
	tcase_add_loop_test(tc, closed_meanwhile, 0, 4);
	tcase_add_test(tc, no_descriptor);
	tcase_add_test(tc, enclosed);
	suite_add_tcase(s, tc);
	return s;
}
