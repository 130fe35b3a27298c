/* SPDX-License-Identifier: ISC */
/*
 * The control socket: who gets an answer, and that those who deserve none
 * cost nobody else theirs. Client and server share the test's one thread: the
 * server's loop is run until the client has what it waits for.
 */
#include "config.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>
#include <event2/event.h>
#include <tlscache.h>

#include "ctl/ctl.h"
#include "ctl/protocol.h"

#define STATUS_REQUEST CTL_REQUEST_TAG " status plain\n"
#define PATIENCE 10000 /* milliseconds */

static char dir[] = "/tmp/test_ctl.XXXXXX";
static char path[sizeof(dir) + 16];
static struct event_base *base;
static struct ctl_options opts;
static struct scoreboard *board;
static struct tlscache *cache;
static struct ctl_worker many[20000];
static size_t nworkers;
static unsigned asked;

static void
view_fill(void *arg, struct ctl_view *view)
{
	ck_assert_ptr_eq(arg, &asked);
	ck_assert_int_gt(view->now, 1700000000);
	asked++;
	view->version = "0.1.0";
	view->conf_path = "x.conf";
	view->workers = many;
	view->nworkers = nworkers;
	view->cache = cache;
	view->scoreboard = board;
}

static enum ctl_order ordered;
static const char *refusal;

static const char *
order(void *arg, enum ctl_order o)
{
	ck_assert_ptr_eq(arg, &asked);
	ordered = o;
	return refusal;
}

static void
setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/control.sock", dir);
	base = event_base_new();
	board = scoreboard_new(1, 1);
	ck_assert(base != NULL && board != NULL);
	ck_assert_int_eq(tlscache_open(&cache, TLSCACHE_SIZE_MIN), TLSCACHE_OK);
	memset(&opts, 0, sizeof(opts));
	opts.path = path;
	opts.mode = 0600;
	nworkers = 0;
	asked = 0;
	ordered = CTL_ORDER_COUNT;
	refusal = NULL;
}

static void
teardown(void)
{
	unlink(path);
	rmdir(dir);
	tlscache_close(cache);
	scoreboard_free(board);
	event_base_free(base);
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
}

static struct ctl *
ctl_must(void)
{
	struct ctl *ctl;
	struct err err;

	ctl = ctl_new(base, &opts, view_fill, &asked, &err);
	ck_assert_msg(ctl != NULL, "%s", err.text);
	return ctl;
}

static void
ctl_must_not(const char *reason)
{
	struct err err;

	ck_assert_ptr_null(ctl_new(base, &opts, view_fill, &asked, &err));
	ck_assert_msg(strstr(err.text, reason) != NULL, "\"%s\" lacks \"%s\"",
	    err.text, reason);
}

static int
client_open(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd;

	memcpy(sun.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sun, sizeof(sun)),
	    0);
	return fd;
}

static void
client_send(int fd, const char *request, size_t len)
{
	ck_assert_int_eq(send(fd, request, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* Run the server until fd has something to read. */
static void
client_wait(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int i;

	for (i = 0; i < PATIENCE; i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		if (poll(&p, 1, 1) == 1)
			return;
	}
	ck_abort_msg("no answer within the deadline");
}

/* All that comes until the server closes; how many bytes. */
static size_t
client_read(int fd, char *buf, size_t size)
{
	size_t len;
	ssize_t n;

	for (len = 0; len < size - 1; len += (size_t)n) {
		client_wait(fd);
		n = recv(fd, buf + len, size - 1 - len, 0);
		if (n == 0 || (n == -1 && errno == ECONNRESET))
			break;
		ck_assert_int_gt(n, 0);
	}
	buf[len] = '\0';
	close(fd);
	return len;
}

/* Splits an answer; returns its status. */
static int
answer_split(const char *answer, const char **bodyp)
{
	size_t length;
	int status;

	ck_assert_int_eq(sscanf(answer, CTL_ANSWER_TAG " %d %zu\n", &status,
	    &length), 2);
	*bodyp = strchr(answer, '\n') + 1;
	ck_assert_uint_eq(strlen(*bodyp), length);
	return status;
}

static void
status_must_work(void)
{
	char buf[4096];
	const char *body;
	int fd;

	fd = client_open();
	client_send(fd, STATUS_REQUEST, strlen(STATUS_REQUEST));
	client_read(fd, buf, sizeof(buf));
	ck_assert_int_eq(answer_split(buf, &body), CTL_DONE);
	ck_assert_int_eq(strncmp(body, "tlsherd        0.1.0", 20), 0);
}

START_TEST(answers)
{
	char buf[8192];
	const char *body;
	struct ctl *ctl;
	int fd;

	ctl = ctl_must();
	status_must_work();
	ck_assert_uint_eq(asked, 1);
	fd = client_open();
	client_send(fd, CTL_REQUEST_TAG " sess", 17);
	event_base_loop(base, EVLOOP_NONBLOCK);
	client_send(fd, "ions json\n", 10);
	client_read(fd, buf, sizeof(buf));
	ck_assert_int_eq(answer_split(buf, &body), CTL_DONE);
	ck_assert_int_eq(strncmp(body, "{\"cache\":{", 10), 0);
	ctl_free(ctl);
}
END_TEST

static int
order_send(const char *request)
{
	int fd;

	fd = client_open();
	client_send(fd, request, strlen(request));
	return fd;
}

static void
answer_must(int fd, enum ctl_status status, const char *text)
{
	char buf[4096];
	const char *body;

	client_read(fd, buf, sizeof(buf));
	ck_assert_int_eq(answer_split(buf, &body), status);
	ck_assert_str_eq(body, text);
}

#define RELOAD CTL_REQUEST_TAG " reload plain\n"
#define STOP CTL_REQUEST_TAG " stop plain\n"

START_TEST(orders)
{
	struct ctl *ctl;

	ctl = ctl_must();
	answer_must(order_send(STOP), CTL_FAILED,
	    "this server takes no orders");
	ctl_take_orders(ctl, order);
	answer_must(order_send(STOP), CTL_DONE, "stopping\n");
	ck_assert_int_eq(ordered, CTL_ORDER_STOP);
	refusal = "no";
	answer_must(order_send(RELOAD), CTL_FAILED, "no");
	ck_assert_int_eq(ordered, CTL_ORDER_RELOAD);
	answer_must(order_send(CTL_REQUEST_TAG " stop json\n"), CTL_USAGE,
	    "the answer to an order is always plain");
	ctl_free(ctl);
}
END_TEST

/* A verdict is for those who asked before that reload had begun. */
START_TEST(verdicts)
{
	struct ctl *ctl;
	char buf[8];
	int fds[3];

	opts.deadline = 20;
	ctl = ctl_must();
	ctl_take_orders(ctl, order);
	fds[0] = order_send(RELOAD);
	while (ordered == CTL_ORDER_COUNT)
		event_base_loop(base, EVLOOP_ONCE);
	ctl_order_verdict(ctl, CTL_ORDER_RELOAD, true, "too soon\n");
	ctl_order_begun(ctl, CTL_ORDER_RELOAD);
	ordered = CTL_ORDER_COUNT;
	fds[1] = order_send(RELOAD);
	while (ordered == CTL_ORDER_COUNT)
		event_base_loop(base, EVLOOP_ONCE);
	ctl_order_verdict(ctl, CTL_ORDER_UPGRADE, true, "another\n");
	/* Somebody else's deadline passes, and theirs does not count. */
	fds[2] = client_open();
	client_read(fds[2], buf, sizeof(buf));
	ctl_order_verdict(ctl, CTL_ORDER_RELOAD, false, "bad");
	answer_must(fds[0], CTL_FAILED, "bad");
	ck_assert_int_eq(recv(fds[1], buf, 1, MSG_DONTWAIT), -1);
	ctl_order_begun(ctl, CTL_ORDER_RELOAD);
	ctl_order_verdict(ctl, CTL_ORDER_RELOAD, true, "well\n");
	ctl_free(ctl); /* at once, and the answer is on its way */
	answer_must(fds[1], CTL_DONE, "well\n");
	ctl_order_verdict(NULL, CTL_ORDER_RELOAD, true, "");
}
END_TEST

/* A child that was forked meanwhile does not keep the client waiting. */
START_TEST(verdict_beside_a_child)
{
	struct ctl *ctl;
	pid_t pid;
	int fd;

	ctl = ctl_must();
	ctl_take_orders(ctl, order);
	fd = order_send(RELOAD);
	while (ordered == CTL_ORDER_COUNT)
		event_base_loop(base, EVLOOP_ONCE);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		for (;;)
			pause();
	ctl_order_begun(ctl, CTL_ORDER_RELOAD);
	ctl_order_verdict(ctl, CTL_ORDER_RELOAD, true, "well\n");
	answer_must(fd, CTL_DONE, "well\n");
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ctl_free(ctl);
}
END_TEST

/* Begun or not, it will not be done: nobody waits on. */
START_TEST(orders_over)
{
	struct ctl *ctl;
	int fds[2];

	ctl = ctl_must();
	ctl_take_orders(ctl, order);
	fds[0] = order_send(RELOAD);
	while (ordered == CTL_ORDER_COUNT)
		event_base_loop(base, EVLOOP_ONCE);
	ctl_order_begun(ctl, CTL_ORDER_RELOAD);
	ordered = CTL_ORDER_COUNT;
	fds[1] = order_send(RELOAD);
	while (ordered == CTL_ORDER_COUNT)
		event_base_loop(base, EVLOOP_ONCE);
	ctl_orders_over(ctl, "over");
	answer_must(fds[0], CTL_FAILED, "over");
	answer_must(fds[1], CTL_FAILED, "over");
	ctl_orders_over(ctl, "again"); /* to nobody */
	ctl_free(ctl);
	ctl_orders_over(NULL, "");
}
END_TEST

/* Who may ask may not yet order: neither root nor the master's user. */
START_TEST(orders_of_others)
{
	struct ctl *ctl;
	pid_t pid;
	int fd, status;

	if (geteuid() != 0)
		return;
	opts.mode = 0666;
	ck_assert_int_eq(chmod(dir, 0755), 0);
	ctl = ctl_must();
	ctl_take_orders(ctl, order);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (setuid(65534) == -1)
			_exit(1);
		fd = order_send(STOP);
		_exit(fd == -1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	status_must_work();
	ck_assert_int_eq(ordered, CTL_ORDER_COUNT);
	ctl_free(ctl);
}
END_TEST

START_TEST(large_answer)
{
	static char buf[8 << 20];
	const char *body;
	struct ctl *ctl;
	int fd;

	nworkers = sizeof(many) / sizeof(many[0]);
	ctl = ctl_must();
	fd = client_open();
	client_send(fd, STATUS_REQUEST, strlen(STATUS_REQUEST));
	ck_assert_uint_gt(client_read(fd, buf, sizeof(buf)), 1000000);
	ck_assert_int_eq(answer_split(buf, &body), CTL_DONE);
	ctl_free(ctl);
}
END_TEST

#define BYTES(s) { s, sizeof(s) - 1 }
static const struct {
	const char *bytes;
	size_t len;
} garbage[] = {
	BYTES("\n"),
	BYTES("status\n"),
	BYTES("GET / HTTP/1.0\r\n\r\n"),
	BYTES("\x16\x03\x01\x02\x00\x01\x00\n"),
	BYTES("\0\0\0\0\n"),
	BYTES(CTL_REQUEST_TAG "\n"),
	BYTES(CTL_REQUEST_TAG " status\n"),
	BYTES(CTL_REQUEST_TAG " status \n"),
	BYTES(CTL_REQUEST_TAG " status xml\n"),
	BYTES(CTL_REQUEST_TAG " statu plain\n"),
	BYTES(CTL_REQUEST_TAG " status plain now\n"),
	BYTES(CTL_REQUEST_TAG " status plain \n"),
	BYTES(CTL_REQUEST_TAG " status\0x plain\n"),
	BYTES(CTL_REQUEST_TAG " status plain\0\n"),
	BYTES(CTL_REQUEST_TAG " status plain\nmore\n"),
	BYTES("tlsherdctl/2 status plain\n"),
};
#define NGARBAGE (sizeof(garbage) / sizeof(garbage[0]))

START_TEST(garbage_refused)
{
	char buf[4096];
	const char *body;
	struct ctl *ctl;
	int fd;

	ctl = ctl_must();
	fd = client_open();
	client_send(fd, garbage[_i].bytes, garbage[_i].len);
	client_read(fd, buf, sizeof(buf));
	ck_assert_int_eq(answer_split(buf, &body), CTL_USAGE);
	ck_assert_uint_gt(strlen(body), 10);
	ck_assert_uint_eq(asked, 0);
	status_must_work();
	ctl_free(ctl);
}
END_TEST

START_TEST(endless_request)
{
	char request[CTL_REQUEST_MAX], buf[4096];
	const char *body;
	struct ctl *ctl;
	int fd;

	ctl = ctl_must();
	memset(request, 'x', sizeof(request));
	fd = client_open();
	client_send(fd, request, sizeof(request));
	client_read(fd, buf, sizeof(buf));
	ck_assert_int_eq(answer_split(buf, &body), CTL_USAGE);
	ck_assert_str_eq(body, "the request is not one line of text");
	ctl_free(ctl);
}
END_TEST

START_TEST(client_leaves)
{
	struct ctl *ctl;
	int fd;

	ctl = ctl_must();
	fd = client_open();
	close(fd);
	fd = client_open();
	client_send(fd, "tls", 3);
	close(fd);
	fd = client_open();
	client_send(fd, STATUS_REQUEST, strlen(STATUS_REQUEST));
	close(fd);
	status_must_work();
	ctl_free(ctl);
}
END_TEST

/* Neither who says nothing nor who does not read keeps others waiting. */
START_TEST(stalled_clients)
{
	char buf[64];
	struct ctl *ctl;
	int silent, deaf;

	opts.clients = 3;
	ctl = ctl_must();
	silent = client_open();
	nworkers = sizeof(many) / sizeof(many[0]);
	deaf = client_open();
	client_send(deaf, STATUS_REQUEST, strlen(STATUS_REQUEST));
	while (asked == 0)
		event_base_loop(base, EVLOOP_ONCE);
	nworkers = 0;
	status_must_work();
	ctl_free(ctl);
	ck_assert_int_eq(recv(silent, buf, sizeof(buf), 0), 0);
	close(silent);
	close(deaf);
}
END_TEST

START_TEST(too_many_clients)
{
	char buf[64];
	struct ctl *ctl;
	int fds[5];
	size_t i;

	opts.clients = 2;
	opts.deadline = 20;
	ctl = ctl_must();
	for (i = 0; i < 5; i++)
		fds[i] = client_open();
	status_must_work();
	for (i = 0; i < 5; i++)
		ck_assert_uint_eq(client_read(fds[i], buf, sizeof(buf)), 0);
	ctl_free(ctl);
}
END_TEST

/* A thousand who say nothing keep nobody out, and none waits for a deadline. */
START_TEST(silent_crowd)
{
	char buf[64];
	struct ctl *ctl;
	int fds[200], i;

	opts.clients = 4;
	opts.deadline = 60000;
	ctl = ctl_must();
	for (i = 0; i < 200; i++) {
		fds[i] = client_open();
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	status_must_work();
	/* The oldest have gone, the newest are there. */
	ck_assert_int_eq(recv(fds[0], buf, sizeof(buf), MSG_DONTWAIT), 0);
	ck_assert_int_eq(recv(fds[195], buf, sizeof(buf), MSG_DONTWAIT), 0);
	ck_assert_int_eq(recv(fds[198], buf, sizeof(buf), MSG_DONTWAIT), -1);
	ck_assert_int_eq(recv(fds[199], buf, sizeof(buf), MSG_DONTWAIT), -1);
	ctl_free(ctl);
	for (i = 0; i < 200; i++)
		close(fds[i]);
}
END_TEST

START_TEST(no_descriptors)
{
	struct rlimit before, none;
	struct ctl *ctl;
	int fd, i;

	ctl = ctl_must();
	fd = client_open();
	client_send(fd, STATUS_REQUEST, strlen(STATUS_REQUEST));
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = (rlim_t)fd + 1;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	event_base_loop(base, EVLOOP_ONCE);
	/* The connection waits, but the loop has nothing to do. */
	for (i = 0; i < 3; i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		ck_assert_int_eq(event_base_get_num_events(base,
		    EVENT_BASE_COUNT_ACTIVE), 0);
	}
	ck_assert_uint_eq(asked, 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	status_must_work();
	close(fd);
	ctl_free(ctl);
}
END_TEST

static const struct {
	int mode;
	mode_t umask;
} modes[] = { { 0600, 022 }, { 0600, 0 }, { 0660, 077 }, { 0666, 077 },
	{ 0620, 022 } };

START_TEST(mode)
{
	struct stat st;
	struct ctl *ctl;

	umask(modes[_i].umask);
	opts.mode = modes[_i].mode;
	ctl = ctl_must();
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, modes[_i].mode);
	ck_assert_int_eq(umask(022), modes[_i].umask);
	ctl_free(ctl);
}
END_TEST

START_TEST(mode_changed)
{
	struct stat st;
	struct ctl *ctl;
	struct err err;

	ctl = ctl_must();
	opts.mode = 0666;
	ck_assert_int_eq(ctl_change(ctl, &opts, &err), 0);
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0666);
	status_must_work();
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(ctl_change(ctl, &opts, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "is no longer there"));
	ctl_free(ctl);
}
END_TEST

/* Whoever is connected stays so; a path that cannot be used changes nothing. */
START_TEST(path_changed)
{
	char old[sizeof(path)], buf[4096];
	const char *body;
	struct ctl *ctl;
	struct err err;
	struct stat st;
	int fd;

	ctl = ctl_must();
	fd = client_open();
	event_base_loop(base, EVLOOP_ONCE);
	opts.path = "/nonexistent/x.sock";
	ck_assert_int_eq(ctl_change(ctl, &opts, &err), -1);
	status_must_work();

	memcpy(old, path, sizeof(path));
	snprintf(path, sizeof(path), "%s/b.sock", dir);
	opts.path = path;
	ck_assert_int_eq(ctl_change(ctl, &opts, &err), 0);
	ck_assert_int_eq(lstat(old, &st), -1);
	status_must_work();
	client_send(fd, STATUS_REQUEST, strlen(STATUS_REQUEST));
	client_read(fd, buf, sizeof(buf));
	ck_assert_int_eq(answer_split(buf, &body), CTL_DONE);
	ctl_free(ctl);
	ck_assert_int_eq(lstat(path, &st), -1);
}
END_TEST

START_TEST(path_removed)
{
	struct ctl *ctl;
	struct stat st;

	ctl = ctl_must();
	ctl_free(ctl);
	ck_assert_int_eq(lstat(path, &st), -1);
	ck_assert_int_eq(errno, ENOENT);
}
END_TEST

START_TEST(path_of_another_kept)
{
	struct ctl *ctl, *other;
	struct stat st;

	ctl = ctl_must();
	ck_assert_int_eq(unlink(path), 0);
	other = ctl_must();
	ctl_free(ctl);
	ck_assert_int_eq(lstat(path, &st), 0);
	status_must_work();
	ctl_free(other);
}
END_TEST

START_TEST(stale_socket_replaced)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct ctl *ctl;
	int fd;

	memcpy(sun.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	close(fd);
	ctl = ctl_must();
	status_must_work();
	ctl_free(ctl);
}
END_TEST

START_TEST(live_socket_refused)
{
	struct ctl *ctl;

	ctl = ctl_must();
	ctl_must_not("another process listens on");
	status_must_work();
	ctl_free(ctl);
}
END_TEST

START_TEST(file_refused)
{
	struct stat st;
	int fd;

	fd = open(path, O_CREAT | O_WRONLY, 0600);
	ck_assert_int_ne(fd, -1);
	close(fd);
	ctl_must_not("is no socket");
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert(S_ISREG(st.st_mode));
}
END_TEST

START_TEST(bad_path)
{
	static const struct loc loc = { .file = "x.conf", .line = 7 };
	char too_long[256];

	opts.loc = &loc;
	opts.path = "/nonexistent/x.sock";
	ctl_must_not("x.conf:7: control_socket: /nonexistent/x.sock: "
	    "No such file or directory");
	memset(too_long, 'a', sizeof(too_long) - 1);
	too_long[0] = '/';
	too_long[sizeof(too_long) - 1] = '\0';
	opts.path = too_long;
	ctl_must_not("is longer than 107 bytes");
}
END_TEST

/* A worker closes what it inherited, and the master does not notice. */
START_TEST(forget)
{
	struct ctl *ctl;
	int fd, i, open_before, open_after, status;
	pid_t pid;

	ctl = ctl_must();
	fd = client_open();
	event_base_loop(base, EVLOOP_ONCE);
	pid = fork();
	ck_assert_int_ne(pid, -1);
	if (pid == 0) {
		open_before = open_after = 0;
		for (i = 0; i < 256; i++)
			open_before += fcntl(i, F_GETFD) != -1;
		ctl_forget(ctl);
		for (i = 0; i < 256; i++)
			open_after += fcntl(i, F_GETFD) != -1;
		_exit(open_before - open_after);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 2);
	status_must_work();
	close(fd);
	ctl_free(ctl);
}
END_TEST

/* As over exec: nothing but the socket and its name comes along. */
START_TEST(handed_on)
{
	static struct ctl *ctl; /* its memory would have gone with the exec */
	struct ctl_handed handed;
	struct ctl *next;
	struct err err;
	struct stat st;
	int fd;

	ctl = ctl_must();
	fd = client_open(); /* not accepted yet */
	ctl_hand_on(ctl, &handed);
	ck_assert_str_eq(handed.path, path);
	handed.fd = dup(handed.fd);
	next = ctl_adopt(base, &handed, view_fill, &asked, &err);
	ck_assert_msg(next != NULL, "%s", err.text);
	ctl_forget(ctl);
	status_must_work();
	close(fd);
	ck_assert_int_eq(lstat(path, &st), 0);
	opts.mode = 0640;
	ck_assert_int_eq(ctl_change(next, &opts, &err), 0);
	ctl_free(next);
	ck_assert_int_eq(lstat(path, &st), -1);
}
END_TEST

static Suite *
ctl_suite(void)
{
	Suite *suite;
	TCase *tc;

	suite = suite_create("ctl");
	tc = tcase_create("clients");
	tcase_set_timeout(tc, 30);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, answers);
	tcase_add_test(tc, orders);
	tcase_add_test(tc, verdicts);
	tcase_add_test(tc, verdict_beside_a_child);
	tcase_add_test(tc, orders_over);
	tcase_add_test(tc, orders_of_others);
	tcase_add_test(tc, large_answer);
	tcase_add_loop_test(tc, garbage_refused, 0, NGARBAGE);
	tcase_add_test(tc, endless_request);
	tcase_add_test(tc, client_leaves);
	tcase_add_test(tc, stalled_clients);
	tcase_add_test(tc, too_many_clients);
	tcase_add_test(tc, silent_crowd);
	tcase_add_test(tc, no_descriptors);
	suite_add_tcase(suite, tc);
	tc = tcase_create("socket");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, mode, 0, sizeof(modes) / sizeof(modes[0]));
	tcase_add_test(tc, mode_changed);
	tcase_add_test(tc, path_changed);
	tcase_add_test(tc, path_removed);
	tcase_add_test(tc, path_of_another_kept);
	tcase_add_test(tc, stale_socket_replaced);
	tcase_add_test(tc, live_socket_refused);
	tcase_add_test(tc, file_refused);
	tcase_add_test(tc, bad_path);
	tcase_add_test(tc, forget);
	tcase_add_test(tc, handed_on);
	suite_add_tcase(suite, tc);
	return suite;
}

int
main(void)
{
	SRunner *runner = srunner_create(ctl_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
