/* SPDX-License-Identifier: ISC */
/*
 * How a connection came about, as far as it was our choice, and OpenSSL's errors
 * in words. What is known of the client is in peer.c. Worker.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <openssl/err.h>

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
