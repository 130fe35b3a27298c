/* SPDX-License-Identifier: ISC */
/*
 * Making processes: the only place of fork(2). A child gets what struct
 * heritage holds; everything else of the master's is closed or freed before
 * worker_main().
 */
#include "config.h"

#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/daemon.h"
#include "base/fd.h"
#include "base/log.h"
#include "ctl/ctl.h"
#include "master/handover.h"
#include "master/master_int.h"

/* From one worker, before others have their turn. */
#define MESSAGES 64
/* Of a crew, so many work at one time, and this is where they write. */
#define CREW_MAX 16
#define CREW_FD (STDERR_FILENO + 1)

static void process_hang_up(struct process *);
_Noreturn static void ask(const char **, int);
_Noreturn static void crew(process_job *, size_t, void *, unsigned, int);
_Noreturn static void child(struct master *, struct process *, int,
    const struct heritage *);

struct process *
process_start(struct master *m, struct generation *g, unsigned worker)
{
	struct heritage h;
	struct process *p;
	sigset_t all, old;
	int saved, sv[2];

	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return NULL;
	p->slot = scoreboard_take(m->scoreboard, worker);
	if (p->slot == NULL) {
		free(p);
		errno = EAGAIN;
		return NULL;
	}
	if (fd_pair(sv) == -1) {
		saved = errno;
		scoreboard_release(m->scoreboard, p->slot);
		free(p);
		errno = saved;
		return NULL;
	}
	p->master = m;
	p->generation = g;
	p->worker = worker;
	p->fd = sv[0];
	p->started = clock_mono_us();

	memset(&h, 0, sizeof(h));
	h.conf = g->conf;
	h.sets = g->sets;
	h.nsets = g->nsets;
	h.listeners = g->listeners;
	h.nlisteners = g->nlisteners;
	h.ids = g->ids;
	h.sessions = g->cache != NULL ? g->cache->sessions : NULL;
	h.slot = p->slot;
	h.worker = worker;
	h.generation = g->number;
	h.connections = g->connections;
	h.serve = g == m->current;
	h.control_fd = sv[1];

	/* No signal of the master's may be handled in the child. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	p->pid = fork();
	if (p->pid == 0)
		child(m, p, sv[0], &h);
	saved = errno;
	sigprocmask(SIG_SETMASK, &old, NULL);
	close(sv[1]);
	if (p->pid == -1) {
		close(sv[0]);
		scoreboard_release(m->scoreboard, p->slot);
		free(p);
		errno = saved;
		return NULL;
	}
	g->alive++;
	TAILQ_INSERT_TAIL(&m->processes, p, entry);
	process_watch(p);
	return p;
}

void
process_watch(struct process *p)
{
	if (p->fd == -1)
		return;
	/* It has nothing to give us; one taken over might try. */
	fd_refuse(p->fd);
	event_assign(&p->control, p->master->base, p->fd, EV_READ | EV_PERSIST,
	    p->master->message, p);
	event_add(&p->control, NULL);
}

static void
child(struct master *m, struct process *self, int master_end,
    const struct heritage *h)
{
	struct generation *g = self->generation;
	struct process *p;
	struct err err;

	/* A new epoll set first: the old one is the master's, too. */
	if (event_reinit(m->base) == -1)
		_exit(WORKER_EXIT_SETUP);
	event_base_free(m->base);
	if (m->ctl != NULL)
		ctl_forget(m->ctl);
	close(master_end);
	TAILQ_FOREACH(p, &m->processes, entry)
		if (p->fd != -1)
			close(p->fd);
	if (m->notify != -1)
		close(m->notify);
	if (m->test.fd != -1)
		close(m->test.fd);
	if (m->lookup.pid != 0)
		close(m->lookup.fd);
	pidfile_forget(m->pidfile);
	generation_forget(m, g);
	if (!m->options->foreground)
		daemon_detach_stderr();
	if (g != m->current && logfile_use(m, g, &err) == -1)
		log_errorx("%s", err.text);
	free(self);
	worker_main(h);
}

void
process_listen(struct process *p)
{
	struct control_msg msg;
	unsigned left;
	ssize_t n;
	int fd;

	for (left = MESSAGES; p->fd != -1; left--) {
		if (left == 0)
			return;
		n = fd_recv(p->fd, &msg, sizeof(msg), &fd);
		if (fd != -1)
			fd_discard(fd);
		if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (n != (ssize_t)sizeof(msg))
			break;
		if (msg.type == CONTROL_FAILED && p->failure == NULL)
			p->failure = strndup(msg.text, sizeof(msg.text));
		else if (msg.type == CONTROL_READY)
			p->ready = true;
		else if (msg.type == CONTROL_DRAINED)
			p->drained = true;
	}
	process_hang_up(p);
}

static void
process_hang_up(struct process *p)
{
	if (p->fd == -1)
		return;
	event_del(&p->control);
	close(p->fd);
	p->fd = -1;
}

void
process_tell(struct process *p, enum control_type type, unsigned arg, int fd)
{
	struct control_msg msg;

	memset(&msg, 0, sizeof(msg));
	msg.type = (int)type;
	msg.arg = arg;
	if (p->fd == -1 || fd_send(p->fd, &msg, sizeof(msg), fd) == 0)
		return;
	/* Who has ended needs no orders; SIGCHLD says the rest. */
	if (errno != EPIPE && errno != ECONNRESET)
		log_warn("worker %u, pid %ld does not listen", p->worker,
		    (long)p->pid);
}

void
process_kill(struct process *p)
{
	p->killed = true;
	process_signal(p, SIGKILL);
}

void
process_signal(const struct process *p, int sig)
{
	if (!p->reaped)
		(void)kill(p->pid, sig);
}

void
process_free(struct process *p)
{
	process_hang_up(p);
	TAILQ_REMOVE(&p->master->processes, p, entry);
	scoreboard_release(p->master->scoreboard, p->slot);
	free(p->failure);
	free(p);
}

pid_t
process_ask(const struct master *m, const char **argv, int description,
    int *output)
{
	sigset_t all, old;
	int pipefd[2], saved;
	pid_t pid;

	if (pipe(pipefd) == -1)
		return -1;
	(void)fd_cloexec(pipefd[0]);
	(void)fd_cloexec(pipefd[1]);
	(void)fd_nonblock(pipefd[0]);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	pid = fork();
	if (pid == 0) {
		handover_pass(m, description, true);
		ask(argv, pipefd[1]);
	}
	saved = errno;
	sigprocmask(SIG_SETMASK, &old, NULL);
	close(pipefd[1]);
	if (pid == -1)
		close(pipefd[0]);
	else
		*output = pipefd[0];
	errno = saved;
	return pid;
}

pid_t
process_move(const struct generation *g, struct tlscache *from)
{
	struct heritage h;
	sigset_t all, old;
	int saved;
	pid_t pid;

	memset(&h, 0, sizeof(h));
	h.conf = g->conf;
	h.ids = g->ids;
	h.sessions = g->cache->sessions;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	pid = fork();
	if (pid == 0)
		worker_move(&h, from);
	saved = errno;
	sigprocmask(SIG_SETMASK, &old, NULL);
	errno = saved;
	return pid;
}

pid_t
process_crew(process_job *job, size_t n, void *arg, unsigned seconds,
    int *output)
{
	sigset_t all, old;
	int pipefd[2], saved;
	pid_t pid;

	if (pipe(pipefd) == -1)
		return -1;
	(void)fd_cloexec(pipefd[0]);
	(void)fd_cloexec(pipefd[1]);
	(void)fd_nonblock(pipefd[0]);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	pid = fork();
	if (pid == 0)
		crew(job, n, arg, seconds, pipefd[1]);
	saved = errno;
	sigprocmask(SIG_SETMASK, &old, NULL);
	close(pipefd[1]);
	if (pid == -1)
		close(pipefd[0]);
	else
		*output = pipefd[0];
	/* Here and there: whoever is first. */
	(void)setpgid(pid, pid);
	errno = saved;
	return pid;
}

/* The alarm is for a master that is killed: nothing of it may stay behind. */
static void
crew(process_job *job, size_t n, void *arg, unsigned seconds, int output)
{
	pid_t pid;
	size_t i;

	(void)setpgid(0, 0);
	daemon_reset_signals();
	daemon_hold_signals(false);
	/* Neither sockets nor the lock of the pid file are ours. */
	if (dup2(output, CREW_FD) == -1)
		_exit(1);
	fd_close_from(CREW_FD + 1);
	(void)alarm(seconds);
	for (i = 0; i < n; i++) {
		if (i >= CREW_MAX)
			(void)wait(NULL);
		pid = n > 1 ? fork() : -1;
		if (pid > 0)
			continue;
		(void)alarm(seconds);
		job(arg, i, CREW_FD);
		if (pid == 0)
			_exit(0);
	}
	while (wait(NULL) > 0)
		;
	_exit(0);
}

/* As a shell would start it, no signal ignored or held back. */
static void
ask(const char **argv, int output)
{
	int null;

	daemon_reset_signals();
	daemon_hold_signals(false);
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null != -1)
		(void)dup2(null, STDIN_FILENO);
	(void)dup2(output, STDOUT_FILENO);
	(void)dup2(output, STDERR_FILENO);
	(void)execv(argv[0], (char *const *)(void *)argv);
	(void)dprintf(STDERR_FILENO, "%s\n", strerror(errno));
	_exit(127);
}

/* With signals held: one between the programs would end the process. */
void
process_become(const struct master *m, const char **argv, int description)
{
	int saved;

	handover_pass(m, description, true);
	(void)execv(argv[0], (char *const *)(void *)argv);
	saved = errno;
	handover_pass(m, description, false);
	errno = saved;
}
