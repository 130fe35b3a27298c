/* SPDX-License-Identifier: ISC */
/*
 * Both ends of a TLS connection for the tests of attach.c and keys.c: the
 * client in the test's process, the server there too or in a forked one.
 * Whatever goes wrong that is not the test's subject fails the test.
 */
#ifndef TEST_SSL_PEER_H
#define TEST_SSL_PEER_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/ssl.h>

/* A server with a certificate and the id context "test"; version 0: any. */
SSL_CTX *peer_server_ctx(int version);

/* A client that collects the sessions that it is given. */
SSL_CTX *peer_client_ctx(int version);

/* Give a client a certificate that is about `size` bytes of DER. */
void peer_client_certificate(SSL_CTX *, size_t size);

enum peer_close {
	PEER_CLOSE_ORDERLY, /* both send close_notify */
	PEER_CLOSE_ABRUPT,  /* the client just goes; the server sends one */
	PEER_CLOSE_FREED,   /* the server frees its end without sending one */
	PEER_CLOSE_GARBAGE  /* the client sends a damaged record */
};

struct peer_result {
	bool ok;	      /* both ends finished the handshake */
	bool resumed;	      /* both ends say so */
	bool errors_left;     /* the server's OpenSSL queue is not empty */
	size_t client_der;    /* DER size of the client certificate it saw */
	unsigned tickets;     /* sessions that the client got in TLS 1.3 */
	SSL_SESSION *session; /* the client's now; the caller frees it */
};

/*
 * One connection. offer may be NULL; it can be offered again. Afterwards the
 * SSLs are freed.
 */
struct peer_result peer_connect(SSL_CTX *server, SSL_CTX *client,
    SSL_SESSION *offer, enum peer_close);

/* The same with the server in a process of its own. */
struct peer_result peer_connect_forked(SSL_CTX *server, SSL_CTX *client,
    SSL_SESSION *offer);

/* What names a session at the server: TLS 1.2's id, TLS 1.3's ticket. */
const unsigned char *peer_session_name(const SSL_SESSION *, size_t *len);

#endif
