/* SPDX-License-Identifier: ISC */
/*
 * Taking over after an exec; see upgrade.c. The master before us in this
 * process has handed on its sockets, its shared memory and its workers. From
 * all that a generation is made that serves already; the first one of ours
 * replaces it as by a reload, and whatever fails until then leaves its workers
 * serving.
 */
#include "config.h"

#include <unistd.h>

#include "base/daemon.h"
#include "base/log.h"
#include "master/handover.h"
#include "master/master_int.h"

static void take_shared(struct master *, const struct handover *);
static void take_workers(struct master *, size_t *);

/*
 * The log of the workers is ours at once: a daemon has no other to say what
 * goes wrong.
 */
void
takeover(struct master *m)
{
	struct handover h;
	struct err err;
	size_t workers;

	if (handover_read(m, &h, &err) == -1)
		fatalx("upgrade: %s", err.text);
	if (logfile_use(m->current, m->options->foreground, &err) == -1)
		log_errorx("%s", err.text);
	take_shared(m, &h);
	take_workers(m, &workers);
	supervise_seat(m);
	if (events_watch(m, &err) == -1)
		fatalx("upgrade: %s", err.text);
	log_notice("tlsherd %s has taken over from tlsherd %s and its %zu "
	    "workers, pid %ld", PACKAGE_VERSION,
	    h.version != NULL ? h.version : "?", workers, (long)getpid());
	handover_release(&h);
	note(m, FACT_ADOPTED);
	master_settle(m);
	/* All signals were held back for the exec; what ended, has ended. */
	daemon_hold_signals(false);
	reap_children(m);
	note(m, FACT_RELOAD);
	master_settle(m);
}

static void
take_shared(struct master *m, const struct handover *h)
{
	struct handed none;
	const struct shared *row;
	size_t i, n;

	handed_init(&none);
	for (row = shared_rows; row < shared_rows + shared_count; row++) {
		for (i = n = 0; i < h->nobjects; i++) {
			if (h->objects[i].row != row)
				continue;
			row->adopt(m, &h->objects[i].handed);
			n++;
		}
		if (n == 0)
			row->adopt(m, &none);
	}
}

/* With other counters than theirs, they get slots that stay at zero. */
static void
take_workers(struct master *m, size_t *n)
{
	struct process *p;

	*n = 0;
	TAILQ_FOREACH(p, &m->processes, entry) {
		p->slot = scoreboard_keep(m->scoreboard, p->slot_number,
		    p->worker);
		if (p->slot == NULL)
			p->slot = scoreboard_take(m->scoreboard, p->worker);
		if (p->slot == NULL)
			fatalx("scoreboard: there are too many workers");
		process_adopt(p);
		*n += p->generation == m->current;
	}
}
