/* SPDX-License-Identifier: ISC */
/* Whom a process becomes that strangers talk to, and the way there. */
#ifndef PRIV_PRIV_H
#define PRIV_PRIV_H

#include <stdbool.h>

#include <sys/types.h>

#include "base/err.h"

struct priv_ids {
	bool drop; /* we are root: change to these */
	uid_t uid;
	gid_t gid;
	const char *user; /* for messages */
	gid_t *groups;	  /* all that the user is in; to be freed */
	int ngroups;
};

/* A word of the configuration and where it stands. */
struct priv_word {
	const char *text;
	const struct loc *loc;
};

/*
 * Fill in what is zeroed: user and group by name or number; "" is the one
 * that was configured when tlsherd was built, or ours when we are not root.
 * May wait for name services, so it is called in a child, and not in a
 * process that is in a chroot. 0, or -1 with the error text.
 */
int priv_ids_look_up(struct priv_ids *, const struct priv_word *user,
    const struct priv_word *group, struct err *);

/*
 * Enter the chroot (text NULL: none), change to the user, see that there is
 * no way back, gain no privileges any more and leave no core dump. 0, or -1
 * with the error text, and then the process must not serve.
 */
int priv_drop(const struct priv_ids *, const struct priv_word *chroot,
    struct err *);

#endif
