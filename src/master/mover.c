/* SPDX-License-Identifier: ISC */
/*
 * The mover: a child that moves the sessions to a cache of another size, with
 * the rights of a worker (worker/sessions.c).
 */
#include "config.h"

#include "master/master_int.h"

/* Moving a gigabyte of sessions takes seconds. */
#define WITHIN_S 3600

struct move {
	const struct generation *to;
	struct tlscache *from;
};

static void move(void *, int);
static void moved(void *, int);

static const struct child_kind mover_kind = {
	.within_s = WITHIN_S,
	.run = move,
	.exited = moved,
};

int
mover_start(struct master *m, struct tlscache *from)
{
	struct move how = { m->current, from };

	m->mover.arg = m;
	return child_start(&m->children, &m->mover, &mover_kind, &how);
}

static void
move(void *arg, int output)
{
	const struct move *how = arg;
	struct heritage h;

	generation_leave(how->to, &h);
	worker_move(&h, how->from);
}

static void
moved(void *arg, int status)
{
	struct master *m = arg;

	child_end(&m->mover);
	reload_moved(m, status);
}
