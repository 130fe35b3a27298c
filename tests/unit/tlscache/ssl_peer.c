/* SPDX-License-Identifier: ISC */
/* See ssl_peer.h. */
#include "config.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "ssl_peer.h"

#define PEER_BUFFER (256 * 1024)
#define PEER_ROUNDS 100

static void peer_use_certificate(SSL_CTX *, size_t);
static int peer_new_session_cb(SSL *, SSL_SESSION *);
static int peer_accept_any(int, X509_STORE_CTX *);
static bool peer_shake(SSL *, SSL *);
static bool peer_step(SSL *);
static void peer_finish(SSL *, SSL *, enum peer_close);
static void peer_offer(SSL *, SSL_SESSION *);
static void peer_take(SSL *, struct peer_result *);
static void peer_serve(SSL_CTX *, int);

/* What the client in this process has been given, and how often. */
static SSL_SESSION *got_session;
static unsigned got_sessions;

SSL_CTX *
peer_server_ctx(int version)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	ck_assert_ptr_nonnull(ctx);
	if (version != 0) {
		SSL_CTX_set_min_proto_version(ctx, version);
		SSL_CTX_set_max_proto_version(ctx, version);
	}
	SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
	ck_assert_int_eq(SSL_CTX_set_session_id_context(ctx,
	    (const unsigned char *)"test", 4), 1);
	peer_use_certificate(ctx, 0);
	return ctx;
}

SSL_CTX *
peer_client_ctx(int version)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	ck_assert_ptr_nonnull(ctx);
	if (version != 0) {
		SSL_CTX_set_min_proto_version(ctx, version);
		SSL_CTX_set_max_proto_version(ctx, version);
	}
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT |
	    SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, peer_new_session_cb);
	return ctx;
}

void
peer_client_certificate(SSL_CTX *ctx, size_t size)
{
	peer_use_certificate(ctx, size);
}

/* A self-signed certificate, blown up with a comment of that many bytes. */
static void
peer_use_certificate(SSL_CTX *ctx, size_t size)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	X509_NAME *name;

	ck_assert(key != NULL && cert != NULL);
	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
	name = X509_get_subject_name(cert);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
	    (const unsigned char *)"localhost", -1, -1, 0);
	X509_set_issuer_name(cert, name);
	X509_set_pubkey(cert, key);
	if (size > 0) {
		char *text = malloc(size + 1);
		X509_EXTENSION *ext;

		ck_assert_ptr_nonnull(text);
		memset(text, 'x', size);
		text[size] = '\0';
		ext = X509V3_EXT_conf_nid(NULL, NULL, NID_netscape_comment,
		    text);
		ck_assert_ptr_nonnull(ext);
		ck_assert_int_eq(X509_add_ext(cert, ext, -1), 1);
		X509_EXTENSION_free(ext);
		free(text);
	}
	ck_assert_int_gt(X509_sign(cert, key, EVP_sha256()), 0);
	ck_assert_int_eq(SSL_CTX_use_certificate(ctx, cert), 1);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey(ctx, key), 1);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static int
peer_new_session_cb(SSL *ssl, SSL_SESSION *session)
{
	(void)ssl;
	SSL_SESSION_free(got_session);
	got_session = session;
	got_sessions++;
	return 1;
}

static int
peer_accept_any(int ok, X509_STORE_CTX *store)
{
	(void)ok;
	X509_STORE_CTX_set_error(store, X509_V_OK);
	return 1;
}

struct peer_result
peer_connect(SSL_CTX *sctx, SSL_CTX *cctx, SSL_SESSION *offer,
    enum peer_close how)
{
	struct peer_result result = { 0 };
	SSL *client = SSL_new(cctx), *server = SSL_new(sctx);
	BIO *cbio, *sbio;
	X509 *peer;
	int len;

	ck_assert(client != NULL && server != NULL);
	ck_assert_int_eq(BIO_new_bio_pair(&cbio, PEER_BUFFER, &sbio,
	    PEER_BUFFER), 1);
	SSL_set_bio(client, cbio, cbio);
	SSL_set_bio(server, sbio, sbio);
	if (SSL_get_verify_mode(server) != SSL_VERIFY_NONE)
		SSL_set_verify(server, SSL_get_verify_mode(server),
		    peer_accept_any);
	peer_offer(client, offer);
	ERR_clear_error();

	SSL_set_connect_state(client);
	SSL_set_accept_state(server);
	result.ok = peer_shake(client, server);
	result.errors_left = ERR_peek_error() != 0;
	if (result.ok) {
		ck_assert_int_eq(SSL_session_reused(client),
		    SSL_session_reused(server));
		result.resumed = SSL_session_reused(server) == 1;
		peer = SSL_get0_peer_certificate(server);
		len = peer == NULL ? 0 : i2d_X509(peer, NULL);
		result.client_der = len > 0 ? (size_t)len : 0;
		peer_finish(client, server, how);
	}
	peer_take(client, &result);
	SSL_free(client);
	SSL_free(server);
	return result;
}

static bool
peer_shake(SSL *client, SSL *server)
{
	bool client_ok, server_ok;
	int round;

	for (round = 0; round < PEER_ROUNDS; round++) {
		/* The server is told of the client's failure. */
		client_ok = peer_step(client);
		server_ok = peer_step(server);
		if (!client_ok || !server_ok)
			return false;
		if (SSL_is_init_finished(client) &&
		    SSL_is_init_finished(server))
			return true;
	}
	return false;
}

static bool
peer_step(SSL *ssl)
{
	int ret = SSL_do_handshake(ssl);

	return ret == 1 || SSL_get_error(ssl, ret) == SSL_ERROR_WANT_READ;
}

static void
peer_finish(SSL *client, SSL *server, enum peer_close how)
{
	unsigned char damaged[] = { SSL3_RT_APPLICATION_DATA, 3, 3, 0, 40,
		[44] = 1 };
	char c;

	/* In TLS 1.3 the tickets come behind the handshake. */
	ck_assert_int_le(SSL_read(client, &c, 1), 0);
	switch (how) {
	case PEER_CLOSE_ORDERLY:
		SSL_shutdown(client);
		SSL_shutdown(server);
		break;
	case PEER_CLOSE_ABRUPT:
		BIO_shutdown_wr(SSL_get_wbio(client));
		ck_assert_int_le(SSL_read(server, &c, 1), 0);
		SSL_shutdown(server);
		break;
	case PEER_CLOSE_FREED:
		break;
	case PEER_CLOSE_GARBAGE:
		ck_assert_int_eq(BIO_write(SSL_get_wbio(client), damaged,
		    sizeof(damaged)), (int)sizeof(damaged));
		break;
	}
	ck_assert_int_le(SSL_read(server, &c, 1), 0);
	/* Freed without this, a session counts as bad for OpenSSL. */
	SSL_set_shutdown(client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

struct peer_result
peer_connect_forked(SSL_CTX *sctx, SSL_CTX *cctx, SSL_SESSION *offer)
{
	struct peer_result result = { 0 };
	SSL *client;
	char reused;
	int fd[2], status;
	pid_t pid;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		close(fd[0]);
		peer_serve(sctx, fd[1]);
	}
	close(fd[1]);
	client = SSL_new(cctx);
	ck_assert_ptr_nonnull(client);
	ck_assert_int_eq(SSL_set_fd(client, fd[0]), 1);
	peer_offer(client, offer);
	result.ok = SSL_connect(client) == 1 &&
	    SSL_read(client, &reused, 1) == 1;
	if (result.ok) {
		result.resumed = reused == 'r';
		ck_assert_int_eq(result.resumed, SSL_session_reused(client));
		if (SSL_shutdown(client) == 0)
			SSL_shutdown(client);
	}
	peer_take(client, &result);
	SSL_free(client);
	close(fd[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	result.ok = result.ok && status == 0;
	return result;
}

/* OpenSSL's client uses up a TLS 1.3 session that it offers. */
static void
peer_offer(SSL *client, SSL_SESSION *offer)
{
	SSL_SESSION *copy;

	got_session = NULL;
	got_sessions = 0;
	if (offer == NULL)
		return;
	copy = SSL_SESSION_dup(offer);
	ck_assert_ptr_nonnull(copy);
	ck_assert_int_eq(SSL_set_session(client, copy), 1);
	SSL_SESSION_free(copy);
}

/* A renewed TLS 1.2 session is not told of by the callback. */
static void
peer_take(SSL *client, struct peer_result *result)
{
	result->tickets = got_sessions;
	result->session = got_session;
	if (result->ok && SSL_version(client) == TLS1_2_VERSION) {
		SSL_SESSION_free(got_session);
		result->session = SSL_get1_session(client);
	}
	got_session = NULL;
}

/* The forked server: one connection, told whether it was resumed. */
static void
peer_serve(SSL_CTX *ctx, int fd)
{
	SSL *ssl = SSL_new(ctx);
	bool ok;
	char c;

	ok = ssl != NULL && SSL_set_fd(ssl, fd) == 1 && SSL_accept(ssl) == 1 &&
	    SSL_write(ssl, SSL_session_reused(ssl) ? "r" : "f", 1) == 1 &&
	    SSL_read(ssl, &c, 1) <= 0 && SSL_shutdown(ssl) >= 0;
	SSL_free(ssl);
	SSL_CTX_free(ctx); /* as a worker does that exits cleanly */
	_exit(ok ? 0 : 1);
}

const unsigned char *
peer_session_name(const SSL_SESSION *session, size_t *len)
{
	const unsigned char *name;
	unsigned int idlen;

	if (SSL_SESSION_get_protocol_version(session) == TLS1_3_VERSION) {
		SSL_SESSION_get0_ticket(session, &name, len);
		return name;
	}
	name = SSL_SESSION_get_id(session, &idlen);
	*len = idlen;
	return name;
}
