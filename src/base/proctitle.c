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

/* Copy the strings; the vector itself stands elsewhere and may stay. */
static int
move(char **strings)
{
	char *copy;

	for (; *strings != NULL; strings++) {
		copy = strdup(*strings);
		if (copy == NULL)
			return -1;
		*strings = copy;
	}
	return 0;
}

void
proctitle_init(int argc, char **argv)
{
	char *end;

	if (argc < 1)
		return;
	end = extend(environ, extend(argv, argv[0]));
	if (move(environ) == -1 || move(argv + 1) == -1)
		return;
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
