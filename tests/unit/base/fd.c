/* SPDX-License-Identifier: ISC */
/* Descriptors: flags, passing them between processes, the limit. */
#include "config.h"

#include <sys/resource.h>
#include <sys/socket.h>

#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/fd.h"
#include "test_base.h"

static void
assert_flags(int fd)
{
	ck_assert_int_ne(fd, -1);
	ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
}

START_TEST(flags)
{
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(fd_nonblock(fds[0]), 0);
	ck_assert_int_eq(fd_cloexec(fds[0]), 0);
	assert_flags(fds[0]);
	close(fds[0]);
	close(fds[1]);
	errno = 0;
	ck_assert_int_eq(fd_nonblock(fds[0]), -1);
	ck_assert_int_eq(errno, EBADF);
	ck_assert_int_eq(fd_cloexec(fds[0]), -1);
}
END_TEST

START_TEST(accepts)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);
	struct pollfd ready;
	struct addr addr;
	struct err err;
	int client, fd, listener;

	ck_assert_int_eq(addr_parse("127.0.0.1:0", &addr, NULL, &err), 0);
	listener = fd_socket(AF_INET, SOCK_STREAM, 0);
	assert_flags(listener);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&addr.ss,
	    addr.len), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	ck_assert_int_eq(fd_accept(listener, NULL, NULL), -1);
	ck_assert_int_eq(errno, EAGAIN);

	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&addr.ss,
	    &addr.len), 0);
	client = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(client, (struct sockaddr *)&addr.ss,
	    addr.len), 0);
	ready.fd = listener;
	ready.events = POLLIN;
	ck_assert_int_eq(poll(&ready, 1, 5000), 1);
	fd = fd_accept(listener, (struct sockaddr *)&peer, &len);
	assert_flags(fd);
	ck_assert_int_eq(peer.ss_family, AF_INET);
	close(fd);
	close(client);
	close(listener);
}
END_TEST

START_TEST(passes)
{
	int got, pair[2], tube[2];
	char buf[16];

	ck_assert_int_eq(fd_pair(pair), 0);
	assert_flags(pair[0]);
	assert_flags(pair[1]);
	ck_assert_int_eq(pipe(tube), 0);

	ck_assert_int_eq(fd_send(pair[0], "plain", 5, -1), 0);
	ck_assert_int_eq(fd_send(pair[0], "pipe", 4, tube[1]), 0);
	ck_assert_int_eq(fd_recv(pair[1], buf, 5, &got), 1);
	ck_assert_mem_eq(buf, "plain", 5);
	ck_assert_int_eq(got, -1);
	ck_assert_int_eq(fd_recv(pair[1], buf, 4, &got), 1);
	ck_assert_int_ne(got, -1);
	ck_assert_int_ne(got, tube[1]);
	ck_assert_int_ne(fcntl(got, F_GETFD) & FD_CLOEXEC, 0);
	ck_assert_int_eq(write(got, "x", 1), 1);
	ck_assert_int_eq(read(tube[0], buf, 1), 1);

	ck_assert_int_eq(fd_recv(pair[1], buf, sizeof(buf), &got), -1);
	ck_assert_int_eq(errno, EAGAIN);
	close(got);
	close(pair[0]);
	ck_assert_int_eq(fd_recv(pair[1], buf, sizeof(buf), &got), 0);
	ck_assert_int_eq(got, -1);
	ck_assert_int_eq(fd_send(pair[1], "x", 1, -1), -1);
	ck_assert_int_eq(errno, EPIPE); /* and no SIGPIPE */
	close(pair[1]);
	close(tube[0]);
	close(tube[1]);
}
END_TEST

/* Longer, shorter and empty ones are dropped; what follows is heard. */
START_TEST(odd_sizes)
{
	static const char *const odd[] = { "four", "sixsix", "" };
	int got, i, pair[2];
	char buf[5];

	ck_assert_int_eq(fd_pair(pair), 0);
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(fd_send(pair[0], odd[i], strlen(odd[i]),
		    pair[0]), 0);
	ck_assert_int_eq(fd_send(pair[0], "right", 5, -1), 0);
	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(fd_recv(pair[1], buf, 5, &got), -1);
		ck_assert_int_eq(errno, EBADMSG);
		ck_assert_int_eq(got, -1);
	}
	ck_assert_int_eq(fd_recv(pair[1], buf, 5, &got), 1);
	ck_assert_mem_eq(buf, "right", 5);
	close(pair[0]);
	ck_assert_int_eq(fd_recv(pair[1], buf, 5, &got), 0);
	close(pair[1]);
}
END_TEST

/* It has read nothing of what it was told; that is no reason not to hear it. */
START_TEST(last_words)
{
	int got, pair[2];
	char buf[5];

	ck_assert_int_eq(fd_pair(pair), 0);
	ck_assert_int_eq(fd_send(pair[1], "order", 5, -1), 0);
	ck_assert_int_eq(fd_send(pair[0], "words", 5, -1), 0);
	close(pair[0]);
	ck_assert_int_eq(fd_recv(pair[1], buf, 5, &got), 1);
	ck_assert_mem_eq(buf, "words", 5);
	ck_assert_int_eq(fd_recv(pair[1], buf, 5, &got), 0);
	close(pair[1]);
}
END_TEST

static int
descriptors(void)
{
	int fd, n = 0;

	for (fd = 0; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) != -1)
			n++;
	return n;
}

/* A peer that sends more descriptors than one must not fill our table. */
START_TEST(too_many)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(8 * sizeof(int))];
	} control;
	char byte[] = "x", buf[4];
	struct iovec iov = { byte, 1 };
	struct cmsghdr *cmsg;
	struct msghdr msg;
	int before, fds[8], got, pair[2], i;

	ck_assert_int_eq(fd_pair(pair), 0);
	memset(&msg, 0, sizeof(msg));
	memset(&control, 0, sizeof(control));
	for (i = 0; i < 8; i++)
		fds[i] = pair[0];
	msg.msg_iov = &iov;
	msg.msg_iovlen = 1;
	msg.msg_control = &control;
	msg.msg_controllen = sizeof(control.space);
	cmsg = CMSG_FIRSTHDR(&msg);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(cmsg), fds, sizeof(fds));
	before = descriptors();
	ck_assert_int_eq(sendmsg(pair[0], &msg, 0), 1);
	ck_assert_int_eq(fd_recv(pair[1], buf, 1, &got), 1);
	ck_assert_int_ne(got, -1);
	ck_assert_int_eq(descriptors(), before + 1);
	close(got);
	close(pair[0]);
	close(pair[1]);
}
END_TEST

START_TEST(limit)
{
	struct rlimit old, low;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = old;
	low.rlim_cur = 64;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
	ck_assert_uint_eq(fd_limit_raise(32), 64);
	ck_assert_uint_eq(fd_limit_raise(128), 128);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &low), 0);
	ck_assert_uint_eq(low.rlim_cur, 128);
	/* More than a kernel gives: as much as there is, and it says so. */
	ck_assert_uint_ge(fd_limit_raise((size_t)1 << 40), 128);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &low), 0);
	ck_assert_uint_eq(fd_limit_raise(1), low.rlim_cur);
	(void)setrlimit(RLIMIT_NOFILE, &old);
}
END_TEST

/*
 * A socket with data that its peer does not take, and a linger of a minute,
 * whose only copy is the one that is thrown away.
 */
START_TEST(discard)
{
	struct linger minute = { .l_onoff = 1, .l_linger = 60 };
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);
	char data[65536];
	int listener, fd;

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = fd_socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&sin, len), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&sin, &len),
	    0);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sin, len), 0);
	ck_assert_int_eq(fd_nonblock(fd), 0);
	memset(data, 0, sizeof(data));
	while (send(fd, data, sizeof(data), 0) > 0)
		continue;
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &minute,
	    sizeof(minute)), 0);
	alarm(5);
	fd_discard(fd);
	alarm(0);
	close(listener);
}
END_TEST

Suite *
fd_suite(void)
{
	Suite *suite = suite_create("fd");
	TCase *tc = tcase_create("fd");

	tcase_add_test(tc, flags);
	tcase_add_test(tc, accepts);
	tcase_add_test(tc, passes);
	tcase_add_test(tc, odd_sizes);
	tcase_add_test(tc, last_words);
	tcase_add_test(tc, too_many);
	tcase_add_test(tc, discard);
	tcase_add_test(tc, limit);
	suite_add_tcase(suite, tc);
	return suite;
}
