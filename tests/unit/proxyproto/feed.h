/* SPDX-License-Identifier: ISC */
/* Headers given to the reader in every way in which TCP may bring them. */
#ifndef TEST_PROXYPROTO_FEED_H
#define TEST_PROXYPROTO_FEED_H

#include "proxyproto/proxyproto.h"

/*
 * Read the bytes, and each beginning of them, from memory that ends there.
 * What is said of a beginning must hold for all longer ones, and a header must
 * be known as soon as it is complete. Returns what is said of all bytes; *at
 * is the number of bytes at which it was said first.
 */
ssize_t feed(struct proxyproto *, const void *, size_t len, size_t *at,
    const char **why);

/* An end as addr_format() writes it, "-" for none; the next call reuses it. */
const char *end_text(const struct addr *);

#endif
