/* SPDX-License-Identifier: ISC */
/*
 * What the master does next: each row of the table of transitions, and how
 * start, reload, upgrade and stop go by it, with all that can come between.
 */
#include "config.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "master/state.h"
#include "test_master.h"

static const char *const states[] = {
#define STATE(id, text) #id,
#include "master/transitions.def"
};
#define NSTATES (sizeof(states) / sizeof(states[0]))

static const char *const facts[] = {
#define NOTED(id, text) #id,
#define LAPSES(id, text) #id,
#define SEEN(id, text) #id,
#include "master/transitions.def"
};

static const char *const actions[] = {
#define ACTION(id, function, text) #id,
#include "master/transitions.def"
};

static const unsigned lasting = 0
#define NOTED(id, text) | FACT_##id
#include "master/transitions.def"
    ;

static const unsigned lapsing = 0
#define LAPSES(id, text) | FACT_##id
#include "master/transitions.def"
    ;

static const struct row {
	enum master_state from;
	enum master_fact_number fact;
	enum master_state to;
	enum master_action action;
} rows[] = {
#define ROW(from, fact, to, action) \
	{ MASTER_##from, FACT_NUMBER_##fact, MASTER_##to, ACTION_##action },
#include "master/transitions.def"
};
#define NROWS (sizeof(rows) / sizeof(rows[0]))

START_TEST(row)
{
	const struct row *r = &rows[_i];
	enum master_state state = r->from;
	unsigned fact = 1u << r->fact, others = lasting & ~fact, noted;
	enum master_action action;
	size_t i;

	printf("%-10s %-10s %-10s %s\n", states[r->from], facts[r->fact],
	    states[r->to], actions[r->action]);
	/* Noted alone: followed and forgotten. */
	noted = fact;
	action = state_step(&state, &noted, 0);
	ck_assert_str_eq(states[state], states[r->to]);
	ck_assert_str_eq(actions[action], actions[r->action]);
	ck_assert_uint_eq(noted, 0);
	/* Seen alone. */
	state = r->from;
	action = state_step(&state, &noted, fact);
	ck_assert_str_eq(states[state], states[r->to]);
	ck_assert_str_eq(actions[action], actions[r->action]);
	/* With all that stands below; who has been told waits for his turn. */
	for (i = 0; i < (size_t)_i; i++)
		if (rows[i].from == r->from)
			others &= ~(1u << rows[i].fact);
	state = r->from;
	noted = others | fact;
	action = state_step(&state, &noted, 0);
	ck_assert_str_eq(states[state], states[r->to]);
	ck_assert_str_eq(actions[action], actions[r->action]);
	ck_assert_uint_eq(noted, others);
	/* The work that goes on is over: what was noted of it means nothing. */
	state = r->from;
	noted = fact;
	for (i = 0; i < (size_t)_i; i++)
		if (rows[i].from == r->from && rows[i].fact == r->fact)
			ck_abort_msg("a second row of this fact");
	if (r->from != r->to) {
		unsigned before = 0;

		for (i = 0; i < (size_t)_i; i++)
			if (rows[i].from == r->from)
				before |= 1u << rows[i].fact;
		noted |= lapsing & ~before;
		(void)state_step(&state, &noted, 0);
		ck_assert_uint_eq(noted, 0);
	}
}
END_TEST

static bool
has_row(enum master_state state, size_t fact)
{
	size_t i;

	for (i = 0; i < NROWS; i++)
		if (rows[i].from == state && rows[i].fact == fact)
			return true;
	return false;
}

/* A fact without a row changes nothing, and is kept. */
START_TEST(no_row)
{
	enum master_state state = (enum master_state)_i;
	unsigned noted = 0, all;
	size_t i;

	for (i = 0; i < FACT_NUMBERS; i++)
		if (!has_row(state, i))
			noted |= 1u << i;
	all = noted;
	ck_assert_int_eq(state_step(&state, &noted, all), ACTION_NOTHING);
	ck_assert_int_eq((int)state, _i);
	ck_assert_uint_eq(noted, all);
}
END_TEST

/* Whatever goes on, it can be stopped, and is over with the last worker. */
START_TEST(every_state_ends)
{
	enum master_state state = (enum master_state)_i;
	unsigned noted = FACT_STOP | FACT_RELOAD | FACT_UPGRADE;
	int turns;

	for (turns = 0; turns < 3 && state != MASTER_DONE; turns++)
		(void)state_step(&state, &noted, FACT_EMPTY);
	ck_assert_str_eq(states[state], "DONE");
}
END_TEST

/* One thing after the other. */
static const struct story {
	const char *name;
	enum master_state from;
	struct step {
		unsigned noted;	     /* what is heard */
		unsigned seen;	     /* what can be seen from now on */
		unsigned outcome;    /* what the first action notes */
		const char *actions; /* that follow; NULL: the end */
		enum master_state state;
	} steps[8];
} stories[] = {

#define READY_OK 0, FACT_READY, FACT_LISTENING
#define HEAR(fact) FACT_##fact, 0, 0


/* Start. */
{ "start", MASTER_STARTING, {
	{ 0, 0, 0, "", MASTER_STARTING },
	{ READY_OK, "LISTEN COMMIT", MASTER_RUNNING },
} },
{ "start: it cannot be made, no worker is there", MASTER_STARTING, {
	{ FACT_FAILED, FACT_EMPTY, 0, "FAIL DONE", MASTER_DONE },
} },
{ "start: a worker dies", MASTER_STARTING, {
	{ HEAR(FAILED), "FAIL", MASTER_STOPPING },
	{ 0, FACT_EMPTY, 0, "DONE", MASTER_DONE },
} },
{ "start: more workers die", MASTER_STARTING, {
	{ HEAR(FAILED), "FAIL", MASTER_STOPPING },
	{ HEAR(FAILED), "", MASTER_STOPPING },
	{ 0, FACT_EMPTY, 0, "DONE", MASTER_DONE },
} },
{ "start: deadline", MASTER_STARTING, {
	{ HEAR(LATE), "FAIL", MASTER_STOPPING },
	{ HEAR(LATE), "KILL", MASTER_STOPPING },
	{ 0, FACT_EMPTY, 0, "DONE", MASTER_DONE },
} },
{ "start: the last one is ready when another dies", MASTER_STARTING, {
	{ FACT_FAILED, FACT_READY, 0, "FAIL", MASTER_STOPPING },
} },
{ "start: an address cannot be listened at", MASTER_STARTING, {
	{ 0, FACT_READY, FACT_FAILED, "LISTEN FAIL", MASTER_STOPPING },
	{ 0, FACT_EMPTY, 0, "DONE", MASTER_DONE },
} },
{ "start: TERM", MASTER_STARTING, {
	{ HEAR(STOP), "STOP", MASTER_STOPPING },
	{ 0, FACT_READY, 0, "", MASTER_STOPPING },
	{ 0, FACT_EMPTY, 0, "DONE", MASTER_DONE },
} },
{ "start: QUIT", MASTER_STARTING, {
	{ HEAR(FINISH), "STOP", MASTER_STOPPING },
	{ 0, FACT_EMPTY, 0, "DONE", MASTER_DONE },
} },
{ "start: QUIT, TERM", MASTER_STARTING, {
	{ HEAR(FINISH), "STOP", MASTER_STOPPING },
	{ HEAR(STOP), "KILL", MASTER_STOPPING },
} },
{ "start: HUP", MASTER_STARTING, {
	{ HEAR(RELOAD), "", MASTER_STARTING },
	{ READY_OK, "LISTEN COMMIT RELOAD", MASTER_RELOADING },
} },
{ "start: USR2", MASTER_STARTING, {
	{ HEAR(UPGRADE), "", MASTER_STARTING },
	{ READY_OK, "LISTEN COMMIT TEST", MASTER_TESTING },
} },
{ "start: USR2, HUP: the file is read first", MASTER_STARTING, {
	{ HEAR(UPGRADE), "", MASTER_STARTING },
	{ HEAR(RELOAD), "", MASTER_STARTING },
	{ READY_OK, "LISTEN COMMIT RELOAD", MASTER_RELOADING },
	{ READY_OK, "LISTEN COMMIT TEST", MASTER_TESTING },
} },
{ "start: HUP, and it fails", MASTER_STARTING, {
	{ HEAR(RELOAD), "", MASTER_STARTING },
	{ HEAR(FAILED), "FAIL", MASTER_STOPPING },
	{ 0, FACT_EMPTY, 0, "DONE", MASTER_DONE },
} },

/* Reload. */
{ "reload", MASTER_RUNNING, {
	{ HEAR(RELOAD), "RELOAD", MASTER_RELOADING },
	{ READY_OK, "LISTEN COMMIT", MASTER_RUNNING },
	{ 0, FACT_BUSY, 0, "", MASTER_RUNNING },
	{ 0, FACT_CLOSED, 0, "VERDICT", MASTER_RUNNING },
	{ 0, 0, 0, "", MASTER_RUNNING },
} },
{ "reload: all is over at once", MASTER_RELOADING, {
	{ 0, FACT_READY | FACT_CLOSED, FACT_LISTENING,
	    "LISTEN COMMIT VERDICT", MASTER_RUNNING },
} },
{ "reload: a bad file", MASTER_RUNNING, {
	{ FACT_RELOAD, 0, FACT_FAILED, "RELOAD ABORT", MASTER_RUNNING },
} },
{ "reload: a worker dies", MASTER_RELOADING, {
	{ HEAR(FAILED), "ABORT", MASTER_RUNNING },
	{ 0, 0, 0, "", MASTER_RUNNING },
} },
{ "reload: the last one is ready when another dies", MASTER_RELOADING, {
	{ FACT_FAILED, FACT_READY, 0, "ABORT", MASTER_RUNNING },
} },
{ "reload: deadline", MASTER_RELOADING, {
	{ HEAR(LATE), "ABORT", MASTER_RUNNING },
} },
{ "reload: a worker dies at the deadline", MASTER_RELOADING, {
	{ FACT_FAILED | FACT_LATE, 0, 0, "ABORT", MASTER_RUNNING },
	{ 0, 0, 0, "", MASTER_RUNNING },
} },
{ "reload: an address cannot be listened at", MASTER_RELOADING, {
	{ 0, FACT_READY, FACT_FAILED, "LISTEN ABORT", MASTER_RUNNING },
} },
{ "reload: TERM", MASTER_RELOADING, {
	{ HEAR(STOP), "STOP", MASTER_STOPPING },
	{ HEAR(FAILED), "", MASTER_STOPPING },
	{ 0, FACT_EMPTY, 0, "DONE", MASTER_DONE },
} },
{ "reload: QUIT", MASTER_RELOADING, {
	{ HEAR(FINISH), "FINISH", MASTER_FINISHING },
	{ 0, FACT_READY, 0, "", MASTER_FINISHING },
	{ 0, FACT_EMPTY, 0, "DONE", MASTER_DONE },
} },
{ "reload: QUIT, TERM", MASTER_RELOADING, {
	{ HEAR(FINISH), "FINISH", MASTER_FINISHING },
	{ HEAR(STOP), "STOP", MASTER_STOPPING },
} },
{ "reload: HUP", MASTER_RELOADING, {
	{ HEAR(RELOAD), "", MASTER_RELOADING },
	{ HEAR(RELOAD), "", MASTER_RELOADING },
	{ READY_OK, "LISTEN COMMIT RELOAD", MASTER_RELOADING },
	{ READY_OK, "LISTEN COMMIT", MASTER_RUNNING },
} },
{ "reload: HUP, and it fails", MASTER_RELOADING, {
	{ HEAR(RELOAD), "", MASTER_RELOADING },
	{ HEAR(FAILED), "ABORT RELOAD", MASTER_RELOADING },
	{ HEAR(FAILED), "ABORT", MASTER_RUNNING },
} },
{ "reload: HUP, while sessions are being moved", MASTER_RELOADING, {
	{ HEAR(RELOAD), "", MASTER_RELOADING },
	{ 0, FACT_READY | FACT_BUSY, FACT_LISTENING, "LISTEN COMMIT",
	    MASTER_RUNNING },
	{ 0, FACT_BUSY, 0, "", MASTER_RUNNING },
	{ 0, FACT_CLOSED, 0, "VERDICT RELOAD", MASTER_RELOADING },
} },
{ "reload: USR2", MASTER_RELOADING, {
	{ HEAR(UPGRADE), "", MASTER_RELOADING },
	{ READY_OK, "LISTEN COMMIT TEST", MASTER_TESTING },
} },
{ "reload: USR2, and it fails", MASTER_RELOADING, {
	{ HEAR(UPGRADE), "", MASTER_RELOADING },
	{ HEAR(LATE), "ABORT TEST", MASTER_TESTING },
} },
{ "reload: USR2, while an address is being left", MASTER_RUNNING, {
	{ FACT_UPGRADE, FACT_BUSY, 0, "", MASTER_RUNNING },
	{ 0, FACT_BUSY | FACT_CLOSED, 0, "VERDICT", MASTER_RUNNING },
	{ 0, 0, 0, "TEST", MASTER_TESTING },
} },
{ "names are found", MASTER_RUNNING, {
	{ HEAR(FOUND), "USE_NAMES", MASTER_RELOADING },
	{ HEAR(FAILED), "ABORT", MASTER_RUNNING },
} },
{ "names are found, HUP", MASTER_RUNNING, {
	{ FACT_FOUND | FACT_RELOAD, 0, 0, "USE_NAMES", MASTER_RELOADING },
	{ READY_OK, "LISTEN COMMIT RELOAD", MASTER_RELOADING },
} },
{ "names are found, TERM", MASTER_RUNNING, {
	{ FACT_FOUND | FACT_STOP, 0, 0, "STOP", MASTER_STOPPING },
	{ 0, FACT_EMPTY, 0, "DONE", MASTER_DONE },
} },

/* Upgrade, in the program that goes. */
{ "upgrade", MASTER_RUNNING, {
	{ HEAR(UPGRADE), "TEST", MASTER_TESTING },
	{ HEAR(ACCEPTED), "HOLD", MASTER_TESTING },
	{ HEAR(HEARD), "TAKE_OVER", MASTER_TESTING },
} },
{ "upgrade: it cannot be tested", MASTER_RUNNING, {
	{ FACT_UPGRADE, 0, FACT_FAILED, "TEST STAY", MASTER_RUNNING },
} },
{ "upgrade: the test fails", MASTER_TESTING, {
	{ HEAR(FAILED), "STAY", MASTER_RUNNING },
	{ 0, 0, 0, "", MASTER_RUNNING },
} },
{ "upgrade: the test hangs", MASTER_TESTING, {
	{ HEAR(LATE), "STAY", MASTER_RUNNING },
} },
{ "upgrade: the exec fails", MASTER_TESTING, {
	{ HEAR(ACCEPTED), "HOLD", MASTER_TESTING },
	{ FACT_HEARD, 0, FACT_FAILED, "TAKE_OVER STAY", MASTER_RUNNING },
} },
{ "upgrade: TERM", MASTER_TESTING, {
	{ HEAR(STOP), "STOP", MASTER_STOPPING },
	{ HEAR(FAILED), "", MASTER_STOPPING },
	{ 0, FACT_EMPTY, 0, "DONE", MASTER_DONE },
} },
{ "upgrade: QUIT", MASTER_TESTING, {
	{ HEAR(FINISH), "FINISH", MASTER_FINISHING },
	{ HEAR(ACCEPTED), "", MASTER_FINISHING },
	{ HEAR(STOP), "STOP", MASTER_STOPPING },
} },
{ "upgrade: TERM just before the exec", MASTER_TESTING, {
	{ HEAR(ACCEPTED), "HOLD", MASTER_TESTING },
	{ FACT_STOP | FACT_HEARD, 0, 0, "STOP", MASTER_STOPPING },
	{ 0, FACT_EMPTY, 0, "DONE", MASTER_DONE },
} },
{ "upgrade: QUIT just before the exec", MASTER_TESTING, {
	{ HEAR(ACCEPTED), "HOLD", MASTER_TESTING },
	{ FACT_FINISH | FACT_HEARD, 0, 0, "FINISH", MASTER_FINISHING },
} },
{ "upgrade: HUP is for the program that comes", MASTER_TESTING, {
	{ HEAR(RELOAD), "", MASTER_TESTING },
	{ HEAR(ACCEPTED), "HOLD", MASTER_TESTING },
	{ HEAR(HEARD), "TAKE_OVER", MASTER_TESTING },
} },
{ "upgrade: HUP, and it fails", MASTER_TESTING, {
	{ HEAR(RELOAD), "", MASTER_TESTING },
	{ HEAR(FAILED), "STAY RELOAD", MASTER_RELOADING },
} },
{ "upgrade: USR2, and it fails", MASTER_TESTING, {
	{ HEAR(UPGRADE), "", MASTER_TESTING },
	{ HEAR(FAILED), "STAY TEST", MASTER_TESTING },
	{ HEAR(FAILED), "STAY", MASTER_RUNNING },
} },
{ "upgrade: the last one of old workers accepts no more", MASTER_TESTING, {
	{ 0, FACT_CLOSED, 0, "VERDICT", MASTER_TESTING },
	{ HEAR(ACCEPTED), "HOLD", MASTER_TESTING },
} },

/* … and in the one that comes. */
{ "takeover", MASTER_STARTING, {
	{ HEAR(ADOPTED), "", MASTER_RUNNING },
	{ HEAR(RELOAD), "RELOAD", MASTER_RELOADING },
	{ READY_OK, "LISTEN COMMIT", MASTER_RUNNING },
	{ 0, FACT_CLOSED, 0, "VERDICT", MASTER_RUNNING },
} },
{ "takeover: without a worker that lives", MASTER_STARTING, {
	{ FACT_ADOPTED, FACT_EMPTY, 0, "", MASTER_RUNNING },
	{ FACT_RELOAD, FACT_EMPTY, 0, "RELOAD", MASTER_RELOADING },
} },
{ "takeover: its workers die, and again", MASTER_RUNNING, {
	{ HEAR(RELOAD), "RELOAD", MASTER_RELOADING },
	{ HEAR(FAILED), "ABORT", MASTER_RUNNING },
	{ 0, FACT_RELOAD, 0, "RELOAD", MASTER_RELOADING },
	{ HEAR(LATE), "ABORT", MASTER_RUNNING },
	{ HEAR(STOP), "STOP", MASTER_STOPPING },
} },
{ "takeover: its workers die, another USR2", MASTER_RUNNING, {
	{ HEAR(RELOAD), "RELOAD", MASTER_RELOADING },
	{ HEAR(UPGRADE), "", MASTER_RELOADING },
	{ HEAR(FAILED), "ABORT TEST", MASTER_TESTING },
	{ HEAR(FAILED), "STAY", MASTER_RUNNING },
	{ 0, FACT_RELOAD, 0, "RELOAD", MASTER_RELOADING },
} },
{ "takeover: QUIT", MASTER_STARTING, {
	{ HEAR(ADOPTED), "", MASTER_RUNNING },
	{ HEAR(RELOAD), "RELOAD", MASTER_RELOADING },
	{ HEAR(FINISH), "FINISH", MASTER_FINISHING },
	{ 0, FACT_EMPTY, 0, "DONE", MASTER_DONE },
} },

/* Stop. */
{ "TERM", MASTER_RUNNING, {
	{ HEAR(STOP), "STOP", MASTER_STOPPING },
	{ 0, FACT_EMPTY, 0, "DONE", MASTER_DONE },
} },
{ "TERM, TERM", MASTER_RUNNING, {
	{ HEAR(STOP), "STOP", MASTER_STOPPING },
	{ HEAR(STOP), "KILL", MASTER_STOPPING },
	{ HEAR(STOP), "KILL", MASTER_STOPPING },
} },
{ "TERM: deadline", MASTER_RUNNING, {
	{ HEAR(STOP), "STOP", MASTER_STOPPING },
	{ HEAR(LATE), "KILL", MASTER_STOPPING },
	{ 0, FACT_EMPTY, 0, "DONE", MASTER_DONE },
} },
{ "TERM, QUIT", MASTER_RUNNING, {
	{ HEAR(STOP), "STOP", MASTER_STOPPING },
	{ HEAR(FINISH), "", MASTER_STOPPING },
	{ 0, FACT_EMPTY, 0, "DONE", MASTER_DONE },
} },
{ "QUIT and TERM at once", MASTER_RUNNING, {
	{ FACT_FINISH | FACT_STOP, 0, 0, "STOP", MASTER_STOPPING },
} },
{ "QUIT", MASTER_RUNNING, {
	{ HEAR(FINISH), "FINISH", MASTER_FINISHING },
	{ HEAR(FINISH), "", MASTER_FINISHING },
	{ 0, FACT_EMPTY, 0, "DONE", MASTER_DONE },
} },
{ "QUIT, TERM, TERM", MASTER_RUNNING, {
	{ HEAR(FINISH), "FINISH", MASTER_FINISHING },
	{ HEAR(STOP), "STOP", MASTER_STOPPING },
	{ HEAR(STOP), "KILL", MASTER_STOPPING },
} },
{ "QUIT: deadline, deadline", MASTER_RUNNING, {
	{ HEAR(FINISH), "FINISH", MASTER_FINISHING },
	{ HEAR(LATE), "STOP", MASTER_STOPPING },
	{ HEAR(LATE), "KILL", MASTER_STOPPING },
	{ 0, FACT_EMPTY, 0, "DONE", MASTER_DONE },
} },
{ "QUIT, and no worker is there", MASTER_RUNNING, {
	{ FACT_FINISH, FACT_EMPTY, 0, "FINISH DONE", MASTER_DONE },
} },
{ "TERM, and no worker is there", MASTER_RUNNING, {
	{ FACT_STOP, FACT_EMPTY, 0, "STOP DONE", MASTER_DONE },
} },
{ "QUIT: HUP, USR2", MASTER_RUNNING, {
	{ HEAR(FINISH), "FINISH", MASTER_FINISHING },
	{ HEAR(RELOAD), "", MASTER_FINISHING },
	{ HEAR(UPGRADE), "", MASTER_FINISHING },
	{ 0, FACT_EMPTY, 0, "DONE", MASTER_DONE },
} },
{ "TERM: HUP, USR2", MASTER_RUNNING, {
	{ HEAR(STOP), "STOP", MASTER_STOPPING },
	{ FACT_RELOAD | FACT_UPGRADE, 0, 0, "", MASTER_STOPPING },
	{ 0, FACT_EMPTY, 0, "DONE", MASTER_DONE },
} },
{ "TERM, while sessions are being moved", MASTER_RUNNING, {
	{ FACT_STOP, FACT_BUSY, 0, "STOP", MASTER_STOPPING },
	{ 0, FACT_BUSY | FACT_EMPTY, 0, "DONE", MASTER_DONE },
} },
{ "QUIT, HUP waits for an address that is being left", MASTER_RUNNING, {
	{ FACT_RELOAD, FACT_BUSY, 0, "", MASTER_RUNNING },
	{ FACT_FINISH, FACT_BUSY, 0, "FINISH", MASTER_FINISHING },
	{ 0, 0, 0, "", MASTER_FINISHING },
} },
{ "no worker lives for a moment", MASTER_RUNNING, {
	{ 0, FACT_EMPTY, 0, "", MASTER_RUNNING },
} },
};

/* What can be seen is no more after this has been done. */
static unsigned
over(enum master_action action)
{
	switch (action) {
	case ACTION_COMMIT:
	case ACTION_ABORT:
	case ACTION_FINISH:
	case ACTION_STOP:
	case ACTION_FAIL:
		return FACT_READY;
	case ACTION_VERDICT:
		return FACT_CLOSED;
	case ACTION_RELOAD:
		return FACT_RELOAD;
	default:
		return 0;
	}
}

START_TEST(story)
{
	const struct story *s = &stories[_i];
	const struct step *step;
	enum master_state state = s->from;
	unsigned noted = 0, seen, outcome;
	enum master_action action;
	char done[256];

	for (step = s->steps; step->actions != NULL; step++) {
		done[0] = '\0';
		noted |= step->noted;
		seen = step->seen;
		outcome = step->outcome;
		while ((action = state_step(&state, &noted, seen)) !=
		    ACTION_NOTHING) {
			ck_assert_uint_lt(strlen(done), 200);
			if (done[0] != '\0')
				strcat(done, " ");
			strcat(done, actions[action]);
			noted |= outcome;
			outcome = 0;
			seen &= ~over(action);
		}
		ck_assert_msg(strcmp(done, step->actions) == 0 &&
		    state == step->state, "%s, step %d: \"%s\", %s",
		    s->name, (int)(step - s->steps) + 1, done, states[state]);
	}
}
END_TEST

Suite *
state_suite(void)
{
	Suite *s = suite_create("state");
	TCase *tc = tcase_create("state");

	tcase_add_loop_test(tc, row, 0, NROWS);
	tcase_add_loop_test(tc, no_row, 0, NSTATES);
	tcase_add_loop_test(tc, every_state_ends, 0, NSTATES);
	tcase_add_loop_test(tc, story, 0, sizeof(stories) / sizeof(stories[0]));
	suite_add_tcase(s, tc);
	return s;
}
