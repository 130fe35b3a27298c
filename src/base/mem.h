/* SPDX-License-Identifier: ISC */
/*
 * Memory for what the master does but seldom: a start, a reload, an upgrade, a
 * report. Running out ends the process with a message, also a master that runs,
 * and its workers finish then. So what takes much of it, a configuration and
 * all its certificates, asks mem_spare() before each step and gives up in time.
 * Code that starts workers or serves connections uses calloc(3) and checks.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

void *xcalloc(size_t n, size_t size) __attribute__((malloc));
void *xreallocarray(void *, size_t n, size_t size);
char *xstrdup(const char *) __attribute__((malloc));
char *xasprintf(const char *fmt, ...)
    __attribute__((malloc, format(printf, 1, 2)));

/*
 * Whether there is as much memory left as a step may take without asking, and
 * the master for what it does afterwards: MEM_SPARE bytes of the heap, and
 * MEM_ASIDE for what is mapped, within the limits of this process (RLIMIT_AS,
 * RLIMIT_DATA). Takes a few microseconds.
 */
#define MEM_SPARE ((size_t)16 << 20)
#define MEM_ASIDE ((size_t)8 << 20)
bool mem_spare(void);

/*
 * Give what is free in this process back to the system. That takes a while
 * after much was in use: not for each connection. Any process.
 */
void mem_release(void);
/*
 * Between many things that are made or freed one after the other, and stay or
 * go together: no cache of the allocator is to put one among the others, for
 * that keeps their pages from being given back later. A microsecond.
 */
void mem_flush(void);

#endif
