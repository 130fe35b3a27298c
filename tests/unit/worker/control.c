/* SPDX-License-Identifier: ISC */
/*
 * What a worker makes of what comes over its channel. The worker is a stand-in
 * that notes what it is told to do.
 */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "test_worker.h"
#include "worker/worker_int.h"

static struct worker worker;
static struct heritage heritage;
static int master; /* its end of the channel */
static int drains, orphaned;

void
worker_drain(struct worker *w)
{
	drains++;
}

void
worker_orphan(struct worker *w)
{
	orphaned++;
}

static void
setup(void)
{
	struct control_msg msg;
	int fd, pair[2];

	drains = orphaned = 0;
	memset(&worker, 0, sizeof(worker));
	ck_assert_int_eq(fd_pair(pair), 0);
	master = pair[0];
	heritage.control_fd = pair[1];
	worker.heritage = &heritage;
	worker.base = event_base_new();
	ck_assert_ptr_nonnull(worker.base);
	ck_assert_int_eq(control_init(&worker), 0);
	ck_assert_int_eq(fd_recv(master, &msg, sizeof(msg), &fd), 1);
	ck_assert_int_eq(msg.type, CONTROL_READY);
}

static void
teardown(void)
{
	event_base_free(worker.base);
	close(heritage.control_fd);
	if (master != -1)
		close(master);
}

static void
listen_to_master(void)
{
	ck_assert_int_ge(event_base_loop(worker.base, EVLOOP_NONBLOCK), 0);
}

/* Only its end means that the master is gone. */
START_TEST(odd_sizes)
{
	static const size_t sizes[] = { 0, 1, sizeof(struct control_msg) - 1,
		sizeof(struct control_msg) + 1 };
	char text[sizeof(struct control_msg) + 1];
	struct control_msg order = { .type = CONTROL_DRAIN };
	size_t i;

	memset(text, 0, sizeof(text));
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		memcpy(text, &order, sizeof(order));
		ck_assert_int_eq(fd_send(master, text, sizes[i], -1), 0);
		listen_to_master();
		ck_assert_int_eq(drains, 0);
		ck_assert_int_eq(orphaned, 0);
	}
	ck_assert_int_eq(fd_send(master, &order, sizeof(order), -1), 0);
	listen_to_master();
	ck_assert_int_eq(drains, 1);
	ck_assert_int_eq(orphaned, 0);
	close(master);
	master = -1;
	listen_to_master();
	ck_assert_int_eq(orphaned, 1);
}
END_TEST

/* An order that came before the end is followed before. */
START_TEST(last_order)
{
	struct control_msg order = { .type = CONTROL_DRAIN };

	control_tell(&heritage, CONTROL_DRAINED); /* which nobody reads */
	ck_assert_int_eq(fd_send(master, &order, sizeof(order), -1), 0);
	close(master);
	master = -1;
	listen_to_master();
	ck_assert_int_eq(drains, 1);
	ck_assert_int_eq(orphaned, 1);
}
END_TEST

Suite *
control_suite(void)
{
	Suite *s = suite_create("control");
	TCase *tc = tcase_create("control");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, odd_sizes);
	tcase_add_test(tc, last_order);
	suite_add_tcase(s, tc);
	return s;
}
