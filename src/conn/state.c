/* SPDX-License-Identifier: ISC */
/*
 * The states of a connection, and which may follow which: the only place where
 * it changes. HACKING has the picture. Worker.
 */
#include "config.h"

#include <assert.h>

#include "conn/conn_int.h"

#define TO(state) (1u << CONN_##state)

/* What may follow each. */
static const uint8_t next[] = {
	[CONN_PREFACE] = TO(HANDSHAKE) | TO(DEAD),
	[CONN_HANDSHAKE] = TO(OPEN) | TO(LINGER) | TO(DEAD),
	[CONN_OPEN] = TO(LINGER) | TO(DEAD),
	[CONN_LINGER] = TO(DEAD),
	[CONN_ORPHAN] = TO(DEAD),
	[CONN_DEAD] = TO(ORPHAN),
};

bool
conn_may_move(enum conn_state from, enum conn_state to)
{
	return (next[from] & 1u << to) != 0;
}

void
conn_move(struct conn *c, enum conn_state to)
{
	assert(conn_may_move(c->state, to));
	c->state = (uint8_t)to;
}
