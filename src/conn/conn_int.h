/* SPDX-License-Identifier: ISC */
/*
 * What the files of conn/ know of each other. The way of a byte:
 *
 *	socket → hub->rx → OpenSSL → hub->clear → conn_ops.data
 *	   input.c      bio.c     stream.c
 *	socket ← hub->tx ← OpenSSL ← conn_write()
 *	   output.c     bio.c     output.c
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
 * Without idle_timeout: how long a service may take nothing of what a client
 * has left behind.
 */
#define CONN_LEFT_MS (5 * 60000)
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

/* More than this nobody says before TLS: the PROXY protocol, say. */
#define CONN_PREFACE_MAX (32u << 10)

/* What follows what: state.c, and a picture in HACKING. */
enum conn_state {
	CONN_PREFACE, /* something comes before TLS, or may */
	CONN_HANDSHAKE,
	CONN_OPEN,   /* clear text may go both ways */
	CONN_LINGER, /* broken: our output goes out, input goes nowhere */
	CONN_ORPHAN, /* the client's socket is closed, the service delivers */
	CONN_DEAD,   /* conn_close() was called; conn_leave() sees to it */
};

/* What a client has sent first. */
enum conn_first { CONN_UNHEARD, CONN_TLS, CONN_SSLV2, CONN_NOT_TLS };

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

struct conn_input {
	struct conn_rest *rest;
	uint64_t bytes;	 /* clear text */
	uint32_t take;	 /* bytes asked for in one read */
	uint8_t barren;	 /* records since there was clear text in one */
	bool paused : 1;
	bool discard : 1; /* conn_end() was called */
	bool ended : 1;	  /* the client's end is known upstairs */
};

struct conn_output {
	struct conn_rest *held;
	uint64_t bytes; /* clear text */
	uint32_t hint;	/* conn_write_hint() */
	uint32_t wasted : 30;	/* bytes written to nobody */
	uint32_t want_room : 1; /* the service waits for it */
	uint32_t unsent : 1;	/* the service's bytes wait here */
};

/* Our own end: conn_finish(). */
enum conn_finish {
	CONN_GOES_ON,
	CONN_FINISHES, /* … as soon as the handshake is complete */
	CONN_FINISHED, /* close_notify was written */
};

/* What the service knows of the end of all. */
enum conn_told {
	CONN_SERVED,
	CONN_LOST,	/* ops->lost was called */
	CONN_DELIVERED, /* … and the service is done */
	CONN_TOLD,	/* ops->closed was called */
};

struct conn_close {
	int64_t since;	 /* our side was closed */
	uint32_t unsent; /* here and in the kernel at the last time-out */
	uint8_t reason;	 /* enum close_reason */
	uint8_t finish;	 /* enum conn_finish */
	uint8_t told;	 /* enum conn_told */
};

struct conn_early {
	struct conn_rest *kept;
	uint32_t bytes;
	bool try;      /* early data may still be read */
	bool accepted; /* they were */
	bool served;   /* … and are served at once */
	bool hold;     /* conn_hold_early() was called */
};

/* In the lists of later.c. */
struct conn_later {
	bool again : 1;
	bool recheck : 1;
	bool due : 1;	  /* … in hub->recheck_due, that is */
	bool service : 1; /* asked for it */
};

/*
 * The file at the end of a line is the one that assigns it, and no other does:
 * tests/checks/conn sees to that. Everybody may read.
 */
struct conn {
	struct wire wire;		/* base/wire.c */
	SSL *ssl;			/* conn.c */
	struct conn_hub *hub;		/* conn.c */
	const struct listener *listener; /* conn.c */
	TAILQ_ENTRY(conn) link;		/* conn.c */
	TAILQ_ENTRY(conn) again;	/* later.c */
	TAILQ_ENTRY(conn) recheck;	/* later.c */
	struct conn_input input;	/* input.c */
	struct conn_output output;	/* output.c */
	struct conn_close close;	/* close.c */
	struct conn_early early;	/* early.c */
	char *error;			/* log.c */
	const char *backend;		/* log.c */
	int64_t connect_us;		/* log.c */
	uint64_t id;			/* conn.c */
	int64_t started;		/* conn.c; times: µs, as hub->now */
	int64_t active;			/* conn.c; something moved */
	int64_t handshake_us;		/* handshake.c; -1: not complete */
	struct conn_bound bound;	/* handshake.c */
	uint32_t backends_failed;	/* log.c */
	uint32_t deadline;		/* deadline.c; 0: not in the heap */
	uint32_t rest_ms;		/* timeout.c; of conn_rest() */
	union {
		struct sockaddr sa;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
	} client;			/* conn.c */
	struct conn_later later;	/* later.c */
	bool begun : 1;			/* handshake.c; ops->begin was called */
	uint8_t first : 2;		/* handshake.c; enum conn_first */
	uint8_t failure;		/* handshake.c; of CLOSE_HANDSHAKE */
	uint8_t state;			/* state.c; enum conn_state */
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

/* state.c */
bool conn_may_move(enum conn_state from, enum conn_state to);
void conn_move(struct conn *, enum conn_state);

/* input.c */
void conn_input_init(struct conn *);
bool conn_input(struct conn *);
bool conn_input_more(struct conn *);
void conn_input_discard(struct conn *);
int conn_input_keep(struct conn *);
void conn_input_drop(struct conn *);
bool conn_input_record(struct conn *);
void conn_input_fruitful(struct conn *);
void conn_input_count(struct conn *, size_t);
void conn_input_ended(struct conn *);
void conn_input_unwanted(struct conn *);

/* output.c */
void conn_output_init(struct conn *);
void conn_output_put(struct conn *, const void *, size_t);
void conn_output_flush(struct conn *);
void conn_output_unhold(struct conn *);
void conn_output_drop(struct conn *);
void conn_output_room(struct conn *);
bool conn_give_room(struct conn *);

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

/* preface.c, handshake.c, stream.c: what there is to do in these states */
void conn_preface(struct conn *);
void conn_handshake_init(struct conn *);
void conn_handshake_begin(struct conn *);
void conn_handshake(struct conn *);
void conn_begin(struct conn *);
void conn_stream(struct conn *);
void conn_deliver(struct conn *, const uint8_t *, size_t);
bool conn_wants_input(const struct conn *);

/* early.c */
void conn_early_init(struct conn *);
int conn_early_read(struct conn *);
void conn_early_count(const struct conn *);
void conn_early_give(struct conn *);

/* The hub's buffers are this one's, from conn_enter() to conn_leave(). */
static inline bool
conn_is_current(const struct conn *c)
{
	return c->hub->current == c;
}

/* Nothing reaches the client any more. */
static inline bool
conn_gone(const struct conn *c)
{
	return c->wire.fd == -1 || c->wire.flags & WIRE_BROKEN;
}

/* The handshake was completed, whatever has become of it since. */
static inline bool
conn_is_ready(const struct conn *c)
{
	return c->handshake_us >= 0;
}

/* Whether the service may write, and be told of what comes. */
static inline bool
conn_serves(const struct conn *c)
{
	return c->state == CONN_OPEN ||
	    (c->state == CONN_HANDSHAKE && c->early.served);
}

/*
 * What the service may still get after the client's end: what was decrypted
 * before it, and is nothing that it must not have yet.
 */
static inline bool
conn_delivers(const struct conn *c)
{
	return (c->state == CONN_LINGER || c->state == CONN_ORPHAN) &&
	    c->listener->ops->lost != NULL && c->close.told != CONN_TOLD &&
	    (c->early.served || conn_is_ready(c));
}

/* Whether what is kept of the early data may go to the service. */
static inline bool
conn_early_due(const struct conn *c)
{
	return c->early.kept != NULL &&
	    (conn_serves(c) || conn_delivers(c)) &&
	    (!c->early.hold || conn_is_ready(c));
}

/* It is not the client who is slow, but what the service does with its data. */
static inline bool
conn_held_up(const struct conn *c)
{
	return c->input.paused && !c->input.discard;
}

/* close.c */
void conn_close_step(struct conn *);
bool conn_close_moves(struct conn *);
void conn_close_cut(struct conn *);
void conn_close_missed(struct conn *);
void conn_release(struct conn *);

/* orphan.c: what is left to the service when the client is over */
bool conn_orphan(struct conn *);
void conn_hang_up(struct conn *);

/* deadline.c */
int conn_deadline_setup(struct conn_hub *);
void conn_deadline_free(struct conn_hub *);
int conn_deadline_reserve(struct conn_hub *);
void conn_deadline_set(struct conn *, int64_t at);
void conn_deadline_remove(struct conn *);
/* timeout.c */
int64_t conn_timeout_at(const struct conn *);
void conn_timeout(struct conn *);

/* failure.c: at the end of a connection, did its handshake fail, and why? */
void conn_failure_count(const struct conn *);

/* log.c */
void conn_log(struct conn *);
void conn_set_ssl_error(struct conn *);

#endif
