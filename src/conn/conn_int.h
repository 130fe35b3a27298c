/* SPDX-License-Identifier: ISC */
/*
 * What the files of conn/ know of each other. The way of a byte:
 *
 *	socket → hub->rx → OpenSSL → hub->clear → conn_ops.data
 *	   io.c         bio.c     stream.c
 *	socket ← hub->tx ← OpenSSL ← conn_write()
 *
 * The buffers are the hub's and serve whichever connection is `current`, from
 * conn_enter() to conn_leave(). What a connection cannot get rid of within its
 * event it keeps in memory of its own: ciphertext that the service did not
 * want yet in `rest`, ciphertext that the kernel did not take in its `wire`,
 * session tickets that wait for the first answer to go with in `held`. All are
 * NULL in an idle connection.
 */
#ifndef CONN_CONN_INT_H
#define CONN_CONN_INT_H

#include <sys/queue.h>
#include <netinet/in.h>

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include "base/wire.h"
#include "conn/conn.h"

#define CONN_RECORD_MAX 16384 /* clear text in one record */
#define CONN_RX_SIZE (512u << 10)
#define CONN_TX_SIZE (CONN_SCRATCH_SIZE + (16u << 10)) /* it as records */
#define CONN_CLEAR_SIZE (CONN_RX_SIZE + CONN_RECORD_MAX)
/* Limits of conn_write_hint(). */
#define CONN_HINT_MIN (16u << 10)
#define CONN_HINT_FIRST (64u << 10)
/*
 * What is asked for in one read: more each time that it came, for fewer
 * system calls and wake-ups; little when the service cannot get rid of it.
 */
#define CONN_TAKE_MIN (32u << 10)
#define CONN_TAKE_FIRST (64u << 10)
/*
 * A connection's share of one event: reads from the socket, records that are
 * decrypted (which of the largest size those reads do not hold), bytes written.
 */
#define CONN_SHARE_READS 4
#define CONN_SHARE_RECORDS 512
#define CONN_SHARE_WRITE (1u << 20)
/* No more is read from a client that has left so much unread. */
#define CONN_OUT_MAX (1u << 20)
#define CONN_RECHECK_MS 100
/*
 * What a service may write to a client that is over: a client could leave
 * requests behind by the thousand, and have them all answered.
 */
#define CONN_WASTE_MAX (16u << 20)
/*
 * Records in a row that bring no data: key updates, refused renegotiations. A
 * few bytes of these cost us as much as a handshake's share.
 */
#define CONN_BARREN_MAX 64

/*
 * The largest ClientHello: with keys after quantum computers and encrypted
 * names some have 20 KiB.
 */
#define CONN_HELLO_MAX (32u << 10)

enum conn_state {
	CONN_HANDSHAKE,
	CONN_OPEN,   /* clear text may go both ways */
	CONN_LINGER, /* broken: our output goes out, input goes nowhere */
	CONN_ORPHAN, /* the client's socket is closed, the service delivers */
	CONN_DEAD,   /* conn_close() was called; conn_leave() sees to it */
};

/* struct conn.flags */
#define CONN_F_ENDED (1u << 5)	  /* the client's end is known upstairs */
#define CONN_F_EARLY_HOLD (1u << 6) /* conn_hold_early() was called */
#define CONN_F_PAUSED (1u << 7)
#define CONN_F_DISCARD (1u << 8)   /* conn_end() was called */
#define CONN_F_FINISHED (1u << 9)  /* our close_notify was written */
#define CONN_F_WANT_ROOM (1u << 11)
#define CONN_F_UNSENT (1u << 12)   /* the service's bytes wait here */
#define CONN_F_BEGUN (1u << 13)	   /* ops->begin was called */
#define CONN_F_READY (1u << 14)	   /* the handshake was completed */
#define CONN_F_TOLD (1u << 15)	   /* ops->closed was called */
#define CONN_F_HEARD (1u << 16)	   /* the client has sent something */
#define CONN_F_NOT_TLS (1u << 17)  /* … that TLS does not begin with */
#define CONN_F_AGAIN (1u << 18)	   /* is in hub->again */
#define CONN_F_RECHECK (1u << 21)  /* is in hub->recheck */
#define CONN_F_RECHECK_SERVICE (1u << 22) /* the service asked for it */

#define CONN_F_EARLY_TRY (1u << 23) /* early data may still be read */
#define CONN_F_EARLY_IN (1u << 24)  /* … were accepted */
#define CONN_F_EARLY (1u << 25)	    /* … and are served at once */
#define CONN_F_FINISH_LATER (1u << 26) /* conn_finish() in the handshake */

#define CONN_F_LOST (1u << 27)	    /* ops->lost was called */
#define CONN_F_DELIVERED (1u << 28) /* … and the service is done */
#define CONN_F_RECHECK_DUE (1u << 29) /* is in hub->recheck_due instead */
#define CONN_F_SSLV2 (1u << 31) /* its hello has the form of SSL 2.0 */

/*
 * What is kept: ciphertext not yet shown to OpenSSL (rest), early data that the
 * service is to get later (early), ciphertext to be sent later (held).
 */
struct conn_rest {
	size_t pos, len;
	uint8_t data[];
};

/* bound.c: where in the client's clear-text messages its input stands. */
struct conn_bound {
	uint32_t message; /* bytes that the message still has */
	uint16_t record;  /* the same of the record */
	uint8_t nhead, nstart;
	uint8_t head[SSL3_RT_HEADER_LENGTH];
	uint8_t start[SSL3_HM_HEADER_LENGTH]; /* of the message */
	bool over, large;
};

struct conn {
	struct wire wire;
	SSL *ssl;
	struct conn_hub *hub;
	const struct listener *listener;
	TAILQ_ENTRY(conn) link;
	TAILQ_ENTRY(conn) again;
	TAILQ_ENTRY(conn) recheck;
	struct conn_rest *rest;
	struct conn_rest *early;
	struct conn_rest *held;
	char *error;
	const char *backend;
	uint64_t id;
	uint64_t in, out_bytes; /* clear text */
	int64_t started;	/* times: µs, as of hub->now */
	int64_t active;		/* something moved */
	int64_t shut;		/* our side was closed */
	int64_t handshake_us, connect_us;
	uint32_t flags;
	uint32_t deadline; /* place in hub->deadlines; 0: none */
	uint32_t hint;	   /* conn_write_hint() */
	uint32_t take;	   /* bytes asked for in one read */
	uint32_t early_in; /* bytes of early data */
	uint32_t barren;   /* records since there was clear text in one */
	uint32_t backends_failed;
	struct conn_bound bound;
	uint32_t unsent;   /* here and in the kernel at the last time-out */
	uint32_t rest_ms;  /* of conn_rest(); 0: over */
	uint32_t wasted;   /* bytes written to nobody */
	uint8_t state;	   /* enum conn_state */
	uint8_t reason;	   /* enum close_reason */
	union {
		struct sockaddr sa;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
	} client;
	_Alignas(max_align_t) uint8_t service_state[];
};

TAILQ_HEAD(conn_list, conn);

/* A binary heap, the earliest first, from [1]; see deadline.c. */
struct conn_deadlines {
	struct conn_deadline {
		int64_t at;
		struct conn *conn;
	} *v;
	size_t n, size;
	int64_t armed; /* when the timer fires; INT64_MAX: not set */
	struct event timer;
};

struct conn_hub {
	struct conn_hub_config conf;
	struct conn_list conns;
	struct conn_list again; /* have more to do than their share */
	struct event again_ev;
	struct conn_list recheck; /* are to be looked at in a while */
	struct conn_list recheck_due; /* … now, some in each turn */
	struct event recheck_ev;
	struct conn_deadlines deadlines;
	size_t count;
	size_t peak;	   /* of count, since memory was given back */
	struct event calm; /* gives it back */
	uint64_t next_id;
	bool draining, closing;
	bool nodelay_known, nodelay_inherited;
	bool keepalive_inherited;

	BIO_METHOD *method;
	BIO *bio; /* of all SSLs; see bio.c */
	uint8_t *rx, *tx, *clear, *scratch;

	/* The connection being served, and what is about it for that time. */
	struct conn *current;
	int64_t now;
	const uint8_t *in; /* ciphertext to be read: in rx or current->rest */
	size_t in_len;
	size_t tx_len;
	bool only_tickets; /* nothing was written since the handshake's end */
	unsigned share_reads, share_records;
	size_t share_write;
};

/* bio.c */
int conn_bio_setup(struct conn_hub *);
void conn_bio_free(struct conn_hub *);

/* io.c: between the socket and the scratch buffers */
bool conn_input(struct conn *);
void conn_input_discard(struct conn *);
int conn_input_keep(struct conn *);
void conn_output_put(struct conn *, const void *, size_t);
void conn_output_flush(struct conn *);
void conn_output_unhold(struct conn *);
void conn_output_room(struct conn *);

/* bound.c: false when a ClientHello is too large. */
bool conn_bound_take(struct conn_bound *, const uint8_t *, size_t, bool tls12);

/* burst.c */
void conn_burst_setup(struct conn_hub *);
void conn_burst_free(struct conn_hub *);
void conn_burst_less(struct conn_hub *);

/* later.c */
void conn_later_setup(struct conn_hub *);
void conn_later_free(struct conn_hub *);
void conn_later_remove(struct conn *);
void conn_again(struct conn *);
void conn_recheck_own(struct conn *);

/* conn.c */
void conn_event_cb(evutil_socket_t, short, void *);

/* handshake.c, stream.c: what there is to do in these states */
void conn_handshake(struct conn *);
void conn_begin(struct conn *);
void conn_stream(struct conn *);
void conn_deliver(struct conn *, const uint8_t *, size_t);

/* early.c */
int conn_early_read(struct conn *);
void conn_early_count(const struct conn *);
void conn_early_give(struct conn *);
bool conn_wants_input(const struct conn *);
bool conn_give_room(struct conn *);

/* Nothing reaches the client any more. */
static inline bool
conn_gone(const struct conn *c)
{
	return c->wire.fd == -1 || c->wire.flags & WIRE_BROKEN;
}

/* Whether the service may write, and be told of what comes. */
static inline bool
conn_serves(const struct conn *c)
{
	return c->state == CONN_OPEN ||
	    (c->state == CONN_HANDSHAKE && c->flags & CONN_F_EARLY);
}

/*
 * What the service may still get after the client's end: what was decrypted
 * before it, and is nothing that it must not have yet.
 */
static inline bool
conn_delivers(const struct conn *c)
{
	return (c->state == CONN_LINGER || c->state == CONN_ORPHAN) &&
	    c->listener->ops->lost != NULL && !(c->flags & CONN_F_TOLD) &&
	    c->flags & (CONN_F_EARLY | CONN_F_READY);
}

/* Whether what is kept of the early data may go to the service. */
static inline bool
conn_early_due(const struct conn *c)
{
	return c->early != NULL && (conn_serves(c) || conn_delivers(c)) &&
	    (!(c->flags & CONN_F_EARLY_HOLD) || c->flags & CONN_F_READY);
}

/* It is not the client who is slow, but what the service does with its data. */
static inline bool
conn_held_up(const struct conn *c)
{
	return c->flags & CONN_F_PAUSED && !(c->flags & CONN_F_DISCARD);
}

/* close.c */
void conn_set_ssl_error(struct conn *);
void conn_close_step(struct conn *);
void conn_release(struct conn *);

/* orphan.c: what is left to the service when the client is over */
bool conn_orphan(struct conn *);
void conn_deliver_step(struct conn *);
void conn_hang_up(struct conn *);
void conn_told(struct conn *);

/* deadline.c */
int conn_deadline_setup(struct conn_hub *);
void conn_deadline_free(struct conn_hub *);
int conn_deadline_reserve(struct conn_hub *);
void conn_deadline_set(struct conn *, int64_t at);
void conn_deadline_remove(struct conn *);
/* timeout.c */
int64_t conn_timeout_at(const struct conn *);
void conn_timeout(struct conn *);

/* log.c */
void conn_log(struct conn *);

#endif
