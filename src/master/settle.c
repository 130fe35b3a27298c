/* SPDX-License-Identifier: ISC */
/*
 * Where the master decides. Whoever hears something notes it (note.c), and
 * each callback of the event loop (events.c) ends with master_settle(): what
 * is due by the table of transitions.def is done here, and only here. What is
 * done never calls back: it notes what has come of it, and the next row is
 * looked for.
 */
#include "config.h"

#include <stddef.h>

#include "master/master_int.h"

static void (*const actions[])(struct master *) = {
#define ACTION(id, function, text) [ACTION_##id] = function,
#include "master/transitions.def"
};

void
master_settle(struct master *m)
{
	enum master_action action;

	while ((action = state_step(&m->state, &m->noted, note_seen(m))) !=
	    ACTION_NOTHING) {
		actions[action](m);
		manager_tell(m, action);
	}
	supervise_cover(m);
	generation_sweep(&m->generations, m->closing);
}
