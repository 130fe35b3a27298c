/* SPDX-License-Identifier: ISC */
/*
 * What is doubtful about a chain that can be used: said as warnings, because
 * a wrong clock or a client of one's own that takes it must not keep a server
 * from starting. Master, at start and reload.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "tls/tls_int.h"

/* Certificates of a week, or of a day, are renewed later than others. */
#define SOON_DAYS 14
#define SOON_PART 3 /* of its life */
/* What 2,048 bits of RSA are worth, and 224 of a curve (SP 800-57). */
#define SAFE_BITS 112

static void check_dates(const X509 *, int, const struct conf_str *);
static time_t soon_before(const ASN1_TIME *, const ASN1_TIME *);
static void check_strength(X509 *, int, const struct conf_str *);
static void check_names(X509 *, const struct conf_certificate *);
static bool has_name(X509 *, const char *);
static void check_place(X509 *, STACK_OF(X509) *, int,
    const struct conf_str *);
static bool issues(X509 *, X509 *, STACK_OF(X509) *, int);
static const char *which(char *, size_t, int);
static const char *date(char *, size_t, const ASN1_TIME *);

void
tls_inspect(const struct tls_policy *p, const struct conf_certificate *conf)
{
	X509 *leaf = SSL_CTX_get0_certificate(p->ctx), *x;
	STACK_OF(X509) *more = NULL;
	int i;

	SSL_CTX_get0_chain_certs(p->ctx, &more);
	check_dates(leaf, 0, &conf->chain);
	check_strength(leaf, 0, &conf->chain);
	check_names(leaf, conf);
	for (i = 0; i < sk_X509_num(more); i++) {
		x = sk_X509_value(more, i);
		check_dates(x, i + 1, &conf->chain);
		check_strength(x, i + 1, &conf->chain);
		check_place(leaf, more, i, &conf->chain);
	}
	ERR_clear_error();
}

int
tls_inspect_owner(SSL_CTX *ctx, EVP_PKEY *key)
{
	STACK_OF(X509) *more = NULL;
	int i, found = 0;

	SSL_CTX_get0_chain_certs(ctx, &more);
	for (i = 0; i < sk_X509_num(more) && found == 0; i++)
		if (X509_check_private_key(sk_X509_value(more, i), key) == 1)
			found = i + 2;
	ERR_clear_error();
	return found;
}

static void
check_dates(const X509 *x, int n, const struct conf_str *path)
{
	const ASN1_TIME *end = X509_get0_notAfter(x);
	const ASN1_TIME *begin = X509_get0_notBefore(x);
	time_t soon = time(NULL) + soon_before(begin, end);
	char name[32], when[64];

	if (X509_cmp_current_time(end) < 0)
		tls_file_warn("chain", path, "%s has expired, on %s",
		    which(name, sizeof(name), n),
		    date(when, sizeof(when), end));
	else if (X509_cmp_current_time(begin) > 0)
		tls_file_warn("chain", path, "%s is not valid yet, but from "
		    "%s on", which(name, sizeof(name), n),
		    date(when, sizeof(when), begin));
	else if (X509_cmp_time(end, &soon) < 0)
		tls_file_warn("chain", path, "%s expires soon, on %s",
		    which(name, sizeof(name), n),
		    date(when, sizeof(when), end));
}

/* How many seconds before its end a certificate is worth a warning. */
static time_t
soon_before(const ASN1_TIME *begin, const ASN1_TIME *end)
{
	int days, seconds;

	if (!ASN1_TIME_diff(&days, &seconds, begin, end) ||
	    days / SOON_PART >= SOON_DAYS)
		return SOON_DAYS * 86400L;
	return (days * 86400L + seconds) / SOON_PART;
}

/* The signature of a root is nobody's business: it is known or not. */
static void
check_strength(X509 *x, int n, const struct conf_str *path)
{
	EVP_PKEY *key = X509_get0_pubkey(x);
	char name[32];
	int md;

	if (key != NULL && EVP_PKEY_get_security_bits(key) < SAFE_BITS)
		tls_file_warn("chain", path, "the key of %s has only %d bits",
		    which(name, sizeof(name), n), EVP_PKEY_get_bits(key));
	if ((X509_get_extension_flags(x) & EXFLAG_SS) == 0 &&
	    X509_get_signature_info(x, &md, NULL, NULL, NULL) &&
	    (md == NID_sha1 || md == NID_md5))
		tls_file_warn("chain", path, "%s is signed with %s, which "
		    "clients refuse", which(name, sizeof(name), n),
		    OBJ_nid2ln(md));
}

static void
check_names(X509 *leaf, const struct conf_certificate *conf)
{
	const char *first = NULL;
	size_t i, missing = 0;

	for (i = 0; i < conf->names.n; i++)
		if (!has_name(leaf, conf->names.v[i].value) && missing++ == 0)
			first = conf->names.v[i].value;
	if (missing == 1)
		tls_file_warn("chain", &conf->chain, "the certificate does not "
		    "have the name \"%s\"", first);
	else if (missing > 1)
		tls_file_warn("chain", &conf->chain, "the certificate does not "
		    "have the name \"%s\", nor %zu more of its names", first,
		    missing - 1);
}

/* "*.example.com" is there when any name of that form would do. */
static bool
has_name(X509 *leaf, const char *name)
{
	char host[512];

	if (name[0] != '*')
		return X509_check_host(leaf, name, 0, 0, NULL) == 1 ||
		    X509_check_ip_asc(leaf, name, 0) == 1;
	snprintf(host, sizeof(host), "any-name%s", name + 1);
	return X509_check_host(leaf, host, 0, 0, NULL) == 1;
}

/* Certificate i of those behind the leaf: does it help anybody? */
static void
check_place(X509 *leaf, STACK_OF(X509) *more, int i,
    const struct conf_str *path)
{
	X509 *x = sk_X509_value(more, i);

	if (X509_cmp(x, leaf) == 0)
		tls_file_warn("chain", path, "certificate %d is the server's "
		    "once more: it is sent twice", i + 2);
	else if (X509_check_ca(x) == 0)
		tls_file_warn("chain", path, "certificate %d is not a CA's, "
		    "and is sent as if it were: each server certificate needs "
		    "a file and a section of its own", i + 2);
	else if (!issues(x, leaf, more, i))
		tls_file_warn("chain", path, "certificate %d is foreign: it "
		    "has issued none of the others", i + 2);
}

static bool
issues(X509 *x, X509 *leaf, STACK_OF(X509) *more, int self)
{
	int i;

	if (X509_check_issued(x, leaf) == X509_V_OK)
		return true;
	for (i = 0; i < sk_X509_num(more); i++)
		if (i != self &&
		    X509_check_issued(x, sk_X509_value(more, i)) == X509_V_OK)
			return true;
	return false;
}

/* n: 0 for the leaf */
static const char *
which(char *buf, size_t size, int n)
{
	if (n == 0)
		return "the certificate";
	snprintf(buf, size, "certificate %d", n + 1);
	return buf;
}

static const char *
date(char *buf, size_t size, const ASN1_TIME *t)
{
	struct tm tm;

	if (!ASN1_TIME_to_tm(t, &tm) ||
	    strftime(buf, size, "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
		snprintf(buf, size, "a date that cannot be read");
	return buf;
}
