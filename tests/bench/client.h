/* SPDX-License-Identifier: ISC */
/*
 * The parts of the load client and what they share: one thread, one epoll
 * set, as many connections as asked for.
 */
#ifndef TLSHERD_BENCH_CLIENT_H
#define TLSHERD_BENCH_CLIENT_H

#include <netinet/in.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

/* What precedes every request: two big-endian 64-bit numbers, the bytes that
 * follow and the bytes that the backend shall answer. */
#define HEADER_SIZE 16

struct options {
	struct sockaddr_in target;
	int version;	    /* TLS1_2_VERSION or TLS1_3_VERSION */
	bool resume;	    /* offer sessions from a pool made before */
	bool no_tickets;    /* TLS 1.2: resume by session id */
	bool early;	    /* the first request as early data */
	bool kept;	    /* open first, then measure requests only */
	bool ticket;	    /* TLS 1.3: close when the first ticket is there */
	bool sync;	    /* "ready" on stdout, then wait for stdin */
	unsigned at_once;   /* connections */
	unsigned pool;	    /* sessions */
	uint64_t total;	    /* operations; 0: as many as fit in the time */
	double seconds;	    /* 0: until the total is reached */
	double rate;	    /* connections per second; 0: at full speed */
	uint64_t request;   /* bytes, with the header */
	uint64_t answer;    /* bytes */
	unsigned requests;  /* per connection; 0: handshake only */
};

/* What happened since "ready". */
struct tally {
	uint64_t operations, requests, failures;
	uint64_t resumed, early;
	uint32_t *us; /* of each operation */
	size_t n, room;
	const char *error; /* the first one */
};

enum task {
	TASK_POOL, /* handshake, and get a session */
	TASK_OPEN, /* handshake, one small request, and stay open */
	TASK_WORK, /* what is measured */
};

enum outcome { CONN_WAITS, CONN_DONE, CONN_FAILED };

enum step { STEP_EARLY, STEP_HANDSHAKE, STEP_SEND, STEP_READ, STEP_TICKET };

struct client {
	struct options o;
	SSL_CTX *ctx;
	int epfd;
	struct tally tally;
	SSL_SESSION **pool;
	size_t pooled, next;
};

struct conn {
	struct client *client;
	SSL *ssl;
	int fd; /* -1: closed */
	enum task task;
	enum step step;
	int64_t began; /* ns */
	unsigned requests_left;
	uint64_t request, answer; /* bytes of the present request */
	uint64_t sent, received;
	bool busy;	      /* has a task */
	bool counted;	      /* its handshake is in the tally */
	SSL_SESSION *session; /* the latest it got; owned */
};

/* client_conn.c: one connection */

/* The SSL_CTX for these options; dies when there is none. */
SSL_CTX *conn_context(const struct options *);

/* Begin a task; opens the connection unless it is open. `began` is when the
 * operation was due, for its latency. */
void conn_begin(struct conn *, enum task, int64_t began);

/* Go on as far as possible. On CONN_FAILED the tally knows the reason. */
enum outcome conn_drive(struct conn *);

/* Tell the other end and do not wait for it. */
void conn_close(struct conn *);

/* client_run.c: many */

/* Do everything that the options ask for. */
void run(struct client *);

/* client_tally.c: the figures */

void tally_add(struct tally *, int64_t ns);
void tally_fail(struct tally *, const char *why);
void tally_print(struct tally *, double seconds, double cpu);
void tally_release(struct tally *);

int64_t now_ns(void);

#endif
