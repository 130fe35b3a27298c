/* SPDX-License-Identifier: ISC */
/* What attach.c needs of cache.c beyond the public interface. */
#ifndef TLSC_CACHE_INT_H
#define TLSC_CACHE_INT_H

#include "store_int.h"

struct tlscache;

/*
 * tlscache_store() for a session that its client offers once and then has
 * another one for, as in TLS 1.3. It can be fetched as often as any other; but
 * when the cache is full, one that was fetched goes before one that was not.
 */
int tlsc_cache_store_once(struct tlscache *, const void *id, size_t idlen,
    const void *data, size_t len, int64_t expires, int64_t now);

/* What a fetch returned was of no use: count the hit as a miss after all. */
void tlsc_cache_miss(struct tlscache *, enum tlsc_miss);

#endif
