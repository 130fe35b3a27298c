/* SPDX-License-Identifier: ISC */
/*
 * The policy of a certificate { } section towards clients: which certificates
 * they must have. Loading happens in the master; tls_policy_apply() in a
 * worker's ClientHello callback.
 */
#include "config.h"

#include <assert.h>

#include <openssl/err.h>
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
		    (r = tls_crl_load(p, &crl, &conf->crl, err)) == 0)
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
 * first certificate that is in the file; crl.c has it otherwise where there are
 * revocation lists.
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
	if ((infos = tls_file_pem(f)) == NULL)
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
