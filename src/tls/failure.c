/* SPDX-License-Identifier: ISC */
/*
 * Why a handshake failed, in the words of stats/handshake_failure.def: what
 * OpenSSL says in its error queue. Worker.
 */
#include "config.h"

#include <openssl/err.h>

#include "tls/tls_int.h"

static const struct {
	int reason; /* SSL_R_* */
	enum handshake_failure failure;
} reasons[] = {
	{ SSL_R_UNSUPPORTED_PROTOCOL, FAILURE_VERSION },
	{ SSL_R_UNKNOWN_PROTOCOL, FAILURE_VERSION },
	{ SSL_R_VERSION_TOO_LOW, FAILURE_VERSION },
	{ SSL_R_VERSION_TOO_HIGH, FAILURE_VERSION },
	{ SSL_R_BAD_LEGACY_VERSION, FAILURE_VERSION },
	{ SSL_R_INAPPROPRIATE_FALLBACK, FAILURE_VERSION },
	{ SSL_R_NO_SHARED_CIPHER, FAILURE_CIPHER },
	{ SSL_R_NO_SUITABLE_KEY_SHARE, FAILURE_GROUP },
	{ SSL_R_NO_SUITABLE_GROUPS, FAILURE_GROUP },
	{ SSL_R_NO_SHARED_GROUPS, FAILURE_GROUP },
	{ SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS, FAILURE_SIGNATURE },
	{ SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, FAILURE_SIGNATURE },
	{ SSL_R_NO_SUITABLE_DIGEST_ALGORITHM, FAILURE_SIGNATURE },
	{ SSL_R_NO_APPLICATION_PROTOCOL, FAILURE_ALPN },
	{ SSL_R_CERTIFICATE_VERIFY_FAILED, FAILURE_CLIENT_CERTIFICATE },
	{ SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, FAILURE_CLIENT_CERTIFICATE },
	{ SSL_R_TLSV1_ALERT_UNKNOWN_CA, FAILURE_UNKNOWN_CA },
	{ SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, FAILURE_BAD_CERTIFICATE },
	{ SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE, FAILURE_BAD_CERTIFICATE },
	{ SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED, FAILURE_BAD_CERTIFICATE },
	{ SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, FAILURE_BAD_CERTIFICATE },
	{ SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, FAILURE_BAD_CERTIFICATE },
};

enum handshake_failure
tls_failure(const struct tls_peer *peer)
{
	unsigned long e = ERR_peek_error();
	int reason = ERR_GET_REASON(e);
	size_t i;

	if (ERR_GET_LIB(e) != ERR_LIB_SSL)
		return ERR_GET_REASON(e) == ERR_R_MALLOC_FAILURE ?
		    FAILURE_INTERNAL : FAILURE_PROTOCOL;
	if (peer != NULL && peer->rejected)
		return FAILURE_NAME;
	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].reason == reason)
			return reasons[i].failure;
	/* OpenSSL's reason for an alert is its number and so much more. */
	return reason > SSL_AD_REASON_OFFSET &&
	    reason < SSL_AD_REASON_OFFSET + 256 ? FAILURE_ALERT :
	    FAILURE_PROTOCOL;
}
