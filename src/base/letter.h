/* SPDX-License-Identifier: ISC */
/*
 * A letter to the program that replaces this one by exec(2), or to one that a
 * child of ours becomes: a text in a memory file, whose descriptor stands in
 * the environment with the pid of who has announced it. Each line is a keyword
 * and words (base/words.h) but the first one, the head, which says whether who
 * reads it can.
 */
#ifndef BASE_LETTER_H
#define BASE_LETTER_H

#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"
#include "base/words.h"

#define LETTER_ENV "TLSHERD_HANDOVER"

/*
 * Write one: the head, then what write() says. Returns its descriptor,
 * close-on-exec, or -1 with the error text.
 */
int letter_write(const char *head, void (*write)(FILE *, const void *arg),
    const void *arg, struct err *);
/* Let a descriptor (-1: none) pass exec(2), or no longer. */
void letter_pass(int fd, bool pass);

/* Into the environment. 0, or -1 and errno. */
int letter_announce(int fd);
void letter_withdraw(void);

/*
 * Is there one for this process? From the parent, which only asks? The first
 * call takes the variable out of the environment: neither a child nor /proc
 * shall have it.
 */
bool letter_for_us(void);
bool letter_from_parent(void);

/*
 * Read the one that was announced, once: line() is called for each line but the
 * first one, with the words behind the keyword; false: it cannot be read. 0, or
 * -1 with the error text.
 */
int letter_read(const char *head,
    bool (*line)(void *arg, const char *keyword, struct words *), void *arg,
    struct err *);

#endif
