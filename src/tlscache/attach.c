/* SPDX-License-Identifier: ISC */
/*
 * The SSL_CTX callbacks: what OpenSSL makes, finds and drops goes to the
 * cache. Knows OpenSSL and nothing of the memory behind tlscache_store(); runs
 * in the worker, inside SSL_do_handshake().
 *
 * The rules, each of which some server learned the hard way:
 *  - NO_INTERNAL: with OpenSSL's own cache beside ours, its evictions and
 *    SSL_CTX_free() call remove_cb for sessions that are alive, and a process
 *    that exits cleanly erases them for all.
 *  - new_cb is also called for stateless TLS 1.3 tickets, twice for each
 *    handshake. Nobody ever looks those up.
 *  - new_cb returns 0 (the reference is not kept), get_cb sets *copy to 0 (the
 *    reference is the caller's): all else leaks sessions.
 *  - get_cb runs before the client has proved that it knows the session's
 *    secret. It changes nothing: claims belong into the early-data callback.
 *  - OpenSSL looks at the session id context after get_cb, tells nobody, and
 *    has no function for the context of an SSL. But the session that is made
 *    instead has it: get_cb leaves a note for new_cb, which counts.
 *  - Errors of ours must not stay in OpenSSL's queue, where SSL_get_error()
 *    takes them for the connection's.
 */
#include "config.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include <openssl/crypto.h>
#include <openssl/ssl.h>

#include "cache_int.h"
#include "hash_int.h"
#include "session_int.h"
#include "tlscache.h"

static int attach_init(void);
static void attach_index_new(void);
static int new_session_cb(SSL *, SSL_SESSION *);
static SSL_SESSION *get_session_cb(SSL *, const unsigned char *, int, int *);
static void remove_session_cb(SSL_CTX *, SSL_SESSION *);
static void note_found(SSL *, const SSL_SESSION *);
static bool note_differs(SSL *, const SSL_SESSION *);
static uintptr_t context_hash(const SSL_SESSION *);
static void session_limit(const SSL *, SSL_SESSION *, int64_t);
static int64_t session_end(const SSL_SESSION *);
static bool session_is_cacheable(const SSL *, const SSL_SESSION *);

/*
 * Where the handle hangs on an SSL_CTX, the end of a chain of renewals on an
 * SSL_SESSION, and the note of get_cb on an SSL. OpenSSL gives out such indices per process and never takes
 * them back, so these are constants that happen to be known only at run time:
 * set once, the same for all caches of the process.
 */
static CRYPTO_ONCE attach_once = CRYPTO_ONCE_STATIC_INIT;
static int ctx_index = -1;
static int session_index = -1;
static int ssl_index = -1;

int
tlscache_attach(struct tlscache *cache, SSL_CTX *ctx)
{
	if (cache == NULL || ctx == NULL)
		return TLSCACHE_E_INVAL;
	if (attach_init() != 0 ||
	    SSL_CTX_set_ex_data(ctx, ctx_index, cache) != 1)
		return TLSCACHE_E_OPENSSL;
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER |
	    SSL_SESS_CACHE_NO_INTERNAL | SSL_SESS_CACHE_NO_AUTO_CLEAR);
	SSL_CTX_sess_set_new_cb(ctx, new_session_cb);
	SSL_CTX_sess_set_get_cb(ctx, get_session_cb);
	SSL_CTX_sess_set_remove_cb(ctx, remove_session_cb);
	return TLSCACHE_OK;
}

static int
attach_init(void)
{
	if (CRYPTO_THREAD_run_once(&attach_once, attach_index_new) != 1)
		return -1;
	return ctx_index >= 0 && session_index >= 0 && ssl_index >= 0 ? 0 :
	    -1;
}

static void
attach_index_new(void)
{
	ctx_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	session_index = SSL_SESSION_get_ex_new_index(0, NULL, NULL, NULL,
	    NULL);
	ssl_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

/*
 * OpenSSL calls the callbacks of the SSL_CTX that the SSL was made from; this
 * is the one that it was switched to since, by server name. Without a cache
 * there, the sessions of that name are not kept.
 */
struct tlscache *
tlsc_ssl_cache(const SSL *ssl)
{
	if (ctx_index < 0)
		return NULL;
	return SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), ctx_index);
}

static int
new_session_cb(SSL *ssl, SSL_SESSION *session)
{
	struct tlscache *cache = tlsc_ssl_cache(ssl);
	unsigned char buf[TLSCACHE_DATA_MAX];
	const unsigned char *id;
	unsigned int idlen;
	size_t len;
	int64_t now;

	if (cache == NULL)
		return 0;
	if (note_differs(ssl, session))
		tlsc_cache_miss(cache, TLSC_MISS_CONTEXT);
	if (!session_is_cacheable(ssl, session))
		return 0;
	now = time(NULL);
	session_limit(ssl, session, now);
	if (session_end(session) <= now)
		return 0;
	len = tlsc_session_encode(session, buf, sizeof(buf));
	if (len == 0)
		return 0;
	/*
	 * One that is too long goes along too: the cache refuses it by its
	 * length and counts it. Whatever the answer is, the handshake is as
	 * good without an entry.
	 */
	id = SSL_SESSION_get_id(session, &idlen);
	if (SSL_version(ssl) == TLS1_3_VERSION)
		(void)!tlsc_cache_store_once(cache, id, idlen, buf, len,
		    session_end(session), now);
	else
		(void)!tlscache_store(cache, id, idlen, buf, len,
		    session_end(session), now);
	OPENSSL_cleanse(buf, len < sizeof(buf) ? len : sizeof(buf));
	return 0;
}

static SSL_SESSION *
get_session_cb(SSL *ssl, const unsigned char *id, int idlen, int *copy)
{
	struct tlscache *cache = tlsc_ssl_cache(ssl);
	unsigned char buf[TLSCACHE_DATA_MAX];
	SSL_SESSION *session;
	size_t len;
	int64_t now;

	*copy = 0;
	if (cache == NULL || idlen <= 0 || idlen > TLSCACHE_ID_MAX)
		return NULL;
	now = time(NULL);
	if (tlscache_fetch(cache, id, (size_t)idlen, buf, sizeof(buf), &len,
	    now) != TLSCACHE_OK)
		return NULL;
	session = tlsc_session_decode(buf, len, id, (size_t)idlen);
	OPENSSL_cleanse(buf, len);
	if (session == NULL) {
		tlsc_cache_miss(cache, TLSC_MISS_LAYOUT);
		return NULL;
	}
	session_limit(ssl, session, now);
	if (SSL_SESSION_set_ex_data(session, session_index,
	    (void *)(uintptr_t)session_end(session)) != 1) {
		SSL_SESSION_free(session);
		return NULL;
	}
	/* OpenSSL will refuse it: the limit is a new one. */
	if (session_end(session) < now)
		tlsc_cache_miss(cache, TLSC_MISS_EXPIRED);
	else
		note_found(ssl, session);
	return session;
}

/*
 * In a pointer's place, as there is nothing to free: a hash of the context.
 * Of sessions of another version, which OpenSSL refuses first, there is none.
 */
static void
note_found(SSL *ssl, const SSL_SESSION *session)
{
	if (SSL_SESSION_get_protocol_version(session) == SSL_version(ssl))
		(void)SSL_set_ex_data(ssl, ssl_index,
		    (void *)context_hash(session));
}

/* Was another session found, and not resumed because of its context? */
static bool
note_differs(SSL *ssl, const SSL_SESSION *session)
{
	uintptr_t found = (uintptr_t)SSL_get_ex_data(ssl, ssl_index);

	if (found == 0)
		return false;
	(void)SSL_set_ex_data(ssl, ssl_index, NULL);
	return !SSL_session_reused(ssl) && found != context_hash(session);
}

/* Never 0. */
static uintptr_t
context_hash(const SSL_SESSION *session)
{
	static const struct tlsc_hash_key key;
	const unsigned char *context;
	unsigned int len;

	context = SSL_SESSION_get0_id_context(session, &len);
	return (uintptr_t)tlsc_hash(&key, context, len) | 1;
}

/*
 * OpenSSL wants a session forgotten when its connection ends with a fatal
 * alert. TLS 1.2 demands that (RFC 5246 7.2.2), TLS 1.3 does not: there, who
 * sends a recorded ClientHello, which has a good binder, and then nonsense
 * would take somebody else's session away.
 */
static void
remove_session_cb(SSL_CTX *ctx, SSL_SESSION *session)
{
	struct tlscache *cache = SSL_CTX_get_ex_data(ctx, ctx_index);
	const unsigned char *id;
	unsigned int idlen;

	if (SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION)
		return;
	id = SSL_SESSION_get_id(session, &idlen);
	if (cache != NULL && idlen > 0)
		(void)tlscache_remove(cache, id, idlen);
}

/*
 * A session lives for the SSL_CTX's time-out, whatever its bytes say. And
 * OpenSSL renews a TLS 1.3 session at each resumption, with a full time-out:
 * a client that comes often enough would never again prove who it is. The copy
 * inherits its ex_data, so what get_cb noted there ends the whole chain.
 */
static void
session_limit(const SSL *ssl, SSL_SESSION *session, int64_t now)
{
	int64_t chain, max, start, timeout;

	start = SSL_SESSION_get_time_ex(session);
	if (start > now || start < 0) {
		start = now;
		SSL_SESSION_set_time_ex(session, start);
	}
	max = SSL_CTX_get_timeout(SSL_get_SSL_CTX(ssl));
	if (max > INT32_MAX)
		max = INT32_MAX;
	timeout = SSL_SESSION_get_timeout(session);
	if (timeout < 0 || timeout > max)
		timeout = max;
	chain = (int64_t)(uintptr_t)SSL_SESSION_get_ex_data(session,
	    session_index);
	if (chain != 0 && start + timeout > chain)
		timeout = chain > start ? chain - start : 0;
	SSL_SESSION_set_timeout(session, (long)timeout);
}

/* When a session ends that has gone through session_limit(). */
static int64_t
session_end(const SSL_SESSION *session)
{
	return (int64_t)SSL_SESSION_get_time_ex(session) +
	    SSL_SESSION_get_timeout(session);
}

/*
 * In TLS 1.3 only stateful tickets name a session; OpenSSL makes these when
 * SSL_OP_NO_TICKET is set. In TLS 1.2 a session with a ticket has no id.
 */
static bool
session_is_cacheable(const SSL *ssl, const SSL_SESSION *session)
{
	unsigned int idlen;

	SSL_SESSION_get_id(session, &idlen);
	if (idlen == 0 || idlen > TLSCACHE_ID_MAX)
		return false;
	return SSL_version(ssl) != TLS1_3_VERSION ||
	    (SSL_get_options(ssl) & SSL_OP_NO_TICKET) != 0;
}
