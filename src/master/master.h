/* SPDX-License-Identifier: ISC */
/* The supervising process. */
#ifndef MASTER_MASTER_H
#define MASTER_MASTER_H

#include <stdbool.h>

#include "conf/conf.h"

struct master_options {
	const char *program; /* absolute path; NULL: not known */
	struct conf_origin origin;
	bool foreground;
};

/*
 * Be the master until told to stop. conf was loaded from these options and
 * is taken over; NULL when a running master hands over to us
 * (letter_for_us()): then there are workers already. Failures before the
 * workers serve are fatal: one line and exit status 1. Returns the exit
 * status.
 */
int master_main(const struct master_options *, struct conf *);

/*
 * What `tlsherd -t` checks beyond conf_load(): certificates, keys, users; and,
 * for a master that asks before it hands over, whether we could take over. One
 * line on standard error when something is wrong. 0 or -1.
 */
int master_test(const struct master_options *, struct conf *);

#endif
