/* SPDX-License-Identifier: ISC */
/*
 * What the master does next: transitions.def as a pure function, which knows
 * no process, no clock and no struct master.
 */
#ifndef MASTER_STATE_H
#define MASTER_STATE_H

enum master_state {
#define STATE(id, text) MASTER_##id,
#include "master/transitions.def"
};

enum master_fact_number {
#define NOTED(id, text) FACT_NUMBER_##id,
#define LAPSES(id, text) FACT_NUMBER_##id,
#define SEEN(id, text) FACT_NUMBER_##id,
#include "master/transitions.def"
	FACT_NUMBERS
};

/* Sets of facts are an unsigned of these. */
enum master_fact {
#define NOTED(id, text) FACT_##id = 1 << FACT_NUMBER_##id,
#define LAPSES(id, text) FACT_##id = 1 << FACT_NUMBER_##id,
#define SEEN(id, text) FACT_##id = 1 << FACT_NUMBER_##id,
#include "master/transitions.def"
};

enum master_action {
#define ACTION(id, function, text) ACTION_##id,
#include "master/transitions.def"
};

/*
 * Follow a row of the table with what is noted and what is seen: changes the
 * state and forgets what is followed or has lapsed. Returns what to do now.
 */
enum master_action state_step(enum master_state *, unsigned *noted,
    unsigned seen);

#endif
