/* SPDX-License-Identifier: ISC */
/*
 * Accepting: when a worker does it and when not, which queues, what happens
 * at its limits. The connections here are stand-ins that count themselves.
 */
#include "config.h"

#include <sys/resource.h>
#include <sys/socket.h>

#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/door.h"
#include "base/fd.h"
#include "base/log.h"
#include "test_worker.h"
#include "worker/worker_int.h"

#define SETS 2
#define CLIENTS 40
#define WITHIN_US 5000000

static struct conn_hub {
	size_t count;
	int fds[2 * CLIENTS];
} hub;
static struct slot slot;
static struct conf conf;
static struct conf_listen listen_conf;
static struct listener listener;
static struct heritage_socket_set set;
static struct heritage heritage;
static struct acceptor acceptor;
static struct event_base *base;
static int sockets[SETS], clients[CLIENTS];
static size_t nclients;
static int closed;

size_t
conn_hub_count(const struct conn_hub *h)
{
	return h->count;
}

struct slot *
conn_hub_slot(const struct conn_hub *h)
{
	return &slot;
}

int
conn_new(struct conn_hub *h, const struct listener *l, int fd,
    const struct sockaddr *sa, socklen_t len)
{
	ck_assert_ptr_eq(l, &listener);
	ck_assert_int_eq(sa->sa_family, AF_INET);
	h->fds[h->count++] = fd;
	return 0;
}

static void
closed_cb(void *arg)
{
	closed++;
}

static int
tcp(void)
{
	int fd;

	fd = fd_socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_ne(fd, -1);
	return fd;
}

static struct sockaddr_in
loopback(void)
{
	struct sockaddr_in sin;

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return sin;
}

static void
setup(void)
{
	struct sockaddr_in sin = loopback();
	int i;

	for (i = 0; i < SETS; i++) {
		sockets[i] = tcp();
		ck_assert_int_eq(bind(sockets[i], (struct sockaddr *)&sin,
		    sizeof(sin)), 0);
		ck_assert_int_eq(listen(sockets[i], 64), 0);
	}
	memset(&hub, 0, sizeof(hub));
	memset(&slot, 0, sizeof(slot));
	memset(&heritage, 0, sizeof(heritage));
	memset(&conf, 0, sizeof(conf));
	nclients = 0;
	closed = 0;
	listen_conf.backlog = 64;
	listener.conf = &listen_conf;
	conf.workers = SETS;
	heritage.connections = 2 * CLIENTS;
	set.listener = &listener;
	set.fds = sockets;
	set.nfds = SETS;
	set.shared = false;
	heritage.conf = &conf;
	conf.worker_connections = 2 * CLIENTS;
	heritage.sets = &set;
	heritage.nsets = 1;
	heritage.worker = 0;
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
}

static void
teardown(void)
{
	if (closed == 0)
		acceptor_close(&acceptor, true, closed_cb, NULL);
	while (hub.count > 0)
		close(hub.fds[--hub.count]);
	while (nclients > 0)
		close(clients[--nclients]);
	event_base_free(base);
}

static void
start(void)
{
	ck_assert_int_eq(acceptor_init(&acceptor, base, &hub, &heritage), 0);
	acceptor_open(&acceptor);
}

/* Non-blocking: on loopback the queue has them when connect() returns. */
static void
connect_to(int which, int n)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);

	ck_assert_int_eq(getsockname(sockets[which],
	    (struct sockaddr *)&sin, &len), 0);
	while (n-- > 0) {
		clients[nclients] = tcp();
		(void)connect(clients[nclients++], (struct sockaddr *)&sin,
		    sizeof(sin));
	}
}

static void
run_until(size_t count)
{
	int64_t end = clock_mono_us() + WITHIN_US;

	while (hub.count < count && clock_mono_us() < end)
		ck_assert_int_ne(event_base_loop(base,
		    EVLOOP_ONCE | EVLOOP_NONBLOCK), -1);
	ck_assert_uint_ge(hub.count, count);
}

/* All that is to be done now is done. */
static void
run_now(void)
{
	int i;

	for (i = 0; i < 20; i++)
		ck_assert_int_ne(event_base_loop(base,
		    EVLOOP_ONCE | EVLOOP_NONBLOCK), -1);
}

static uint64_t
pauses(void)
{
	return atomic_load(&slot.metrics[METRIC_ACCEPT_PAUSED]);
}

START_TEST(only_when_open)
{
	ck_assert_int_eq(acceptor_init(&acceptor, base, &hub, &heritage), 0);
	connect_to(0, 3);
	run_now();
	ck_assert_uint_eq(hub.count, 0);
	acceptor_open(&acceptor);
	run_until(3);
}
END_TEST

START_TEST(more_than_a_batch)
{
	start();
	connect_to(0, CLIENTS);
	run_until(CLIENTS);
	ck_assert_uint_eq(pauses(), 0);
}
END_TEST

START_TEST(shared_socket)
{
	set.nfds = 1;
	set.shared = true;
	heritage.worker = 1;
	start();
	connect_to(0, 7);
	run_until(7);
	ck_assert_uint_eq(hub.count, 7);
	close(sockets[1]);
}
END_TEST

START_TEST(covers_a_neighbour)
{
	start();
	connect_to(1, 2);
	run_now();
	ck_assert_uint_eq(hub.count, 0);
	acceptor_cover(&acceptor, 1, true);
	run_until(2);
	acceptor_cover(&acceptor, 1, false);
	connect_to(1, 2);
	run_now();
	ck_assert_uint_eq(hub.count, 2);
}
END_TEST

/* Told to cover before it was told to serve. */
START_TEST(covers_when_open)
{
	ck_assert_int_eq(acceptor_init(&acceptor, base, &hub, &heritage), 0);
	acceptor_cover(&acceptor, 1, true);
	connect_to(1, 2);
	run_now();
	ck_assert_uint_eq(hub.count, 0);
	acceptor_open(&acceptor);
	run_until(2);
}
END_TEST

/* With fewer workers than sockets, some serve two. */
START_TEST(serves_two)
{
	conf.workers = 1;
	start();
	connect_to(0, 1);
	connect_to(1, 1);
	run_until(2);
}
END_TEST

START_TEST(limit)
{
	heritage.connections = 5;
	start();
	connect_to(0, 8);
	run_until(5);
	run_now();
	ck_assert_uint_eq(hub.count, 5);
	ck_assert_uint_eq(pauses(), 1);
	close(hub.fds[--hub.count]);
	acceptor_room(&acceptor);
	run_until(5);
	run_now();
	ck_assert_uint_eq(hub.count, 5);
	ck_assert_uint_eq(pauses(), 2);
}
END_TEST

/* Nobody closes a connection of ours: it goes on by itself. */
START_TEST(out_of_descriptors)
{
	struct rlimit was, tight;
	int fd;

	start();
	connect_to(0, 1);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &was), 0);
	fd = dup(0);
	ck_assert_int_ne(fd, -1);
	close(fd);
	tight = was;
	tight.rlim_cur = (rlim_t)fd;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &tight), 0);
	run_now();
	ck_assert_uint_eq(hub.count, 0);
	ck_assert_uint_eq(pauses(), 1);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &was), 0);
	/* Valgrind closes what the limit refuses: bring another one. */
	connect_to(0, 1);
	run_until(1);
}
END_TEST

/* A socket that can never be accepted from must not keep the loop busy. */
START_TEST(useless_socket)
{
	ck_assert_int_eq(shutdown(sockets[0], SHUT_RDWR), 0);
	start();
	run_now();
	ck_assert_uint_eq(pauses(), 1);
}
END_TEST

START_TEST(close_takes_the_queue)
{
	start();
	connect_to(0, 5);
	connect_to(1, 5);
	acceptor_close(&acceptor, false, closed_cb, NULL);
	ck_assert_uint_eq(hub.count, 5);
	ck_assert_int_eq(close(sockets[0]), -1);
	ck_assert_int_eq(close(sockets[1]), -1);
	acceptor_room(&acceptor);
}
END_TEST

START_TEST(close_keeps_the_limit)
{
	heritage.connections = 3;
	start();
	connect_to(0, 5);
	acceptor_close(&acceptor, false, closed_cb, NULL);
	ck_assert_uint_eq(hub.count, 3);
}
END_TEST

/* It was never told to serve: the queue is not its own. */
START_TEST(close_before_open)
{
	ck_assert_int_eq(acceptor_init(&acceptor, base, &hub, &heritage), 0);
	connect_to(0, 2);
	acceptor_close(&acceptor, false, closed_cb, NULL);
	ck_assert_uint_eq(hub.count, 0);
}
END_TEST

/* The loop turns until the last socket is closed. */
static void
run_until_closed(void)
{
	int64_t end = clock_mono_us() + WITHIN_US;

	while (closed == 0 && clock_mono_us() < end)
		ck_assert_int_ne(event_base_loop(base, EVLOOP_ONCE), -1);
	ck_assert_int_eq(closed, 1);
}

/* Who is on the way in still comes; who begins later, does not. */
START_TEST(leaves_when_all_have_come)
{
	start();
	connect_to(0, 1);
	if (door_shut(sockets[0]) == -1)
		return;
	acceptor_close(&acceptor, false, closed_cb, NULL);
	ck_assert_int_eq(closed, 0);
	connect_to(0, 1);
	run_until_closed();
	ck_assert_uint_eq(hub.count, 1);
}
END_TEST

/* More than there is room for: they are not given up. */
START_TEST(leaves_when_there_is_room)
{
	heritage.connections = 3;
	start();
	connect_to(0, 4);
	if (door_shut(sockets[0]) == -1)
		return;
	acceptor_close(&acceptor, true, closed_cb, NULL);
	run_until(3);
	run_now();
	ck_assert_int_eq(closed, 0);
	close(hub.fds[--hub.count]);
	acceptor_room(&acceptor);
	run_until_closed();
	ck_assert_uint_eq(hub.count, 3);
}
END_TEST

/* Without a master. */
START_TEST(shuts_all)
{
	start();
	acceptor_shut(&acceptor);
	if (!door_is_shut(sockets[0]))
		return;
	ck_assert(door_is_shut(sockets[1]));
	connect_to(0, 1);
	connect_to(1, 1);
	acceptor_close(&acceptor, true, closed_cb, NULL);
	run_until_closed();
	ck_assert_uint_eq(hub.count, 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("accept");
	TCase *tc = tcase_create("accept");
	SRunner *runner;
	int failed;

	log_set_level(LOGLVL_ERROR);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, only_when_open);
	tcase_add_test(tc, more_than_a_batch);
	tcase_add_test(tc, shared_socket);
	tcase_add_test(tc, covers_a_neighbour);
	tcase_add_test(tc, covers_when_open);
	tcase_add_test(tc, serves_two);
	tcase_add_test(tc, limit);
	tcase_add_test(tc, out_of_descriptors);
	tcase_add_test(tc, useless_socket);
	tcase_add_test(tc, leaves_when_all_have_come);
	tcase_add_test(tc, leaves_when_there_is_room);
	tcase_add_test(tc, shuts_all);
	tcase_add_test(tc, close_takes_the_queue);
	tcase_add_test(tc, close_keeps_the_limit);
	tcase_add_test(tc, close_before_open);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_add_suite(runner, control_suite());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
