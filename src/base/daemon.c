/* SPDX-License-Identifier: ISC */
/* Becoming a daemon; see daemon.h. Master, and what it forks. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "base/daemon.h"
#include "base/fd.h"
#include "base/log.h"

_Noreturn static void wait_for(int);

int
daemon_begin(void)
{
	int null, pipefd[2];
	pid_t pid;

	if (pipe(pipefd) == -1)
		fatal("pipe");
	(void)fd_cloexec(pipefd[0]);
	(void)fd_cloexec(pipefd[1]);
	pid = fork();
	if (pid == -1)
		fatal("fork");
	if (pid != 0) {
		close(pipefd[1]);
		wait_for(pipefd[0]);
	}
	close(pipefd[0]);
	if (setsid() == -1 || chdir("/") == -1)
		fatal("cannot become a daemon");
	null = open("/dev/null", O_RDWR);
	if (null == -1 || dup2(null, STDIN_FILENO) == -1 ||
	    dup2(null, STDOUT_FILENO) == -1)
		fatal("/dev/null");
	if (null > STDERR_FILENO)
		close(null);
	return pipefd[1];
}

/* In the parent. */
static void
wait_for(int fd)
{
	char byte;
	ssize_t n;

	do {
		n = read(fd, &byte, 1);
	} while (n == -1 && errno == EINTR);
	_exit(n == 1 ? 0 : 1);
}

void
daemon_detach_stderr(void)
{
	int null;

	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null == -1)
		return;
	(void)dup2(null, STDERR_FILENO);
	close(null);
	log_stderr_changed();
}

void
daemon_hold_signals(bool hold)
{
	sigset_t set;

	if (hold)
		sigfillset(&set);
	else
		sigemptyset(&set);
	(void)sigprocmask(SIG_SETMASK, &set, NULL);
}

void
daemon_reset_signals(void)
{
	int sig;

	for (sig = 1; sig < NSIG; sig++)
		(void)signal(sig, SIG_DFL);
}
