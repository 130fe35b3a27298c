/* SPDX-License-Identifier: ISC */
/* The ring of ticket keys: made once, it follows what the configuration says. */
#include "config.h"

#include "base/clock.h"
#include "base/log.h"
#include "master/master_int.h"

int
keys_open(struct master *m, const struct conf *conf)
{
	return tlscache_keys_open(&m->keys, conf->ticket_rotate / 1000,
	    conf->session_timeout / 1000, clock_wall());
}

void
keys_follow(struct master *m)
{
	const struct conf *conf = m->current->conf;
	struct err err;
	int error;

	error = tlscache_keys_set_times(m->keys, conf->ticket_rotate / 1000,
	    conf->session_timeout / 1000);
	if (error != TLSCACHE_OK)
		log_warnx("tickets.rotate: %s", tls_cache_reason(error));
	if (tls_keys_load(m->keys, conf, &err) == -1)
		log_errorx("%s", err.text);
}

void
keys_tick(struct master *m)
{
	int64_t due = tlscache_keys_rotate(m->keys, clock_wall());

	if (due == TLSCACHE_E_FORMAT) {
		log_errorx("ticket keys: damaged in memory, and set anew");
		keys_follow(m);
	} else if (due < 0 && due != TLSCACHE_E_BUSY) {
		log_errorx("ticket keys: %s", tls_cache_reason((int)due));
	}
}
