/* SPDX-License-Identifier: ISC */
/*
 * The policy of a certificate { } section towards clients: which certificates
 * they must have. Loading happens in the master; tls_policy_apply() in a
 * worker's ClientHello callback.
 */
#include "config.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include "tls/tls_int.h"

static int ca_load(struct tls_policy *, const struct tls_file *,
    const struct conf_str *, struct err *);
static bool ca_add(X509_STORE *, STACK_OF(X509_NAME) *, const X509_INFO *);
static int crl_load(struct tls_policy *, const struct tls_file *,
    const struct conf_str *, struct err *);
static STACK_OF(X509_INFO) *pem_read(const struct tls_file *);

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
	if (r == 0 && tls_context_set(p, conf->client_certificate, &ca,
		&crl) == -1)
		r = err_set(err, &conf->loc, "certificate \"%s\": %s",
		    conf->title, tls_reason());
	SSL_CTX_set_verify(p->ctx, p->verify_mode, NULL);
	SSL_CTX_set_verify_depth(p->ctx, p->verify_depth);
	tls_file_wipe(&ca);
	tls_file_wipe(&crl);
	return r;
}

/*
 * Put ssl under the policy. SSL_set_SSL_CTX() brings the certificate, the CAs
 * and the CRLs (which hang on the SSL_CTX's store for that reason), but
 * SSL_new() has copied the rest from the default policy, which is where
 * CVE-2025-23419 comes from.
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
	return tls_early_apply(p, ssl);
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
