/* SPDX-License-Identifier: ISC */
/* What a process takes of the machine, as far as the system tells. */
#ifndef BASE_USAGE_H
#define BASE_USAGE_H

#include <stdint.h>

#include <sys/types.h>

struct usage {
	int64_t cpu_us;   /* user and system time of it all, µs; -1: unknown */
	int64_t resident; /* bytes of memory; -1: unknown */
};

/* Of any process; never waits for it. */
void usage_of(pid_t, struct usage *);

/* CPU time of all children that were waited for, µs. */
int64_t usage_children(void);

#endif
