/* SPDX-License-Identifier: ISC */
/* Keepalive: what the kernel has afterwards. */
#include "config.h"

#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <unistd.h>

#include "base/fd.h"
#include "base/keepalive.h"
#include "test_base.h"

static const struct {
	int64_t ms;
	int idle, interval;
} rows[] = {
	{ 1000, 1, 1 },
	{ 19000, 19, 1 },
	{ 300000, 300, 30 },
	{ KEEPALIVE_MAX, 32400, 3240 },
};

#ifdef TCP_KEEPIDLE
static int
option(int fd, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	ck_assert_int_eq(getsockopt(fd, IPPROTO_TCP, name, &value, &len), 0);
	return value;
}
#endif

START_TEST(set)
{
	int fd = fd_socket(_i % 2 == 0 ? AF_INET : AF_INET6, SOCK_STREAM, 0);

	ck_assert_int_ne(fd, -1);
	ck_assert(!keepalive_is_on(fd));
	ck_assert_int_eq(keepalive_set(fd, rows[_i].ms), 0);
	ck_assert(keepalive_is_on(fd));
#ifdef TCP_KEEPIDLE
	ck_assert_int_eq(option(fd, TCP_KEEPIDLE), rows[_i].idle);
	ck_assert_int_eq(option(fd, TCP_KEEPINTVL), rows[_i].interval);
	ck_assert_int_eq(option(fd, TCP_KEEPCNT), 5);
#endif
	ck_assert_int_eq(keepalive_set(fd, 0), 0);
	ck_assert(!keepalive_is_on(fd));
	close(fd);
	ck_assert_int_eq(keepalive_set(fd, 1000), -1);
	ck_assert(!keepalive_is_on(fd));
}
END_TEST

Suite *
keepalive_suite(void)
{
	Suite *suite = suite_create("keepalive");
	TCase *tc = tcase_create("keepalive");

	tcase_add_loop_test(tc, set, 0, COUNT(rows));
	suite_add_tcase(suite, tc);
	return suite;
}
