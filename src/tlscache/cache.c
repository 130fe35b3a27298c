/* SPDX-License-Identifier: ISC */
/*
 * The byte interface: checks the arguments, counts for this process, and
 * leaves the rest to the store. Knows neither OpenSSL nor the memory. Any
 * process.
 */
#include "config.h"

#include <sys/mman.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cache_int.h"
#include "store_int.h"


struct tlscache {
	struct tlsc_store *store;
	/* Of this process: a page that the kernel wipes in a child. */
	struct tlscache_stat *process;
};

static int cache_new(struct tlscache **);
static bool id_valid(const void *, size_t);

int
tlscache_open(struct tlscache **cp, size_t size)
{
	struct tlscache *cache;
	int error;

	*cp = NULL;
	if (size < TLSCACHE_SIZE_MIN)
		return TLSCACHE_E_INVAL;
	error = cache_new(&cache);
	if (error == TLSCACHE_OK)
		error = tlsc_store_new(&cache->store, size, time(NULL));
	if (error != TLSCACHE_OK) {
		tlscache_close(cache);
		return error;
	}
	*cp = cache;
	return TLSCACHE_OK;
}

int
tlscache_adopt(struct tlscache **cp, int fd)
{
	struct tlscache *cache;
	int error;

	*cp = NULL;
	error = cache_new(&cache);
	if (error == TLSCACHE_OK)
		error = tlsc_store_adopt(&cache->store, fd);
	if (error != TLSCACHE_OK) {
		tlscache_close(cache);
		return error;
	}
	*cp = cache;
	return TLSCACHE_OK;
}

static int
cache_new(struct tlscache **cp)
{
	struct tlscache *cache;
	void *page;

	*cp = NULL;
	cache = calloc(1, sizeof(*cache));
	if (cache == NULL)
		return TLSCACHE_E_NOMEM;
	page = mmap(NULL, sizeof(*cache->process), PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED) {
		free(cache);
		return TLSCACHE_E_NOMEM;
	}
#ifdef MADV_WIPEONFORK
	(void)madvise(page, sizeof(*cache->process), MADV_WIPEONFORK);
#endif
	cache->process = page;
	*cp = cache;
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
	(void)munmap(cache->process, sizeof(*cache->process));
	free(cache);
}

static bool
id_valid(const void *id, size_t len)
{
	return id != NULL && len > 0 && len <= TLSCACHE_ID_MAX;
}

int
tlscache_store(struct tlscache *cache, const void *id, size_t idlen,
    const void *data, size_t len, int64_t expires, int64_t now)
{
	struct tlsc_id key = { id, idlen };
	int error;

	if (!id_valid(id, idlen) || data == NULL)
		return TLSCACHE_E_INVAL;
	if (len > TLSCACHE_DATA_MAX) {
		cache->process->too_large++;
		tlsc_store_too_large(cache->store);
		return TLSCACHE_E_TOOBIG;
	}
	if (expires <= now)
		return TLSCACHE_E_INVAL;
	error = tlsc_store_put(cache->store, key, data, len, expires, now);
	if (error == TLSCACHE_OK)
		cache->process->stores++;
	else if (error == TLSCACHE_E_BUSY)
		cache->process->busy++;
	return error;
}

int
tlscache_fetch(struct tlscache *cache, const void *id, size_t idlen,
    void *buf, size_t size, size_t *lenp, int64_t now)
{
	struct tlsc_id key = { id, idlen };
	int error;

	*lenp = 0;
	if (!id_valid(id, idlen) || (buf == NULL && size > 0))
		return TLSCACHE_E_INVAL;
	error = tlsc_store_get(cache->store, key, buf, size, lenp, now);
	if (error == TLSCACHE_OK || error == TLSCACHE_E_SPACE)
		cache->process->hits++;
	else
		cache->process->misses++;
	return error;
}

int
tlscache_claim(struct tlscache *cache, const void *id, size_t idlen,
    int64_t now)
{
	struct tlsc_id key = { id, idlen };
	int error;

	if (!id_valid(id, idlen))
		return TLSCACHE_E_INVAL;
	error = tlsc_store_claim(cache->store, key, now);
	if (error == TLSCACHE_OK)
		cache->process->claims++;
	else
		cache->process->claims_refused++;
	return error;
}

int
tlscache_remove(struct tlscache *cache, const void *id, size_t idlen)
{
	struct tlsc_id key = { id, idlen };
	int error;

	if (!id_valid(id, idlen))
		return TLSCACHE_E_INVAL;
	error = tlsc_store_remove(cache->store, key);
	if (error == TLSCACHE_OK)
		cache->process->removes++;
	return error;
}

size_t
tlscache_expire(struct tlscache *cache, size_t work, int64_t now)
{
	size_t wiped;

	wiped = tlsc_store_expire(cache->store, work, now);
	cache->process->expired += wiped;
	return wiped;
}

int
tlscache_move(struct tlscache *to, struct tlscache *from, int64_t now)
{
	if (to == from)
		return TLSCACHE_E_INVAL;
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
	*stat = *cache->process;
}

void
tlsc_cache_not_a_session(struct tlscache *cache)
{
	cache->process->hits--;
	cache->process->misses++;
	cache->process->miss_layout++;
	tlsc_store_not_a_session(cache->store);
}
