/* SPDX-License-Identifier: ISC */
/*
 * SipHash (Aumasson, Bernstein: SipHash, a fast short-input PRF, 2012): a
 * keyed hash, so that who chooses the input cannot choose the result.
 */
#ifndef TLSC_HASH_INT_H
#define TLSC_HASH_INT_H

#include <stddef.h>
#include <stdint.h>

struct tlsc_hash_key {
	uint64_t word[2];
};

/* SipHash-2-4 of len bytes. */
uint64_t tlsc_hash(const struct tlsc_hash_key *, const void *data,
    size_t len);

/*
 * SipHash-1-3 of two words (little-endian) and len bytes after them: to tell
 * damage, where nobody can aim who has not won already.
 */
uint64_t tlsc_hash_check(const struct tlsc_hash_key *, uint64_t first,
    uint64_t second, const void *data, size_t len);

#endif
