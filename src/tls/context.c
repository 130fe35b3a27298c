/* SPDX-License-Identifier: ISC */
/*
 * The session id context: names a policy, so that a session is resumed under
 * the one that it was made under and no other. Master, at start
 * and reload.
 *
 * It is a hash of what decides whom we talk to and as whom:
 *
 *	the server's certificate		its bytes
 *	the ciphers of TLS 1.2			what OpenSSL made of the list
 *	client_certificate, verify_depth	with the contents of
 *	ca, crl					these files
 *
 * It is the same in all workers, after a reload, and on every host that has
 * the same files, wherever they lie. When a certificate is replaced or revoked
 * ones are added, older sessions do not resume. The ciphers are in it because
 * OpenSSL resumes a TLS 1.2 session with the cipher that it was made with, even
 * when the list no longer has it. Not in it: versions (OpenSSL checks
 * them), ALPN and groups (negotiated afresh at resumption), time-outs (those
 * of a session are its own), server names (those of one section share it).
 */
#include "config.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "tls/tls_int.h"

#define LABEL "tlsherd session id context 1"

static bool hash_policy(EVP_MD_CTX *, const struct tls_policy *,
    enum conf_client_cert, const struct tls_file *, const struct tls_file *);
static bool hash_leaf(EVP_MD_CTX *, SSL_CTX *);
static bool hash_ciphers(EVP_MD_CTX *, SSL_CTX *);
static bool hash_u32(EVP_MD_CTX *, size_t);
static bool hash_bytes(EVP_MD_CTX *, const void *, size_t);

int
tls_context_set(struct tls_policy *p, enum conf_client_cert mode,
    const struct tls_file *ca, const struct tls_file *crl)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *md;
	bool ok;

	md = EVP_MD_CTX_new();
	ok = md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) &&
	    hash_policy(md, p, mode, ca, crl) &&
	    EVP_DigestFinal_ex(md, digest, NULL);
	EVP_MD_CTX_free(md);
	if (!ok)
		return -1;
	memcpy(p->id_context, digest, sizeof(p->id_context));
	return SSL_CTX_set_session_id_context(p->ctx, p->id_context,
	    sizeof(p->id_context)) ? 0 : -1;
}

static bool
hash_policy(EVP_MD_CTX *md, const struct tls_policy *p,
    enum conf_client_cert mode, const struct tls_file *ca,
    const struct tls_file *crl)
{
	if (!hash_bytes(md, LABEL, strlen(LABEL)) ||
	    !hash_leaf(md, p->ctx) || !hash_ciphers(md, p->ctx) ||
	    !hash_u32(md, mode))
		return false;
	if (mode == CONF_CLIENT_CERT_OFF)
		return true;
	return hash_u32(md, (size_t)p->verify_depth) &&
	    hash_bytes(md, ca->data, ca->len) &&
	    hash_bytes(md, crl->data, crl->len);
}

static bool
hash_leaf(EVP_MD_CTX *md, SSL_CTX *ctx)
{
	unsigned char *leaf;
	int len;
	bool ok;

	leaf = NULL;
	if ((len = i2d_X509(SSL_CTX_get0_certificate(ctx), &leaf)) < 0)
		return false;
	ok = hash_bytes(md, leaf, (size_t)len);
	OPENSSL_free(leaf);
	return ok;
}

static bool
hash_ciphers(EVP_MD_CTX *md, SSL_CTX *ctx)
{
	const STACK_OF(SSL_CIPHER) *ciphers;
	const SSL_CIPHER *cipher;
	int i;

	ciphers = SSL_CTX_get_ciphers(ctx);
	for (i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
		cipher = sk_SSL_CIPHER_value(ciphers, i);
		/* In TLS 1.3 the cipher is negotiated at resumption, too. */
		if (strcmp(SSL_CIPHER_get_version(cipher), "TLSv1.3") != 0 &&
		    !hash_u32(md, SSL_CIPHER_get_protocol_id(cipher)))
			return false;
	}
	return hash_u32(md, UINT32_MAX); /* end of the list */
}

static bool
hash_u32(EVP_MD_CTX *md, size_t n)
{
	uint8_t b[4];

	b[0] = (uint8_t)(n >> 24);
	b[1] = (uint8_t)(n >> 16);
	b[2] = (uint8_t)(n >> 8);
	b[3] = (uint8_t)n;
	return EVP_DigestUpdate(md, b, sizeof(b));
}

/* With the length first: no two lists of fields make the same bytes. */
static bool
hash_bytes(EVP_MD_CTX *md, const void *data, size_t len)
{
	return hash_u32(md, len) && EVP_DigestUpdate(md, data, len);
}
