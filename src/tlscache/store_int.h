/* SPDX-License-Identifier: ISC */
/*
 * A store: byte strings under ids, shared by processes. cache.c has checked
 * the arguments (an id of 1 … TLSCACHE_ID_MAX bytes, data of at most
 * TLSCACHE_DATA_MAX, expires after now). The functions do and return what
 * their namesakes in tlscache.h say, and count.
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

/* `now` is when the store begins to exist. *sp is NULL after a failure. */
int tlsc_store_new(struct tlsc_store **sp, size_t size, int64_t now);
int tlsc_store_adopt(struct tlsc_store **sp, int fd);
int tlsc_store_fd(const struct tlsc_store *);
void tlsc_store_free(struct tlsc_store *);

int tlsc_store_put(struct tlsc_store *, struct tlsc_id, const void *data,
    size_t len, int64_t expires, int64_t now);
/* The same for an entry that is of no use after it was fetched. */
int tlsc_store_put_once(struct tlsc_store *, struct tlsc_id,
    const void *data, size_t len, int64_t expires, int64_t now);
int tlsc_store_get(struct tlsc_store *, struct tlsc_id, void *buf,
    size_t size, size_t *lenp, int64_t now);
int tlsc_store_claim(struct tlsc_store *, struct tlsc_id, int64_t now);
int tlsc_store_remove(struct tlsc_store *, struct tlsc_id);
size_t tlsc_store_expire(struct tlsc_store *, size_t work, int64_t now);
int tlsc_store_move(struct tlsc_store *to, struct tlsc_store *from,
    int64_t now);

/* What a get has returned was of no use: a miss after all, and why. */
enum tlsc_miss {
	TLSC_MISS_EXPIRED, /* for the SSL_CTX that it was meant for */
	TLSC_MISS_CONTEXT,
	TLSC_MISS_LAYOUT,  /* not a session of this OpenSSL */
};
void tlsc_store_miss(struct tlsc_store *, enum tlsc_miss);
/* The data of a put was too large. */
void tlsc_store_too_large(struct tlsc_store *);

void tlsc_store_stat(const struct tlsc_store *, struct tlscache_stat *);
void tlsc_store_stat_process(const struct tlsc_store *,
    struct tlscache_stat *);

#endif
