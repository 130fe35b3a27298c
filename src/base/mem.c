/* SPDX-License-Identifier: ISC */
/* Memory for start-up and reload, and its return; see mem.h. */
#include "config.h"

#include <sys/mman.h>

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

#ifdef HAVE_MALLOC_H
#include <malloc.h>
#endif

#define PIECES 4 /* no single thing needs more at a time */

/*
 * tcmalloc's, if that is the allocator. The first empties this thread's cache,
 * which keeps pages in use.
 */
extern void MallocExtension_MarkThreadIdle(void) __attribute__((weak));
extern void MallocExtension_ReleaseFreeMemory(void) __attribute__((weak));

void *
xcalloc(size_t n, size_t size)
{
	void *p;

	p = calloc(n != 0 ? n : 1, size != 0 ? size : 1);
	if (p == NULL)
		fatalx("out of memory");
	return p;
}

void *
xreallocarray(void *old, size_t n, size_t size)
{
	void *p;

	if (size != 0 && n > SIZE_MAX / size)
		fatalx("out of memory");
	p = realloc(old, n * size != 0 ? n * size : 1);
	if (p == NULL)
		fatalx("out of memory");
	return p;
}

char *
xstrdup(const char *s)
{
	char *p;

	p = strdup(s);
	if (p == NULL)
		fatalx("out of memory");
	return p;
}

char *
xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&p, fmt, ap);
	va_end(ap);
	if (n == -1)
		fatalx("out of memory");
	return p;
}

/*
 * By trying, piece by piece: what is free within the heap counts, too, and is
 * not all in one place. Nothing is written to, so that no page is taken. A heap
 * may never become smaller again, so that it is not to have the last addresses:
 * the shared memory of the next reload needs some. Volatile, or a compiler may
 * take it for granted.
 */
bool
mem_spare(void)
{
	void *volatile pieces[PIECES];
	void *aside;
	size_t n = 0;
	bool there;

	aside = mmap(NULL, MEM_ASIDE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (aside == MAP_FAILED)
		return false;
	while (n < PIECES &&
	    (pieces[n] = malloc(MEM_SPARE / PIECES)) != NULL)
		n++;
	there = n == PIECES;
	while (n > 0)
		free(pieces[--n]);
	(void)munmap(aside, MEM_ASIDE);
	return there;
}

/* Of few objects, tcmalloc has no other cache beside the thread's. */
void
mem_flush(void)
{
	if (MallocExtension_MarkThreadIdle != NULL)
		MallocExtension_MarkThreadIdle();
}

void
mem_release(void)
{
	mem_flush();
	if (MallocExtension_ReleaseFreeMemory != NULL)
		MallocExtension_ReleaseFreeMemory();
#ifdef HAVE_MALLOC_TRIM
	else
		(void)malloc_trim(0);
#endif
}
