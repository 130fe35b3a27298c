/* SPDX-License-Identifier: ISC */
/* What the system tells of another process. */
#ifndef BASE_PROCSTATE_H
#define BASE_PROCSTATE_H

#include <sys/types.h>

/* Why a process does not run, as " (stopped by a signal)"; "": not known. */
const char *procstate_why(pid_t);

#endif
