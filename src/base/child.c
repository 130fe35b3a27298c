/* SPDX-License-Identifier: ISC */
/*
 * The table of children; see child.h. Here is the only fork(2) beside that of
 * daemon.c. Master.
 *
 * A row is there from the start of a child until its owner has done with it,
 * which may be before or after its end: what it has written can be read later
 * than it is reaped, and the death of one that nobody asks for is no news.
 */
#include "config.h"

#include <sys/wait.h>

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "base/child.h"
#include "base/clock.h"
#include "base/daemon.h"
#include "base/fd.h"
#include "base/proctitle.h"

_Noreturn static void begin(const struct child_kind *, void *, int);
static int output_open(const struct child_kind *, int [2]);
static void output_close(const int [2]);
static void enter(struct children *, struct child *,
    const struct child_kind *);
static struct child *find(const struct children *, pid_t);

int
child_start(struct children *all, struct child *c,
    const struct child_kind *kind, void *how)
{
	int output[2], saved;
	sigset_t every, old;
	pid_t pid;

	if (output_open(kind, output) == -1)
		return -1;
	/* No handler of ours may run in the child. */
	sigfillset(&every);
	sigprocmask(SIG_SETMASK, &every, &old);
	pid = fork();
	if (pid == 0)
		begin(kind, how, output[1]);
	saved = errno;
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (pid == -1) {
		output_close(output);
		errno = saved;
		return -1;
	}
	if (output[1] != -1)
		close(output[1]);
	/* Here and there: whoever is first. */
	if (kind->flags & CHILD_F_GROUP)
		(void)setpgid(pid, pid);
	c->pid = pid;
	c->fd = output[0];
	c->killed = false;
	c->kill_at = kind->within_s == 0 ? 0 :
	    clock_mono_us() + kind->within_s * 1000000;
	enter(all, c, kind);
	return 0;
}

static void
begin(const struct child_kind *kind, void *how, int output)
{
	if (kind->flags & CHILD_F_GROUP)
		(void)setpgid(0, 0);
	daemon_reset_signals();
	if (kind->title != NULL)
		proctitle_set("%s", kind->title);
	if (kind->flags & CHILD_F_BARE) {
		if (output != -1 && output != CHILD_FD) {
			if (dup2(output, CHILD_FD) == -1)
				_exit(1);
			output = CHILD_FD;
		}
		fd_close_from(output == -1 ? CHILD_FD : CHILD_FD + 1);
	}
	kind->run(how, output);
	_exit(0);
}

static int
output_open(const struct child_kind *kind, int output[2])
{
	output[0] = output[1] = -1;
	if ((kind->flags & CHILD_F_OUTPUT) == 0)
		return 0;
	if (pipe(output) == -1)
		return -1;
	if (fd_cloexec(output[0]) == 0 && fd_cloexec(output[1]) == 0 &&
	    fd_nonblock(output[0]) == 0)
		return 0;
	output_close(output);
	return -1;
}

static void
output_close(const int output[2])
{
	int i, saved = errno;

	for (i = 0; i < 2; i++)
		if (output[i] != -1)
			close(output[i]);
	errno = saved;
}

void
child_adopt(struct children *all, struct child *c,
    const struct child_kind *kind)
{
	enter(all, c, kind);
}

static void
enter(struct children *all, struct child *c, const struct child_kind *kind)
{
	assert(!c->listed);
	c->kind = kind;
	c->alive = true;
	c->listed = true;
	LIST_INSERT_HEAD(all, c, entry);
}

void
child_signal(const struct child *c, int sig)
{
	if (c->alive)
		(void)kill(c->kind->flags & CHILD_F_GROUP ? -c->pid : c->pid,
		    sig);
}

void
child_kill(struct child *c)
{
	c->killed = true;
	child_signal(c, SIGKILL);
}

void
child_end(struct child *c)
{
	if (!c->listed)
		return;
	child_signal(c, SIGKILL);
	c->alive = false;
	c->listed = false;
	LIST_REMOVE(c, entry);
	if (c->fd != -1)
		close(c->fd);
	c->fd = -1;
}

bool
children_reap(struct children *all)
{
	struct child *c;
	int status;
	pid_t pid;

	pid = waitpid(-1, &status, WNOHANG);
	if (pid <= 0)
		return false;
	c = find(all, pid);
	if (c == NULL)
		return true;
	c->alive = false;
	if (c->kind->exited != NULL)
		c->kind->exited(c->arg, status);
	return true;
}

/* Among those that live: the others' pids may be anybody's. */
static struct child *
find(const struct children *all, pid_t pid)
{
	struct child *c;

	LIST_FOREACH(c, all, entry)
		if (c->alive && c->pid == pid)
			return c;
	return NULL;
}

void
children_overdue(struct children *all)
{
	int64_t now = clock_mono_us();
	struct child *c;

	LIST_FOREACH(c, all, entry) {
		if (!c->alive || c->killed || c->kill_at == 0 ||
		    now < c->kill_at)
			continue;
		if (c->kind->overdue != NULL)
			c->kind->overdue(c->arg);
		child_kill(c);
	}
}

void
children_forget(const struct children *all)
{
	const struct child *c;

	LIST_FOREACH(c, all, entry)
		if (c->fd != -1)
			close(c->fd);
}

pid_t
child_fork(void)
{
	return fork();
}
