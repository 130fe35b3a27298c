/* SPDX-License-Identifier: ISC */
/* Generations that are handed on to the next program; see generation.h. */
#include "config.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

#include "base/mem.h"
#include "generation/generation.h"

static bool take(struct generation *, struct words *);

void
generation_put(FILE *fp, const char *keyword, const struct generation *g)
{
	const struct conf *conf = g->conf;

	fprintf(fp, "%s %u %d %" PRId64 " %u %" PRId64 " %zu %" PRId64
	    " %" PRId64 " %d", keyword, g->number, g->draining, g->kill_at,
	    conf->workers, conf->drain_timeout, conf->cache_size,
	    conf->session_timeout, conf->ticket_rotate, (int)conf->log_level);
	words_put_text(fp, conf->log.value);
	words_put_text(fp, conf->syslog_facility);
	fputc('\n', fp);
}

struct generation *
generation_take(struct generation_list *list, struct words *w)
{
	struct generation *g = xcalloc(1, sizeof(*g));

	g->conf = xcalloc(1, sizeof(*g->conf));
	g->handed_over = true;
	g->log_fd = -1;
	TAILQ_INSERT_TAIL(list, g, entry);
	return take(g, w) ? g : NULL;
}

static bool
take(struct generation *g, struct words *w)
{
	struct conf *conf = g->conf;
	int64_t n, workers, size, level;

	if (!words_number(w, 1, UINT_MAX, &n) || !words_flag(w, &g->draining) ||
	    !words_number(w, 0, INT64_MAX, &g->kill_at) ||
	    !words_number(w, 1, WORKERS_MAX, &workers) ||
	    !words_number(w, 0, INT64_MAX / 4096, &conf->drain_timeout) ||
	    !words_number(w, 0, INT64_MAX, &size) ||
	    !words_number(w, 0, INT64_MAX, &conf->session_timeout) ||
	    !words_number(w, 0, INT64_MAX, &conf->ticket_rotate) ||
	    !words_number(w, LOGLVL_ERROR, LOGLVL_DEBUG, &level) ||
	    !words_text(w, &conf->log.value) ||
	    !words_text(w, &conf->syslog_facility))
		return false;
	g->number = (unsigned)n;
	conf->workers = (unsigned)workers;
	conf->cache_size = (size_t)size;
	conf->log_level = (enum log_level)level;
	return true;
}

int
generation_take_sessions(struct generation *g, int fd)
{
	struct cache *cache;
	int error;

	if (fd == -1)
		return TLSCACHE_E_FORMAT;
	cache = xcalloc(1, sizeof(*cache));
	error = tlscache_adopt(&cache->sessions, fd);
	if (error != TLSCACHE_OK) {
		free(cache);
		return error;
	}
	cache->users = 1;
	g->cache = cache;
	return TLSCACHE_OK;
}
