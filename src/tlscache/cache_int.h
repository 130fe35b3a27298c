/* SPDX-License-Identifier: ISC */
/* What attach.c needs of cache.c beyond the public interface. */
#ifndef TLSC_CACHE_INT_H
#define TLSC_CACHE_INT_H

struct tlscache;

/*
 * What a fetch just returned was not a session of this OpenSSL: count the hit
 * as a miss after all (miss_layout).
 */
void tlsc_cache_not_a_session(struct tlscache *);

#endif
