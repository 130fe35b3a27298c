/* SPDX-License-Identifier: ISC */
/*
 * SSL_SESSION to bytes and back: what is stored of a session. Called by the
 * callbacks of attach.c, in the worker.
 *
 * The stored form is OpenSSL's own DER, with an empty session id: 32 of the
 * 136 bytes of a plain TLS 1.3 session would repeat the entry's key. What is
 * read back comes from shared memory, so it is as good as what a stranger
 * sends: it must decode, without a byte left over.
 */
#include "config.h"

#include <limits.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "session_int.h"

size_t
tlsc_session_encode(SSL_SESSION *session, unsigned char *buf, size_t size)
{
	unsigned char id[SSL_MAX_SSL_SESSION_ID_LENGTH];
	unsigned char *p = buf;
	const unsigned char *cur;
	unsigned int idlen;
	int len;

	cur = SSL_SESSION_get_id(session, &idlen);
	if (idlen > sizeof(id))
		return 0;
	memcpy(id, cur, idlen);

	ERR_set_mark();
	len = 0;
	if (SSL_SESSION_set1_id(session, id, 0) == 1) {
		len = i2d_SSL_SESSION(session, NULL);
		if (len > 0 && (size_t)len <= size)
			len = i2d_SSL_SESSION(session, &p);
		if (SSL_SESSION_set1_id(session, id, idlen) != 1)
			len = 0;
	}
	ERR_pop_to_mark();
	return len > 0 ? (size_t)len : 0;
}

SSL_SESSION *
tlsc_session_decode(const unsigned char *buf, size_t len,
    const unsigned char *id, size_t idlen)
{
	const unsigned char *p = buf;
	SSL_SESSION *session;

	if (len > LONG_MAX || idlen > SSL_MAX_SSL_SESSION_ID_LENGTH)
		return NULL;
	ERR_set_mark();
	session = d2i_SSL_SESSION(NULL, &p, (long)len);
	if (session != NULL && (p != buf + len ||
	    SSL_SESSION_set1_id(session, id, (unsigned int)idlen) != 1)) {
		SSL_SESSION_free(session);
		session = NULL;
	}
	ERR_pop_to_mark();
	return session;
}
