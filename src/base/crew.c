/* SPDX-License-Identifier: ISC */
/*
 * A crew: a leader, which is the child of ours, and one child of its own for
 * each job, so that none waits for another. Any process.
 */
#include "config.h"

#include <sys/wait.h>

#include <unistd.h>

#include "base/crew.h"
#include "base/daemon.h"
#include "base/proctitle.h"

/* So many work at one time. */
#define CREW_MAX 16

struct crew {
	const char *title;
	crew_job *job;
	void *arg;
	size_t n;
	unsigned seconds;
};

static void lead(void *, int);

static const struct child_kind crew_kind = {
	.flags = CHILD_F_OUTPUT | CHILD_F_BARE | CHILD_F_GROUP,
	.run = lead,
};

int
crew_start(struct children *all, struct child *c, const char *title,
    crew_job *job, size_t n, void *arg, unsigned seconds)
{
	struct crew crew = { title, job, arg, n, seconds };

	return child_start(all, c, &crew_kind, &crew);
}

/* The alarm is for a parent that is killed: nothing of it may stay behind. */
static void
lead(void *how, int output)
{
	const struct crew *crew = how;
	pid_t pid;
	size_t i;

	daemon_hold_signals(false);
	proctitle_set("%s", crew->title);
	(void)alarm(crew->seconds);
	for (i = 0; i < crew->n; i++) {
		if (i >= CREW_MAX)
			(void)wait(NULL);
		pid = crew->n > 1 ? child_fork() : -1;
		if (pid > 0)
			continue;
		(void)alarm(crew->seconds);
		crew->job(crew->arg, i, output);
		if (pid == 0)
			_exit(0);
	}
	while (wait(NULL) > 0)
		;
}
