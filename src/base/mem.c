/* SPDX-License-Identifier: ISC */
/* Memory for start-up and reload, and its return; see mem.h. */
#include "config.h"

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

void
mem_release(void)
{
	if (MallocExtension_MarkThreadIdle != NULL)
		MallocExtension_MarkThreadIdle();
	if (MallocExtension_ReleaseFreeMemory != NULL)
		MallocExtension_ReleaseFreeMemory();
#ifdef HAVE_MALLOC_TRIM
	else
		(void)malloc_trim(0);
#endif
}
