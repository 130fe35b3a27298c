/* SPDX-License-Identifier: ISC */
/*
 * Listening sockets from reload to reload: sets that grow and never shrink,
 * addresses that somebody else has, files of Unix sockets.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "base/log.h"
#include "listen/listen.h"
#include "test_dir.h"

static char name[] = "main", file[] = "a.conf", text[ADDR_TEXT_MAX + 8];
static struct bound_list bound;
static struct conf conf;
static struct conf_listen listener;
static struct err err;

static void
setup(void)
{
	test_dir_setup();
	TAILQ_INIT(&bound);
	memset(&conf, 0, sizeof(conf));
	conf.reuseport = true;
	conf.workers = 3;
	memset(&listener, 0, sizeof(listener));
	listener.name = name;
	listener.backlog = 16;
	listener.unix_mode = 0640;
}

static void
teardown(void)
{
	sockets_close(&bound);
	test_dir_teardown();
}

static struct bound *
get(const char *address)
{
	struct conf_addr a;

	memset(&a, 0, sizeof(a));
	snprintf(text, sizeof(text), "%s", address);
	a.text = a.number = text;
	a.loc.file = file;
	a.loc.line = 3;
	ck_assert_int_eq(addr_parse(address, &a.addr, NULL, &err), 0);
	return sockets_get(&bound, &conf, &listener, &a, &err);
}

static void
serve(void)
{
	ck_assert_int_eq(sockets_listen(&bound, &err), 0);
	sockets_commit(&bound);
}

/* A first generation with this address. */
static struct bound *
first(const char *address)
{
	struct bound *b;

	sockets_begin(&bound);
	b = get(address);
	ck_assert_msg(b != NULL, "%s", err.text);
	serve();
	return b;
}

static int
option(int fd, int which)
{
	socklen_t len;
	int value = -1;

	len = sizeof(value);
	ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, which, &value, &len), 0);
	return value;
}

static bool
open_fd(int fd)
{
	return fcntl(fd, F_GETFD) != -1;
}

/* 0 or errno. */
static int
try_connect(const struct addr *a)
{
	int fd, r;

	fd = socket(a->ss.ss_family, SOCK_STREAM, 0);
	ck_assert_int_ne(fd, -1);
	r = connect(fd, (const struct sockaddr *)&a->ss, a->len);
	r = r == 0 ? 0 : errno;
	close(fd);
	return r;
}

/* Somebody else's socket, listening. */
static int
stranger(const char *address, bool reuseport, struct addr *a)
{
	int fd, on = 1;

	ck_assert_int_eq(addr_parse(address, a, NULL, &err), 0);
	fd = socket(a->ss.ss_family, SOCK_STREAM, 0);
	ck_assert_int_ne(fd, -1);
	if (reuseport)
		ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on,
		    sizeof(on)), 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a->ss, a->len), 0);
	ck_assert_int_eq(listen(fd, 4), 0);
	a->len = sizeof(a->ss);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a->ss, &a->len),
	    0);
	return fd;
}

START_TEST(one_per_worker)
{
	struct sockaddr_in sin;
	struct bound *b;
	socklen_t len;
	size_t i;

	sockets_begin(&bound);
	b = get("127.0.0.1:0");
	ck_assert_ptr_nonnull(b);
	ck_assert(!b->shared);
	ck_assert_uint_eq(b->nfds, 3);
	for (i = 0; i < b->nfds; i++) {
		len = sizeof(sin);
		ck_assert_int_eq(getsockname(b->fds[i],
		    (struct sockaddr *)&sin, &len), 0);
		ck_assert_int_eq(sin.sin_port,
		    ((struct sockaddr_in *)&b->actual.ss)->sin_port);
		ck_assert_int_eq(option(b->fds[i], SO_REUSEPORT), 1);
		ck_assert_int_ne(fcntl(b->fds[i], F_GETFL) & O_NONBLOCK, 0);
	}
	serve();
	for (i = 0; i < b->nfds; i++)
		ck_assert_int_eq(option(b->fds[i], SO_ACCEPTCONN), 1);
	ck_assert_int_eq(try_connect(&b->actual), 0);
}
END_TEST

START_TEST(one_for_all)
{
	struct bound *b;

	conf.reuseport = false;
	b = first("127.0.0.1:0");
	ck_assert(b->shared);
	ck_assert_uint_eq(b->nfds, 1);
	ck_assert_int_eq(option(b->fds[0], SO_REUSEPORT), 0);
}
END_TEST

/* A reload with this many workers. */
static const struct {
	unsigned workers;
	size_t sockets;
} sizes[] = { { 1, 3 }, { 3, 3 }, { 5, 5 } };

START_TEST(never_shrinks)
{
	struct bound *b = first("127.0.0.1:0");
	int was[3];

	memcpy(was, b->fds, sizeof(was));
	conf.workers = sizes[_i].workers;
	sockets_begin(&bound);
	ck_assert_ptr_eq(get("127.0.0.1:0"), b);
	serve();
	ck_assert_uint_eq(b->nfds, sizes[_i].sockets);
	ck_assert_int_eq(memcmp(was, b->fds, sizeof(was)), 0);
}
END_TEST

/* What is added for a generation takes no client before it serves. */
START_TEST(added_listen_late)
{
	struct bound *b = first("127.0.0.1:0");

	conf.workers = 4;
	sockets_begin(&bound);
	ck_assert_ptr_nonnull(get("127.0.0.1:0"));
	ck_assert_int_eq(option(b->fds[2], SO_ACCEPTCONN), 1);
	ck_assert_int_eq(option(b->fds[3], SO_ACCEPTCONN), 0);
	serve();
	ck_assert_int_eq(option(b->fds[3], SO_ACCEPTCONN), 1);
}
END_TEST

START_TEST(abort_closes_the_new)
{
	struct bound *b = first("127.0.0.1:0"), *fresh;
	struct addr gone;
	int fd;

	conf.workers = 5;
	sockets_begin(&bound);
	ck_assert_ptr_nonnull(get("127.0.0.1:0"));
	fd = b->fds[4];
	fresh = get("127.0.0.1:0"); /* a second one with any port */
	ck_assert_ptr_nonnull(fresh);
	ck_assert_ptr_ne(fresh, b);
	gone = fresh->actual;
	sockets_abort(&bound);
	ck_assert_uint_eq(b->nfds, 3);
	ck_assert(!open_fd(fd));
	ck_assert_int_eq(try_connect(&b->actual), 0);
	ck_assert_int_eq(try_connect(&gone), ECONNREFUSED);
}
END_TEST

START_TEST(removed)
{
	struct addr gone = first("127.0.0.1:0")->actual;

	sockets_begin(&bound);
	ck_assert_ptr_nonnull(get("127.0.0.2:0"));
	ck_assert_int_eq(try_connect(&gone), 0);
	serve();
	ck_assert_int_eq(try_connect(&gone), ECONNREFUSED);
}
END_TEST

static const struct {
	bool ours, theirs; /* SO_REUSEPORT */
} taken[] = { { true, true }, { true, false }, { false, false } };

START_TEST(address_taken)
{
	struct addr a;
	char address[ADDR_TEXT_MAX];
	int fd;

	fd = stranger("127.0.0.1:0", taken[_i].theirs, &a);
	addr_format((struct sockaddr *)&a.ss, a.len, address,
	    sizeof(address));
	conf.reuseport = taken[_i].ours;
	sockets_begin(&bound);
	ck_assert_ptr_null(get(address));
	ck_assert_ptr_nonnull(strstr(err.text, "a.conf:3: listener \"main\""));
	ck_assert_ptr_nonnull(strstr(err.text, address));
	ck_assert_ptr_nonnull(strstr(err.text, "Address already in use"));
	sockets_abort(&bound);
	ck_assert(TAILQ_EMPTY(&bound));
	ck_assert_int_eq(try_connect(&a), 0);
	close(fd);
}
END_TEST

START_TEST(both_families)
{
	char address[ADDR_TEXT_MAX];
	struct bound *b;
	int fd;

	fd = socket(AF_INET6, SOCK_STREAM, 0);
	if (fd == -1)
		return; /* no IPv6 in this kernel */
	close(fd);
	b = first("0.0.0.0:0");
	snprintf(address, sizeof(address), "[::]:%d",
	    ntohs(((struct sockaddr_in *)&b->actual.ss)->sin_port));
	sockets_begin(&bound);
	ck_assert_ptr_nonnull(get("0.0.0.0:0"));
	ck_assert_msg(get(address) != NULL, "%s", err.text);
	serve();
}
END_TEST

static const char *
unix_address(void)
{
	static char address[ADDR_TEXT_MAX];

	snprintf(address, sizeof(address), "unix:%s", test_path("s"));
	return address;
}

START_TEST(unix_life)
{
	struct bound *b = first(unix_address());
	struct stat st;

	ck_assert(b->shared);
	ck_assert_int_eq(stat(test_path("s"), &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0640);
	ck_assert_int_eq(try_connect(&b->actual), 0);
	listener.unix_mode = 0600;
	sockets_begin(&bound);
	ck_assert_ptr_eq(get(unix_address()), b);
	serve();
	ck_assert_int_eq(stat(test_path("s"), &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
	sockets_close(&bound);
	ck_assert_int_eq(stat(test_path("s"), &st), -1);
}
END_TEST

START_TEST(unix_stale)
{
	struct addr a;

	close(stranger(unix_address(), false, &a));
	ck_assert_int_eq(try_connect(&a), ECONNREFUSED);
	ck_assert_int_eq(try_connect(&first(unix_address())->actual), 0);
}
END_TEST

START_TEST(unix_taken)
{
	struct addr a;
	int fd;

	fd = stranger(unix_address(), false, &a);
	sockets_begin(&bound);
	ck_assert_ptr_null(get(unix_address()));
	sockets_abort(&bound);
	ck_assert_int_eq(try_connect(&a), 0);
	close(fd);
}
END_TEST

START_TEST(unix_other_file)
{
	struct stat st;
	int fd;

	fd = open(test_path("s"), O_CREAT | O_WRONLY, 0600);
	ck_assert_int_ne(fd, -1);
	close(fd);
	sockets_begin(&bound);
	ck_assert_ptr_null(get(unix_address()));
	sockets_abort(&bound);
	ck_assert_int_eq(stat(test_path("s"), &st), 0);
	ck_assert(S_ISREG(st.st_mode));
}
END_TEST

START_TEST(forget)
{
	struct bound *b = first("127.0.0.1:0");

	conf.workers = 4;
	sockets_begin(&bound);
	ck_assert_ptr_nonnull(get("127.0.0.1:0"));
	sockets_forget(b, 3);
	ck_assert(open_fd(b->fds[0]));
	ck_assert(open_fd(b->fds[2]));
	ck_assert(!open_fd(b->fds[3]));
	b->nfds = 3;
}
END_TEST

#ifdef __linux__
static void
child_listens(int fd, int hello)
{
	if (listen(fd, 1) == -1 || write(hello, "", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

/* Another process has it, in a way that only /proc can tell, and is stopped. */
START_TEST(holder_is_told)
{
	static const char *const hosts[] = { "127.0.0.1", "0.0.0.0" };
	struct sockaddr_in sin = { .sin_family = AF_INET };
	char address[32], expected[64], byte;
	socklen_t len = sizeof(sin);
	int fd, hello[2], status;
	pid_t pid;

	inet_pton(AF_INET, hosts[_i], &sin.sin_addr);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sin, len), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	ck_assert_int_eq(pipe(hello), 0);
	if ((pid = fork()) == 0)
		child_listens(fd, hello[1]);
	close(fd);
	ck_assert_int_eq(read(hello[0], &byte, 1), 1);
	ck_assert_int_eq(kill(pid, SIGSTOP), 0);
	ck_assert_int_eq(waitpid(pid, &status, WUNTRACED), pid);
	snprintf(address, sizeof(address), "127.0.0.1:%d",
	    ntohs(sin.sin_port));
	sockets_begin(&bound);
	ck_assert_ptr_null(get(address));
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	snprintf(expected, sizeof(expected), "in use by pid %ld (",
	    (long)pid);
	ck_assert_msg(strstr(err.text, expected) != NULL, "%s", err.text);
	ck_assert_msg(strstr(err.text, "), which is stopped") != NULL, "%s",
	    err.text);
	sockets_abort(&bound);
	close(hello[0]);
	close(hello[1]);
}
END_TEST
#endif

/* The service manager's: taken, given back, and nothing done to them. */
static const char *const activated_addresses[] = { "127.0.0.1:0", "unix" };

START_TEST(activated)
{
	const char *address = activated_addresses[_i];
	char actual[ADDR_TEXT_MAX];
	struct stat before, after;
	struct bound *b;
	struct addr a;
	int fd, round;

	if (strcmp(address, "unix") == 0)
		address = unix_address();
	fd = stranger(address, false, &a);
	ck_assert_int_eq(listen(fd, 5), 0);
	addr_format((struct sockaddr *)&a.ss, a.len, actual, sizeof(actual));
	memset(&before, 0, sizeof(before));
	memset(&after, 0, sizeof(after));
	(void)stat(test_path("s"), &before);
	activated_return(fd);
	for (round = 0; round < 3; round++) {
		sockets_begin(&bound);
		b = get(actual);
		ck_assert_msg(b != NULL, "%s", err.text);
		ck_assert(b->activated && b->shared);
		ck_assert_uint_eq(b->nfds, 1);
		ck_assert_int_eq(b->fds[0], fd);
		ck_assert_str_eq(b->text, actual);
		if (round == 0) {
			sockets_abort(&bound);
			continue;
		}
		serve();
		/* Once more: it is that one, and nobody else has it. */
		sockets_begin(&bound);
		ck_assert_ptr_eq(get(actual), b);
		serve();
		/* No longer. */
		sockets_begin(&bound);
		ck_assert(sockets_shut(&bound));
		sockets_commit(&bound);
		ck_assert(TAILQ_EMPTY(&bound));
		ck_assert_int_eq(try_connect(&a), 0);
	}
	(void)stat(test_path("s"), &after);
	ck_assert_uint_eq(before.st_ino, after.st_ino);
	ck_assert_uint_eq(before.st_mode, after.st_mode);
	ck_assert(open_fd(fd));
	activated_forget();
	ck_assert(!open_fd(fd));
}
END_TEST

/* What listens elsewhere, or is no listening socket, is nobody's. */
START_TEST(activated_others)
{
	struct addr a;
	int fds[3], pair[2], *found = NULL;
	size_t i;

	fds[0] = stranger("127.0.0.1:0", false, &a);
	ck_assert_int_eq(listen(fds[0], 5), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	fds[1] = pair[0];
	fds[2] = open("/dev/null", O_RDONLY);
	for (i = 0; i < 3; i++)
		activated_return(fds[i]);
	ck_assert_int_eq(addr_parse("127.0.0.1:1", &a, NULL, &err), 0);
	ck_assert_uint_eq(activated_take(&a, &found), 0);
	ck_assert_ptr_null(found);
	activated_tell();
	activated_forget();
	close(pair[1]);
}
END_TEST

static Suite *
sockets_suite(void)
{
	Suite *s = suite_create("sockets");
	TCase *tc = tcase_create("sockets");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, one_per_worker);
	tcase_add_test(tc, one_for_all);
	tcase_add_loop_test(tc, never_shrinks, 0,
	    sizeof(sizes) / sizeof(sizes[0]));
	tcase_add_test(tc, added_listen_late);
	tcase_add_test(tc, abort_closes_the_new);
	tcase_add_test(tc, removed);
	tcase_add_loop_test(tc, address_taken, 0,
	    sizeof(taken) / sizeof(taken[0]));
	tcase_add_test(tc, both_families);
	tcase_add_test(tc, unix_life);
	tcase_add_test(tc, unix_stale);
	tcase_add_test(tc, unix_taken);
	tcase_add_test(tc, unix_other_file);
	tcase_add_test(tc, forget);
	tcase_add_loop_test(tc, activated, 0, 2);
	tcase_add_test(tc, activated_others);
#ifdef __linux__
	tcase_add_loop_test(tc, holder_is_told, 0, 2);
#endif
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	SRunner *runner = srunner_create(sockets_suite());
	int failed;

	log_set_level(LOGLVL_ERROR);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
