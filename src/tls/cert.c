/* SPDX-License-Identifier: ISC */
/*
 * Loads the chain and the private key of a certificate { } section and says
 * clearly what is wrong with them. Master, at start and reload.
 */
#include "config.h"

#include <assert.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "tls/tls_int.h"

static int chain_load(SSL_CTX *, const struct tls_file *,
    const struct conf_str *, struct err *);
static int chain_add(SSL_CTX *, X509 *, int, const struct conf_str *,
    struct err *);
static int key_load(SSL_CTX *, const struct tls_file *,
    const struct conf_certificate *, struct err *);
static int key_use(SSL_CTX *, EVP_PKEY *, const char *,
    const struct conf_str *, const struct conf_str *, struct err *);
static int refuse_password_cb(char *, int, int, void *);
static bool end_of_certificates(void);

int
tls_cert_load(struct tls_policy *p, const struct conf_certificate *conf,
    struct err *err)
{
	struct tls_file chain, key;
	int r;

	assert(conf->chain.value != NULL);
	if (tls_file_read(&chain, "chain", &conf->chain, err) == -1)
		return -1;
	r = chain_load(p->ctx, &chain, &conf->chain, err);
	if (r == 0 && conf->key.value == NULL)
		r = key_load(p->ctx, &chain, conf, err);
	else if (r == 0 &&
	    (r = tls_file_read(&key, "key", &conf->key, err)) == 0) {
		r = key_load(p->ctx, &key, conf, err);
		if (r == 0)
			tls_blocks_warn(&key, "key", &conf->key, TLS_BLOCK_KEY |
			    TLS_BLOCK_CURVE | TLS_BLOCK_CERT);
		tls_file_wipe(&key);
	}
	if (r == 0) {
		tls_blocks_warn(&chain, "chain", &conf->chain,
		    conf->key.value != NULL ? TLS_BLOCK_CERT :
		    TLS_BLOCK_CERT | TLS_BLOCK_KEY | TLS_BLOCK_CURVE);
		tls_inspect(p, conf);
	}
	tls_file_wipe(&chain);
	return r;
}

static int
chain_load(SSL_CTX *ctx, const struct tls_file *f,
    const struct conf_str *path, struct err *err)
{
	X509 *x;
	BIO *bio;
	int n, r;

	ERR_clear_error();
	if ((bio = BIO_new_mem_buf(f->data, (int)f->len)) == NULL)
		return tls_file_error(err, "chain", path, "%s", tls_reason());
	r = 0;
	for (n = 0; r == 0; n++) {
		x = PEM_read_bio_X509_AUX(bio, NULL, refuse_password_cb, NULL);
		if (x == NULL)
			break;
		r = chain_add(ctx, x, n, path, err);
	}
	BIO_free(bio);
	if (r == -1)
		return -1;
	if (!end_of_certificates())
		return tls_file_error(err, "chain", path,
		    "certificate %d is damaged: %s", n + 1, tls_reason());
	if (n == 0)
		return tls_file_error(err, "chain", path,
		    "there is no certificate in the file");
	return 0;
}

/* Takes x. */
static int
chain_add(SSL_CTX *ctx, X509 *x, int n, const struct conf_str *path,
    struct err *err)
{
	int ok;

	if (n > 0) {
		if (SSL_CTX_add0_chain_cert(ctx, x))
			return 0;
		X509_free(x);
		return tls_file_error(err, "chain", path,
		    "certificate %d cannot be used: %s", n + 1, tls_reason());
	}
	ok = SSL_CTX_use_certificate(ctx, x);
	X509_free(x);
	if (!ok)
		return tls_file_error(err, "chain", path,
		    "the certificate cannot be used: %s", tls_reason());
	return 0;
}

static int
key_load(SSL_CTX *ctx, const struct tls_file *f,
    const struct conf_certificate *conf, struct err *err)
{
	const struct conf_str *path;
	const char *directive;
	EVP_PKEY *key;
	BIO *bio;
	bool encrypted;
	int r;

	directive = conf->key.value != NULL ? "key" : "chain";
	path = conf->key.value != NULL ? &conf->key : &conf->chain;
	ERR_clear_error();
	if ((bio = BIO_new_mem_buf(f->data, (int)f->len)) == NULL)
		return tls_file_error(err, directive, path, "%s",
		    tls_reason());
	encrypted = false;
	key = PEM_read_bio_PrivateKey(bio, NULL, refuse_password_cb,
	    &encrypted);
	BIO_free(bio);
	if (key != NULL) {
		r = key_use(ctx, key, directive, path, &conf->chain, err);
		EVP_PKEY_free(key);
		return r;
	}
	if (encrypted)
		return tls_file_error(err, directive, path,
		    "the private key is encrypted, and tlsherd does not ask "
		    "for passphrases; see openssl-pkey(1)");
	if (tls_file_has_key(f))
		return tls_file_error(err, directive, path,
		    "the private key is damaged: %s", tls_reason());
	return tls_file_error(err, directive, path,
	    "there is no private key in the file%s",
	    conf->key.value != NULL ? "" : ", and no key is given");
}

static int
key_use(SSL_CTX *ctx, EVP_PKEY *key, const char *directive,
    const struct conf_str *path, const struct conf_str *chain,
    struct err *err)
{
	int n;

	if (X509_check_private_key(SSL_CTX_get0_certificate(ctx), key) != 1 &&
	    (n = tls_inspect_owner(ctx, key)) > 0)
		return tls_file_error(err, directive, path,
		    "the private key is that of certificate %d in \"%s\", "
		    "which has to stand first there", n, chain->value);
	if (X509_check_private_key(SSL_CTX_get0_certificate(ctx), key) != 1)
		return tls_file_error(err, directive, path,
		    "the private key is not that of the certificate in "
		    "\"%s\"", chain->value);
	if (!SSL_CTX_use_PrivateKey(ctx, key))
		return tls_file_error(err, directive, path,
		    "the private key cannot be used: %s", tls_reason());
	return 0;
}

/* OpenSSL's own callback would prompt on the terminal. */
static int
refuse_password_cb(char *buf, int size, int rwflag, void *encrypted)
{
	if (encrypted != NULL)
		*(bool *)encrypted = true;
	return -1;
}

/* Whether PEM_read_bio_X509_AUX() gave up because there was none left. */
static bool
end_of_certificates(void)
{
	unsigned long e;

	e = ERR_peek_last_error();
	if (ERR_GET_LIB(e) != ERR_LIB_PEM ||
	    ERR_GET_REASON(e) != PEM_R_NO_START_LINE)
		return false;
	ERR_clear_error();
	return true;
}
