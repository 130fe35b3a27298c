/* SPDX-License-Identifier: ISC */
/*
 * Sessions made by OpenSSL: client and server in this process, with nothing
 * but memory between them, and a server that keeps them in a cache.
 */
#ifndef CACHE_PEER_H
#define CACHE_PEER_H

#include <openssl/ssl.h>

#include "tlscache.h"

struct peer_shape {
	const char *label;
	int version;	  /* TLS1_2_VERSION: by id; TLS1_3_VERSION: stateful */
	const char *name; /* the server's, asked for; NULL: none */
	const char *cert; /* kind of key of the client's: EC, RSA; NULL: none */
	size_t id_context; /* bytes */
	size_t note;	  /* bytes that the server notes in the session */
};

struct peer;

struct peer *peer_new(const struct peer_shape *, struct tlscache *);
void peer_free(struct peer *);

/*
 * A full handshake. What the cache has then: its length, and the bytes in
 * buf. Fails as bench_fail() does.
 */
size_t peer_session(struct peer *, unsigned char buf[TLSCACHE_DATA_MAX]);

#endif
