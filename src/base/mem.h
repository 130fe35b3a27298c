/* SPDX-License-Identifier: ISC */
/*
 * Memory for start-up and reload, where running out ends the process with a
 * message. Code that serves connections uses calloc(3) and checks.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

void *xcalloc(size_t n, size_t size) __attribute__((malloc));
void *xreallocarray(void *, size_t n, size_t size);
char *xstrdup(const char *) __attribute__((malloc));
char *xasprintf(const char *fmt, ...)
    __attribute__((malloc, format(printf, 1, 2)));

#endif
