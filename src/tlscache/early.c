/* SPDX-License-Identifier: ISC */
/*
 * Early data (0-RTT) of the sessions in the cache: each session's are accepted
 * at most once, by all processes together. Knows OpenSSL and nothing of the
 * memory behind tlscache_claim(); runs in the worker, inside OpenSSL.
 *
 * OpenSSL calls allow_cb when early data were offered, the client has proved
 * with the binder that it knows the session's secret, and the ticket's age and
 * the application protocol are right. Not before: a claim made in get_cb would
 * let anybody who has seen a ClientHello use up the session (OpenSSL's own
 * protection, which removes the session there, has that weakness, and knows
 * only what its own process has cached; hence SSL_OP_NO_ANTI_REPLAY).
 *
 * Two acceptances of one session would need two claims granted, and store_shm.c
 * says why there are none. Anything but a granted claim refuses: no entry, an
 * entry that is lost, a lock that is not to be had.
 */
#include "config.h"

#include <stdbool.h>
#include <strings.h>
#include <time.h>

#include <openssl/ssl.h>

#include "session_int.h"
#include "tlscache.h"

/*
 * Bytes of refused early data that are skipped, at least: sessions that were
 * made before max was lowered may have been promised more. Of accepted ones
 * no more come than the session allows.
 */
#define SKIP_MIN (1u << 20)

/*
 * The most that OpenSSL is told. It adds a little of its own to both numbers,
 * in some versions with 32 bits: UINT32_MAX would become next to nothing.
 */
#define LIMIT ((uint32_t)INT32_MAX)

static uint32_t skipped(uint32_t);
static int allow_cb(SSL *, void *);
static bool same_name(const SSL *);

int
tlscache_early_data(SSL_CTX *ctx, uint32_t max)
{
	if (ctx == NULL || max == 0)
		return TLSCACHE_E_INVAL;
	if (max > LIMIT)
		max = LIMIT;
	if (SSL_CTX_set_max_early_data(ctx, max) != 1 ||
	    SSL_CTX_set_recv_max_early_data(ctx, skipped(max)) != 1)
		return TLSCACHE_E_OPENSSL;
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_ANTI_REPLAY);
	SSL_CTX_set_allow_early_data_cb(ctx, allow_cb, NULL);
	return TLSCACHE_OK;
}

/* OpenSSL counts what small records and padding add to the data. */
static uint32_t
skipped(uint32_t max)
{
	if (max <= SKIP_MIN / 4)
		return SKIP_MIN;
	return max <= LIMIT / 4 ? 4 * max : LIMIT;
}

int
tlscache_claim_session(SSL *ssl)
{
	struct tlscache *cache = tlsc_ssl_cache(ssl);
	const unsigned char *id;
	unsigned int idlen;

	if (cache == NULL || SSL_get0_session(ssl) == NULL)
		return TLSCACHE_E_MISS;
	id = SSL_SESSION_get_id(SSL_get0_session(ssl), &idlen);
	if (idlen == 0 || idlen > TLSCACHE_ID_MAX)
		return TLSCACHE_E_MISS;
	return tlscache_claim(cache, id, idlen, time(NULL));
}

static int
allow_cb(SSL *ssl, void *unused)
{
	return SSL_SESSION_get_max_early_data(SSL_get0_session(ssl)) > 0 &&
	    same_name(ssl) && tlscache_claim_session(ssl) == TLSCACHE_OK;
}

/*
 * OpenSSL keeps the name in the session when the server's callback has
 * acknowledged it. A server without one does not tell names apart.
 */
static bool
same_name(const SSL *ssl)
{
	const char *now, *then;

	now = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	then = SSL_SESSION_get0_hostname(SSL_get0_session(ssl));
	return then == NULL || (now != NULL && strcasecmp(now, then) == 0);
}
