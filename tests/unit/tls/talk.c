/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <openssl/err.h>

#include "talk.h"

#define ROUNDS 10 /* more flights than any handshake has */

static int
session_cb(SSL *ssl, SSL_SESSION *sess)
{
	struct talk *t = SSL_get_app_data(ssl);

	SSL_SESSION_free(t->session);
	t->session = sess;
	t->sessions++;
	return 1;
}

static void
info_cb(const SSL *ssl, int where, int value)
{
	struct talk *t = SSL_get_app_data(ssl);

	if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT)
		t->alert = value & 0xff;
}

static int
cert_cb(SSL *ssl, void *arg)
{
	struct talk *t = SSL_get_app_data(ssl);

	t->verified = true;
	return 1;
}

/* OpenSSL's macros cast const away. */
static void
copy(char *to, size_t size, const char *from)
{
	ck_assert_uint_lt(strlen(from), size);
	strcpy(to, from);
}

static void
set_name(SSL *ssl, const char *name)
{
	char text[256];

	copy(text, sizeof(text), name);
	ck_assert(SSL_set_tlsext_host_name(ssl, text));
}

static SSL *
client_new(struct talk *t, const struct talk_how *how)
{
	SSL_SESSION *sess;
	SSL_CTX *ctx;
	SSL *ssl;
	char text[256];
	int version;

	version = how->version != 0 ? how->version : TLS1_3_VERSION;
	ctx = SSL_CTX_new(TLS_client_method());
	ck_assert_ptr_nonnull(ctx);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT |
	    SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, session_cb);
	SSL_CTX_set_info_callback(ctx, info_cb);
	SSL_CTX_set_cert_cb(ctx, cert_cb, NULL);
	SSL_CTX_set_security_level(ctx, 0);
	ck_assert(SSL_CTX_set_min_proto_version(ctx,
		how->minimum != 0 ? how->minimum : version) &&
	    SSL_CTX_set_max_proto_version(ctx, version));
	if (how->ciphers != NULL)
		ck_assert(SSL_CTX_set_cipher_list(ctx, how->ciphers));
	if (how->groups != NULL) {
		copy(text, sizeof(text), how->groups);
		ck_assert(SSL_CTX_set1_groups_list(ctx, text));
	}
	if (how->alpn != NULL)
		ck_assert_int_eq(SSL_CTX_set_alpn_protos(ctx,
		    (const unsigned char *)how->alpn,
		    (unsigned)strlen(how->alpn)), 0);
	if (how->cert != NULL)
		ck_assert(SSL_CTX_use_certificate(ctx, how->cert->x) &&
		    SSL_CTX_use_PrivateKey(ctx, how->cert->key));
	if (how->chain != NULL)
		ck_assert(SSL_CTX_add1_chain_cert(ctx, how->chain->x));
	if (how->chain2 != NULL)
		ck_assert(SSL_CTX_add1_chain_cert(ctx, how->chain2->x));
	ssl = SSL_new(ctx);
	SSL_CTX_free(ctx);
	ck_assert_ptr_nonnull(ssl);
	SSL_set_app_data(ssl, t);
	if (how->sni != NULL)
		set_name(ssl, how->sni);
	if (how->session != NULL) {
		/* OpenSSL's client spoils TLS 1.3 sessions that it has used. */
		sess = SSL_SESSION_dup(how->session);
		ck_assert(sess != NULL && SSL_set_session(ssl, sess));
		SSL_SESSION_free(sess);
	}
	SSL_set_connect_state(ssl);
	return ssl;
}

static void
connect_bios(SSL *a, SSL *b)
{
	BIO *ab, *ba;

	ab = BIO_new(BIO_s_mem());
	ba = BIO_new(BIO_s_mem());
	ck_assert(ab != NULL && ba != NULL);
	BIO_up_ref(ab);
	BIO_up_ref(ba);
	SSL_set_bio(a, ba, ab);
	SSL_set_bio(b, ab, ba);
}

/* As conn/ does it; 1 when there are no more early data. */
static int
read_early(struct talk *t)
{
	size_t len = strlen(t->early), n;
	int r;

	do {
		n = 0;
		r = SSL_read_early_data(t->server, t->early + len,
		    sizeof(t->early) - 1 - len, &n);
		len += n;
	} while (r == SSL_READ_EARLY_DATA_SUCCESS);
	if (r != SSL_READ_EARLY_DATA_FINISH)
		return -1;
	t->early_try = false;
	tls_early_settle(t->server);
	return 1;
}

static int
advance(struct talk *t, SSL *ssl)
{
	char c;
	int r;

	if (ssl == t->server && t->early_try &&
	    (r = read_early(t)) != 1)
		return r;
	return SSL_is_init_finished(ssl) ? SSL_read(ssl, &c, 1) :
	    SSL_do_handshake(ssl);
}

/*
 * One step of an end; -1 when it has failed for good, and why. OpenSSL's
 * errors are one queue for both ends.
 */
static int
step(struct talk *t, SSL *ssl, char *error, size_t size)
{
	int r;

	ERR_clear_error();
	r = advance(t, ssl);
	/* What is left in the queue would spoil what comes next. */
	if (ssl == t->server && r > 0)
		ck_assert_uint_eq(ERR_peek_error(), 0);
	if (r > 0 || SSL_get_error(ssl, r) == SSL_ERROR_WANT_READ)
		return 0;
	if (ssl == t->server)
		tls_failed(ssl);
	tls_error_text(error, size);
	return -1;
}

struct talk *
talk_new(struct tls_front *front, const struct talk_how *how)
{
	unsigned char *bytes;
	char unused[64];
	struct talk *t;
	long len;
	int i, c, s;
	size_t n;

	t = calloc(1, sizeof(*t));
	ck_assert_ptr_nonnull(t);
	t->alert = -1;
	t->server = tls_front_accept(front);
	ck_assert_ptr_nonnull(t->server);
	t->client = client_new(t, how);
	connect_bios(t->client, t->server);
	t->early_try = tls_front_early_data(front);
	if (how->early != NULL)
		ck_assert(SSL_write_early_data(t->client, how->early,
		    strlen(how->early), &n));
	for (i = c = s = 0; i < ROUNDS && c == 0; i++) {
		c = step(t, t->client, unused, sizeof(unused));
		if (i == 0 && how->spoil != NULL) {
			len = BIO_get_mem_data(SSL_get_wbio(t->client),
			    &bytes);
			how->spoil(bytes, (size_t)len, how->arg);
		}
		if (i == 0 && how->sni_again != NULL)
			set_name(t->client, how->sni_again);
		if (s == 0)
			s = step(t, t->server, t->error, sizeof(t->error));
	}
	t->verdict = tls_early(t->server);
	t->ok = c == 0 && s == 0 && SSL_is_init_finished(t->client) &&
	    SSL_is_init_finished(t->server);
	return t;
}

void
talk_free(struct talk *t)
{
	/* As if both had said goodbye: SSL_free() must not drop the session. */
	SSL_set_shutdown(t->client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_set_shutdown(t->server, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_SESSION_free(t->session);
	SSL_free(t->client);
	SSL_free(t->server);
	free(t);
}

SSL_SESSION *
talk_session(struct tls_front *front, const struct talk_how *how)
{
	SSL_SESSION *sess;
	struct talk *t;

	t = talk_new(front, how);
	ck_assert(t->ok);
	sess = t->session;
	t->session = NULL;
	talk_free(t);
	ck_assert_ptr_nonnull(sess);
	return sess;
}

enum tls_resumed
talk_resumed(struct tls_front *front, const struct talk_how *how)
{
	enum tls_resumed r;
	struct talk *t;

	t = talk_new(front, how);
	ck_assert(t->ok);
	r = tls_resumed(t->server);
	ck_assert_int_eq(r != TLS_RESUMED_FULL, SSL_session_reused(t->client));
	talk_free(t);
	return r;
}

void
talk_refused(struct tls_front *front, const struct talk_how *how, int alert)
{
	struct talk *t;

	t = talk_new(front, how);
	ck_assert(!t->ok);
	ck_assert_int_eq(t->alert, alert);
	talk_free(t);
}
