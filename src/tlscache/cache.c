/* SPDX-License-Identifier: ISC */
/*
 * The byte interface: checks the arguments and leaves the rest to the store.
 * Knows neither OpenSSL nor the memory. Any process.
 */
#include "config.h"

#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "cache_int.h"
#include "store_int.h"

struct tlscache {
	struct tlsc_store *store;
};

static int cache_wrap(struct tlscache **, struct tlsc_store *);
static bool id_valid(struct tlsc_id);
static int item_valid(struct tlscache *, struct tlsc_id, const void *, size_t,
    int64_t, int64_t);

int
tlscache_open(struct tlscache **cp, size_t size)
{
	struct tlsc_store *store;
	int error;

	*cp = NULL;
	error = tlsc_store_new(&store, size, time(NULL));
	return error == TLSCACHE_OK ? cache_wrap(cp, store) : error;
}

/* The descriptor is the caller's until nothing can fail any more. */
int
tlscache_adopt(struct tlscache **cp, int fd)
{
	struct tlscache *cache;
	int error;

	*cp = NULL;
	cache = calloc(1, sizeof(*cache));
	if (cache == NULL)
		return TLSCACHE_E_NOMEM;
	error = tlsc_store_adopt(&cache->store, fd);
	if (error != TLSCACHE_OK) {
		free(cache);
		return error;
	}
	*cp = cache;
	return TLSCACHE_OK;
}

static int
cache_wrap(struct tlscache **cp, struct tlsc_store *store)
{
	*cp = calloc(1, sizeof(**cp));
	if (*cp == NULL) {
		tlsc_store_free(store);
		return TLSCACHE_E_NOMEM;
	}
	(*cp)->store = store;
	return TLSCACHE_OK;
}

int
tlscache_fd(const struct tlscache *cache)
{
	return tlsc_store_fd(cache->store);
}

void
tlscache_close(struct tlscache *cache)
{
	if (cache == NULL)
		return;
	tlsc_store_free(cache->store);
	free(cache);
}

static bool
id_valid(struct tlsc_id id)
{
	return id.bytes != NULL && id.len > 0 && id.len <= TLSCACHE_ID_MAX;
}

int
tlscache_store(struct tlscache *cache, const void *id, size_t idlen,
    const void *data, size_t len, int64_t expires, int64_t now)
{
	struct tlsc_id key = { id, idlen };
	int error;

	error = item_valid(cache, key, data, len, expires, now);
	if (error != TLSCACHE_OK)
		return error;
	return tlsc_store_put(cache->store, key, data, len, expires, now);
}

int
tlsc_cache_store_once(struct tlscache *cache, const void *id, size_t idlen,
    const void *data, size_t len, int64_t expires, int64_t now)
{
	struct tlsc_id key = { id, idlen };
	int error;

	error = item_valid(cache, key, data, len, expires, now);
	if (error != TLSCACHE_OK)
		return error;
	return tlsc_store_put_once(cache->store, key, data, len, expires,
	    now);
}

static int
item_valid(struct tlscache *cache, struct tlsc_id key, const void *data,
    size_t len, int64_t expires, int64_t now)
{
	if (!id_valid(key) || (data == NULL && len > 0) || expires <= now)
		return TLSCACHE_E_INVAL;
	if (len <= TLSCACHE_DATA_MAX)
		return TLSCACHE_OK;
	tlsc_store_too_large(cache->store);
	return TLSCACHE_E_TOOBIG;
}

int
tlscache_fetch(struct tlscache *cache, const void *id, size_t idlen,
    void *buf, size_t size, size_t *lenp, int64_t now)
{
	struct tlsc_id key = { id, idlen };

	*lenp = 0;
	if (!id_valid(key) || (buf == NULL && size > 0))
		return TLSCACHE_E_INVAL;
	return tlsc_store_get(cache->store, key, buf, size, lenp, now);
}

int
tlscache_claim(struct tlscache *cache, const void *id, size_t idlen,
    int64_t now)
{
	struct tlsc_id key = { id, idlen };

	if (!id_valid(key))
		return TLSCACHE_E_INVAL;
	return tlsc_store_claim(cache->store, key, now);
}

int
tlscache_remove(struct tlscache *cache, const void *id, size_t idlen)
{
	struct tlsc_id key = { id, idlen };

	if (!id_valid(key))
		return TLSCACHE_E_INVAL;
	return tlsc_store_remove(cache->store, key);
}

size_t
tlscache_expire(struct tlscache *cache, size_t work, int64_t now)
{
	return tlsc_store_expire(cache->store, work, now);
}

int
tlscache_move(struct tlscache *to, struct tlscache *from, int64_t now)
{
	return tlsc_store_move(to->store, from->store, now);
}

void
tlscache_stat(const struct tlscache *cache, struct tlscache_stat *stat)
{
	tlsc_store_stat(cache->store, stat);
}

void
tlscache_stat_process(const struct tlscache *cache,
    struct tlscache_stat *stat)
{
	tlsc_store_stat_process(cache->store, stat);
}

void
tlsc_cache_miss(struct tlscache *cache, enum tlsc_miss why)
{
	tlsc_store_miss(cache->store, why);
}
