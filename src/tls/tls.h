/* SPDX-License-Identifier: ISC */
/*
 * TLS of a listener: what the configuration says, as SSL_CTXs. Made by the
 * master (files are read here, with root's rights), used by the workers. One
 * SSL_CTX per certificate { } section; the ClientHello callback chooses by
 * server name, which is the one callback that comes before OpenSSL looks at
 * sessions, so that a session resumes only under the policy that made it.
 */
#ifndef TLS_TLS_H
#define TLS_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "base/err.h"
#include "conf/conf.h"
#include "stats/scoreboard.h"

struct tlscache;
struct tlscache_keys;

/* What all listeners share. The master owns it. */
struct tls_shared {
	struct tlscache *sessions;
	struct tlscache_keys *keys;
	int64_t session_timeout; /* seconds */
};

struct tls_front; /* the TLS side of one listener */

/*
 * Begin the TLS side of a listener. Both arguments are used until it is
 * loaded. NULL with the error text on failure.
 */
struct tls_front *tls_front_new(const struct conf_listen *,
    const struct tls_shared *, struct err *);
/*
 * Load the next certificate { } section: there may be thousands, at a
 * millisecond each, so that the caller sees to other things in between. Reads
 * certificate, key, CAs and CRLs. 1 as long as it is to be called again, 0
 * when the front is complete, or -1 with the error text (file:line of the
 * directive, the file and what is wrong with it, OpenSSL's reason).
 */
int tls_front_load(struct tls_front *, struct err *);
/* At any time. NULL is allowed. */
void tls_front_free(struct tls_front *);

/*
 * Until when section i of a loaded front is good, in seconds since 1970. False
 * when there is no such section.
 */
struct tls_dates {
	int64_t not_after; /* the certificate; 0: cannot be read */
	int64_t chain_end; /* what ends first of all in its file */
	int64_t crl_due;   /* the first list of revoked ones; 0: none */
};
bool tls_front_dates(const struct tls_front *, size_t i, struct tls_dates *);

/*
 * In a worker: whose sessions these are, noted in every session made here
 * (see tls_session_worker()). The number has 16 bits.
 */
void tls_front_set_worker(struct tls_front *, unsigned worker);

/*
 * A server-side SSL for a new connection, without BIOs. The caller frees it
 * with SSL_free(). NULL when memory ran out.
 */
SSL *tls_front_accept(struct tls_front *);

/*
 * Read the `tickets { keys }` files into the ring, or go back to keys of our
 * own when there are none. 0, or -1 with the error text.
 */
int tls_keys_load(struct tlscache_keys *, const struct conf *, struct err *);
/* Make a ring. TLSCACHE_OK, or what failed. */
int tls_keys_open(struct tlscache_keys **, const struct conf *);
/*
 * The ring is shared with the generation that serves and follows the new one
 * when this serves; until then a ring of its own says whether it can. 0, or -1
 * with the error text.
 */
int tls_keys_check(const struct conf *, struct err *);
void tls_keys_follow(struct tlscache_keys *, const struct conf *);
/* To be called once a second. */
void tls_keys_rotate(struct tlscache_keys *, const struct conf *);

/* How the handshake of ssl came about; for the log and trace. */
enum tls_resumed {
	TLS_RESUMED_FULL,     /* "full": not at all */
	TLS_RESUMED_ID,	      /* "id": TLS 1.2 session id */
	TLS_RESUMED_TICKET,   /* "ticket": stateless ticket, TLS 1.2 or 1.3 */
	TLS_RESUMED_STATEFUL, /* "stateful": TLS 1.3 ticket naming a session */
};
enum tls_resumed tls_resumed(const SSL *);
const char *tls_resumed_name(enum tls_resumed);

/*
 * Early data (0-RTT). If a front accepts them under any policy its connections
 * begin with SSL_read_early_data(), until that has nothing more to read.
 */
enum tls_early {
	TLS_EARLY_NONE, /* "none": the client sent none */
#define X(ID, name, doc) TLS_EARLY_##ID,
#include "tls/early.def"
#undef X
};
bool tls_front_early_data(const struct tls_front *);
/* Whether the service gets them only after the client's Finished. */
bool tls_early_postponed(const SSL *);
/*
 * To be called when SSL_read_early_data() has nothing more to read.
 */
void tls_early_settle(SSL *);
/* Whether the client offered some. */
bool tls_early_sent(const SSL *);
/* What is known so far of what became of them. */
enum tls_early tls_early(const SSL *);
const char *tls_early_name(enum tls_early);

/*
 * The worker that made the session in use: -1 when the note in the session is
 * missing. After a full handshake this is the worker itself.
 */
int tls_session_worker(const SSL *);

/*
 * The SNI the client sent, whatever bytes that are: who prints them escapes.
 * NULL for none. Valid while ssl is.
 */
const char *tls_server_name(const SSL *);

/*
 * To be called when a handshake has failed, before the error is taken from
 * OpenSSL's queue: what counts as the reason.
 */
enum handshake_failure tls_failed(SSL *);

/* "TLSv1.3" as soon as the version is settled; "-" before, or without one. */
const char *tls_negotiated(const SSL *);

/* The cipher of the connection, "TLS_AES_128_GCM_SHA256"; "(NONE)" before. */
const char *tls_cipher(const SSL *);

/*
 * The protocol that ALPN chose; "" for none, and for one that buf has no room
 * for: 256 bytes are enough.
 */
void tls_alpn(const SSL *, char *buf, size_t size);

/*
 * Title of the certificate { } section in force: the default's before the
 * ClientHello, NULL when the client's name was rejected. Valid while the front
 * is.
 */
const char *tls_certificate_title(const SSL *);

/*
 * Verdict on the client's certificate: "none" (not asked for or not given),
 * "ok", or, when the handshake failed for it, why: "expired", "revoked",
 * "unknown_ca" and the like, "too_large" for a ticket of TLS 1.2, "invalid".
 */
const char *tls_client_verdict(const SSL *);

/*
 * Whether the client gets no stateless ticket, because its certificate, which
 * would be in it, is too large.
 */
bool tls_ticket_too_large(const SSL *);

/*
 * Who the client is, by its certificate, if that is "ok"; resumed sessions have
 * it, too. The first CN of its subject in UTF-8: "" for none, and for one with
 * a NUL or larger than buf. The SHA-256 of the certificate in hex: 64 digits.
 */
void tls_client_cn(const SSL *, char *buf, size_t size);
void tls_client_sha256(const SSL *, char *buf, size_t size);

/*
 * Group of this handshake's key exchange, such as "x25519"; "-" when there was
 * none.
 */
const char *tls_group(SSL *);

/* The OpenSSL that is in use, "OpenSSL 3.0.22 25 Aug 2026". */
const char *tls_version(void);

/*
 * What a code of libtlscache means, with the system's or OpenSSL's reason where
 * it is theirs: errno and the queue as they are at the time. In a static
 * buffer.
 */
const char *tls_cache_reason(int code);

/*
 * The oldest error of this thread's OpenSSL queue as a short text without
 * spaces ("no_shared_cipher"), "-" for none; empties the queue.
 */
void tls_error_text(char *buf, size_t size);

/*
 * Empty the queue, as SSL_get_error(3) wants it before the call that it is
 * about. It is empty nearly always, and ERR_clear_error() goes through all its
 * places then, which takes a third of what a small record takes.
 */
void tls_error_clear(void);

#endif
