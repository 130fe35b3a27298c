/* SPDX-License-Identifier: ISC */
/*
 * Supervision: every worker number of the current generation has a seat with
 * a process in it. One that dies is replaced at once. When it keeps dying soon
 * after its start, the next one waits, longer each time; meanwhile a neighbour
 * serves its queue, so that only the processor time of one worker is missing
 * and no client waits. Where no neighbour is left there is no waiting, but for
 * what keeps a worker that cannot live from being forked all the time.
 *
 * Of workers that were handed over there is no configuration to start more
 * from: until an upgrade is finished, neighbours are all that a seat gets.
 */
#include "config.h"

#include <sys/wait.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "master/master_int.h"

/* Who dies before that was not fit to start. */
#define SHORT_LIFE_US 10000000
/* … unless somebody killed it: then only one that hardly lived at all. */
#define KILLED_LIFE_US 100000
#define FAULTS_FREE 3
#define DELAY_FIRST_MS 100
#define DELAY_MAX_MS 5000
/* After a fork that failed. */
#define DELAY_RETRY_MS 500
/* With nobody else there, one is started so often at the most. */
#define ALONE_EVERY_MS 100

static void process_gone(struct master *, struct process *, int);
static void death_text(const struct process *, int, struct err *);
static bool is_fault(const struct process *, int);
static void seat_vacate(struct seat *, bool);
static void seat_refill(struct seat *);
static void seat_start(struct seat *);
static void seat_wait(struct seat *, long);
static bool nobody_serves(const struct master *);
static void retry_event_cb(evutil_socket_t, short, void *);
static void cover_all(struct master *);
static bool serves(const struct process *);
static void seat_uncover(struct seat *);

int
supervise_start(struct master *m, struct generation *g, struct err *err)
{
	unsigned i;

	for (i = 0; i < g->conf->workers; i++)
		if (process_start(m, g, i) == NULL)
			return err_set(err, NULL, "worker %u cannot be "
			    "started: %s", i, strerror(errno));
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
	cover_all(m);
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
		else if (pid == m->test.pid)
			upgrade_tested(m, status);
		else if (pid == m->mover)
			reload_moved(m, status);
	}
	if ((m->state == MASTER_FINISHING || m->state == MASTER_STOPPING) &&
	    TAILQ_EMPTY(&m->processes))
		stop_done(m);
}

static void
process_gone(struct master *m, struct process *p, int status)
{
	struct generation *g = p->generation;
	unsigned i, worker = p->worker;
	struct err why;
	bool fault;

	p->reaped = true;
	process_listen(p);
	fault = is_fault(p, status);
	death_text(p, status, &why);
	if (g->draining || m->state >= MASTER_FINISHING) {
		if (!p->killed && status != 0)
			log_warnx("%s", why.text);
	} else if (g == m->current) {
		log_warnx("%s", why.text);
	}
	for (i = 0; i < m->nseats; i++)
		if (m->seats[i].cover == p)
			m->seats[i].cover = NULL;
	if (g == m->current && m->nseats > 0)
		seat_vacate(&m->seats[worker], fault);
	process_free(p);
	g->alive--;
	if (g->draining) {
		if (g->alive == 0)
			generation_free(g);
	} else if (m->state == MASTER_STARTING ||
	    (m->state == MASTER_RELOADING && g == m->next)) {
		reload_abort(m, why.text);
	} else if (g == m->current && m->nseats > 0) {
		seat_refill(&m->seats[worker]);
		cover_all(m);
	}
	reload_closed(m);
}

/* What it says itself is better than what can be seen from here. */
static void
death_text(const struct process *p, int status, struct err *text)
{
	if (p->failure != NULL)
		err_set(text, NULL, "%s", p->failure);
	else if (WIFSIGNALED(status))
		err_set(text, NULL, "worker %u, pid %ld, was killed by signal "
		    "%d (%s)%s", p->worker, (long)p->pid, WTERMSIG(status),
		    strsignal(WTERMSIG(status)),
		    WCOREDUMP(status) ? ", core dumped" : "");
	else
		err_set(text, NULL, "worker %u, pid %ld, exited with status "
		    "%d", p->worker, (long)p->pid, WEXITSTATUS(status));
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

long
supervise_delay(unsigned faults, bool alone, int64_t since)
{
	long delay = DELAY_FIRST_MS;

	if (faults <= FAULTS_FREE)
		return 0;
	if (alone)
		return since < ALONE_EVERY_MS ? ALONE_EVERY_MS - (long)since :
		    0;
	while (--faults > FAULTS_FREE && delay < DELAY_MAX_MS)
		delay *= 2;
	return delay < DELAY_MAX_MS ? delay : DELAY_MAX_MS;
}

/* Its process is dead. */
static void
seat_vacate(struct seat *seat, bool fault)
{
	struct master *m = seat->master;

	if (clock_mono_us() - seat->process->started >= SHORT_LIFE_US)
		seat->faults = 0;
	seat->faults += fault ? 1 : 0;
	seat->process = NULL;
	m->restarts[seat - m->seats]++;
}

/* Put a new process into a seat, now or after a while. */
static void
seat_refill(struct seat *seat)
{
	unsigned number = (unsigned)(seat - seat->master->seats);
	bool alone = nobody_serves(seat->master);
	long delay = supervise_delay(seat->faults, alone,
	    (clock_mono_us() - seat->master->last_start) / 1000);

	if (seat->master->current->handed_over) {
		log_warnx("worker %u has no successor before the upgrade is "
		    "finished", number);
		return;
	}
	if (delay == 0) {
		seat_start(seat);
		return;
	}
	log_errorx("worker %u has died %u times soon after its start: the "
	    "next one starts in %ld ms%s", number, seat->faults, delay,
	    alone ? ", for no other serves" : "");
	seat_wait(seat, delay);
}

static void
seat_start(struct seat *seat)
{
	struct master *m = seat->master;
	unsigned number = (unsigned)(seat - m->seats);

	seat->process = process_start(m, m->current, number);
	m->last_start = clock_mono_us();
	if (seat->process == NULL) {
		log_warn("worker %u cannot be started", number);
		seat_wait(seat, nobody_serves(m) ? ALONE_EVERY_MS :
		    DELAY_RETRY_MS);
	}
}

static void
seat_wait(struct seat *seat, long ms)
{
	struct timeval after = { ms / 1000, ms % 1000 * 1000 };

	event_add(&seat->retry, &after);
}

static bool
nobody_serves(const struct master *m)
{
	unsigned i;

	for (i = 0; i < m->nseats; i++)
		if (m->seats[i].process != NULL &&
		    !m->seats[i].process->heartbeat.silent)
			return false;
	return true;
}

static void
retry_event_cb(evutil_socket_t fd, short what, void *arg)
{
	struct seat *seat = arg;

	if (seat->process == NULL)
		seat_start(seat);
}

/* Every queue without a worker gets the next one that serves. */
static void
cover_all(struct master *m)
{
	struct process *p;
	unsigned i, k;

	for (i = 0; i < m->nseats; i++) {
		p = m->seats[i].process;
		if ((p != NULL && !p->heartbeat.silent) ||
		    m->seats[i].cover != NULL)
			continue;
		for (k = 1; k < m->nseats; k++) {
			p = m->seats[(i + k) % m->nseats].process;
			if (!serves(p))
				continue;
			process_tell(p, CONTROL_COVER, i, -1);
			m->seats[i].cover = p;
			break;
		}
	}
}

static bool
serves(const struct process *p)
{
	return p != NULL && p->ready && !p->heartbeat.silent;
}

/*
 * When it runs again it serves its own queue at once: nobody had told it not
 * to. What it had covered others have by then.
 */
void
supervise_heartbeat(struct process *p)
{
	static const struct timeval at_once = { 0, 0 };
	struct master *m = p->master;
	unsigned i;

	if (!p->heartbeat.silent) {
		if (p->ready)
			seat_uncover(&m->seats[p->worker]);
		return;
	}
	for (i = 0; i < m->nseats; i++) {
		if (m->seats[i].cover == p) {
			process_tell(p, CONTROL_UNCOVER, i, -1);
			m->seats[i].cover = NULL;
		}
	}
	cover_all(m);
	for (i = 0; i < m->nseats && nobody_serves(m); i++) {
		if (event_pending(&m->seats[i].retry, EV_TIMEOUT, NULL)) {
			event_add(&m->seats[i].retry, &at_once);
			return;
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
