/* SPDX-License-Identifier: ISC */
/*
 * An object that a program hands on to the one that replaces it, descriptors
 * and all, as words of a line. What of it counts, and in which order it is
 * told, says a form, a letter for each word.
 */
#ifndef BASE_HANDED_H
#define BASE_HANDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/addr.h"
#include "base/words.h"

struct handed {
	int fd;		  /* f; -1: there is no such object */
	int64_t dev, ino; /* d, i: of its file; any 64 bits */
	bool flag;	  /* b */
	const char *text; /* t */
	int *fds;	  /* F: all that is left of the line, at least one */
	size_t nfds;
	char *own;	  /* text, when it was read */
	char room[ADDR_TEXT_MAX]; /* for text, when it is described */
};

/* None. */
void handed_init(struct handed *);
/* Each word with a space before it. */
void handed_put(FILE *, const char *form, const struct handed *);
/* Into one that is none. False: it is not of this form. */
bool handed_get(struct words *, const char *form, struct handed *);
/* What was read is freed; nothing is closed. */
void handed_release(struct handed *);

#endif
