/* SPDX-License-Identifier: ISC */
/* See cache_peer.h. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "cache_bench.h"
#include "cache_peer.h"

#define STEPS 20

struct peer {
	const struct peer_shape *shape;
	struct tlscache *cache;
	SSL_CTX *server, *client;
};

static void use_certificate(SSL_CTX *, const char *);
static int accept_any(int, X509_STORE_CTX *);
static int note_cb(SSL *, void *);
static SSL_TICKET_RETURN note_read_cb(SSL *, SSL_SESSION *,
    const unsigned char *, size_t, SSL_TICKET_STATUS, void *);
static void shake(SSL *, SSL *);
static void need(bool);

static const unsigned char zeros[32];

struct peer *
peer_new(const struct peer_shape *shape, struct tlscache *cache)
{
	struct peer *p = calloc(1, sizeof(*p));

	need(p != NULL);
	p->shape = shape;
	p->cache = cache;
	p->server = SSL_CTX_new(TLS_server_method());
	p->client = SSL_CTX_new(TLS_client_method());
	need(p->server != NULL && p->client != NULL &&
	    SSL_CTX_set_max_proto_version(p->server, shape->version) == 1 &&
	    SSL_CTX_set_session_id_context(p->server, zeros,
	    (unsigned)shape->id_context) == 1 &&
	    SSL_CTX_set_session_ticket_cb(p->server, note_cb, note_read_cb,
	    p) == 1);
	SSL_CTX_set_options(p->server, SSL_OP_NO_TICKET);
	SSL_CTX_set_num_tickets(p->server, 1);
	use_certificate(p->server, "EC");
	if (shape->cert != NULL) {
		use_certificate(p->client, shape->cert);
		SSL_CTX_set_verify(p->server, SSL_VERIFY_PEER, accept_any);
	}
	bench_check("attaching", tlscache_attach(cache, p->server));
	return p;
}

void
peer_free(struct peer *p)
{
	SSL_CTX_free(p->server);
	SSL_CTX_free(p->client);
	free(p);
}

static void
need(bool good)
{
	if (!good)
		bench_fail("OpenSSL",
		    ERR_reason_error_string(ERR_peek_last_error()));
}

/* Self-signed, with what a small authority would write into it. */
static void
use_certificate(SSL_CTX *ctx, const char *kind)
{
	EVP_PKEY *key;
	X509 *cert = X509_new();
	X509_NAME *name;

	key = kind[0] == 'E' ? EVP_EC_gen("P-256") : EVP_RSA_gen(2048);
	need(key != NULL && cert != NULL && X509_set_version(cert, 2) == 1);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
	name = X509_get_subject_name(cert);
	X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC,
	    (const unsigned char *)"An Organisation", -1, -1, 0);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
	    (const unsigned char *)"client.example.com", -1, -1, 0);
	need(X509_set_issuer_name(cert, name) == 1 &&
	    X509_set_pubkey(cert, key) == 1 &&
	    X509_sign(cert, key, EVP_sha256()) > 0 &&
	    SSL_CTX_use_certificate(ctx, cert) == 1 &&
	    SSL_CTX_use_PrivateKey(ctx, key) == 1);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static int
accept_any(int ok, X509_STORE_CTX *store)
{
	X509_STORE_CTX_set_error(store, X509_V_OK);
	return 1;
}

/* TLS 1.3 only: a session id of TLS 1.2 is no ticket. */
static int
note_cb(SSL *ssl, void *arg)
{
	const struct peer *p = arg;

	return p->shape->note == 0 || SSL_SESSION_set1_ticket_appdata(
	    SSL_get_session(ssl), zeros, p->shape->note) == 1;
}

static SSL_TICKET_RETURN
note_read_cb(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
    size_t len, SSL_TICKET_STATUS status, void *arg)
{
	return SSL_TICKET_RETURN_IGNORE_RENEW;
}

size_t
peer_session(struct peer *p, unsigned char buf[TLSCACHE_DATA_MAX])
{
	SSL *client = SSL_new(p->client), *server = SSL_new(p->server);
	const unsigned char *id;
	BIO *cbio = NULL, *sbio = NULL;
	char name[64];
	unsigned idlen;
	size_t len;

	need(client != NULL && server != NULL &&
	    BIO_new_bio_pair(&cbio, 65536, &sbio, 65536) == 1);
	SSL_set_bio(client, cbio, cbio);
	SSL_set_bio(server, sbio, sbio);
	SSL_set_connect_state(client);
	SSL_set_accept_state(server);
	if (p->shape->name != NULL) {
		(void)snprintf(name, sizeof(name), "%s", p->shape->name);
		need(SSL_set_tlsext_host_name(client, name) == 1);
	}
	shake(client, server);
	id = SSL_SESSION_get_id(SSL_get_session(server), &idlen);
	bench_check("the session of a handshake", tlscache_fetch(p->cache, id,
	    idlen, buf, TLSCACHE_DATA_MAX, &len, time(NULL)));
	(void)SSL_shutdown(server);
	(void)SSL_shutdown(client);
	SSL_free(client);
	SSL_free(server);
	return len;
}

static void
shake(SSL *client, SSL *server)
{
	int done = 0, i, n;

	for (i = 0; i < STEPS && done != 2; i++) {
		n = SSL_do_handshake(client);
		done = n == 1;
		need(n == 1 || SSL_get_error(client, n) == SSL_ERROR_WANT_READ);
		n = SSL_do_handshake(server);
		done += n == 1;
		need(n == 1 || SSL_get_error(server, n) == SSL_ERROR_WANT_READ);
	}
	need(done == 2);
}
