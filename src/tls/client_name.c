/* SPDX-License-Identifier: ISC */
/* Who a client is, by its certificate; see tls.h. Worker. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "tls/tls_int.h"

static X509 *certificate(const SSL *);

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
