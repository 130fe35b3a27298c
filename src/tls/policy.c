/* SPDX-License-Identifier: ISC */
/*
 * The policy of a certificate { } section towards clients: which certificates
 * they must have, and the session id context, which keeps a session from
 * being resumed under any other policy. Loading happens in the master;
 * tls_policy_apply() in a worker's ClientHello callback.
 *
 * The context is a hash of what decides whom we talk to and as whom:
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
 * of a session are its own).
 */
#include "config.h"

#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include "tls/tls_int.h"

#define LABEL "tlsherd session id context 1"

static int ca_load(struct tls_policy *, const struct tls_file *,
    const struct conf_str *, struct err *);
static bool ca_add(X509_STORE *, STACK_OF(X509_NAME) *, const X509_INFO *);
static int crl_load(struct tls_policy *, const struct tls_file *,
    const struct conf_str *, struct err *);
static STACK_OF(X509_INFO) *pem_read(const struct tls_file *);
static bool context_hash(EVP_MD_CTX *, struct tls_policy *,
    const struct conf_certificate *, const struct tls_file *,
    const struct tls_file *);
static bool hash_ciphers(EVP_MD_CTX *, SSL_CTX *);
static bool hash_u32(EVP_MD_CTX *, size_t);
static bool hash_bytes(EVP_MD_CTX *, const void *, size_t);

static const int verify_modes[] = {
	[CONF_CLIENT_CERT_OFF] = SSL_VERIFY_NONE,
	[CONF_CLIENT_CERT_OPTIONAL] = SSL_VERIFY_PEER,
	[CONF_CLIENT_CERT_REQUIRED] =
	    SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
};

int
tls_policy_load(struct tls_policy *p, const struct conf_certificate *conf,
    struct err *err)
{
	struct tls_file ca = { NULL, 0 }, crl = { NULL, 0 };
	EVP_MD_CTX *md;
	int r;

	p->verify_mode = verify_modes[conf->client_certificate];
	p->verify_depth = conf->verify_depth;
	r = 0;
	if (p->verify_mode != SSL_VERIFY_NONE) {
		if (conf->ca.value == NULL)
			return err_set(err, &conf->loc, "certificate \"%s\" "
			    "asks for client certificates and has no ca",
			    conf->title);
		if ((r = tls_file_read(&ca, "ca", &conf->ca, err)) == 0)
			r = ca_load(p, &ca, &conf->ca, err);
		if (r == 0 && conf->crl.value != NULL &&
		    (r = tls_file_read(&crl, "crl", &conf->crl, err)) == 0)
			r = crl_load(p, &crl, &conf->crl, err);
	}
	if (r == 0) {
		md = EVP_MD_CTX_new();
		if (md == NULL || !context_hash(md, p, conf, &ca, &crl) ||
		    !SSL_CTX_set_session_id_context(p->ctx, p->id_context,
			sizeof(p->id_context)))
			r = err_set(err, &conf->loc, "certificate \"%s\": %s",
			    conf->title, tls_reason());
		EVP_MD_CTX_free(md);
	}
	SSL_CTX_set_verify(p->ctx, p->verify_mode, NULL);
	SSL_CTX_set_verify_depth(p->ctx, p->verify_depth);
	tls_file_wipe(&ca);
	tls_file_wipe(&crl);
	return r;
}

/*
 * Put ssl under the policy. SSL_set_SSL_CTX() brings the certificate, the CAs
 * and the CRLs (which hang on the SSL_CTX's store for that reason), but SSL_new()
 * has copied the rest from the default policy, which is where CVE-2025-23419
 * comes from.
 */
int
tls_policy_apply(const struct tls_policy *p, SSL *ssl)
{
	if (SSL_set_SSL_CTX(ssl, p->ctx) == NULL ||
	    !SSL_set_session_id_context(ssl, p->id_context,
		sizeof(p->id_context)))
		return -1;
	SSL_set_verify(ssl, p->verify_mode, NULL);
	SSL_set_verify_depth(ssl, p->verify_depth);
	return 0;
}

/*
 * X509_V_FLAG_PARTIAL_CHAIN: whoever lists only an intermediate CA trusts
 * that one, and not everything else below its root.
 */
static int
ca_load(struct tls_policy *p, const struct tls_file *f,
    const struct conf_str *path, struct err *err)
{
	STACK_OF(X509_INFO) *infos;
	STACK_OF(X509_NAME) *names;
	X509_STORE *store;
	int i, n, r;

	store = SSL_CTX_get_cert_store(p->ctx);
	if ((infos = pem_read(f)) == NULL)
		return tls_file_error(err, "ca", path, "damaged: %s",
		    tls_reason());
	r = 0;
	if ((names = sk_X509_NAME_new_null()) == NULL)
		r = tls_file_error(err, "ca", path, "%s", tls_reason());
	for (i = n = 0; r == 0 && i < sk_X509_INFO_num(infos); i++) {
		if (sk_X509_INFO_value(infos, i)->x509 == NULL)
			continue;
		n++;
		if (!ca_add(store, names, sk_X509_INFO_value(infos, i)))
			r = tls_file_error(err, "ca", path,
			    "certificate %d cannot be used: %s", n,
			    tls_reason());
	}
	sk_X509_INFO_pop_free(infos, X509_INFO_free);
	if (r == 0 && n == 0)
		r = tls_file_error(err, "ca", path,
		    "there is no certificate in the file");
	if (r == -1) {
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		return -1;
	}
	X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
	SSL_CTX_set_client_CA_list(p->ctx, names);
	return 0;
}

static bool
ca_add(X509_STORE *store, STACK_OF(X509_NAME) *names, const X509_INFO *info)
{
	X509_NAME *name;

	if (!X509_STORE_add_cert(store, info->x509))
		return false;
	name = X509_NAME_dup(X509_get_subject_name(info->x509));
	if (name == NULL)
		return false;
	if (sk_X509_NAME_push(names, name) > 0)
		return true;
	X509_NAME_free(name);
	return false;
}

static int
crl_load(struct tls_policy *p, const struct tls_file *f,
    const struct conf_str *path, struct err *err)
{
	STACK_OF(X509_INFO) *infos;
	X509_STORE *store;
	X509_CRL *crl;
	int i, n, r;

	store = SSL_CTX_get_cert_store(p->ctx);
	if ((infos = pem_read(f)) == NULL)
		return tls_file_error(err, "crl", path, "damaged: %s",
		    tls_reason());
	r = 0;
	for (i = n = 0; r == 0 && i < sk_X509_INFO_num(infos); i++) {
		if ((crl = sk_X509_INFO_value(infos, i)->crl) == NULL)
			continue;
		n++;
		if (!X509_STORE_add_crl(store, crl))
			r = tls_file_error(err, "crl", path,
			    "list %d cannot be used: %s", n, tls_reason());
		else if (X509_CRL_get0_nextUpdate(crl) != NULL &&
		    X509_cmp_current_time(X509_CRL_get0_nextUpdate(crl)) < 0)
			tls_file_warn("crl", path, "list %d is out of date: "
			    "clients of its CA will be refused", n);
	}
	sk_X509_INFO_pop_free(infos, X509_INFO_free);
	if (r == -1)
		return -1;
	if (n == 0)
		return tls_file_error(err, "crl", path, "there is no list of "
		    "revoked certificates in the file");
	X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK |
	    X509_V_FLAG_CRL_CHECK_ALL);
	return 0;
}

static STACK_OF(X509_INFO) *
pem_read(const struct tls_file *f)
{
	STACK_OF(X509_INFO) *infos;
	BIO *bio;

	ERR_clear_error();
	if ((bio = BIO_new_mem_buf(f->data, (int)f->len)) == NULL)
		return NULL;
	infos = PEM_X509_INFO_read_bio(bio, NULL, NULL, NULL);
	BIO_free(bio);
	return infos;
}

static bool
context_hash(EVP_MD_CTX *md, struct tls_policy *p,
    const struct conf_certificate *conf, const struct tls_file *ca,
    const struct tls_file *crl)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned char *leaf;
	int len;
	bool ok;

	leaf = NULL;
	if ((len = i2d_X509(SSL_CTX_get0_certificate(p->ctx), &leaf)) < 0)
		return false;
	ok = EVP_DigestInit_ex(md, EVP_sha256(), NULL) &&
	    hash_bytes(md, LABEL, strlen(LABEL)) &&
	    hash_bytes(md, leaf, (size_t)len) && hash_ciphers(md, p->ctx) &&
	    hash_u32(md, conf->client_certificate);
	if (ok && p->verify_mode != SSL_VERIFY_NONE)
		ok = hash_u32(md, (size_t)p->verify_depth) &&
		    hash_bytes(md, ca->data, ca->len) &&
		    hash_bytes(md, crl->data, crl->len);
	ok = ok && EVP_DigestFinal_ex(md, digest, NULL);
	OPENSSL_free(leaf);
	if (ok)
		memcpy(p->id_context, digest, sizeof(p->id_context));
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
