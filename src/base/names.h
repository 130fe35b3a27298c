/* SPDX-License-Identifier: ISC */
/*
 * What is known of the names of hosts. To ask for one takes seconds when a name
 * server is dead, so whoever must not wait (the master) has others ask
 * (priv/lookup.c), and notes here what they say. A name is a text such as
 * "www.example.com:443". Process-wide, as the resolver is.
 */
#ifndef BASE_NAMES_H
#define BASE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/addr.h"
#include "base/words.h"

enum name_state {
	NAME_ASKED, /* and not answered yet */
	NAME_FOUND,
	NAME_FAILED,
	NAME_UNUSED, /* nobody has noted it since names_ask_again() */
};

struct name {
	char *text;
	enum name_state state;
	struct addr *list; /* found */
	size_t n;
	char *why; /* failed */
	struct addr *before; /* before names_ask_again() */
	size_t nbefore;
};

/*
 * From now on addr_parse_all() looks up no names, but takes them from here, and
 * notes those that are not here as asked for.
 */
void names_begin(void);
/* Those that are noted from now on are to be asked for anew. */
void names_ask_again(void);
/* Forget those that were not. */
void names_tidy(void);
/* All names, n of them, in the order in which they were noted. */
struct name *names_all(size_t *n);
/* The name of that text, NULL before names_begin(); noted if it is new. */
struct name *names_get(const char *text);
/* NULL: there is none. */
const struct name *names_find(const char *text);
/*
 * One that a program before us has found, and one more address of it: as it
 * would be after names_ask_again().
 */
void names_remember(const char *text, const struct addr *);
/*
 * Those that are found, for the program after us: a line each, of a keyword, the
 * name and its addresses.
 */
void names_put(FILE *, const char *keyword);
/*
 * The rest of such a line: names_remember(), but for addresses that cannot be
 * read. False: there is no name.
 */
bool names_take(struct words *);
/* One more address of it; it is found. */
void name_add(struct name *, const struct addr *);
/* Nobody answers: it has the addresses of before. False: it had none. */
bool name_restore(struct name *);
/* It has failed; why is copied. */
void name_fail(struct name *, const char *why);

#endif
