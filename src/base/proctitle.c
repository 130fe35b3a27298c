/* SPDX-License-Identifier: ISC */
/*
 * The title in ps(1); see proctitle.h. Any process. Linux has no call for it:
 * the title is written over argv, and over environ once that has moved away.
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/proctitle.h"

#ifdef HAVE_SETPROCTITLE

void
proctitle_init(int argc, char **argv)
{
}

void
proctitle_set(const char *fmt, ...)
{
	char title[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(title, sizeof(title), fmt, ap);
	va_end(ap);
	setproctitle("%s", title);
}

#else

extern char **environ;

static char *area;
static size_t area_size;

/* The strings of a vector stand one behind the other: how far do they go? */
static char *
extend(char **strings, char *end)
{
	for (; *strings != NULL; strings++)
		if (*strings == end)
			end = *strings + strlen(*strings) + 1;
	return end;
}

void
proctitle_init(int argc, char **argv)
{
	char **copy, *end;
	size_t i, n;

	if (argc < 1)
		return;
	end = extend(environ, extend(argv, argv[0]));
	for (n = 0; environ[n] != NULL; n++)
		;
	copy = calloc(n + 1, sizeof(*copy));
	if (copy == NULL)
		return;
	for (i = 0; i < n; i++) {
		copy[i] = strdup(environ[i]);
		if (copy[i] == NULL)
			return;
	}
	environ = copy;
	for (i = 1; i < (size_t)argc; i++) {
		argv[i] = strdup(argv[i]);
		if (argv[i] == NULL)
			return;
	}
	area = argv[0];
	area_size = (size_t)(end - area);
}

void
proctitle_set(const char *fmt, ...)
{
	va_list ap;
	int len;

	if (area == NULL)
		return;
	len = snprintf(area, area_size, "tlsherd: ");
	memset(area + len, 0, (size_t)len < area_size ?
	    area_size - (size_t)len : 0);
	if ((size_t)len >= area_size)
		return;
	va_start(ap, fmt);
	vsnprintf(area + len, area_size - (size_t)len, fmt, ap);
	va_end(ap);
}

#endif
