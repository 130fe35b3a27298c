/* SPDX-License-Identifier: ISC */
/*
 * Children that have ended: what a worker has said last is heard, and acted
 * upon, before its death is judged.
 */
#include "config.h"

#include <sys/wait.h>

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "master/master_int.h"

/* Unless somebody killed it: then it must have hardly lived at all. */
#define KILLED_LIFE_US 100000

static void worker_ended(struct master *, struct process *);
static void death_text(const struct process *, int, struct err *);
static bool is_fault(const struct process *, int);

void
reap_children(struct master *m)
{
	while (children_reap(&m->children)) {
		if (m->ended != NULL)
			worker_ended(m, m->ended);
		master_settle(m);
	}
}

static void
worker_ended(struct master *m, struct process *p)
{
	struct generation *g = p->generation;
	int status = p->status;
	struct err why;

	m->ended = NULL;
	process_listen(p);
	master_settle(m);
	death_text(p, status, &why);
	if (g->draining || m->state >= MASTER_FINISHING) {
		if (!p->child.killed && status != 0)
			log_warnx("%s", why.text);
	} else if (g == m->current) {
		log_warnx("%s", why.text);
	} else if (g == m->next) {
		note_failed(m, why.text);
	}
	supervise_gone(p, is_fault(p, status));
}

/* What it says itself is better than what can be seen from here. */
static void
death_text(const struct process *p, int status, struct err *text)
{
	if (p->failure != NULL)
		err_set(text, NULL, "%s", p->failure);
	else if (WIFSIGNALED(status))
		err_set(text, NULL, "worker %u, pid %ld, was killed by signal "
		    "%d (%s)%s", p->worker, (long)p->child.pid, WTERMSIG(status),
		    strsignal(WTERMSIG(status)),
		    WCOREDUMP(status) ? ", core dumped" : "");
	else
		err_set(text, NULL, "worker %u, pid %ld, exited with status "
		    "%d", p->worker, (long)p->child.pid, WEXITSTATUS(status));
}

static bool
is_fault(const struct process *p, int status)
{
	int64_t life = clock_mono_us() - p->started;

	/* By somebody's hand; after SIGTERM a worker exits. */
	if (p->ready && (status == 0 ||
	    (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)))
		return life < KILLED_LIFE_US;
	return life < SHORT_LIFE_US;
}
