/* SPDX-License-Identifier: ISC */
/* Wires: the other end is a plain socket of the same process. */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "base/fd.h"
#include "base/wire.h"
#include "test_base.h"

#define DEADLINE_S 20

static struct {
	struct event_base *base;
	struct wire wire;
	int fd; /* the other end */
	short what; /* since the last turn */
} w;

static void
heard(evutil_socket_t fd, short what, void *arg)
{
	w.what = (short)(w.what | what);
	wire_heard(&w.wire, what);
}

static void
turn(void)
{
	w.what = 0;
	event_base_loop(w.base, EVLOOP_NONBLOCK);
}

static void
late(int sig)
{
	static const char text[] = "waited in vain\n";

	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	_exit(EXIT_FAILURE);
}

/* Whether there is room, too, is no news. */
static void
wait_for(short what)
{
	alarm(DEADLINE_S);
	do {
		w.what = 0;
		event_base_loop(w.base, EVLOOP_ONCE);
	} while (!(w.what & what));
	alarm(0);
}

/* A connection over TCP; `fd` gets the accepting side. */
static int
tcp_pair(int *fd)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);
	int door, ours;

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	door = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(door, (struct sockaddr *)&sin, len), 0);
	ck_assert_int_eq(listen(door, 1), 0);
	ck_assert_int_eq(getsockname(door, (struct sockaddr *)&sin, &len), 0);
	ours = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(ours, (struct sockaddr *)&sin, len), 0);
	*fd = accept(door, NULL, NULL);
	ck_assert_int_ne(*fd, -1);
	ck_assert_int_eq(fd_nonblock(ours), 0);
	close(door);
	return ours;
}

static void
setup(void)
{
	signal(SIGALRM, late);
	w.base = event_base_new();
	ck_assert_ptr_nonnull(w.base);
	wire_init(&w.wire);
	wire_open(&w.wire, tcp_pair(&w.fd), false, w.base, heard, NULL);
	ck_assert_int_eq(wire_watch(&w.wire, false, NULL), 0);
	turn();
}

static void
teardown(void)
{
	wire_close(&w.wire);
	wire_drop(&w.wire);
	if (w.fd != -1)
		close(w.fd);
	event_base_free(w.base);
}

static void
end_there(void)
{
	close(w.fd);
	w.fd = -1;
}

static void
reset_there(void)
{
	struct linger linger = { 1, 0 };

	ck_assert_int_eq(setsockopt(w.fd, SOL_SOCKET, SO_LINGER, &linger,
	    sizeof(linger)), 0);
	end_there();
}

static void
send_there(const char *text)
{
	size_t len = strlen(text);

	ck_assert_int_eq(send(w.fd, text, len, 0), (ssize_t)len);
}

static bool
tells_end(void)
{
	return (event_base_get_features(w.base) & EV_FEATURE_EARLY_CLOSE) != 0;
}

/* Until a short read there may be more; then not, but for a reset. */
START_TEST(reading)
{
	char buf[8];

	ck_assert_uint_eq(wire_read(&w.wire, buf, sizeof(buf)), 0);
	ck_assert(!(w.wire.flags & WIRE_READABLE));
	send_there("12345678abc");
	wait_for(EV_READ);
	ck_assert(w.wire.flags & WIRE_READABLE);
	ck_assert_uint_eq(wire_read(&w.wire, buf, sizeof(buf)), 8);
	ck_assert_mem_eq(buf, "12345678", 8);
	ck_assert(w.wire.flags & WIRE_READABLE);
	ck_assert_uint_eq(wire_read(&w.wire, buf, sizeof(buf)), 3);
	ck_assert_mem_eq(buf, "abc", 3);
	ck_assert(!(w.wire.flags & (WIRE_EOF | WIRE_RESET)));
	if (!tells_end())
		return;
	ck_assert(!(w.wire.flags & WIRE_READABLE));
	ck_assert(w.wire.flags & WIRE_DOUBT);
	wire_look_again(&w.wire);
	ck_assert(w.wire.flags & WIRE_READABLE);
	ck_assert(!(w.wire.flags & WIRE_DOUBT));
	ck_assert_uint_eq(wire_read(&w.wire, buf, sizeof(buf)), 0);
	ck_assert(!(w.wire.flags & (WIRE_READABLE | WIRE_DOUBT | WIRE_EOF)));
	wire_look_again(&w.wire);
	ck_assert(!(w.wire.flags & WIRE_READABLE));
}
END_TEST

/* A send that succeeds settles the doubt. */
START_TEST(doubt_settled)
{
	char buf[8];

	send_there("abc");
	wait_for(EV_READ);
	ck_assert_uint_eq(wire_read(&w.wire, buf, sizeof(buf)), 3);
	ck_assert_int_eq((w.wire.flags & WIRE_DOUBT) != 0, tells_end());
	ck_assert_uint_eq(wire_send(&w.wire, "x", 1, false), 1);
	ck_assert(!(w.wire.flags & WIRE_DOUBT));
	wire_look_again(&w.wire);
	ck_assert_int_eq((w.wire.flags & WIRE_READABLE) != 0, !tells_end());
}
END_TEST

/* The end comes with the last bytes, or alone. */
START_TEST(end)
{
	char buf[8];

	if (_i == 1)
		send_there("abc");
	end_there();
	wait_for(EV_READ);
	if (_i == 1)
		ck_assert_uint_eq(wire_read(&w.wire, buf, sizeof(buf)), 3);
	if (_i == 0 || !tells_end())
		ck_assert_uint_eq(wire_read(&w.wire, buf, sizeof(buf)), 0);
	ck_assert(w.wire.flags & WIRE_EOF);
	ck_assert(!(w.wire.flags & (WIRE_RESET | WIRE_READABLE | WIRE_DOUBT)));
	ck_assert_int_eq(w.wire.error, 0);
}
END_TEST

/* What was sent behind urgent data and before the end. */
START_TEST(behind_urgent_data)
{
	char buf[8];

	wire_exact(&w.wire);
	send_there("abc");
	ck_assert_int_eq(send(w.fd, "!", 1, MSG_OOB), 1);
	send_there("def");
	ck_assert_int_eq(shutdown(w.fd, SHUT_WR), 0);
	wait_for(tells_end() ? EV_CLOSED : EV_READ);
	ck_assert_uint_eq(wire_read(&w.wire, buf, sizeof(buf)), 3);
	ck_assert(!(w.wire.flags & WIRE_EOF));
	wire_look(&w.wire);
	ck_assert_uint_eq(wire_read(&w.wire, buf, sizeof(buf)), 3);
	ck_assert_mem_eq(buf, "def", 3);
	ck_assert_uint_eq(wire_read(&w.wire, buf, sizeof(buf)), 0);
	ck_assert(w.wire.flags & WIRE_EOF);
}
END_TEST

START_TEST(reset)
{
	char buf[8];

	reset_there();
	wait_for(EV_READ);
	ck_assert_uint_eq(wire_read(&w.wire, buf, sizeof(buf)), 0);
	ck_assert(w.wire.flags & WIRE_EOF);
	ck_assert(w.wire.flags & WIRE_RESET);
	ck_assert(!(w.wire.flags & WIRE_READABLE));
	ck_assert_int_eq(w.wire.error, ECONNRESET);
}
END_TEST

/* Who ends does not get what is sent; what it has sent is still to be had. */
START_TEST(broken)
{
	char buf[8];

	send_there("abc");
	reset_there();
	wait_for(EV_READ);
	w.wire.flags &= ~WIRE_READABLE;
	ck_assert_int_eq(wire_keep(&w.wire, "y", 1), 0);
	ck_assert_uint_eq(wire_flush(&w.wire, false), 0);
	ck_assert(w.wire.flags & WIRE_BROKEN);
	ck_assert(w.wire.error == EPIPE || w.wire.error == ECONNRESET);
	ck_assert(w.wire.flags & WIRE_READABLE);
	ck_assert_ptr_null(w.wire.out);
	ck_assert_uint_eq(wire_send(&w.wire, "x", 1, false), 0);
	ck_assert_uint_eq(wire_read(&w.wire, buf, sizeof(buf)), 3);
	wire_look_again(&w.wire);
	(void)wire_read(&w.wire, buf, sizeof(buf));
	ck_assert(w.wire.flags & WIRE_EOF);
	ck_assert_uint_eq(wire_send(&w.wire, "x", 1, false), 0);
	ck_assert(!(w.wire.flags & WIRE_READABLE));
}
END_TEST

/* The n-th byte of what a test sends. */
static uint8_t
noise(size_t n)
{
	return (uint8_t)(n * 7 + n / 251);
}

/* Fill the kernel's buffers, and keep some: returns how much. */
static size_t
fill(void)
{
	uint8_t buf[4096];
	size_t i, n, sent = 0;

	do {
		for (i = 0; i < sizeof(buf); i++)
			buf[i] = noise(sent + i);
		n = wire_send(&w.wire, buf, sizeof(buf), false);
		sent += n;
	} while (n == sizeof(buf));
	for (i = 0; i < sizeof(buf); i++)
		buf[i] = noise(sent + i);
	ck_assert_int_eq(wire_keep(&w.wire, buf, sizeof(buf)), 0);
	return sent + sizeof(buf);
}

/* Read at the other end all that there is, from the n-th byte on. */
static size_t
drain(size_t n)
{
	uint8_t buf[4096];
	ssize_t got, i;

	while ((got = recv(w.fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		for (i = 0; i < got; i++)
			ck_assert_uint_eq(buf[i], noise(n++));
	return n;
}

/* What waits goes when there is room, in order, and input comes meanwhile. */
START_TEST(waiting)
{
	size_t sent, got = 0;

	sent = fill();
	ck_assert_uint_eq(wire_waits(&w.wire), 4096);
	ck_assert(w.wire.flags & WIRE_WATCH_OUT);
	turn();
	ck_assert(!(w.what & EV_WRITE));
	send_there("abc");
	wait_for(EV_READ);
	ck_assert(w.wire.flags & WIRE_READABLE);
	while (wire_waits(&w.wire) > 0) {
		got = drain(got);
		wait_for(EV_WRITE);
		(void)wire_flush(&w.wire, false);
	}
	ck_assert_ptr_null(w.wire.out);
	alarm(DEADLINE_S);
	while (got < sent)
		got = drain(got);
	alarm(0);
	ck_assert_uint_eq(got, sent);
}
END_TEST

/* What had come when room was asked for is not forgotten. */
START_TEST(edge_kept)
{
	send_there("abc");
	(void)fill();
	wait_for(EV_READ);
	ck_assert(w.wire.flags & WIRE_READABLE);
}
END_TEST

/*
 * Behind a peer that takes some, but never all, no more is kept than waits.
 */
START_TEST(bounded)
{
	uint8_t buf[64] = { 0 };
	int i;

	wire_close(&w.wire);
	for (i = 0; i < 100000; i++) {
		ck_assert_int_eq(wire_keep(&w.wire, buf, sizeof(buf)), 0);
		if (wire_waits(&w.wire) > 1000)
			w.wire.out->pos += sizeof(buf);
	}
	ck_assert_uint_lt(w.wire.out->size, 8192);
}
END_TEST

/* Output without a socket waits for one, whatever became of another. */
START_TEST(kept_for_the_next)
{
	char buf[8];

	wire_close(&w.wire);
	ck_assert_int_eq(w.wire.fd, -1);
	end_there();
	ck_assert_int_eq(wire_keep(&w.wire, "", 0), 0);
	ck_assert_uint_eq(wire_waits(&w.wire), 0);
	ck_assert_int_eq(wire_keep(&w.wire, "ab", 2), 0);
	ck_assert_int_eq(wire_keep(&w.wire, "c", 1), 0);
	wire_open(&w.wire, tcp_pair(&w.fd), false, w.base, heard, NULL);
	wire_close(&w.wire);
	end_there();
	wire_open(&w.wire, tcp_pair(&w.fd), false, w.base, heard, NULL);
	ck_assert_int_eq(wire_watch(&w.wire, false, NULL), 0);
	wait_for(EV_WRITE);
	ck_assert_uint_eq(wire_flush(&w.wire, false), 3);
	ck_assert_int_eq(recv(w.fd, buf, sizeof(buf), 0), 3);
	ck_assert_mem_eq(buf, "abc", 3);
}
END_TEST

/* Of no use to a connection with one segment. */
START_TEST(nodelay_late)
{
	socklen_t len = sizeof(int);
	int i, on;

	for (i = 0; i < 2; i++) {
		ck_assert_uint_eq(wire_send(&w.wire, "x", 1, false), 1);
		ck_assert_int_eq(getsockopt(w.wire.fd, IPPROTO_TCP,
		    TCP_NODELAY, &on, &len), 0);
		ck_assert_int_eq(on != 0, i > 0);
	}
}
END_TEST

START_TEST(shut)
{
	char buf[8];

	ck_assert_uint_eq(wire_send(&w.wire, "x", 1, true), 1);
	wire_shut(&w.wire);
	wire_shut(&w.wire);
	ck_assert_int_eq(recv(w.fd, buf, sizeof(buf), MSG_WAITALL), 1);
	ck_assert_int_eq(recv(w.fd, buf, sizeof(buf), 0), 0);
	send_there("abc");
	wait_for(EV_READ);
	ck_assert_uint_eq(wire_read(&w.wire, buf, sizeof(buf)), 3);
}
END_TEST

/* A close is an end, or a reset. */
START_TEST(closing)
{
	char buf[8];

	if (_i == 1)
		wire_reset(&w.wire);
	wire_close(&w.wire);
	wire_close(&w.wire);
	ck_assert_int_eq(recv(w.fd, buf, sizeof(buf), 0), _i == 1 ? -1 : 0);
	if (_i == 1)
		ck_assert_int_eq(errno, ECONNRESET);
}
END_TEST

/* Time passes with a socket and without one. */
START_TEST(timers)
{
	struct timeval tv = { 0, 1000 };

	wire_close(&w.wire);
	ck_assert_int_eq(wire_wait(&w.wire, w.base, &tv, heard, NULL), 0);
	wait_for(EV_TIMEOUT);
	ck_assert_int_eq(wire_wait(&w.wire, w.base, &tv, heard, NULL), 0);
	wire_close(&w.wire);
	ck_assert(!event_pending(&w.wire.ev, EV_TIMEOUT, NULL));
	end_there();
	wire_open(&w.wire, tcp_pair(&w.fd), true, w.base, heard, NULL);
	ck_assert_int_eq(wire_watch(&w.wire, false, &tv), 0);
	wait_for(EV_TIMEOUT);
	ck_assert(!(w.wire.flags & (WIRE_READABLE | WIRE_WATCH_OUT)));
}
END_TEST

#ifdef TLSHERD_DEBUG
START_TEST(overtaken)
{
	ck_assert_int_eq(wire_keep(&w.wire, "a", 1), 0);
	(void)wire_send(&w.wire, "b", 1, false);
}
END_TEST

START_TEST(opened_twice)
{
	wire_open(&w.wire, w.fd, false, w.base, heard, NULL);
}
END_TEST
#endif

Suite *
wire_suite(void)
{
	Suite *suite = suite_create("wire");
	TCase *tc = tcase_create("wire");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, reading);
	tcase_add_test(tc, doubt_settled);
	tcase_add_loop_test(tc, end, 0, 2);
	tcase_add_test(tc, behind_urgent_data);
	tcase_add_test(tc, reset);
	tcase_add_test(tc, broken);
	tcase_add_test(tc, waiting);
	tcase_add_test(tc, edge_kept);
	tcase_add_test(tc, bounded);
	tcase_add_test(tc, kept_for_the_next);
	tcase_add_test(tc, nodelay_late);
	tcase_add_test(tc, shut);
	tcase_add_loop_test(tc, closing, 0, 2);
	tcase_add_test(tc, timers);
	suite_add_tcase(suite, tc);

#ifdef TLSHERD_DEBUG
	tc = tcase_create("wire-mistakes");
	tcase_set_tags(tc, "fork");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test_raise_signal(tc, overtaken, SIGABRT);
	tcase_add_test_raise_signal(tc, opened_twice, SIGABRT);
	suite_add_tcase(suite, tc);
#endif
	return suite;
}
