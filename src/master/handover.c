/* SPDX-License-Identifier: ISC */
/*
 * Writing what is handed on; see handover.h. Runs in the master that goes. How
 * it is read, in the one that comes: handover_read.c.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/letter.h"
#include "base/names.h"
#include "base/words.h"
#include "master/handover.h"
#include "master/master_int.h"

static void write_all(FILE *, const void *);
static void write_shared(FILE *, const struct master *);
static bool describe(const struct master *, const struct shared *, size_t,
    struct handed *);
static void write_worker(FILE *, const struct process *);

int
handover_write(const struct master *m, struct err *err)
{
	return letter_write(HANDOVER_HEAD, write_all, m, err);
}

static void
write_all(FILE *fp, const void *arg)
{
	const struct master *m = arg;
	const struct generation *g;
	const struct process *p;
	unsigned i;

	fprintf(fp, "version " PACKAGE_VERSION "\n");
	fprintf(fp, "started %" PRId64 " %u\n", m->started,
	    m->last_generation);
	write_shared(fp, m);
	fprintf(fp, "restarts");
	for (i = 0; i < m->nrestarts; i++)
		fprintf(fp, " %u", m->restarts[i]);
	fprintf(fp, "\nreloads %u %u\n", m->reloads[0], m->reloads[1]);
	/* Or an upgrade while the name server is down would lose them. */
	names_put(fp, "name");
	TAILQ_FOREACH(g, &m->generations, entry)
		generation_put(fp, "generation", g);
	TAILQ_FOREACH(p, &m->processes, entry)
		write_worker(fp, p);
}

static void
write_shared(FILE *fp, const struct master *m)
{
	const struct shared *row;
	struct handed h;
	size_t i;

	for (row = shared_rows; row < shared_rows + shared_count; row++)
		for (i = 0; describe(m, row, i, &h); i++) {
			fprintf(fp, "%s", row->name);
			handed_put(fp, row->form, &h);
			fputc('\n', fp);
		}
}

static bool
describe(const struct master *m, const struct shared *row, size_t i,
    struct handed *h)
{
	handed_init(h);
	return row->describe(m, i, h);
}

static void
write_worker(FILE *fp, const struct process *p)
{
	fprintf(fp, "worker %u %u %ld %d %u %" PRId64 " %d %d\n", p->worker,
	    p->generation->number, (long)p->child.pid, p->child.fd,
	    scoreboard_slot_number(p->master->scoreboard, p->slot), p->started,
	    p->ready, p->child.killed);
}

void
handover_pass(const struct master *m, int description, bool pass)
{
	const struct shared *row;
	const struct process *p;
	struct handed h;
	size_t i, j;

	letter_pass(description, pass);
	for (row = shared_rows; row < shared_rows + shared_count; row++)
		for (i = 0; describe(m, row, i, &h); i++) {
			letter_pass(h.fd, pass);
			for (j = 0; j < h.nfds; j++)
				letter_pass(h.fds[j], pass);
		}
	TAILQ_FOREACH(p, &m->processes, entry)
		letter_pass(p->child.fd, pass);
}
