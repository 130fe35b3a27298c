/* SPDX-License-Identifier: ISC */
/*
 * A store of byte strings under ids, shared by processes. cache.c checks the
 * arguments (id of 1 … TLSCACHE_ID_MAX bytes, data of at most
 * TLSCACHE_DATA_MAX); the functions return 0 or TLSCACHE_E_*, as their
 * namesakes in tlscache.h say.
 */
#ifndef TLSC_STORE_INT_H
#define TLSC_STORE_INT_H

#include <stddef.h>
#include <stdint.h>

#include "tlscache.h"

struct tlsc_store;

struct tlsc_id {
	const unsigned char *bytes;
	size_t len;
};

int tlsc_store_new(struct tlsc_store **, size_t size, int64_t now);
int tlsc_store_adopt(struct tlsc_store **, int fd);
void tlsc_store_free(struct tlsc_store *);
int tlsc_store_fd(const struct tlsc_store *);

int tlsc_store_put(struct tlsc_store *, struct tlsc_id, const void *data,
    size_t len, int64_t expires, int64_t now);
int tlsc_store_get(struct tlsc_store *, struct tlsc_id, void *buf,
    size_t size, size_t *lenp, int64_t now);
int tlsc_store_claim(struct tlsc_store *, struct tlsc_id, int64_t now);
int tlsc_store_remove(struct tlsc_store *, struct tlsc_id);
size_t tlsc_store_expire(struct tlsc_store *, size_t work, int64_t now);
int tlsc_store_move(struct tlsc_store *to, struct tlsc_store *from,
    int64_t now);

/* A get of this id turned out to be no session: a hit becomes a miss. */
void tlsc_store_not_a_session(struct tlsc_store *);
void tlsc_store_too_large(struct tlsc_store *);

void tlsc_store_stat(const struct tlsc_store *, struct tlscache_stat *);

#endif
