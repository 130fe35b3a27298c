/* SPDX-License-Identifier: ISC */
/*
 * A worker as a child of the master. It gets what struct heritage holds;
 * everything else of the master's is closed or freed before worker_main().
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/daemon.h"
#include "base/fd.h"
#include "base/log.h"
#include "master/master_int.h"
#include "master/shared.h"

/* In the child: what it is to be, and both ends of the channel. */
struct birth {
	struct process *process;
	int channel[2];
};

static void inherit(void *, int);
static void let_go(struct master *, const struct generation *);
static void exited(void *, int);
static void overdue(void *);

static const struct child_kind worker_kind = {
	.run = inherit,
	.exited = exited,
	.overdue = overdue,
};

struct process *
process_start(struct master *m, struct generation *g, unsigned worker)
{
	struct birth birth;
	struct process *p;
	int saved;

	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return NULL;
	p->master = m;
	p->generation = g;
	p->worker = worker;
	p->started = clock_mono_us();
	p->child.arg = birth.process = p;
	errno = EAGAIN; /* of a scoreboard that is full */
	p->slot = scoreboard_take(m->scoreboard, worker);
	if (p->slot == NULL || fd_pair(birth.channel) == -1)
		goto fail;
	if (child_start(&m->children, &p->child, &worker_kind, &birth) == -1) {
		saved = errno;
		close(birth.channel[0]);
		close(birth.channel[1]);
		errno = saved;
		goto fail;
	}
	close(birth.channel[1]);
	p->child.fd = birth.channel[0];
	g->alive++;
	TAILQ_INSERT_TAIL(&m->processes, p, entry);
	process_watch(p);
	return p;

fail:
	saved = errno;
	if (p->slot != NULL)
		scoreboard_release(m->scoreboard, p->slot);
	free(p);
	errno = saved;
	return NULL;
}

void
process_adopt(struct process *p)
{
	struct generation *g = p->generation;

	p->child.arg = p;
	p->child.kill_at = g->draining ? g->kill_at : 0;
	child_adopt(&p->master->children, &p->child, &worker_kind);
	process_watch(p);
}

static void
inherit(void *how, int output)
{
	const struct birth *birth = how;
	struct process *p = birth->process;
	struct generation *g = p->generation;
	struct master *m = p->master;
	struct heritage h;
	struct err err;

	generation_leave(g, &h);
	h.slot = p->slot;
	h.worker = p->worker;
	h.serve = g == m->current;
	h.control_fd = birth->channel[1];
	close(birth->channel[0]);
	free(p);
	let_go(m, g);
	if (!m->options->foreground)
		daemon_detach_stderr();
	if (g != m->current &&
	    logfile_use(g, m->options->foreground, &err) == -1)
		log_errorx("%s", err.text);
	worker_main(&h);
}

/* Of all that is the master's only this generation is kept. */
static void
let_go(struct master *m, const struct generation *g)
{
	size_t i;

	/* A new epoll set first: the old one is the master's, too. */
	if (event_reinit(m->base) == -1)
		_exit(WORKER_EXIT_SETUP);
	event_base_free(m->base);
	for (i = 0; i < shared_count; i++)
		if (shared_rows[i].forget != NULL)
			shared_rows[i].forget(m);
	children_forget(&m->children);
	if (m->notify != -1)
		close(m->notify);
	generation_forget(&m->generations, &m->sockets, g);
}

static void
exited(void *arg, int status)
{
	struct process *p = arg;

	p->status = status;
	p->master->ended = p;
}

static void
overdue(void *arg)
{
	const struct process *p = arg;

	log_warnx("worker %u, pid %ld, generation %u, has not finished in "
	    "time: killed", p->worker, (long)p->child.pid,
	    p->generation->number);
}

void
process_free(struct process *p)
{
	process_hang_up(p);
	child_end(&p->child);
	TAILQ_REMOVE(&p->master->processes, p, entry);
	scoreboard_release(p->master->scoreboard, p->slot);
	free(p->failure);
	free(p);
}
