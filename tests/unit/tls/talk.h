/* SPDX-License-Identifier: ISC */
/* A client that shakes hands with a front, in memory. */
#ifndef TEST_TLS_TALK_H
#define TEST_TLS_TALK_H

#include <stdbool.h>

#include <openssl/ssl.h>

#include "pki.h"
#include "tls/tls.h"

/* What the client does; all zero: TLS 1.3, no name, nothing to resume. */
struct talk_how {
	int version; /* 0: TLS1_3_VERSION */
	int minimum; /* 0: version */
	const char *sni;
	SSL_SESSION *session; /* to resume */
	const struct pki *cert;
	const struct pki *chain; /* sent behind cert */
	const struct pki *chain2; /* and this one behind it */
	const char *alpn;	 /* "2:h2" as the extension has it: "\2h2" */
	const char *ciphers;	 /* of TLS 1.2 */
	const char *groups;
	const char *sni_again; /* in the ClientHello after a retry */
	const char *early;     /* early data */
	/* Change the bytes of the ClientHello. */
	void (*spoil)(unsigned char *, size_t, int arg);
	int arg;
};

struct talk {
	SSL *server;
	SSL *client;
	bool ok;	      /* both ends are done */
	int alert;	      /* that the client got; -1: none */
	char error[64];	      /* tls_error_text() of the server's failure */
	bool verified;	      /* the client was asked for a certificate */
	SSL_SESSION *session; /* the latest that the client got; NULL: none */
	unsigned sessions;    /* how many it got */
	bool early_try;	      /* the server reads early data */
	char early[64];	      /* what it has read */
	enum tls_early verdict; /* on early data */
};

struct talk *talk_new(struct tls_front *, const struct talk_how *);
void talk_free(struct talk *);

/* A handshake that must succeed; returns the session it gave the client. */
SSL_SESSION *talk_session(struct tls_front *, const struct talk_how *);
/* A handshake that must succeed; returns how it came about. */
enum tls_resumed talk_resumed(struct tls_front *, const struct talk_how *);
/* A handshake that must fail with this alert. */
void talk_refused(struct tls_front *, const struct talk_how *, int alert);

#endif
