/* SPDX-License-Identifier: ISC */
/*
 * The table of children: who is reaped, told of, killed, forgotten. And a crew,
 * whose members all are heard.
 */
#include "config.h"

#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/child.h"
#include "base/clock.h"
#include "base/crew.h"
#include "base/daemon.h"
#include "test_base.h"

/* For what takes no time on a machine that does nothing else. */
#define WITHIN_MS 20000

static struct children children;
static struct child child;
static int deaths, last_status, late;

static void
exited(void *arg, int status)
{
	int *n = arg;

	(*n)++;
	last_status = status;
}

static void
overdue(void *arg)
{
	late++;
}

static void
end_with(void *how, int output)
{
	_exit(*(int *)how);
}

static void
live_on(void *how, int output)
{
	for (;;)
		pause();
}

static const struct child_kind ending = { .run = end_with, .exited = exited };
static const struct child_kind living = { .run = live_on, .exited = exited,
	.overdue = overdue };

static void
start(struct child *c, const struct child_kind *kind, int how)
{
	c->arg = &deaths;
	ck_assert_int_eq(child_start(&children, c, kind, &how), 0);
	ck_assert(c->listed && c->alive);
}

static void
reap(void)
{
	while (children_reap(&children))
		continue;
}

/* Until the child is a zombie; it stays one. */
static void
await(pid_t pid)
{
	siginfo_t info;

	ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT),
	    0);
}

START_TEST(told_of)
{
	struct child other;

	memset(&other, 0, sizeof(other));
	start(&other, &living, 0);
	start(&child, &ending, 7);
	ck_assert_int_eq(child.fd, -1);
	await(child.pid);
	reap();
	ck_assert_int_eq(deaths, 1);
	ck_assert_int_eq(WEXITSTATUS(last_status), 7);
	ck_assert(!child.alive && child.listed && !child.killed);
	reap();
	ck_assert_int_eq(deaths, 1);
	child_end(&child);
	ck_assert(!child.listed && other.alive);
	child_kill(&other);
	await(other.pid);
	reap();
	ck_assert_int_eq(deaths, 2);
	ck_assert_int_eq(WTERMSIG(last_status), SIGKILL);
	child_end(&other);
	ck_assert(LIST_EMPTY(&children));
}
END_TEST

/* Of somebody else in this process; and of one that was given up. */
START_TEST(not_told_of)
{
	pid_t pid;

	pid = fork();
	if (pid == 0)
		_exit(1);
	await(pid);
	reap();
	ck_assert_int_eq(waitpid(pid, NULL, WNOHANG), -1);
	start(&child, &living, 0);
	pid = child.pid;
	child_end(&child);
	await(pid);
	reap();
	ck_assert_int_eq(waitpid(pid, NULL, WNOHANG), -1);
	ck_assert_int_eq(deaths, 0);
	child_end(&child);
}
END_TEST

/* The pid may be another's, which gets no signal, and whose end is not its. */
START_TEST(pid_used_again)
{
	struct child *old = &child, new;

	memset(&new, 0, sizeof(new));
	start(old, &ending, 0);
	await(old->pid);
	reap();
	start(&new, &living, 0);
	old->pid = new.pid;
	child_kill(old);
	child_signal(old, SIGKILL);
	ck_assert_int_eq(waitpid(new.pid, NULL, WNOHANG), 0);
	child_end(old);
	ck_assert_int_eq(waitpid(new.pid, NULL, WNOHANG), 0);
	child_end(&new);
	ck_assert_int_eq(deaths, 1);
}
END_TEST

/* Nothing is forked here: rows of children that another program has started. */
START_TEST(time_is_over)
{
	int64_t now = clock_mono_us();
	const struct {
		int64_t kill_at;
		bool killed, late;
	} rows[] = {
		{ 0, false, false },
		{ now - 1, false, true },
		{ now - 1, true, false },
		{ now + INT64_C(3600000000), false, false },
	};
	struct child c[4];
	int i, expected = 0;

	memset(c, 0, sizeof(c));
	for (i = 0; i < 4; i++) {
		c[i].pid = 0x3ffffff0; /* nobody has it */
		c[i].fd = -1;
		c[i].kill_at = rows[i].kill_at;
		c[i].killed = rows[i].killed;
		child_adopt(&children, &c[i], &living);
	}
	for (i = 0; i < 4; i++)
		expected += rows[i].late;
	children_overdue(&children);
	ck_assert_int_eq(late, expected);
	for (i = 0; i < 4; i++)
		ck_assert(c[i].killed == (rows[i].killed || rows[i].late));
	children_overdue(&children);
	ck_assert_int_eq(late, expected);
	for (i = 0; i < 4; i++)
		child_end(&c[i]);
}
END_TEST

START_TEST(time_of_a_kind)
{
	static const struct child_kind hour = { .run = live_on,
		.within_s = 3600 };
	int64_t now = clock_mono_us();

	start(&child, &hour, 0);
	ck_assert_int_ge(child.kill_at, now + INT64_C(3600000000));
	ck_assert_int_lt(child.kill_at, now + INT64_C(3700000000));
	child.kill_at = now;
	children_overdue(&children);
	ck_assert(child.killed);
	await(child.pid);
	child_end(&child);
}
END_TEST

/*
 * What a child says is there after it is reaped, and until nobody wants it. No
 * assertion here, nor in other children: what Check notes goes to descriptors.
 */
static void
say(void *how, int output)
{
	char text[64];
	sigset_t held;
	int fd, n = 0;

	(void)sigprocmask(SIG_SETMASK, NULL, &held);
	for (fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	n = snprintf(text, sizeof(text), "%d %d %d %d", output, n,
	    sigismember(&held, SIGTERM),
	    signal(SIGUSR1, SIG_DFL) == SIG_DFL);
	_exit(write(output, text, (size_t)n) == n ? 0 : 1);
}

static const struct child_kind saying = { .run = say, .exited = exited,
	.flags = CHILD_F_OUTPUT | CHILD_F_BARE };

static void
hear(int fd, char *text, size_t size)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t len = 0;
	ssize_t n;

	for (;;) {
		ck_assert_int_eq(poll(&p, 1, WITHIN_MS), 1);
		n = read(fd, text + len, size - 1 - len);
		ck_assert_int_ge(n, 0);
		if (n == 0)
			break;
		len += (size_t)n;
	}
	text[len] = '\0';
}

START_TEST(says)
{
	char text[64];
	sigset_t held;
	int fd;

	(void)signal(SIGUSR1, SIG_IGN);
	start(&child, &saying, 0);
	(void)signal(SIGUSR1, SIG_DFL);
	ck_assert_int_eq(sigprocmask(SIG_SETMASK, NULL, &held), 0);
	ck_assert_int_eq(sigismember(&held, SIGTERM), 0);
	fd = child.fd;
	ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
	await(child.pid);
	reap();
	ck_assert_int_eq(WEXITSTATUS(last_status), 0);
	hear(fd, text, sizeof(text));
	ck_assert_str_eq(text, "3 4 1 1");
	child_end(&child);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
}
END_TEST

static void
forget(void *how, int output)
{
	struct child *first = how;

	children_forget(&children);
	_exit(fcntl(first->fd, F_GETFD) == -1 ? 0 : 1);
}

START_TEST(ends_of_others)
{
	static const struct child_kind talking = { .run = live_on,
		.flags = CHILD_F_OUTPUT };
	static const struct child_kind forgetting = { .run = forget,
		.exited = exited };
	struct child second;

	memset(&second, 0, sizeof(second));
	start(&child, &talking, 0);
	second.arg = &deaths;
	ck_assert_int_eq(child_start(&children, &second, &forgetting, &child),
	    0);
	await(second.pid);
	reap();
	ck_assert_int_eq(deaths, 1);
	ck_assert_int_eq(WEXITSTATUS(last_status), 0);
	child_end(&second);
	child_end(&child);
}
END_TEST

#define JOBS 40

static void
tell_number(void *arg, size_t i, int fd)
{
	unsigned char byte = (unsigned char)(i + *(unsigned *)arg);

	(void)!write(fd, &byte, 1);
	if (i == 3)
		(void)kill(getpid(), SIGKILL); /* and no other */
}

START_TEST(crew)
{
	size_t n = _i == 0 ? 1 : JOBS, i, sum = 0;
	unsigned first = 1;
	char text[JOBS + 2];

	ck_assert_int_eq(crew_start(&children, &child, "working", tell_number,
	    n, &first, 60), 0);
	hear(child.fd, text, sizeof(text));
	ck_assert_uint_eq(strlen(text), n);
	for (i = 0; i < n; i++)
		sum += (size_t)text[i];
	ck_assert_uint_eq(sum, n * (n + 1) / 2);
	await(child.pid);
	reap();
	child_end(&child);
}
END_TEST

static void
hang(void *arg, size_t i, int fd)
{
	(void)!write(fd, "x", 1);
	for (;;)
		pause();
}

/* With its members, the pipe has no writer any more. */
START_TEST(crew_ended)
{
	struct pollfd p = { .events = POLLIN };
	char text[3];
	int fd, n;

	ck_assert_int_eq(crew_start(&children, &child, "working", hang, 2,
	    NULL, 60), 0);
	fd = dup(child.fd);
	p.fd = fd;
	for (n = 0; n < 2; n += (int)read(fd, text, 1))
		ck_assert_int_eq(poll(&p, 1, WITHIN_MS), 1);
	child_end(&child);
	hear(fd, text, sizeof(text));
	ck_assert_str_eq(text, "");
	close(fd);
}
END_TEST

Suite *
child_suite(void)
{
	Suite *s = suite_create("child");
	TCase *tc = tcase_create("child");

	/* They look at all children of the process. */
	tcase_set_tags(tc, "fork");
	tcase_add_test(tc, told_of);
	tcase_add_test(tc, not_told_of);
	tcase_add_test(tc, pid_used_again);
	tcase_add_test(tc, time_is_over);
	tcase_add_test(tc, time_of_a_kind);
	tcase_add_test(tc, says);
	tcase_add_test(tc, ends_of_others);
	tcase_add_loop_test(tc, crew, 0, 2);
	tcase_add_test(tc, crew_ended);
	suite_add_tcase(s, tc);
	return s;
}
