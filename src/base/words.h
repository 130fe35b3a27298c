/* SPDX-License-Identifier: ISC */
/*
 * Lines of words, as one program of ours writes them for another one: numbers,
 * descriptors, and texts, in which what could end the word or the line is %XX.
 */
#ifndef BASE_WORDS_H
#define BASE_WORDS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* A space and the text. */
void words_put_text(FILE *, const char *);

/* What is left of a line, without its end. Reading takes words from it. */
struct words {
	char *rest; /* NULL: nothing */
};

/* The next word as it is; NULL: there is none. */
const char *words_next(struct words *);
/* Each false when the next word is none or not what it should be. */
bool words_number(struct words *, int64_t min, int64_t max, int64_t *);
bool words_flag(struct words *, bool *);
/*
 * -1, for none, or a descriptor that is open and no standard stream; it becomes
 * close-on-exec.
 */
bool words_fd(struct words *, int *);
/* To be freed. *text was NULL, or this is its second and is refused. */
bool words_text(struct words *, char **text);

#endif
