/* SPDX-License-Identifier: ISC */
/* Becoming a daemon: what whoever has started it learns. And signals. */
#include "config.h"

#include <sys/wait.h>

#include <signal.h>
#include <unistd.h>

#include "base/daemon.h"
#include "test_base.h"

/* Whether the daemon says that it serves, and the exit status that it makes. */
START_TEST(status)
{
	const int said = _i, expected = 1 - _i;
	char byte = 0;
	int fd, result;
	pid_t pid;

	pid = fork();
	if (pid == 0) {
		fd = daemon_begin();
		if (getsid(0) != getpid())
			_exit(9);
		_exit(said == write(fd, &byte, (size_t)said) ? 0 : 9);
	}
	ck_assert_int_eq(waitpid(pid, &result, 0), pid);
	ck_assert(WIFEXITED(result));
	ck_assert_int_eq(WEXITSTATUS(result), expected);
}
END_TEST

START_TEST(signals)
{
	sigset_t held;

	daemon_hold_signals(true);
	ck_assert_int_eq(sigprocmask(SIG_SETMASK, NULL, &held), 0);
	ck_assert(sigismember(&held, SIGTERM) && sigismember(&held, SIGCHLD));
	daemon_hold_signals(false);
	ck_assert_int_eq(sigprocmask(SIG_SETMASK, NULL, &held), 0);
	ck_assert(!sigismember(&held, SIGTERM));
	(void)signal(SIGHUP, SIG_IGN);
	daemon_reset_signals();
	ck_assert(signal(SIGHUP, SIG_DFL) == SIG_DFL);
}
END_TEST

Suite *
daemon_suite(void)
{
	Suite *s = suite_create("daemon");
	TCase *tc = tcase_create("daemon");

	/* All handlers go. */
	tcase_set_tags(tc, "fork");
	tcase_add_loop_test(tc, status, 0, 2);
	tcase_add_test(tc, signals);
	suite_add_tcase(s, tc);
	return s;
}
