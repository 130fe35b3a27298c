/* SPDX-License-Identifier: ISC */
/* What makes a process a daemon, and which signals reach it meanwhile. */
#ifndef BASE_DAEMON_H
#define BASE_DAEMON_H

#include <stdbool.h>

/*
 * Become a daemon: returns in the child, with a descriptor to say "serving"
 * on (one byte). The parent waits for that, and exits 0, or 1 at its end.
 * Failures are fatal.
 */
int daemon_begin(void);
/* Nothing that is printed goes anywhere any more. */
void daemon_detach_stderr(void);

/* Hold all signals back, or none any more. */
void daemon_hold_signals(bool);
/* Nobody handles or ignores any: as after the start of a program by a shell. */
void daemon_reset_signals(void);

#endif
