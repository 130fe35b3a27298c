/* SPDX-License-Identifier: ISC */
/*
 * Early data (0-RTT): whether a client's are accepted, and why not. Settings
 * are made in the master; the rest runs in a worker.
 *
 * The rule (RFC 8446 section 8): a session's early data are accepted once, by
 * whichever worker is the first to claim the session in the shared cache. The
 * claim is made when OpenSSL has found the session, has verified that the
 * client knows its secret (the binder), and is content with the ticket's age
 * and the application protocol; so who cannot compute the binder can neither
 * use the session up nor have it removed. (A ClientHello that was recorded has
 * its binder in it, and uses up the early data of its session.) Whatever is in
 * doubt is refused, which costs the client a round trip and never the
 * connection.
 */
#include "config.h"

#include <string.h>
#include <strings.h>

#include <openssl/err.h>

#include "base/clock.h"
#include "tls/tls_int.h"
#include "tlscache.h"

static SSL_SESSION *fetch_cb(SSL *, const unsigned char *, int, int *);
static int allow_cb(SSL *, void *);
static enum tls_early claim(SSL *);
static bool same_name(const SSL *);
static bool same_protocol(const SSL *);

static const char *const names[] = {
	[TLS_EARLY_NONE] = "none",
#define X(ID, name, doc) [TLS_EARLY_##ID] = name,
#include "tls/early.def"
#undef X
};

/*
 * In every SSL_CTX of a front that accepts early data under some policy:
 * options and callbacks stay those of the default policy's. OpenSSL's own
 * protection is switched off for it knows only sessions of its own process.
 */
void
tls_early_setup(struct tls_front *front, SSL_CTX *ctx)
{
	front->fetch = SSL_CTX_sess_get_get_cb(ctx);
	SSL_CTX_sess_set_get_cb(ctx, fetch_cb);
	SSL_CTX_set_options(ctx, SSL_OP_NO_ANTI_REPLAY);
	SSL_CTX_set_allow_early_data_cb(ctx, allow_cb, NULL);
}

/*
 * Once the policy is known. A session that was made when more was allowed
 * keeps its number, and refused bytes are skipped up to the largest number
 * that ever may have been promised.
 */
int
tls_early_apply(const struct tls_policy *p, SSL *ssl)
{
	return SSL_set_max_early_data(ssl, p->early_max) &&
	    SSL_set_recv_max_early_data(ssl, TLS_EARLY_SKIP_MAX) ? 0 : -1;
}

/* In the ClientHello callback, of the first ClientHello. */
void
tls_early_offered(SSL *ssl, struct tls_peer *peer)
{
	const unsigned char *p;
	size_t n;

	peer->early_offered = SSL_client_hello_get0_ext(ssl,
	    TLSEXT_TYPE_early_data, &p, &n);
	if (peer->early_offered && !tls_policy(ssl)->front->early_data)
		peer->early = TLS_EARLY_OFF;
}

bool
tls_front_early_data(const struct tls_front *front)
{
	return front->early_data;
}

bool
tls_early_postponed(const SSL *ssl)
{
	return tls_policy(ssl)->early_postpone;
}

/* OpenSSL looks at the context afterwards, and does not tell. */
static SSL_SESSION *
fetch_cb(SSL *ssl, const unsigned char *id, int idlen, int *copy)
{
	const struct tls_policy *policy = tls_policy(ssl);
	const unsigned char *context;
	SSL_SESSION *session;
	unsigned len;

	session = policy->front->fetch(ssl, id, idlen, copy);
	if (session != NULL) {
		context = SSL_SESSION_get0_id_context(session, &len);
		tls_peer(ssl)->foreign = len != sizeof(policy->id_context) ||
		    memcmp(context, policy->id_context, len) != 0;
	}
	return session;
}

static int
allow_cb(SSL *ssl, void *unused)
{
	struct tls_peer *peer = tls_peer(ssl);

	peer->early = claim(ssl);
	return peer->early == TLS_EARLY_ACCEPTED;
}

static enum tls_early
claim(SSL *ssl)
{
	if (SSL_SESSION_get_max_early_data(SSL_get0_session(ssl)) == 0)
		return TLS_EARLY_OFF;
	if (tls_peer(ssl)->deadline <= clock_wall())
		return TLS_EARLY_UNKNOWN;
	if (!same_name(ssl))
		return TLS_EARLY_NAME;
	switch (tlscache_claim_session(ssl)) {
	case TLSCACHE_OK:
		return TLS_EARLY_ACCEPTED;
	case TLSCACHE_E_CLAIMED:
		return TLS_EARLY_CLAIMED;
	case TLSCACHE_E_MISS:
		return TLS_EARLY_UNKNOWN;
	default:
		return TLS_EARLY_BUSY;
	}
}

static bool
same_name(const SSL *ssl)
{
	const char *name;

	name = SSL_SESSION_get0_hostname(SSL_get0_session(ssl));
	return strcasecmp(name != NULL ? name : "", tls_peer(ssl)->name) == 0;
}

/*
 * After the server's flight, or a HelloRetryRequest. Refusals of OpenSSL's
 * own, which does not tell why, are found out here.
 */
void
tls_early_settle(SSL *ssl)
{
	struct tls_peer *peer = tls_peer(ssl);

	if (!peer->early_offered || peer->early != TLS_EARLY_NONE)
		return;
	if (tls_policy(ssl)->early_max == 0)
		peer->early = TLS_EARLY_OFF;
	else if (!SSL_session_reused(ssl))
		peer->early = peer->foreign ? TLS_EARLY_CONTEXT :
		    TLS_EARLY_UNKNOWN;
	else if (!same_protocol(ssl))
		peer->early = TLS_EARLY_ALPN;
	else
		peer->early = TLS_EARLY_AGE;
}

/* The second ClientHello has come, after a HelloRetryRequest. */
void
tls_early_retried(struct tls_peer *peer)
{
	if (peer->early_offered && peer->early != TLS_EARLY_OFF)
		peer->early = TLS_EARLY_RETRY;
}

static bool
same_protocol(const SSL *ssl)
{
	const unsigned char *now, *then;
	unsigned now_len;
	size_t then_len;

	SSL_get0_alpn_selected(ssl, &now, &now_len);
	SSL_SESSION_get0_alpn_selected(SSL_get0_session(ssl), &then,
	    &then_len);
	return now_len == then_len &&
	    (now_len == 0 || memcmp(now, then, now_len) == 0);
}

void
tls_early_failed(struct tls_peer *peer)
{
	if (peer->early == TLS_EARLY_ACCEPTED &&
	    ERR_GET_REASON(ERR_peek_error()) == SSL_R_TOO_MUCH_EARLY_DATA)
		peer->early = TLS_EARLY_TOO_MUCH;
}

bool
tls_early_sent(const SSL *ssl)
{
	const struct tls_peer *peer = tls_peer(ssl);

	return peer != NULL && peer->early_offered;
}

enum tls_early
tls_early(const SSL *ssl)
{
	const struct tls_peer *peer = tls_peer(ssl);

	return peer != NULL ? peer->early : TLS_EARLY_NONE;
}

const char *
tls_early_name(enum tls_early early)
{
	return names[early];
}
