/* SPDX-License-Identifier: ISC */
/*
 * Making the next generation: names of hosts and users are looked up by the
 * children of priv/lookup.c, then certificates are loaded, some at a time, and
 * then its workers are started. Also without being asked: when a name is found
 * that was not, the workers learn its addresses as by a reload.
 */
#include "config.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/names.h"
#include "master/master_int.h"

/* How long until names that were not found are asked for again. */
#define NAMES_EACH_S INT64_C(10)
/* … and, doubling, until what was found is tried again, at the most. */
#define NAMES_WAIT_MAX_S INT64_C(640)

static void wait_answer(struct master *);
static void answer_event_cb(evutil_socket_t, short, void *);
static void answered(struct master *);
static void found_again(struct master *);
static int made(struct master *, struct err *);
static void warn_fixed(const struct conf *, const struct conf *);

void
making_begin(struct master *m)
{
	event_del(&m->making);
	switch (lookup_begin(&m->lookup, &m->children,
	    &m->next->account)) {
	case 0:
		event_active(&m->making, EV_TIMEOUT, 1);
		break;
	case 1:
		wait_answer(m);
		break;
	default:
		note_failed(m, "names cannot be looked up: no process can be "
		    "started");
	}
}

static void
wait_answer(struct master *m)
{
	struct lookup *l = &m->lookup;
	int64_t left = l->until - clock_mono_us();
	struct timeval tv = { 0, 0 };

	if (left > 0) {
		tv.tv_sec = left / 1000000;
		tv.tv_usec = left % 1000000;
	}
	event_assign(&m->answer, m->base, l->crew.fd, EV_READ, answer_event_cb,
	    m);
	event_add(&m->answer, &tv);
}

static void
answer_event_cb(evutil_socket_t fd, short what, void *arg)
{
	struct master *m = arg;

	/* What came while we were not running is heard, late or not. */
	if (lookup_read(&m->lookup) == 1 && !(what & EV_TIMEOUT))
		wait_answer(m);
	else
		event_active(&m->making, EV_TIMEOUT, 1);
}

void
making_go_on(struct master *m)
{
	static const struct timeval at_once = { 0, 0 };
	struct generation_stock stock = { m->current, m->keys, &m->sockets };
	struct err err;
	int r;

	if (m->lookup.crew.listed) {
		answered(m);
		return;
	}
	r = generation_make(m->next, &stock, &err);
	if (r > 0)
		event_add(&m->making, &at_once);
	else if (r == -1 || made(m, &err) == -1)
		note_failed(m, err.text);
}

static void
answered(struct master *m)
{
	bool names = m->lookup.nnames > 0;
	struct err err;

	lookup_end(&m->lookup);
	if (m->next == NULL)
		found_again(m);
	else if (names && generation_reread(m->next,
	    &m->options->origin, &err) == -1)
		note_failed(m, err.text);
	else
		making_begin(m);
}

/* All is there but the workers. */
static int
made(struct master *m, struct err *err)
{
	m->last_generation = m->next->number;
	if (m->current != NULL)
		warn_fixed(m->current->conf, m->next->conf);
	else if (observe_open(m, m->next->conf, err) == -1)
		return -1;
	if (supervise_start(m, m->next, err) == -1)
		return -1;
	note_deadline(m, MAKING_READY_WITHIN,
	    "the workers were not ready in time");
	return 0;
}

/* What a running master cannot change. */
static void
warn_fixed(const struct conf *now, const struct conf *next)
{
	const char *a = now->pid_file.value, *b = next->pid_file.value;

	if (strcmp(a != NULL ? a : "", b != NULL ? b : "") != 0)
		log_warnx("pid_file changes with a restart only");
}

void
making_drop(struct master *m)
{
	if (event_initialized(&m->answer))
		event_del(&m->answer);
	lookup_drop(&m->lookup);
	event_del(&m->making);
}

void
making_settled(struct master *m)
{
	m->names_at = clock_mono_us() + NAMES_EACH_S * 1000000;
	m->names_wait_s = 0;
	names_tidy();
}

void
making_names(struct master *m)
{
	if (m->state != MASTER_RUNNING || m->lookup.crew.listed ||
	    m->mover.listed || m->current->handed_over ||
	    clock_mono_us() < m->names_at)
		return;
	m->names_at = clock_mono_us() + NAMES_EACH_S * 1000000;
	if (conf_names_found(m->current->conf))
		found_again(m);
	else if (conf_names_ask(m->current->conf) &&
	    lookup_begin(&m->lookup, &m->children,
	    &m->current->account) == 1)
		wait_answer(m);
}

/*
 * One that had failed has addresses now. They are used with what is running:
 * what somebody is just writing into the file waits until he says so.
 */
static void
found_again(struct master *m)
{
	const struct conf_origin *origin = &m->options->origin;
	bool first = m->names_wait_s == 0;
	struct conf *conf;
	struct err err;

	/* In the middle of an upgrade, which may come to nothing: later. */
	if (m->state != MASTER_RUNNING || !conf_names_found(m->current->conf))
		return;
	/* It may be in vain, and again and again. */
	m->names_wait_s = first ? NAMES_EACH_S : 2 * m->names_wait_s;
	if (m->names_wait_s > NAMES_WAIT_MAX_S)
		m->names_wait_s = NAMES_WAIT_MAX_S;
	m->names_at = clock_mono_us() + m->names_wait_s * 1000000;
	conf = conf_load(origin->path, origin->overrides, origin->noverrides,
	    &err);
	if (conf != NULL && conf_same(conf, m->current->conf)) {
		m->next = generation_new(&m->generations, conf,
		    m->last_generation + 1);
		note(m, FACT_FOUND);
		return;
	}
	if (first)
		log_warnx("%s is not what is running: the addresses that were "
		    "found wait for a reload", origin->path);
	if (conf != NULL)
		conf_free(conf);
}
