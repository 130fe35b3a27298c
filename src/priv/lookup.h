/* SPDX-License-Identifier: ISC */
/*
 * Names of hosts, users and groups. Who answers for them can be slow, dead or
 * hostile, and cannot be stopped: so children ask.
 */
#ifndef PRIV_LOOKUP_H
#define PRIV_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/child.h"
#include "priv/priv.h"

/* Whom workers become. */
struct priv_account {
	struct priv_word user; /* as configured; not copied */
	struct priv_word group;
	struct priv_ids ids;
	bool known;
	char error[400]; /* why they are not to be had */
};

/* The processes that ask, and for what. All zero: none. */
struct lookup {
	struct child crew; /* its fd can be read when there is an answer */
	struct priv_account *account;
	size_t *names; /* the places of those that are asked for */
	size_t nnames;
	int64_t until; /* clock_mono_us() */
};

/* These are the words now; with others than before the ids are not known. */
void priv_account_set(struct priv_account *, const struct priv_word *user,
    const struct priv_word *group);
/*
 * Take the ids as they were found, with a line in the log when they are not
 * what was meant. 0, or -1 with the error text.
 */
int priv_account_take(struct priv_account *, struct err *);
void priv_account_release(struct priv_account *);

/*
 * Have children ask for the names of hosts that are noted in names.h as asked
 * for, and for the ids of an account: both can take as long as a dead name
 * server. 1: call lookup_read() when there is something to be read, and
 * lookup_end() at the latest when the time is over. 0: there is nothing to ask
 * for. -1 and errno. The account must live until lookup_end() or _drop().
 */
int lookup_begin(struct lookup *, struct children *, struct priv_account *);
/* 1: there is more to come, 0: that is all. */
int lookup_read(struct lookup *);
/* What is not answered by now has failed. */
void lookup_end(struct lookup *);
/*
 * The same without an event loop: waits until all is answered, or late. 1 when
 * hosts were among it, 0, or -1 with the error text.
 */
int lookup_wait(struct priv_account *, struct err *);
/* Nobody wants to know any more. */
void lookup_drop(struct lookup *);

#endif
