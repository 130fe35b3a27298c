/* SPDX-License-Identifier: ISC */
/*
 * SSL_SESSION to bytes and back. The bytes are the DER of OpenSSL with the
 * session id taken out: who asks for an entry knows its id.
 */
#ifndef TLSC_SESSION_INT_H
#define TLSC_SESSION_INT_H

#include <stddef.h>

#include <openssl/ssl.h>

/*
 * Encode into buf (size bytes). Returns the length, which is more than size
 * when buf is too small (nothing is written then), or 0 when OpenSSL failed.
 * The session is changed for the duration of the call; it must not be in use
 * elsewhere.
 */
size_t tlsc_session_encode(SSL_SESSION *, unsigned char *buf, size_t size);

/*
 * Decode bytes that anybody may have written, and give the session its id
 * back. NULL when they are not one whole session. The caller frees it. Leaves
 * OpenSSL's error queue as it was.
 */
SSL_SESSION *tlsc_session_decode(const unsigned char *buf, size_t len,
    const unsigned char *id, size_t idlen);

/* attach.c: the cache of the SSL_CTX that ssl is in now; NULL: none. */
struct tlscache *tlsc_ssl_cache(const SSL *);

#endif
