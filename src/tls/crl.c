/* SPDX-License-Identifier: ISC */
/*
 * Lists of revoked client certificates: loading them, which happens in the
 * master, and what a chain must have of them, in a worker's handshake.
 */
#include "config.h"

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include "tls/tls_int.h"

static bool check_revocation(X509_STORE *);
static bool trust_tops(X509_STORE *);
static int crl_missing_cb(int, X509_STORE_CTX *);
static bool about_list(int);
static bool issuer_known(X509_STORE_CTX *, X509 *);
static bool listed(const X509_STORE_CTX *, X509 *);

int
tls_crl_load(struct tls_policy *p, const struct tls_file *f,
    const struct conf_str *path, struct err *err)
{
	STACK_OF(X509_INFO) *infos;
	X509_STORE *store;
	X509_CRL *crl;
	int i, n, r;

	store = SSL_CTX_get_cert_store(p->ctx);
	if ((infos = tls_file_pem(f)) == NULL)
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
