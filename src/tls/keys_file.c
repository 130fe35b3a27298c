/* SPDX-License-Identifier: ISC */
/*
 * Session-ticket keys from files, so that several hosts can share them: each
 * file holds one key of 48 or 80 random bytes, as nginx has them. Master, at
 * start and reload.
 */
#include "config.h"

#include "base/clock.h"
#include "tls/tls_int.h"
#include "tlscache.h"

static int read_keys(const struct conf_strs *, struct tls_file *,
    struct tlscache_key_bytes *, struct err *);

int
tls_keys_load(struct tlscache_keys *keys, const struct conf *conf,
    struct err *err)
{
	const struct conf_strs *list = &conf->ticket_keys;
	struct tlscache_key_bytes bytes[TLSCACHE_KEYS_MAX];
	struct tls_file files[TLSCACHE_KEYS_MAX] = { { NULL, 0 } };
	size_t i;
	int code, r;

	if (list->n > TLSCACHE_KEYS_MAX)
		return err_set(err, &list->v[TLSCACHE_KEYS_MAX].loc,
		    "keys: more than %d", TLSCACHE_KEYS_MAX);
	r = read_keys(list, files, bytes, err);
	if (r == 0) {
		code = tlscache_keys_set(keys, bytes, list->n, clock_wall());
		if (code != TLSCACHE_OK)
			r = err_set(err, list->n > 0 ? &list->v[0].loc : NULL,
			    "keys: %s", tls_cache_reason(code));
	}
	for (i = 0; i < list->n; i++)
		tls_file_wipe(&files[i]);
	return r;
}

static int
read_keys(const struct conf_strs *list, struct tls_file *files,
    struct tlscache_key_bytes *bytes, struct err *err)
{
	size_t i;

	for (i = 0; i < list->n; i++) {
		if (tls_file_read(&files[i], "keys", &list->v[i], err) == -1)
			return -1;
		if (files[i].len != 48 && files[i].len != 80)
			return tls_file_error(err, "keys", &list->v[i],
			    "%zu bytes; a ticket key has 48 or 80",
			    files[i].len);
		bytes[i].bytes = files[i].data;
		bytes[i].len = files[i].len;
	}
	return 0;
}
