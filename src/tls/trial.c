/* SPDX-License-Identifier: ISC */
/*
 * A trial: a handshake in memory for each TLS version of a listener, with a
 * client that can do all that the configuration allows, so that what no client
 * could use is told when it is loaded. Master, at start and reload.
 *
 * It comes before the policy's SSL_CTX gets callbacks, a session cache or
 * ticket keys, so there is nothing that it could count in or leave behind.
 *
 * What comes of it depends on the sort of certificate, and not on which one it
 * is: all else is the same within a listener. So each sort is tried once, and
 * a thousand certificates cost what one does.
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/mem.h"
#include "tls/tls_int.h"

#define ROUNDS 10 /* more flights than any handshake has */
/* How much a client takes is the client's; OpenSSL has 100 KiB. */
#define CHAIN_MAX (1L << 24)
/* Whatever else is in a CertificateRequest, there is room for these. */
#define CA_SIZE_SAFE (32u << 10)

/* What OpenSSL looks at before it signs, and what it announces. */
struct tls_sort {
	int key, bits, signature;
	uint32_t usage;
	char curve[32];
	bool asks;	/* for client certificates */
	size_t ca_size; /* of names announced, where these may be too many */
};

/* What was said of the versions that failed. */
struct lost {
	char text[512];
	size_t tried, failed;
	bool groups; /* there is a list of them */
};

static void try_version(const struct tls_policy *, SSL_CTX *, int,
    struct lost *);
static bool sort_known(struct tls_front *, const struct tls_policy *);
static void sort_of(struct tls_sort *, const struct tls_policy *);
static SSL_CTX *client_new(const struct conf_listen *);
static void client_groups(SSL_CTX *, const char *);
static unsigned long shake(const struct tls_policy *, SSL_CTX *, int);
static unsigned long talk(SSL *, SSL *);
static int step(SSL *, unsigned long *);
static void explain(struct lost *, unsigned long, int, const EVP_PKEY *);
static void say(struct lost *, const char *, ...)
    __attribute__((format(printf, 2, 3)));
static const char *key_name(const EVP_PKEY *);

int
tls_trial(struct tls_policy *p, const struct conf_listen *listen,
    const struct conf_certificate *conf, struct err *err)
{
	struct lost lost = { .groups = listen->groups.value != NULL };
	SSL_CTX *client;
	int v;

	if (sort_known(p->front, p))
		return 0;
	if ((client = client_new(listen)) == NULL)
		return err_set(err, &conf->loc, "certificate \"%s\": %s",
		    conf->title, tls_reason());
	for (v = (int)listen->minimum_version;
	    v <= (int)listen->maximum_version; v++)
		try_version(p, client, v, &lost);
	SSL_CTX_free(client);
	if (lost.failed == 0)
		return 0;
	if (lost.failed == lost.tried)
		return tls_file_error(err, "chain", &conf->chain,
		    "no client can be served: %s", lost.text);
	tls_file_warn("chain", &conf->chain, "some clients cannot be served: "
	    "%s; said once for all certificates of this sort", lost.text);
	return 0;
}

bool
tls_trial_pair(SSL_CTX *client_ctx, SSL_CTX *server_ctx, SSL **client,
    SSL **server)
{
	BIO *to_client, *to_server;

	*client = SSL_new(client_ctx);
	*server = SSL_new(server_ctx);
	to_client = BIO_new(BIO_s_mem());
	to_server = BIO_new(BIO_s_mem());
	if (*client == NULL || *server == NULL || to_client == NULL ||
	    to_server == NULL) {
		BIO_free(to_client);
		BIO_free(to_server);
		return false;
	}
	BIO_up_ref(to_client);
	BIO_up_ref(to_server);
	SSL_set_bio(*client, to_client, to_server);
	SSL_set_bio(*server, to_server, to_client);
	SSL_set_connect_state(*client);
	SSL_set_accept_state(*server);
	return true;
}

/* Neither has a session that SSL_free() could forget in a cache. */
void
tls_trial_end(SSL *client, SSL *server)
{
	SSL_free(client);
	SSL_free(server);
	ERR_clear_error();
}

static void
try_version(const struct tls_policy *p, SSL_CTX *client, int version,
    struct lost *lost)
{
	unsigned long e;

	lost->tried++;
	if ((e = shake(p, client, version)) == 0)
		return;
	lost->failed++;
	explain(lost, e, version, SSL_CTX_get0_privatekey(p->ctx));
}

/* Whether such a one was tried before; noted, it will have been. */
static bool
sort_known(struct tls_front *front, const struct tls_policy *p)
{
	struct tls_sort sort;
	size_t i;

	sort_of(&sort, p);
	for (i = 0; i < front->nsorts; i++)
		if (memcmp(&front->sorts[i], &sort, sizeof(sort)) == 0)
			return true;
	switch (sort.key) {
	case EVP_PKEY_RSA:
	case EVP_PKEY_EC:
	case EVP_PKEY_ED25519:
	case EVP_PKEY_ED448:
		break;
	default: /* there may be more to such keys than a sort has */
		return false;
	}
	front->sorts = xreallocarray(front->sorts, front->nsorts + 1,
	    sizeof(sort));
	front->sorts[front->nsorts++] = sort;
	return false;
}

static void
sort_of(struct tls_sort *sort, const struct tls_policy *p)
{
	EVP_PKEY *key = SSL_CTX_get0_privatekey(p->ctx);
	X509 *x = SSL_CTX_get0_certificate(p->ctx);

	memset(sort, 0, sizeof(*sort));
	sort->key = EVP_PKEY_get_base_id(key);
	sort->bits = EVP_PKEY_get_bits(key);
	sort->signature = X509_get_signature_nid(x);
	sort->usage = X509_get_key_usage(x);
	if (sort->key == EVP_PKEY_EC)
		EVP_PKEY_get_group_name(key, sort->curve, sizeof(sort->curve),
		    NULL);
	sort->asks = p->verify_mode != SSL_VERIFY_NONE;
	if (p->ca_size > CA_SIZE_SAFE)
		sort->ca_size = p->ca_size;
	ERR_clear_error();
}

static SSL_CTX *
client_new(const struct conf_listen *listen)
{
	SSL_CTX *ctx;

	if ((ctx = SSL_CTX_new(TLS_client_method())) == NULL)
		return NULL;
	SSL_CTX_set_security_level(ctx, 0);
	SSL_CTX_set_max_cert_list(ctx, CHAIN_MAX);
	/* What is lacking here was in the listener's lists by no other way. */
	(void)SSL_CTX_set_cipher_list(ctx, "ALL:COMPLEMENTOFALL:@SECLEVEL=0");
	if (listen->ciphersuites.value != NULL)
		(void)SSL_CTX_set_ciphersuites(ctx,
		    listen->ciphersuites.value);
	client_groups(ctx, listen->groups.value);
	ERR_clear_error();
	return ctx;
}

/*
 * All of the listener's, and what everybody has: in TLS 1.2 a client's groups
 * are the curves of certificates, too. OpenSSL takes no list with a group
 * twice.
 */
static void
client_groups(SSL_CTX *ctx, const char *groups)
{
	static const char *const common[] = { "X25519", "P-256", "P-384",
		"P-521" };
	char *list, *longer;
	size_t i;

	if (groups == NULL)
		return;
	list = xstrdup(groups);
	(void)SSL_CTX_set1_groups_list(ctx, list);
	for (i = 0; i < sizeof(common) / sizeof(common[0]); i++) {
		longer = xasprintf("%s:%s", list, common[i]);
		if (SSL_CTX_set1_groups_list(ctx, longer)) {
			free(list);
			list = longer;
		} else
			free(longer);
	}
	free(list);
}

/* A handshake; 0 or OpenSSL's error. The client shows no certificate. */
static unsigned long
shake(const struct tls_policy *p, SSL_CTX *client_ctx, int version)
{
	SSL *client, *server;
	unsigned long e;

	ERR_clear_error();
	SSL_CTX_set_session_cache_mode(p->ctx, SSL_SESS_CACHE_OFF);
	if (!tls_trial_pair(client_ctx, p->ctx, &client, &server) ||
	    !SSL_set_min_proto_version(client, version) ||
	    !SSL_set_max_proto_version(client, version) ||
	    !SSL_set_num_tickets(server, 0))
		e = ERR_peek_error();
	else {
		SSL_set_options(server, SSL_OP_NO_TICKET);
		if (p->verify_mode != SSL_VERIFY_NONE)
			SSL_set_verify(server, SSL_VERIFY_PEER, NULL);
		e = talk(client, server);
	}
	tls_trial_end(client, server);
	return e;
}

static unsigned long
talk(SSL *client, SSL *server)
{
	unsigned long e;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		if (step(client, &e) == -1 || step(server, &e) == -1)
			return e;
		if (SSL_is_init_finished(client) &&
		    SSL_is_init_finished(server))
			return 0;
	}
	return ERR_PACK(ERR_LIB_SSL, 0, SSL_R_UNEXPECTED_MESSAGE);
}

static int
step(SSL *ssl, unsigned long *e)
{
	int r;

	ERR_clear_error();
	r = SSL_do_handshake(ssl);
	if (r == 1 || SSL_get_error(ssl, r) == SSL_ERROR_WANT_READ)
		return 0;
	*e = ERR_peek_error();
	if (*e == 0)
		*e = ERR_PACK(ERR_LIB_SSL, 0, ERR_R_INTERNAL_ERROR);
	return -1;
}

/* What does not go together, and what would. */
static void
explain(struct lost *lost, unsigned long e, int version, const EVP_PKEY *key)
{
	const char *reason = ERR_reason_error_string(e);
	bool rsa = EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA;

	say(lost, "%sTLS 1.%d: ", lost->failed > 1 ? "; " : "",
	    version - TLS1_VERSION);
	switch (ERR_GET_REASON(e)) {
	case SSL_R_NO_SHARED_CIPHER:
		say(lost, "none of the ciphers goes with a key of type %s%s; "
		    "ECDHE-%s-AES128-GCM-SHA256 goes with %s%s", key_name(key),
		    lost->groups ? " and the groups" : "",
		    rsa ? "RSA" : "ECDSA", rsa ? "RSA" : "P-256",
		    lost->groups ? " and X25519" : "");
		break;
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
		say(lost, "it has no signatures by a key of type %s; it has "
		    "by P-256 and by RSA with 2048 bits", key_name(key));
		break;
	case SSL_R_NO_SUITABLE_KEY_SHARE:
	case SSL_R_NO_SUITABLE_GROUPS:
		say(lost, "none of the groups is one that it has; X25519 is");
		break;
	default:
		say(lost, "%s", reason != NULL ? reason : "unknown error");
	}
}

static void
say(struct lost *lost, const char *fmt, ...)
{
	size_t n = strlen(lost->text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(lost->text + n, sizeof(lost->text) - n, fmt, ap);
	va_end(ap);
}

static const char *
key_name(const EVP_PKEY *key)
{
	static char curve[32];
	const char *name;

	if (EVP_PKEY_get_group_name(key, curve, sizeof(curve), NULL))
		return curve;
	ERR_clear_error();
	name = EVP_PKEY_get0_type_name(key);
	return name != NULL ? name : "unknown";
}
