/* SPDX-License-Identifier: ISC */
/* What attach.c needs of cache.c beyond the public interface. */
#ifndef TLSC_CACHE_INT_H
#define TLSC_CACHE_INT_H

#include "store_int.h"

struct tlscache;

/* What a fetch returned was of no use: count the hit as a miss after all. */
void tlsc_cache_miss(struct tlscache *, enum tlsc_miss);

#endif
