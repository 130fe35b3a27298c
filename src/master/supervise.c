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

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "master/master_int.h"

#define FAULTS_FREE 3
#define DELAY_FIRST_MS 100
#define DELAY_MAX_MS 5000
/* After a fork that failed. */
#define DELAY_RETRY_MS 500
/* With nobody else there, one is started so often at the most. */
#define ALONE_EVERY_MS 100

static void seat_vacate(struct seat *, bool);
static void seat_refill(struct seat *);
static void seat_start(struct seat *);
static void seat_wait(struct seat *, long);
static bool nobody_serves(const struct master *);
static void retry_event_cb(evutil_socket_t, short, void *);
static bool serves(const struct process *);
static void seat_cover(struct seat *);
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
supervise_gone(struct process *p, bool fault)
{
	struct master *m = p->master;
	struct seat *seat = NULL;
	unsigned i;

	for (i = 0; i < m->nseats; i++) {
		if (m->seats[i].process == p)
			seat = &m->seats[i];
		if (m->seats[i].cover == p)
			m->seats[i].cover = NULL;
	}
	if (seat != NULL)
		seat_vacate(seat, fault);
	p->generation->alive--;
	process_free(p);
	if (seat != NULL)
		seat_refill(seat);
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

/* Another serves the queue of a seat whose worker is missing or silent. */
void
supervise_cover(struct master *m)
{
	struct seat *seat;

	for (seat = m->seats; seat < m->seats + m->nseats; seat++) {
		if (seat->cover != NULL && (serves(seat->process) ||
		    seat->cover->heartbeat.silent))
			seat_uncover(seat);
		if (seat->cover == NULL && (seat->process == NULL ||
		    seat->process->heartbeat.silent))
			seat_cover(seat);
	}
}

static bool
serves(const struct process *p)
{
	return p != NULL && p->ready && !p->heartbeat.silent;
}

/* By the next one that serves. */
static void
seat_cover(struct seat *seat)
{
	const struct master *m = seat->master;
	unsigned number = (unsigned)(seat - m->seats), k;
	struct process *p;

	for (k = 1; k < m->nseats; k++) {
		p = m->seats[(number + k) % m->nseats].process;
		if (!serves(p))
			continue;
		process_tell(p, CONTROL_COVER, number, -1);
		seat->cover = p;
		break;
	}
}

static void
seat_uncover(struct seat *seat)
{
	process_tell(seat->cover, CONTROL_UNCOVER,
	    (unsigned)(seat - seat->master->seats), -1);
	seat->cover = NULL;
}

void
supervise_silent(struct master *m)
{
	static const struct timeval at_once = { 0, 0 };
	unsigned i;

	for (i = 0; i < m->nseats && nobody_serves(m); i++) {
		if (event_pending(&m->seats[i].retry, EV_TIMEOUT, NULL)) {
			event_add(&m->seats[i].retry, &at_once);
			return;
		}
	}
}
