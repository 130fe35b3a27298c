/* SPDX-License-Identifier: ISC */
/*
 * Reading what is handed on; see handover.h. Runs in the master that comes, or
 * in a test of it that the one before has asked for. It was written by a
 * master, not by a stranger, but maybe of another version: every number is
 * looked at before it is a descriptor or a pid.
 */
#include "config.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/letter.h"
#include "base/mem.h"
#include "base/names.h"
#include "master/handover.h"
#include "master/master_int.h"

struct reader {
	struct master *master;
	struct handover *handover;
	struct words *words; /* of the line, behind the keyword */
};

static bool read_line(void *, const char *, struct words *);
static bool read_version(struct reader *);
static bool read_started(struct reader *);
static bool read_shared(struct reader *, const struct shared *);
static bool read_restarts(struct reader *);
static bool read_reloads(struct reader *);
static bool read_name(struct reader *);
static bool read_generation(struct reader *);
static bool read_worker(struct reader *);
static void forget(struct master *);

static const struct {
	const char *keyword;
	bool (*read)(struct reader *);
} lines[] = {
	{ "version", read_version },
	{ "started", read_started },
	{ "restarts", read_restarts },
	{ "reloads", read_reloads },
	{ "name", read_name },
	{ "generation", read_generation },
	{ "worker", read_worker },
};

int
handover_read(struct master *m, struct handover *h, struct err *err)
{
	struct reader r = { .master = m, .handover = h };

	memset(h, 0, sizeof(*h));
	if (letter_read(HANDOVER_HEAD, read_line, &r, err) == -1)
		return -1;
	if (m->current == NULL)
		return err_set(err, NULL, "what is handed on has no "
		    "generation that serves");
	return 0;
}

static bool
read_line(void *arg, const char *keyword, struct words *w)
{
	struct reader *r = arg;
	size_t i;

	r->words = w;
	for (i = 0; i < shared_count; i++)
		if (strcmp(shared_rows[i].name, keyword) == 0)
			return read_shared(r, &shared_rows[i]);
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (strcmp(lines[i].keyword, keyword) == 0)
			return lines[i].read(r);
	return true;
}

static bool
read_shared(struct reader *r, const struct shared *row)
{
	struct handover *h = r->handover;
	struct handed *one;

	h->objects = xreallocarray(h->objects, h->nobjects + 1,
	    sizeof(*h->objects));
	h->objects[h->nobjects].row = row;
	one = &h->objects[h->nobjects++].handed;
	handed_init(one);
	return handed_get(r->words, row->form, one) &&
	    (row->fits == NULL || row->fits(one));
}

static bool
read_version(struct reader *r)
{
	return words_text(r->words, &r->handover->version);
}

static bool
read_started(struct reader *r)
{
	struct words *w = r->words;
	int64_t generation;

	if (!words_number(w, 0, INT64_MAX, &r->master->started) ||
	    !words_number(w, 1, UINT_MAX, &generation))
		return false;
	r->master->last_generation = (unsigned)generation;
	return true;
}

static bool
read_restarts(struct reader *r)
{
	struct master *m = r->master;
	struct words *w = r->words;
	int64_t n;

	while (w->rest != NULL) {
		if (m->nrestarts == WORKERS_MAX ||
		    !words_number(w, 0, UINT_MAX, &n))
			return false;
		m->restarts = xreallocarray(m->restarts, m->nrestarts + 1,
		    sizeof(*m->restarts));
		m->restarts[m->nrestarts++] = (unsigned)n;
	}
	return true;
}

static bool
read_reloads(struct reader *r)
{
	int64_t ok, failed;

	if (!words_number(r->words, 0, UINT_MAX, &ok) ||
	    !words_number(r->words, 0, UINT_MAX, &failed))
		return false;
	r->master->reloads[0] = (unsigned)ok;
	r->master->reloads[1] = (unsigned)failed;
	return true;
}

static bool
read_name(struct reader *r)
{
	return names_take(r->words);
}

static bool
read_generation(struct reader *r)
{
	struct generation *g;

	g = generation_take(&r->master->generations, r->words);
	if (g == NULL || g->draining)
		return g != NULL;
	if (r->master->current != NULL)
		return false;
	r->master->current = g;
	return true;
}

static bool
read_worker(struct reader *r)
{
	struct process *p = xcalloc(1, sizeof(*p));
	struct words *w = r->words;
	int64_t worker, generation, pid, slot;

	p->master = r->master;
	p->child.fd = -1;
	TAILQ_INSERT_TAIL(&r->master->processes, p, entry);
	/* Not 1, 0 or less: these are many processes for kill(2). */
	if (!words_number(w, 0, WORKERS_MAX - 1, &worker) ||
	    !words_number(w, 1, UINT_MAX, &generation) ||
	    !words_number(w, 2, INT_MAX, &pid) || !words_fd(w, &p->child.fd) ||
	    !words_number(w, 0, UINT_MAX, &slot) ||
	    !words_number(w, INT64_MIN, INT64_MAX, &p->started) ||
	    !words_flag(w, &p->ready) || !words_flag(w, &p->child.killed))
		return false;
	p->worker = (unsigned)worker;
	p->child.pid = (pid_t)pid;
	p->slot_number = (unsigned)slot;
	p->generation = generation_find(&r->master->generations,
	    (unsigned)generation);
	if (p->generation == NULL ||
	    p->worker >= p->generation->conf->workers)
		return false;
	p->generation->alive++;
	return true;
}

void
handover_release(struct handover *h)
{
	size_t i;

	for (i = 0; i < h->nobjects; i++)
		handed_release(&h->objects[i].handed);
	free(h->objects);
	free(h->version);
}

int
handover_check(struct err *err)
{
	struct handover h;
	struct master m;
	int result;

	memset(&m, 0, sizeof(m));
	TAILQ_INIT(&m.sockets);
	TAILQ_INIT(&m.processes);
	TAILQ_INIT(&m.generations);
	result = handover_read(&m, &h, err);
	handover_release(&h);
	forget(&m);
	return result;
}

/* Free, and close nothing. */
static void
forget(struct master *m)
{
	struct process *p;

	while ((p = TAILQ_FIRST(&m->processes)) != NULL) {
		TAILQ_REMOVE(&m->processes, p, entry);
		free(p);
	}
	generation_forget(&m->generations, &m->sockets, NULL);
	free(m->restarts);
}
