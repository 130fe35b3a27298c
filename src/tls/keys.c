/* SPDX-License-Identifier: ISC */
/* The ring of ticket keys, as a configuration wants it. Master. */
#include "config.h"

#include "base/clock.h"
#include "base/log.h"
#include "tls/tls_int.h"
#include "tlscache.h"

int
tls_keys_open(struct tlscache_keys **keys, const struct conf *conf)
{
	return tlscache_keys_open(keys, conf->ticket_rotate / 1000,
	    conf->session_timeout / 1000, clock_wall());
}

int
tls_keys_check(const struct conf *conf, struct err *err)
{
	struct tlscache_keys *keys;
	int error, r;

	error = tls_keys_open(&keys, conf);
	if (error != TLSCACHE_OK)
		return err_set(err, NULL, "ticket keys: %s",
		    tls_cache_reason(error));
	r = tls_keys_load(keys, conf, err);
	tlscache_keys_close(keys);
	return r;
}

void
tls_keys_follow(struct tlscache_keys *keys, const struct conf *conf)
{
	struct err err;
	int error;

	error = tlscache_keys_set_times(keys, conf->ticket_rotate / 1000,
	    conf->session_timeout / 1000);
	if (error != TLSCACHE_OK)
		log_warnx("tickets.rotate: %s", tls_cache_reason(error));
	if (tls_keys_load(keys, conf, &err) == -1)
		log_errorx("%s", err.text);
}

void
tls_keys_rotate(struct tlscache_keys *keys, const struct conf *conf)
{
	int64_t due = tlscache_keys_rotate(keys, clock_wall());

	if (due == TLSCACHE_E_FORMAT) {
		log_errorx("ticket keys: damaged in memory, and set anew");
		tls_keys_follow(keys, conf);
	} else if (due < 0 && due != TLSCACHE_E_BUSY) {
		log_errorx("ticket keys: %s", tls_cache_reason((int)due));
	}
}
