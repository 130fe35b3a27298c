/* SPDX-License-Identifier: ISC */
/*
 * Supervision: every worker number of the current generation has a seat with
 * a process in it. One that dies is replaced at once. When it keeps dying soon
 * after its start, the next one waits, longer each time; meanwhile a neighbour
 * serves its queue, so that only the processor time of one worker is missing
 * and no client waits.
 */
#include "config.h"

#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "master/master_int.h"

/* A death before that is a fault of the worker's start. */
#define SHORT_LIFE_US 10000000
/* … unless somebody killed it: then only one that hardly lived at all. */
#define KILLED_LIFE_US 100000
#define FAULTS_FREE 3
#define DELAY_FIRST_MS 100
#define DELAY_MAX_MS 5000

static void process_gone(struct master *, struct process *, int);
static void death_text(int, char *, size_t);
static bool is_fault(const struct process *, int);
static void seat_refill(struct seat *);
static void seat_wait(struct seat *, long);
static void retry_event_cb(evutil_socket_t, short, void *);
static void cover_all(struct master *);
static void seat_uncover(struct seat *);

int
supervise_start(struct master *m, struct generation *g)
{
	unsigned i;

	for (i = 0; i < g->conf->workers; i++)
		if (process_start(m, g, i) == NULL)
			return -1;
	return 0;
}

void
supervise_seat(struct master *m)
{
	struct process *p;
	unsigned i;

	supervise_clear(m);
	m->nseats = m->current->conf->workers;
	if (m->nseats > m->nrestarts) {
		m->restarts = xreallocarray(m->restarts, m->nseats,
		    sizeof(*m->restarts));
		for (i = m->nrestarts; i < m->nseats; i++)
			m->restarts[i] = 0;
		m->nrestarts = m->nseats;
	}
	m->seats = xcalloc(m->nseats, sizeof(*m->seats));
	for (i = 0; i < m->nseats; i++) {
		m->seats[i].master = m;
		evtimer_assign(&m->seats[i].retry, m->base, retry_event_cb,
		    &m->seats[i]);
	}
	TAILQ_FOREACH(p, &m->processes, entry)
		if (p->generation == m->current)
			m->seats[p->worker].process = p;
}

void
supervise_clear(struct master *m)
{
	unsigned i;

	for (i = 0; i < m->nseats; i++)
		event_del(&m->seats[i].retry);
	free(m->seats);
	m->seats = NULL;
	m->nseats = 0;
}

void
supervise_ready(struct process *p)
{
	struct master *m = p->master;
	struct process *q;

	if (p->generation == m->next) {
		TAILQ_FOREACH(q, &m->processes, entry)
			if (q->generation == m->next && !q->ready)
				return;
		if (m->next->alive == m->next->conf->workers)
			reload_commit(m);
		return;
	}
	if (m->nseats > 0 && p->generation == m->current)
		seat_uncover(&m->seats[p->worker]);
}

void
supervise_reap(struct master *m)
{
	struct process *p;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		TAILQ_FOREACH(p, &m->processes, entry)
			if (p->pid == pid)
				break;
		if (p != NULL)
			process_gone(m, p, status);
	}
	if ((m->state == MASTER_FINISHING || m->state == MASTER_STOPPING) &&
	    TAILQ_EMPTY(&m->processes))
		stop_done(m);
}

static void
process_gone(struct master *m, struct process *p, int status)
{
	struct generation *g = p->generation;
	bool expected, fault = is_fault(p, status);
	struct seat *seat = NULL;
	char how[64];
	unsigned i;

	death_text(status, how, sizeof(how));
	expected = g->draining || m->state == MASTER_FINISHING ||
	    m->state == MASTER_STOPPING;
	if (!expected || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		log_warnx("worker %u, pid %ld, %s", p->worker, (long)p->pid,
		    how);
	if (g == m->current && m->nseats > 0) {
		seat = &m->seats[p->worker];
		seat->process = NULL;
		if (clock_mono_us() - p->started >= SHORT_LIFE_US)
			seat->faults = 0;
	}
	for (i = 0; i < m->nseats; i++)
		if (m->seats[i].cover == p)
			m->seats[i].cover = NULL;
	process_free(p);
	g->alive--;
	if (g == m->next) {
		reload_abort(m, "a new worker died before it served");
	} else if (g != m->current) {
		if (g->alive == 0)
			generation_free(g);
	} else if (!expected && seat != NULL) {
		m->restarts[seat - m->seats]++;
		seat->faults += fault ? 1 : 0;
		seat_refill(seat);
		cover_all(m);
	}
}

static void
death_text(int status, char *buf, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(buf, size, "was killed by signal %d (%s)%s",
		    WTERMSIG(status), strsignal(WTERMSIG(status)),
		    WCOREDUMP(status) ? ", core dumped" : "");
	else
		snprintf(buf, size, "exited with status %d",
		    WEXITSTATUS(status));
}

static bool
is_fault(const struct process *p, int status)
{
	int64_t life = clock_mono_us() - p->started;

	if (p->ready && WIFSIGNALED(status) &&
	    (WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGTERM))
		return life < KILLED_LIFE_US;
	return life < SHORT_LIFE_US;
}

/* Put a new process into a seat, now or after a while. */
static void
seat_refill(struct seat *seat)
{
	struct master *m = seat->master;
	unsigned number = (unsigned)(seat - m->seats);
	long delay = 0;
	unsigned i;

	if (seat->faults > FAULTS_FREE) {
		delay = DELAY_FIRST_MS;
		for (i = FAULTS_FREE + 1; i < seat->faults &&
		    delay < DELAY_MAX_MS; i++)
			delay *= 2;
		if (delay > DELAY_MAX_MS)
			delay = DELAY_MAX_MS;
		log_errorx("worker %u has died %u times soon after its "
		    "start: the next one starts in %ld ms", number,
		    seat->faults, delay);
		seat_wait(seat, delay);
		return;
	}
	seat->process = process_start(m, m->current, number);
	if (seat->process == NULL) {
		log_warn("worker %u cannot be started", number);
		seat_wait(seat, DELAY_FIRST_MS);
	}
}

static void
seat_wait(struct seat *seat, long ms)
{
	struct timeval after = { ms / 1000, ms % 1000 * 1000 };

	event_add(&seat->retry, &after);
}

static void
retry_event_cb(evutil_socket_t fd, short what, void *arg)
{
	struct seat *seat = arg;
	unsigned number = (unsigned)(seat - seat->master->seats);

	if (seat->process != NULL)
		return;
	seat->process = process_start(seat->master, seat->master->current,
	    number);
	if (seat->process == NULL) {
		log_warn("worker %u cannot be started", number);
		seat_wait(seat, DELAY_MAX_MS);
	}
}

/* Every queue without a worker gets the next one that serves. */
static void
cover_all(struct master *m)
{
	struct process *p;
	unsigned i, k;

	for (i = 0; i < m->nseats; i++) {
		if (m->seats[i].process != NULL || m->seats[i].cover != NULL)
			continue;
		for (k = 1; k < m->nseats; k++) {
			p = m->seats[(i + k) % m->nseats].process;
			if (p == NULL || !p->ready)
				continue;
			process_tell(p, CONTROL_COVER, i, -1);
			m->seats[i].cover = p;
			break;
		}
	}
}

static void
seat_uncover(struct seat *seat)
{
	struct master *m = seat->master;

	seat->process->ready = true;
	if (seat->cover != NULL)
		process_tell(seat->cover, CONTROL_UNCOVER,
		    (unsigned)(seat - m->seats), -1);
	seat->cover = NULL;
	cover_all(m);
}
