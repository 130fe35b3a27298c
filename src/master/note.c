/* SPDX-License-Identifier: ISC */
/*
 * Facts for the decisions of settle.c: what was noted since, and what can be
 * seen in the lists of the master. Nothing is done here.
 */
#include "config.h"

#include "base/clock.h"
#include "base/err.h"
#include "master/master_int.h"

static bool is_ready(const struct master *);
static bool is_closed(const struct master *);
static bool is_busy(const struct master *, int64_t);

void
note(struct master *m, enum master_fact fact)
{
	m->noted |= fact;
}

void
note_failed(struct master *m, const char *why)
{
	/* The first reason is the one: what follows, follows from it. */
	if ((m->noted & FACT_FAILED) == 0)
		err_set(&m->why, NULL, "%s", why);
	note(m, FACT_FAILED);
}

void
note_deadline(struct master *m, int64_t ms, const char *late)
{
	struct timeval after = { ms / 1000, ms % 1000 * 1000 };

	m->late = late;
	event_add(&m->deadline, &after);
}

void
note_late(struct master *m)
{
	err_set(&m->why, NULL, "%s", m->late);
	note(m, FACT_LATE);
}

void
note_signal(struct master *m, int number)
{
	size_t i;

	for (i = 0; i < sizeof(m->signals) / sizeof(m->signals[0]); i++)
		if (event_get_signal(&m->signals[i]) == number)
			event_active(&m->signals[i], EV_SIGNAL, 1);
}

unsigned
note_seen(const struct master *m)
{
	int64_t now = clock_mono_us();
	unsigned seen = 0;

	if (is_ready(m))
		seen |= FACT_READY;
	if (is_closed(m))
		seen |= FACT_CLOSED;
	if (is_busy(m, now))
		seen |= FACT_BUSY;
	if (TAILQ_EMPTY(&m->processes))
		seen |= FACT_EMPTY;
	if (m->retry_at != 0 && now >= m->retry_at)
		seen |= FACT_RELOAD;
	return seen;
}

static bool
is_ready(const struct master *m)
{
	const struct generation *g = m->next;
	const struct process *p;

	if (g == NULL || g->alive != g->conf->workers)
		return false;
	TAILQ_FOREACH(p, &m->processes, entry)
		if (p->generation == g && !p->ready)
			return false;
	return true;
}

static bool
is_closed(const struct master *m)
{
	const struct process *p;

	if (m->closing == NULL || m->mover.listed)
		return false;
	TAILQ_FOREACH(p, &m->processes, entry)
		if (p->generation == m->closing && !p->drained)
			return false;
	return true;
}

/*
 * A cache is not moved on before all that comes to it is there, and an address
 * that is being left could not be bound again.
 */
static bool
is_busy(const struct master *m, int64_t now)
{
	return m->mover.listed ||
	    (m->closing != NULL && now < m->leaving_until);
}
