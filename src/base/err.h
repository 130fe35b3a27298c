/* SPDX-License-Identifier: ISC */
/*
 * An error text on its way up to whoever prints it: functions that can fail
 * for reasons an admin must read take a struct err and return -1.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

/* Where in a configuration file something stands. file NULL: nowhere. */
struct loc {
	const char *file; /* lives as long as the configuration */
	int line;
};

struct err {
	char text[1024]; /* "file:line: message", one line, no newline */
};

/*
 * Format the text, with "file:line: " before it when loc is not NULL and
 * names a file. Control characters in the text are replaced by '?'.
 * Always returns -1, so that callers can write `return err_set(...)`.
 */
int err_set(struct err *, const struct loc *, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
