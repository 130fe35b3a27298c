/* SPDX-License-Identifier: ISC */
/* Words for a service manager, and whether it watches. */
#include "config.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/notify.h"
#include "test_base.h"

static int manager = -1;

static void
setup(void)
{
	test_dir_setup();
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

static void
teardown(void)
{
	if (manager != -1)
		close(manager);
	test_dir_teardown();
}

/* As a manager does; name as it stands in the environment. */
static void
manage(const char *name)
{
	struct sockaddr_un un;
	socklen_t len;

	memset(&un, 0, sizeof(un));
	un.sun_family = AF_UNIX;
	memcpy(un.sun_path, name, strlen(name));
	if (name[0] == '@')
		un.sun_path[0] = '\0';
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
	    strlen(name));
	manager = socket(AF_UNIX, SOCK_DGRAM, 0);
	ck_assert_int_ne(manager, -1);
	ck_assert_int_eq(bind(manager, (struct sockaddr *)&un, len), 0);
	ck_assert_int_eq(setenv("NOTIFY_SOCKET", name, 1), 0);
}

static void
heard(const char *wanted)
{
	char buf[2000];
	ssize_t n;

	n = recv(manager, buf, sizeof(buf) - 1, MSG_DONTWAIT);
	ck_assert_int_ge(n, 0);
	buf[n] = '\0';
	ck_assert_str_eq(buf, wanted);
}

START_TEST(path)
{
	manage(test_path("notify"));
	ck_assert_int_eq(notify_send("READY=1\nMAINPID=%d", 7), 0);
	heard("READY=1\nMAINPID=7");
}
END_TEST

#ifdef __linux__
START_TEST(abstract)
{
	char name[64];

	snprintf(name, sizeof(name), "@tlsherd-test-%ld", (long)getpid());
	manage(name);
	ck_assert_int_eq(notify_send("STOPPING=1"), 0);
	heard("STOPPING=1");
}
END_TEST
#endif

START_TEST(nobody)
{
	ck_assert_int_eq(notify_send("READY=1"), 0);
	ck_assert_int_eq(setenv("NOTIFY_SOCKET", test_path("none"), 1), 0);
	ck_assert_int_eq(notify_send("READY=1"), -1);
	ck_assert_int_eq(errno, ENOENT);
}
END_TEST

/* A second each would be more than this test has. */
START_TEST(deaf)
{
	int i;

	manage(test_path("notify"));
	for (i = 0; i < 10000 && notify_send("WATCHDOG=1") == 0; i++)
		;
	ck_assert_int_lt(i, 10000);
	ck_assert(errno == EAGAIN || errno == EWOULDBLOCK);
	for (i = 0; i < 100; i++)
		ck_assert_int_eq(notify_send("WATCHDOG=1"), -1);
	heard("WATCHDOG=1");
	ck_assert_int_eq(notify_send("READY=1"), 0);
}
END_TEST

/* "%": as many letters as no address has room for. */
static const struct {
	const char *name;
	int error;
} bad[] = {
	{ "", EAFNOSUPPORT },
	{ "/", EAFNOSUPPORT },
	{ "@", EAFNOSUPPORT },
	{ "vsock:2:1234", EAFNOSUPPORT },
	{ "%", ENAMETOOLONG },
};

START_TEST(no_socket)
{
	char name[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];

	memset(name, 'x', sizeof(name));
	name[0] = '/';
	name[sizeof(name) - 1] = '\0';
	ck_assert_int_eq(setenv("NOTIFY_SOCKET", bad[_i].name[0] == '%' ?
	    name : bad[_i].name, 1), 0);
	ck_assert_int_eq(notify_send("READY=1"), -1);
	ck_assert_int_eq(errno, bad[_i].error);
}
END_TEST

/* pid: "=" is ours, NULL none. */
static const struct {
	const char *usec, *pid;
	int64_t us;
} dogs[] = {
	{ NULL, NULL, 0 },
	{ "30000000", NULL, 30000000 },
	{ "30000000", "=", 30000000 },
	{ "30000000", "1", 0 },
	{ "0", "=", 0 },
	{ "-5", "=", 0 },
	{ "", "=", 0 },
	{ "5s", "=", 0 },
	{ "99999999999999999999", "=", 0 },
};

START_TEST(watchdog)
{
	const char *pid = dogs[_i].pid;
	char ours[32];

	snprintf(ours, sizeof(ours), "%ld", (long)getpid());
	if (dogs[_i].usec != NULL)
		setenv("WATCHDOG_USEC", dogs[_i].usec, 1);
	if (pid != NULL)
		setenv("WATCHDOG_PID", strcmp(pid, "=") == 0 ? ours : pid, 1);
	ck_assert_int_eq(notify_watchdog_us(), 0);
	setenv("NOTIFY_SOCKET", "/somewhere", 1);
	ck_assert_int_eq(notify_watchdog_us(), dogs[_i].us);
}
END_TEST

Suite *
notify_suite(void)
{
	Suite *s = suite_create("notify");
	TCase *tc = tcase_create("notify");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, path);
#ifdef __linux__
	tcase_add_test(tc, abstract);
#endif
	tcase_add_test(tc, nobody);
	tcase_add_test(tc, deaf);
	tcase_add_loop_test(tc, no_socket, 0, COUNT(bad));
	tcase_add_loop_test(tc, watchdog, 0, COUNT(dogs));
	suite_add_tcase(s, tc);
	return s;
}
