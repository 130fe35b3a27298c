/* SPDX-License-Identifier: ISC */
/* The line about memory with secrets that is not locked. Runs in the master. */
#include "config.h"

#include <sys/resource.h>

#include <stdio.h>

#include <tlscache.h>

#include "base/units.h"
#include "report/report.h"

/* More than the rings of ticket keys take. */
#define KEYS_ROOM (1u << 20)

bool
report_unlocked_line(char *buf, size_t size, const struct tlscache *cache,
    const struct tlscache_keys *ring, size_t cache_size)
{
	struct tlscache_keys_stat keys;
	struct tlscache_stat sessions;
	char limit_text[32], wanted_text[32];
	struct rlimit limit;

	tlscache_stat(cache, &sessions);
	tlscache_keys_stat(ring, &keys);
	if ((sessions.locked > 0 && keys.locked > 0) ||
	    getrlimit(RLIMIT_MEMLOCK, &limit) == -1)
		return false;
	units_format_size((size_t)limit.rlim_cur, limit_text,
	    sizeof(limit_text));
	/* Room for a reload that makes another cache of that size, too. */
	units_format_size(2 * cache_size + KEYS_ROOM, wanted_text,
	    sizeof(wanted_text));
	snprintf(buf, size, "%s%s%s cannot be locked into memory and could "
	    "reach the swap space: the limit of locked memory is %s; raise it "
	    "to %s (LimitMEMLOCK= of systemd, ulimit -l)",
	    sessions.locked == 0 ? "sessions" : "",
	    sessions.locked == 0 && keys.locked == 0 ? " and " : "",
	    keys.locked == 0 ? "ticket keys" : "",
	    limit.rlim_cur == RLIM_INFINITY ? "none" : limit_text,
	    wanted_text);
	return true;
}
