/* SPDX-License-Identifier: ISC */
/* The table of transitions.def and how it is followed. */
#include "config.h"

#include <stddef.h>

#include "master/state.h"

struct transition {
	enum master_state from;
	enum master_fact fact;
	enum master_state to;
	enum master_action action;
};

static const struct transition *find(enum master_state, unsigned);

static const struct transition table[] = {
#define ROW(from, fact, to, action) \
	{ MASTER_##from, FACT_##fact, MASTER_##to, ACTION_##action },
#include "master/transitions.def"
};

/* What ends with the work that it is about. */
static const unsigned lapsing = 0
#define LAPSES(id, text) | FACT_##id
#include "master/transitions.def"
    ;

enum master_action
state_step(enum master_state *state, unsigned *noted, unsigned seen)
{
	const struct transition *row = find(*state, *noted | seen);

	if (row == NULL)
		return ACTION_NOTHING;
	*noted &= ~(unsigned)row->fact;
	if (row->to != row->from)
		*noted &= ~lapsing;
	*state = row->to;
	return row->action;
}

static const struct transition *
find(enum master_state state, unsigned facts)
{
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].from == state && (facts & table[i].fact) != 0)
			return &table[i];
	return NULL;
}
