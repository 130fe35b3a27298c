/* SPDX-License-Identifier: ISC */
/* Children for jobs that may take long, and that nothing can stop. */
#ifndef BASE_CREW_H
#define BASE_CREW_H

#include <stddef.h>

#include "base/child.h"

/* Job number i: what it has to say it writes to fd. */
typedef void crew_job(void *arg, size_t i, int fd);

/*
 * Have children do n jobs, some at a time; title is what ps shows of them. What
 * they write comes out of the fd of the child (non-blocking), and its end when
 * all are done. No write may be longer than PIPE_BUF. After so many seconds
 * they end in any case. To end them before: child_end(). 0, or -1 and errno.
 */
int crew_start(struct children *, struct child *, const char *title,
    crew_job *, size_t n, void *arg, unsigned seconds);

#endif
