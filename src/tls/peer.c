/* SPDX-License-Identifier: ISC */
/*
 * What is known of a client (struct tls_peer), from its ClientHello on, for the
 * log and for services: its own words, what was agreed with it, and who it is by
 * its certificate. Before the ClientHello there is nothing to know, and the
 * functions say so. Worker.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include "tls/tls_int.h"

/* The index of the struct tls_peer in an SSL; the same in all processes. */
static int peer_index = -1;

static void free_cb(void *, void *, CRYPTO_EX_DATA *, int, long, void *);
static X509 *certificate(const SSL *);

int
tls_peer_setup(void)
{
	if (peer_index == -1)
		peer_index = SSL_get_ex_new_index(0, NULL, NULL, NULL,
		    free_cb);
	return peer_index == -1 ? -1 : 0;
}

struct tls_peer *
tls_peer_new(SSL *ssl, const uint8_t *name, size_t len)
{
	struct tls_peer *peer;

	if ((peer = calloc(1, sizeof(*peer) + len + 1)) == NULL)
		return NULL;
	peer->session_worker = -1;
	if (len > 0)
		memcpy(peer->name, name, len);
	if (SSL_set_ex_data(ssl, peer_index, peer))
		return peer;
	free(peer);
	return NULL;
}

static void
free_cb(void *ssl, void *peer, CRYPTO_EX_DATA *ad, int index, long argl,
    void *argp)
{
	free(peer);
}

struct tls_peer *
tls_peer(const SSL *ssl)
{
	return SSL_get_ex_data(ssl, peer_index);
}

/*
 * OpenSSL chooses a version after the ClientHello callback. When it finds none
 * its SSL has the one that the client named for older servers.
 */
enum handshake_failure
tls_failed(SSL *ssl)
{
	struct tls_peer *peer = tls_peer(ssl);

	if (peer == NULL)
		return tls_failure(NULL);
	switch (ERR_GET_REASON(ERR_peek_error())) {
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_UNKNOWN_PROTOCOL:
	case SSL_R_VERSION_TOO_LOW:
	case SSL_R_VERSION_TOO_HIGH:
	case SSL_R_BAD_LEGACY_VERSION:
	case SSL_R_WRONG_SSL_VERSION:
	case SSL_R_LENGTH_MISMATCH:
		peer->unversioned = true;
		break;
	default:
		break;
	}
	tls_early_failed(peer);
	return tls_failure(peer);
}

const char *
tls_server_name(const SSL *ssl)
{
	const struct tls_peer *peer;

	peer = tls_peer(ssl);
	return peer != NULL && peer->name[0] != '\0' ? peer->name : NULL;
}

const char *
tls_negotiated(const SSL *ssl)
{
	const struct tls_peer *peer = tls_peer(ssl);

	return peer != NULL && peer->accepted && !peer->unversioned ?
	    SSL_get_version(ssl) : "-";
}

const char *
tls_cipher(const SSL *ssl)
{
	return SSL_get_cipher_name(ssl);
}

void
tls_alpn(const SSL *ssl, char *buf, size_t size)
{
	const unsigned char *alpn;
	unsigned len;

	SSL_get0_alpn_selected(ssl, &alpn, &len);
	if (alpn == NULL || len >= size)
		len = 0;
	if (len > 0)
		memcpy(buf, alpn, len);
	buf[len] = '\0';
}

const char *
tls_group(SSL *ssl)
{
	const char *name;
	int id;

	if (SSL_get_session(ssl) == NULL)
		return "-"; /* where OpenSSL would look for it */
	/* A TLS 1.2 resumption would show the group of the full handshake. */
	if (SSL_session_reused(ssl) && SSL_version(ssl) < TLS1_3_VERSION)
		return "-";
	if ((id = (int)SSL_get_negotiated_group(ssl)) == 0)
		return "-";
	name = SSL_group_to_name(ssl, id);
	return name != NULL ? name : "-";
}

const char *
tls_client_verdict(const SSL *ssl)
{
	static const struct {
		long code;
		const char *name;
	} verdicts[] = {
		{ X509_V_ERR_CERT_HAS_EXPIRED, "expired" },
		{ X509_V_ERR_CERT_NOT_YET_VALID, "not_yet_valid" },
		{ X509_V_ERR_CERT_REVOKED, "revoked" },
		{ X509_V_ERR_UNABLE_TO_GET_CRL, "no_crl" },
		{ X509_V_ERR_CRL_HAS_EXPIRED, "crl_expired" },
		{ X509_V_ERR_CERT_CHAIN_TOO_LONG, "chain_too_long" },
		{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "unknown_ca" },
		{ X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, "unknown_ca" },
		{ X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "self_signed" },
		{ X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, "unknown_ca" },
		{ X509_V_ERR_INVALID_PURPOSE, "wrong_purpose" },
		{ X509_V_ERR_APPLICATION_VERIFICATION, "too_large" },
	};
	long code;
	size_t i;

	if ((code = SSL_get_verify_result(ssl)) == X509_V_OK)
		return SSL_get0_peer_certificate(ssl) != NULL ? "ok" : "none";
	for (i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++)
		if (verdicts[i].code == code)
			return verdicts[i].name;
	return "invalid";
}

void
tls_client_cn(const SSL *ssl, char *buf, size_t size)
{
	X509 *cert = certificate(ssl);
	const X509_NAME_ENTRY *entry;
	unsigned char *text;
	X509_NAME *subject;
	int i, len;

	buf[0] = '\0';
	if (cert == NULL)
		return;
	subject = X509_get_subject_name(cert);
	i = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	if (i < 0)
		return;
	entry = X509_NAME_get_entry(subject, i);
	len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(entry));
	tls_error_clear();
	if (len < 0)
		return;
	/* A part of a name would be the name of somebody else. */
	if ((size_t)len < size && memchr(text, '\0', (size_t)len) == NULL) {
		memcpy(buf, text, (size_t)len);
		buf[len] = '\0';
	}
	OPENSSL_free(text);
}

void
tls_client_sha256(const SSL *ssl, char *buf, size_t size)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	X509 *cert = certificate(ssl);
	unsigned i, len;

	buf[0] = '\0';
	if (cert == NULL)
		return;
	if (X509_digest(cert, EVP_sha256(), digest, &len) != 1) {
		tls_error_clear();
		return;
	}
	for (i = 0; i < len && 2 * i + 2 < size; i++)
		snprintf(buf + 2 * i, 3, "%02x", digest[i]);
}

/* NULL unless it was found good. */
static X509 *
certificate(const SSL *ssl)
{
	if (SSL_get_verify_result(ssl) != X509_V_OK)
		return NULL;
	return SSL_get0_peer_certificate(ssl);
}
