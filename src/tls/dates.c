/* SPDX-License-Identifier: ISC */
/*
 * Until when what was loaded is good: certificates and lists of revoked ones.
 * Master, when somebody asks.
 */
#include "config.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include "tls/tls_int.h"

static int64_t end_of_chain(SSL_CTX *, int64_t);
static int64_t first_crl(X509_STORE *);
static int64_t seconds(const ASN1_TIME *);

bool
tls_front_dates(const struct tls_front *front, size_t i,
    struct tls_dates *dates)
{
	SSL_CTX *ctx;
	const X509 *leaf;

	if (i >= front->npolicies)
		return false;
	ctx = front->policies[i].ctx;
	leaf = SSL_CTX_get0_certificate(ctx);
	dates->not_after = leaf != NULL ? seconds(X509_get0_notAfter(leaf)) :
	    0;
	dates->chain_end = end_of_chain(ctx, dates->not_after);
	dates->crl_due = first_crl(SSL_CTX_get_cert_store(ctx));
	ERR_clear_error();
	return true;
}

static int64_t
end_of_chain(SSL_CTX *ctx, int64_t end)
{
	STACK_OF(X509) *more = NULL;
	int64_t t;
	int i;

	SSL_CTX_get0_chain_certs(ctx, &more);
	for (i = 0; i < sk_X509_num(more); i++) {
		t = seconds(X509_get0_notAfter(sk_X509_value(more, i)));
		if (t < end)
			end = t;
	}
	return end;
}

static int64_t
first_crl(X509_STORE *store)
{
	STACK_OF(X509_OBJECT) *all = X509_STORE_get0_objects(store);
	const ASN1_TIME *next;
	int64_t t, first = 0;
	X509_CRL *crl;
	int i;

	for (i = 0; i < sk_X509_OBJECT_num(all); i++) {
		crl = X509_OBJECT_get0_X509_CRL(sk_X509_OBJECT_value(all, i));
		if (crl == NULL ||
		    (next = X509_CRL_get0_nextUpdate(crl)) == NULL)
			continue;
		t = seconds(next);
		if (first == 0 || t < first)
			first = t;
	}
	return first;
}

/* Since 1970. ASN1_TIME_diff() knows no time_t, but the beginning has a name. */
static int64_t
seconds(const ASN1_TIME *t)
{
	ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	int days = 0, rest = 0;

	if (epoch == NULL || !ASN1_TIME_diff(&days, &rest, epoch, t))
		days = rest = 0;
	ASN1_TIME_free(epoch);
	return (int64_t)days * 86400 + rest;
}
