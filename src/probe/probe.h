/* SPDX-License-Identifier: ISC */
/* tlsherd-probe: what its parts share. */
#ifndef PROBE_PROBE_H
#define PROBE_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "base/addr.h"
#include "base/err.h"

#define PROBE_WORKERS_MAX 1024 /* as many as tlsherd can have */
#define PROBE_EARLY_MAX 16384

struct probe_options {
	const char *target; /* as given */
	struct addr addr;
	const char *sni;  /* NULL: the host, when it is a name */
	const char *alpn; /* "h2,http/1.1" */
	const char *ca;
	const char *cert;
	const char *key;
	int timeout_ms; /* of one connection */
	unsigned count; /* of connections for each version */
	unsigned workers; /* 0: as many as are seen */
	unsigned char *early; /* --early-data; NULL: none */
	size_t early_len;
	unsigned replay;   /* copies of each flight; 0: no replay */
	unsigned sessions; /* whose flights are replayed */
	bool from_first;
	bool all_pairs;
	bool no_tickets;
	bool tls12, tls13;
	bool quiet;
	bool json;
};

/* What one connection showed. */
struct probe_result {
	bool ok;
	bool offered; /* a session was */
	bool resumed;
	bool early_sent; /* early data were */
	bool early_accepted;
	char version[16];
	char kind[16]; /* full, id, ticket, stateful */
	int worker;    /* that served it; -1: the server does not tell */
	int maker;     /* worker that made the session; -1: not known */
	double handshake_ms;
	double answer_ms; /* from before TCP to the first byte; 0: none */
	char error[256]; /* when not ok */
};

/* client.c: a TLS client that remembers the newest session. */
struct probe_client {
	const struct probe_options *options;
	SSL_CTX *ctx;
	SSL_SESSION *latest; /* made by the last connection; NULL: none */
	uint64_t sessions;   /* made so far: the address tells no new one */
	bool session_only;   /* no connection goes on when it has made one */
};

/* version: TLS1_2_VERSION or TLS1_3_VERSION. 0, or -1 with the error text. */
int probe_client_init(struct probe_client *, const struct probe_options *,
    int version, struct err *);
void probe_client_release(struct probe_client *);

/* An SSL that will offer session (NULL: none). NULL when OpenSSL failed. */
SSL *probe_client_ssl(struct probe_client *, SSL_SESSION *session);
/* What OpenSSL has to say of its last error, which is forgotten. */
const char *probe_ssl_reason(void);

/* connect.c */

/*
 * Connect, offering session (NULL: none; it can be offered again), ask who
 * serves, close. client->latest is the newest session afterwards.
 */
void probe_connect(struct probe_client *, SSL_SESSION *session,
    struct probe_result *);

/*
 * A socket that is connected before deadline (clock_mono_us()). False with
 * the error in result; *fdp may be open even then.
 */
bool probe_tcp_connect(const struct probe_options *, int64_t deadline,
    int *fdp, struct probe_result *);

/* replay.c: recorded flights, sent again. */
struct probe_replay {
	unsigned sessions;
	size_t flight; /* bytes of the first one */
	unsigned sent, connected; /* copies, the originals included */
	unsigned answered, unanswered; /* whether that tells anything */
	unsigned accepted, refused; /* early data of those answered */
	unsigned acted;	   /* answers with clear text before Finished */
	unsigned original; /* acceptances that went to the original */
	unsigned most;	   /* acceptances of one session */
};
/* False with the error text when there was nothing to replay. */
bool probe_replay(struct probe_client *, struct probe_replay *, struct err *);
/*
 * No early data were accepted twice. A copy without an answer may have been
 * accepted, too, so there must be none.
 */
bool probe_replay_good(const struct probe_replay *);

/* tally.c: results added up. */
struct probe_tally {
	const char *version;
	unsigned connections;
	unsigned failed;
	unsigned offered; /* a session, and connected */
	unsigned resumed;
	unsigned early_sent, early_accepted;
	unsigned workers; /* numbers seen are below this */
	unsigned pairs[PROBE_WORKERS_MAX][PROBE_WORKERS_MAX]; /* [maker][by] */
};

void probe_tally_add(struct probe_tally *, const struct probe_result *);
/* Pairs of workers below n that have resumed each other's sessions. */
unsigned probe_tally_pairs(const struct probe_tally *, unsigned n);
/* Has this worker's session been resumed by all n workers? */
bool probe_tally_row_full(const struct probe_tally *, int maker, unsigned n);
/*
 * What the server gave none of, as a sentence, although there was more than
 * one connection. NULL: there is nothing to say.
 */
const char *probe_tally_missing(const struct probe_tally *,
    const struct probe_options *);
/* Everything connected, and what should resume did. */
bool probe_tally_good(const struct probe_tally *,
    const struct probe_options *);

/* report.c: for people, or as JSON. */
void report_begin(const struct probe_options *);
void report_connection(const struct probe_options *, unsigned number,
    const struct probe_result *);
void report_tally(const struct probe_options *, const struct probe_tally *);
void report_replay(const struct probe_options *, const struct probe_replay *);
/*
 * The end; report_failure() when nothing can follow report_begin(), or the
 * version before, because of text. Each returns 0, or -1 when the output
 * could not be written.
 */
int report_failure(const struct probe_options *, const char *text);
int report_end(const struct probe_options *, bool good);

#endif
