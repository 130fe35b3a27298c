/* SPDX-License-Identifier: ISC */
/*
 * What the log and services may know about a connection's TLS. Worker. Before
 * the ClientHello there is nothing to know, and the functions say so.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include "tls/tls_int.h"

enum tls_resumed
tls_resumed(const SSL *ssl)
{
	bool stateful;

	if (!SSL_session_reused(ssl))
		return TLS_RESUMED_FULL;
	stateful = (SSL_get_options(ssl) & SSL_OP_NO_TICKET) != 0;
	if (!stateful)
		return TLS_RESUMED_TICKET;
	return SSL_version(ssl) < TLS1_3_VERSION ? TLS_RESUMED_ID :
	    TLS_RESUMED_STATEFUL;
}

const char *
tls_resumed_name(enum tls_resumed r)
{
	static const char *const names[] = {
		[TLS_RESUMED_FULL] = "full",
		[TLS_RESUMED_ID] = "id",
		[TLS_RESUMED_TICKET] = "ticket",
		[TLS_RESUMED_STATEFUL] = "stateful",
	};

	return names[r];
}

int
tls_session_worker(const SSL *ssl)
{
	const struct tls_peer *peer;

	peer = tls_peer(ssl);
	return peer != NULL ? peer->session_worker : -1;
}

const char *
tls_server_name(const SSL *ssl)
{
	const struct tls_peer *peer;

	peer = tls_peer(ssl);
	return peer != NULL && peer->name[0] != '\0' ? peer->name : NULL;
}

/*
 * OpenSSL chooses a version after the ClientHello callback. When it finds none
 * its SSL has the one that the client named for older servers.
 */
void
tls_failed(SSL *ssl)
{
	struct tls_peer *peer = tls_peer(ssl);

	if (peer == NULL)
		return;
	switch (ERR_GET_REASON(ERR_peek_error())) {
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_UNKNOWN_PROTOCOL:
	case SSL_R_VERSION_TOO_LOW:
	case SSL_R_VERSION_TOO_HIGH:
	case SSL_R_BAD_LEGACY_VERSION:
	case SSL_R_WRONG_SSL_VERSION:
	case SSL_R_LENGTH_MISMATCH:
		peer->unversioned = true;
		break;
	default:
		break;
	}
	tls_early_failed(peer);
}

const char *
tls_negotiated(const SSL *ssl)
{
	const struct tls_peer *peer = tls_peer(ssl);

	return peer != NULL && peer->accepted && !peer->unversioned ?
	    SSL_get_version(ssl) : "-";
}

const char *
tls_certificate_title(const SSL *ssl)
{
	const struct tls_peer *peer;

	peer = tls_peer(ssl);
	return peer == NULL || !peer->rejected ? tls_policy(ssl)->title : NULL;
}

bool
tls_ticket_too_large(const SSL *ssl)
{
	const struct tls_peer *peer = tls_peer(ssl);

	return peer != NULL && peer->no_ticket;
}

const char *
tls_client_verdict(const SSL *ssl)
{
	static const struct {
		long code;
		const char *name;
	} verdicts[] = {
		{ X509_V_ERR_CERT_HAS_EXPIRED, "expired" },
		{ X509_V_ERR_CERT_NOT_YET_VALID, "not_yet_valid" },
		{ X509_V_ERR_CERT_REVOKED, "revoked" },
		{ X509_V_ERR_UNABLE_TO_GET_CRL, "no_crl" },
		{ X509_V_ERR_CRL_HAS_EXPIRED, "crl_expired" },
		{ X509_V_ERR_CERT_CHAIN_TOO_LONG, "chain_too_long" },
		{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "unknown_ca" },
		{ X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, "unknown_ca" },
		{ X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "self_signed" },
		{ X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, "unknown_ca" },
		{ X509_V_ERR_INVALID_PURPOSE, "wrong_purpose" },
		{ X509_V_ERR_APPLICATION_VERIFICATION, "too_large" },
	};
	long code;
	size_t i;

	if ((code = SSL_get_verify_result(ssl)) == X509_V_OK)
		return SSL_get0_peer_certificate(ssl) != NULL ? "ok" : "none";
	for (i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++)
		if (verdicts[i].code == code)
			return verdicts[i].name;
	return "invalid";
}

const char *
tls_group(SSL *ssl)
{
	const char *name;
	int id;

	if (SSL_get_session(ssl) == NULL)
		return "-"; /* where OpenSSL would look for it */
	/* A TLS 1.2 resumption would show the group of the full handshake. */
	if (SSL_session_reused(ssl) && SSL_version(ssl) < TLS1_3_VERSION)
		return "-";
	if ((id = (int)SSL_get_negotiated_group(ssl)) == 0)
		return "-";
	name = SSL_group_to_name(ssl, id);
	return name != NULL ? name : "-";
}

const char *
tls_version(void)
{
	return OpenSSL_version(OPENSSL_VERSION);
}

void
tls_error_clear(void)
{
	if (ERR_peek_error() != 0)
		ERR_clear_error();
}

void
tls_error_text(char *buf, size_t size)
{
	unsigned long e;
	const char *reason;
	char *p;

	e = ERR_get_error();
	ERR_clear_error();
	reason = ERR_SYSTEM_ERROR(e) ? strerror(ERR_GET_REASON(e)) :
	    ERR_reason_error_string(e);
	if (e == 0)
		snprintf(buf, size, "-");
	else if (reason != NULL)
		snprintf(buf, size, "%s", reason);
	else
		snprintf(buf, size, "openssl_%08lx", e);
	for (p = buf; *p != '\0'; p++)
		if (*p == ' ')
			*p = '_';
}
