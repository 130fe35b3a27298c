/* SPDX-License-Identifier: ISC */
/*
 * Memory for what the master does but seldom: a start, a reload, an upgrade, a
 * report. Running out ends the process with a message, also a master that runs,
 * and its workers finish then. Code that starts workers or serves connections
 * uses calloc(3) and checks.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

void *xcalloc(size_t n, size_t size) __attribute__((malloc));
void *xreallocarray(void *, size_t n, size_t size);
char *xstrdup(const char *) __attribute__((malloc));
char *xasprintf(const char *fmt, ...)
    __attribute__((malloc, format(printf, 1, 2)));

/*
 * Give what is free in this process back to the system. That takes a while
 * after much was in use: not for each connection. Any process.
 */
void mem_release(void);

#endif
