/* SPDX-License-Identifier: ISC */
/* SipHash (Aumasson, Bernstein 2012): a keyed hash that clients cannot aim. */
#ifndef TLSC_HASH_INT_H
#define TLSC_HASH_INT_H

#include <stddef.h>
#include <stdint.h>

#define TLSC_HASH_KEY 16

/* SipHash-2-4 of len bytes under a key of TLSC_HASH_KEY bytes. */
uint64_t tlsc_hash(const unsigned char *key, const void *data, size_t len);

#endif
