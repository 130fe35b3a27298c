/* SPDX-License-Identifier: ISC */
/*
 * Socket addresses, written as admins write them:
 *   0.0.0.0:443   [::]:443   *:443 (same as 0.0.0.0)   name:443   unix:/path
 */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include <stdbool.h>
#include <stddef.h>

#include <sys/types.h>
#include <sys/socket.h>

#include "base/err.h"

struct addr {
	struct sockaddr_storage ss;
	socklen_t len;
};

/* Longest output of addr_format() with its NUL: a Unix path and "unix:". */
#define ADDR_TEXT_MAX 128

/*
 * Parse text; a name is looked up (this blocks). Sets *list to its addresses,
 * at least one, none of them twice, the one to be preferred first; the caller
 * frees it. The error text begins with text, in quotes, and says what would be
 * right; loc stands before it. Returns 0, or -1 and nothing to free.
 */
int addr_parse_all(const char *text, struct addr **list, size_t *n,
    const struct loc *, struct err *);
/*
 * After names_begin() (names.h) a name whose addresses are not known has one
 * for which this is true.
 */
bool addr_is_unknown(const struct addr *);
/*
 * The addresses of a name that addr_parse_all() took, from the C library; this
 * blocks. The number of them, at least one, or -1 and why; -2 when nobody has
 * answered.
 */
int addr_look_up(const char *text, struct addr **list, const char **why);
/* The first of them. */
int addr_parse(const char *text, struct addr *, const struct loc *,
    struct err *);

/* Write the address as addr_parse() reads it. Always NUL-terminated. */
void addr_format(const struct sockaddr *, socklen_t, char *buf, size_t size);

bool addr_equal(const struct addr *, const struct addr *);
/* Port 0: bound, it is any that is free; called, it is none. */
bool addr_any_port(const struct addr *);
bool addr_is_unix(const struct addr *);

#endif
