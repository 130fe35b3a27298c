/* SPDX-License-Identifier: ISC */
/* What the files of tls/ share among themselves. */
#ifndef TLS_TLS_INT_H
#define TLS_TLS_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "conf/conf.h"
#include "tls/tls.h"

/*
 * Of the SHA-256 that names a policy, so many bytes: enough that two policies
 * never meet by chance, and every entry of the session cache carries them.
 */
#define TLS_ID_CONTEXT_LEN 16

/* So many groups of a list have an order; there are fewer than that. */
#define TLS_GROUPS_MAX 32

/* Of refused early data so much is skipped: padding and overhead count. */
#define TLS_EARLY_SKIP_MAX (4 * CONF_EARLY_MAX)

/* One certificate { } section. Its SSL_CTX has it as app_data. */
struct tls_policy {
	struct tls_front *front;
	SSL_CTX *ctx;
	char *title;
	uint8_t id_context[TLS_ID_CONTEXT_LEN];
	int verify_mode;
	int verify_depth;
	size_t ca_size; /* bytes of names announced to clients */
	uint32_t early_max; /* bytes of early data; 0: none */
	bool early_postpone;
};

struct tls_sort;

struct tls_name {
	char *name; /* in lower case; "*.example.com" for one label more */
	struct tls_policy *policy;
};

struct tls_front {
	const struct conf_listen *listen;  /* while it is loaded */
	const struct tls_shared *shared;   /* the same */
	struct tls_policy *policies; /* [0] is the default */
	size_t npolicies;
	struct tls_name *names; /* sorted by name */
	size_t nnames;
	struct tls_sort *sorts; /* of certificates that have been tried */
	size_t nsorts;
	uint16_t groups[TLS_GROUPS_MAX]; /* ours, the preferred one first */
	size_t ngroups; /* 0: the choice is OpenSSL's */
	bool tls13;
	bool unknown_name_reject;
	bool early_data; /* under some policy */
	enum conf_resumption resumption;
	int64_t timeout; /* seconds */
	unsigned worker;
	uint8_t *alpn; /* as in the extension: length, bytes, length, … */
	unsigned alpn_len;
	/* What tlscache_attach() wants to be called for a new session, … */
	int (*store)(SSL *, SSL_SESSION *);
	/* … and for one that a client offers. */
	SSL_SESSION *(*fetch)(SSL *, const unsigned char *, int, int *);
};

/*
 * What is known of one connection from its ClientHello on; ex_data of its
 * SSL, freed with it. (deadline: in seconds since 1970, when the session that
 * was resumed, and all that are made from it, have had their time.)
 */
struct tls_peer {
	int session_worker; /* -1: not known */
	int64_t deadline;
	bool early_offered; /* early data, in the first ClientHello */
	bool foreign;	    /* the session offered is of another policy */
	bool accepted;	    /* OpenSSL has gone on to choose a version, … */
	bool unversioned;   /* … and there is none */
	bool wants_ticket;  /* of TLS 1.2, and may show a certificate */
	bool no_ticket;	    /* none has room for the client's certificate */
	bool rejected;	    /* no section has the name: unknown_name */
	enum tls_early early;
	char name[]; /* the SNI; empty: none was sent */
};

/* file.c: whole files, and error texts about them */
struct tls_file {
	unsigned char *data;
	size_t len;
};
int tls_file_read(struct tls_file *, const char *directive,
    const struct conf_str *, struct err *);
bool tls_file_has_key(const struct tls_file *); /* a private one, in PEM */
/* What it has in PEM, to be freed. NULL: damaged; OpenSSL's queue says how. */
STACK_OF(X509_INFO) *tls_file_pem(const struct tls_file *);
void tls_file_wipe(struct tls_file *);
/* "file:line: directive "path": text"; empties OpenSSL's error queue. */
int tls_file_error(struct err *, const char *directive,
    const struct conf_str *, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/*
 * The same to the log, as a warning. Of those with one fmt a few are said, and
 * tls_file_warned() says how many more there were, and begins anew.
 */
void tls_file_warn(const char *directive, const struct conf_str *,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void tls_file_warned(void);
/* The reason of OpenSSL's oldest error. Empties the queue. */
const char *tls_reason(void);

/* blocks.c: to the log, which blocks of a PEM file are none of these */
enum {
	TLS_BLOCK_CERT = 1,
	TLS_BLOCK_CRL = 2,
	TLS_BLOCK_KEY = 4,
	TLS_BLOCK_CURVE = 8,
};
void tls_blocks_warn(const struct tls_file *, const char *directive,
    const struct conf_str *, unsigned used);

/* inspect.c: to the log, what is doubtful about a chain that is loaded */
void tls_inspect(const struct tls_policy *, const struct conf_certificate *);
/* Which certificate of the file, from 2 on, has that key; 0: none. */
int tls_inspect_owner(SSL_CTX *, EVP_PKEY *);

/* cert.c: chain and key into the policy's SSL_CTX */
int tls_cert_load(struct tls_policy *, const struct conf_certificate *,
    struct err *);

/* context.c: the session id context; empty files where there are none */
int tls_context_set(struct tls_policy *, enum conf_client_cert,
    const struct tls_file *ca, const struct tls_file *crl);

/* policy.c: client certificates */
int tls_policy_load(struct tls_policy *, const struct conf_certificate *,
    struct err *);
int tls_policy_apply(const struct tls_policy *, SSL *);

/*
 * crl.c: the lists of the file into the policy's SSL_CTX, which has its CAs
 * already. From then on each chain of a client is checked against them.
 */
int tls_crl_load(struct tls_policy *, const struct tls_file *,
    const struct conf_str *, struct err *);

/*
 * trial.c: whether a client can be served at all, before the policy gets its
 * callbacks. 0, with a warning to the log where only some can, or -1.
 */
int tls_trial(struct tls_policy *, const struct conf_listen *,
    const struct conf_certificate *, struct err *);
/* Two ends, connected in memory; false when that has run out. Then, too, … */
bool tls_trial_pair(SSL_CTX *client_ctx, SSL_CTX *server_ctx, SSL **client,
    SSL **server);
/* … they are ended. */
void tls_trial_end(SSL *client, SSL *server);

/* groups.c: key exchange */
int tls_groups_set(SSL_CTX *, const char *list);
/* Finite fields (DHE, ffdhe*): for who names them, and for nobody else. */
void tls_groups_fields(SSL_CTX *, const struct conf_listen *);
/* Learn the order of a front's `groups`, and apply it to a ClientHello. */
void tls_groups_order(struct tls_front *, const struct conf_listen *);
int tls_groups_apply(const struct tls_front *, SSL *);

/* hello.c: the choice by server name */
void tls_hello_names(struct tls_front *, const struct conf_listen *);
int tls_hello_cb(SSL *, int *alert, void *front);
struct tls_policy *tls_policy(const SSL *);

/* peer.c: what is known of the client. NULL before its ClientHello. */
int tls_peer_setup(void);
struct tls_peer *tls_peer_new(SSL *, const uint8_t *name, size_t);
struct tls_peer *tls_peer(const SSL *);

/* early.c */
void tls_early_setup(struct tls_front *, SSL_CTX *);
int tls_early_apply(const struct tls_policy *, SSL *);
void tls_early_offered(SSL *, struct tls_peer *);
void tls_early_retried(struct tls_peer *);
void tls_early_failed(struct tls_peer *);

/* alpn.c */
void tls_alpn_list(struct tls_front *, const struct conf_strs *);
int tls_alpn_cb(SSL *, const unsigned char **, unsigned char *,
    const unsigned char *, unsigned, void *front);

/* failure.c: the reason in OpenSSL's queue; peer may be NULL */
enum handshake_failure tls_failure(const struct tls_peer *);

/* note.c: who made a session and how long it may live on */
int tls_note_read_cb(SSL *, int *alert, void *front);
int tls_note_ticket_cb(SSL *, void *front);
int tls_note_session_cb(SSL *, SSL_SESSION *);

#endif
