/* SPDX-License-Identifier: ISC */
/*
 * The policy of a certificate { } section towards clients: which certificates
 * they must have. Loading happens in the master; tls_policy_apply() in a
 * worker's ClientHello callback.
 */
#include "config.h"

#include <assert.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include "tls/tls_int.h"

/*
 * Bytes of a CertificateRequest that the names of CAs may take: it has 16 bits
 * for their length, in TLS 1.3 for all its extensions (RFC 8446 4.3.2). And
 * what Java takes of any message, less what else is in it.
 */
#define CA_NAMES_MAX (63u << 10)
#define CA_NAMES_MANY (31u << 10)

/*
 * OpenSSL refuses to make a ticket of a session with more than 65,280 bytes,
 * and ends the connection. A client's certificate has so many of them.
 */
#define TICKET_CERT_MAX 64000

static int verify_cb(X509_STORE_CTX *, void *);
static int ca_load(struct tls_policy *, const struct tls_file *,
    const struct conf_str *, struct err *);
static bool ca_add(X509_STORE *, STACK_OF(X509_NAME) *, const X509_INFO *);
static void ca_announce(struct tls_policy *, STACK_OF(X509_NAME) *,
    const struct conf_str *);
static int crl_load(struct tls_policy *, const struct tls_file *,
    const struct conf_str *, struct err *);
static bool check_revocation(X509_STORE *);
static bool trust_tops(X509_STORE *);
static int crl_missing_cb(int, X509_STORE_CTX *);
static bool about_list(int);
static bool issuer_known(X509_STORE_CTX *, X509 *);
static bool listed(const X509_STORE_CTX *, X509 *);
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
		assert(conf->ca.value != NULL);
		if ((r = tls_file_read(&ca, "ca", &conf->ca, err)) == 0)
			r = ca_load(p, &ca, &conf->ca, err);
		if (r == 0)
			tls_blocks_warn(&ca, "ca", &conf->ca, TLS_BLOCK_CERT);
		if (r == 0 && conf->crl.value != NULL &&
		    (r = tls_file_read(&crl, "crl", &conf->crl, err)) == 0 &&
		    (r = crl_load(p, &crl, &conf->crl, err)) == 0)
			tls_blocks_warn(&crl, "crl", &conf->crl, TLS_BLOCK_CRL);
	}
	if (r == 0 && tls_context_set(p, conf->client_certificate, &ca,
		&crl) == -1)
		r = err_set(err, &conf->loc, "certificate \"%s\": %s",
		    conf->title, tls_reason());
	SSL_CTX_set_verify(p->ctx, p->verify_mode, NULL);
	SSL_CTX_set_verify_depth(p->ctx, p->verify_depth);
	if (p->verify_mode != SSL_VERIFY_NONE &&
	    p->front->resumption == CONF_RESUME_TICKETS)
		SSL_CTX_set_cert_verify_callback(p->ctx, verify_cb, NULL);
	tls_file_wipe(&ca);
	tls_file_wipe(&crl);
	return r;
}

/*
 * Where there are stateless tickets. TLS 1.3 can do without one; in TLS 1.2
 * it has been promised by now, so that the client is refused.
 */
static int
verify_cb(X509_STORE_CTX *ctx, void *unused)
{
	SSL *ssl;

	if (i2d_X509(X509_STORE_CTX_get0_cert(ctx), NULL) <= TICKET_CERT_MAX)
		return X509_verify_cert(ctx);
	ssl = X509_STORE_CTX_get_ex_data(ctx,
	    SSL_get_ex_data_X509_STORE_CTX_idx());
	if (SSL_version(ssl) < TLS1_3_VERSION && !tls_peer(ssl)->wants_ticket)
		return X509_verify_cert(ctx);
	tls_peer(ssl)->no_ticket = true;
	SSL_set_num_tickets(ssl, 0);
	if (SSL_version(ssl) >= TLS1_3_VERSION)
		return X509_verify_cert(ctx);
	X509_STORE_CTX_set_error(ctx, X509_V_ERR_APPLICATION_VERIFICATION);
	return 0;
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
 * that one, and not everything else below its root. So a chain ends at the
 * first certificate that is in the file; trust_tops() has it otherwise where
 * there are revocation lists.
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
	ca_announce(p, names, path);
	return 0;
}

static bool
ca_add(X509_STORE *store, STACK_OF(X509_NAME) *names, const X509_INFO *info)
{
	X509_NAME *name = X509_get_subject_name(info->x509);
	bool known;

	known = X509_OBJECT_idx_by_subject(X509_STORE_get0_objects(store),
	    X509_LU_X509, name) >= 0;
	if (!X509_STORE_add_cert(store, info->x509))
		return false;
	if (known)
		return true;
	if ((name = X509_NAME_dup(name)) == NULL)
		return false;
	if (sk_X509_NAME_push(names, name) > 0)
		return true;
	X509_NAME_free(name);
	return false;
}

/* Takes the names. */
static void
ca_announce(struct tls_policy *p, STACK_OF(X509_NAME) *names,
    const struct conf_str *path)
{
	size_t size;
	int i, len;

	for (i = 0, size = 0; i < sk_X509_NAME_num(names); i++) {
		len = i2d_X509_NAME(sk_X509_NAME_value(names, i), NULL);
		size += 2 + (len > 0 ? (size_t)len : 0);
	}
	if (size > CA_NAMES_MAX) {
		tls_file_warn("ca", path, "the names of %d CAs take %zu bytes, "
		    "and a handshake has room for %u: none is announced to "
		    "clients, which have to choose their certificate without",
		    sk_X509_NAME_num(names), size, CA_NAMES_MAX);
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		names = sk_X509_NAME_new_null();
		size = 0;
	} else if (size > CA_NAMES_MANY)
		tls_file_warn("ca", path, "the names of %d CAs take %zu bytes; "
		    "some clients, such as Java's, refuse more than %u",
		    sk_X509_NAME_num(names), size, CA_NAMES_MANY);
	p->ca_size = size;
	SSL_CTX_set_client_CA_list(p->ctx, names);
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
	if (!check_revocation(store))
		return tls_file_error(err, "crl", path, "%s", tls_reason());
	return 0;
}

/*
 * All of it hangs on the store, as the lists do: SSL_set_verify() with a
 * callback of NULL leaves the one of another policy where it is.
 */
static bool
check_revocation(X509_STORE *store)
{
	X509_STORE_set_verify_cb(store, crl_missing_cb);
	return X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK |
		   X509_V_FLAG_CRL_CHECK_ALL) &&
	    X509_VERIFY_PARAM_clear_flags(X509_STORE_get0_param(store),
		X509_V_FLAG_PARTIAL_CHAIN) &&
	    trust_tops(store);
}

/*
 * Whether an intermediate CA is revoked is known to its issuer, so a chain must
 * not end there while ca has the issuer. Besides roots, OpenSSL ends a chain at
 * what is trusted by itself: those whose issuer is not in ca. What a "TRUSTED
 * CERTIFICATE" says of itself stays as it is.
 */
static bool
trust_tops(X509_STORE *store)
{
	STACK_OF(X509) *all;
	X509_STORE_CTX *ctx;
	X509 *x;
	bool ok;
	int i;

	all = X509_STORE_get1_all_certs(store);
	ctx = X509_STORE_CTX_new();
	ok = all != NULL && ctx != NULL &&
	    X509_STORE_CTX_init(ctx, store, NULL, NULL);
	for (i = 0; ok && i < sk_X509_num(all); i++) {
		x = sk_X509_value(all, i);
		if (X509_get0_trust_objects(x) == NULL &&
		    !issuer_known(ctx, x))
			ok = X509_add1_trust_object(x,
			    OBJ_nid2obj(NID_client_auth));
	}
	X509_STORE_CTX_free(ctx);
	sk_X509_pop_free(all, X509_free);
	return ok;
}

/*
 * OpenSSL wants a list for every certificate of a chain, also for the last
 * one. If the issuer of that, who alone could sign the list, is not in ca, the
 * list cannot be had, and it is no error that it is missing.
 *
 * A client cannot bring this about: lists are looked for when the chain is
 * complete and trusted, so its last certificate is one of ca, and its issuer is
 * looked up in ca alone. All that stands below, and the client's own
 * certificate wherever it stands, need their lists. One of the missing issuer
 * cannot be checked, but who puts it into crl means it: what it revokes is
 * revoked.
 */
static int
crl_missing_cb(int ok, X509_STORE_CTX *ctx)
{
	X509 *x;
	int depth;

	depth = X509_STORE_CTX_get_error_depth(ctx);
	x = X509_STORE_CTX_get_current_cert(ctx);
	if (ok || depth == 0 ||
	    depth != sk_X509_num(X509_STORE_CTX_get0_chain(ctx)) - 1 ||
	    !about_list(X509_STORE_CTX_get_error(ctx)) || issuer_known(ctx, x))
		return ok;
	if (listed(ctx, x)) {
		X509_STORE_CTX_set_error(ctx, X509_V_ERR_CERT_REVOKED);
		return 0;
	}
	/* SSL_get_error() would take what is in the queue for its own. */
	ERR_clear_error();
	X509_STORE_CTX_set_error(ctx, X509_V_OK);
	return 1;
}

/* A list without a key identifier is tried with the wrong key. */
static bool
about_list(int error)
{
	switch (error) {
	case X509_V_ERR_UNABLE_TO_GET_CRL:
	case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
	case X509_V_ERR_CRL_SIGNATURE_FAILURE:
	case X509_V_ERR_CRL_NOT_YET_VALID:
	case X509_V_ERR_CRL_HAS_EXPIRED:
		return true;
	default:
		return false;
	}
}

/* Whether the issuer of x is in ca. A root is its own. */
static bool
issuer_known(X509_STORE_CTX *ctx, X509 *x)
{
	X509 *issuer = NULL;
	int r;

	r = X509_STORE_CTX_get1_issuer(&issuer, ctx, x);
	X509_free(issuer);
	return r != 0;
}

static bool
listed(const X509_STORE_CTX *ctx, X509 *x)
{
	STACK_OF(X509_CRL) *crls;
	X509_REVOKED *unused;
	bool found = false;
	int i;

	crls = X509_STORE_CTX_get1_crls(ctx, X509_get_issuer_name(x));
	for (i = 0; i < sk_X509_CRL_num(crls); i++)
		if (X509_CRL_get0_by_cert(sk_X509_CRL_value(crls, i), &unused,
			x) == 1)
			found = true;
	sk_X509_CRL_pop_free(crls, X509_CRL_free);
	return found;
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
