/* SPDX-License-Identifier: ISC */
/*
 * One client connection: handshake, stream of clear text, orderly close. What
 * is done with the clear text is a service's business (struct conn_ops); a
 * service sees the connection through the functions below only.
 *
 * All connections of a worker belong to its hub, which owns what they share:
 * scratch buffers, the BIO, the time-outs. Single-threaded.
 */
#ifndef CONN_CONN_H
#define CONN_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/socket.h>

#include "base/addr.h"
#include "base/err.h"
#include "conf/conf.h"
#include "stats/scoreboard.h"

struct conn;
struct conn_hub;
struct event_base;
struct tls_front;

/*
 * What a service does: events that come up to it. Every member but `name` may
 * be NULL. Any of them may call any function below; after conn_close() and
 * conn_abort() only `lost` and `closed` are still called, and with `lost`
 * `data` for early data that had waited.
 */
struct conn_ops {
	const char *name;
	size_t state_size; /* of conn_state(), zeroed */
	bool takes_early;  /* false: early data come after `ready`, too */

	/*
	 * Once for each listener, in the master: make what all connections of
	 * it share (listener.service). 0, or -1 with the error text.
	 */
	int (*setup)(const struct conf_listen *, void **service, struct err *);
	void (*teardown)(void *service);

	/* The ClientHello was good; the handshake goes on meanwhile. */
	void (*begin)(struct conn *);
	/*
	 * Early data (0-RTT) were accepted: `data` brings them, before
	 * `ready`, and conn_write() and all else may be called from now on.
	 * What comes before `ready` is early data; what comes after is not,
	 * unless the service had paused. Only with takes_early, and unless
	 * the configuration says "postpone".
	 */
	void (*early)(struct conn *);
	/* The handshake is complete. */
	void (*ready)(struct conn *);
	/*
	 * Clear text, len > 0, never before `early` or `ready`. It takes all of
	 * it; it calls conn_pause() when it wants no more for now. buf is
	 * scratch: gone after the return. NULL: thrown away.
	 */
	void (*data)(struct conn *, const uint8_t *buf, size_t len);
	/*
	 * The client sends no more. orderly: it said so with close_notify and
	 * still reads; otherwise the stream was cut (TCP's end without
	 * close_notify) and may be incomplete. Not called while the service
	 * has paused. NULL: conn_finish().
	 */
	void (*eof)(struct conn *, bool orderly);
	/* conn_write() or conn_has_room() had returned false; no longer so. */
	void (*room)(struct conn *);
	/* Some time after conn_recheck(). */
	void (*recheck)(struct conn *);
	/*
	 * After conn_rest(). Between events: none of the functions below may
	 * be called.
	 */
	void (*rest)(struct conn *);
	/* The worker drains: finish as soon as it does no harm. */
	void (*drain)(struct conn *);
	/*
	 * The client is over, whoever ended it: nothing more is read from it,
	 * what is written goes nowhere. An end does not overtake what was
	 * taken before it: the connection lives on without the client, until
	 * conn_delivered() or for idle_timeout without conn_progress().
	 * orderly: the client had sent close_notify. Not called when the
	 * worker stops. NULL: nothing is to be delivered.
	 */
	void (*lost)(struct conn *, bool orderly);
	/*
	 * The connection is over: release what the state holds. The last
	 * call, always made, even when `begin` was not.
	 */
	void (*closed)(struct conn *);
};

/* What a listener finds in the bytes that come before TLS. */
enum preface {
	PREFACE_MORE,	/* not enough of them yet */
	PREFACE_DONE,	/* all there */
	PREFACE_REFUSE, /* not what it should be: CLOSE_HANDSHAKE */
};

/* A listener: what all connections accepted there have in common. */
struct listener {
	const struct conf_listen *conf;
	struct tls_front *tls;
	/*
	 * NULL: TLS is all that there is. Otherwise a client sends something
	 * else before it. Called with all that has come so far, each time that
	 * there is more; with PREFACE_DONE *used is how much of it was not TLS.
	 * It may call conn_set_error(), and nothing else. handshake_timeout
	 * counts from the beginning.
	 */
	enum preface (*preface)(struct conn *, const uint8_t *, size_t len,
	    size_t *used);
	const struct conn_ops *ops;
	void *service; /* from ops->setup */
};

/* Options of a hub. */
struct conn_hub_config {
	struct event_base *base;
	struct slot *slot; /* counters of this worker */
	unsigned worker;
	bool log_connections;
	/* A connection has freed its descriptors; NULL: of no interest. */
	void (*gone)(void *arg);
	void *arg;
};

/*
 * NULL and errno: memory ran out, or ENOTSUP when the event base knows no
 * edge-triggered events (epoll and kqueue do).
 */
struct conn_hub *conn_hub_new(const struct conn_hub_config *);
/* Connections that are left are closed first, with CLOSE_STOPPED. */
void conn_hub_free(struct conn_hub *);
size_t conn_hub_count(const struct conn_hub *);
/* Tell the services to finish (conn_ops.drain). */
void conn_hub_drain(struct conn_hub *);
/* Close all that are left, at once: nothing is delivered any more. */
void conn_hub_close(struct conn_hub *, enum close_reason);
/* Whether that is going on. */
bool conn_hub_closing(const struct conn_hub *);

/*
 * Take over a socket just accepted (closed here on failure, too) and begin
 * the handshake, reading at once what may be there already. 0, or -1 when
 * memory ran out.
 */
int conn_new(struct conn_hub *, const struct listener *, int fd,
    const struct sockaddr *, socklen_t);

/* The service's own memory, conn_ops.state_size bytes. */
void *conn_state(struct conn *);
const struct listener *conn_listener(const struct conn *);
struct conn_hub *conn_hub(const struct conn *);

/* The hub's event base, counters and worker number, for a service's needs. */
struct event_base *conn_hub_base(const struct conn_hub *);
struct slot *conn_hub_slot(const struct conn_hub *);
unsigned conn_hub_worker(const struct conn_hub *);
/*
 * A buffer that is free until control returns to the hub; conn_write() may be
 * given what stands in it.
 */
#define CONN_SCRATCH_SIZE (512u << 10)
uint8_t *conn_hub_scratch(struct conn_hub *);

/*
 * The functions below are for use within an event of the connection: in
 * conn_ops, or in an event of the service's own (of a backend's socket, say)
 * between these two. conn_enter() counts as activity. conn_leave() reads what
 * the service is ready for again, sends what it wrote and frees a connection
 * that was closed: it and its state may be gone afterwards.
 */
void conn_enter(struct conn *);
void conn_leave(struct conn *);

/*
 * Send len bytes of clear text. All of it is taken. Returns true while more
 * is welcome; false: the client is slower than the service, or the
 * connection's share of this turn is used up; write no more until
 * conn_ops.room is called. What is written during one event goes out in one
 * piece at its end.
 */
bool conn_write(struct conn *, const void *buf, size_t len);
/*
 * How many bytes to give to conn_write() at once, at most CONN_SCRATCH_SIZE:
 * more for a client that takes them all, less for one that leaves them to us.
 */
size_t conn_write_hint(const struct conn *);
/* What conn_write() would return; false brings conn_ops.room, too. */
bool conn_has_room(struct conn *);
/* Stop and restart the flow of conn_ops.data; calls may repeat. */
void conn_pause(struct conn *);
void conn_resume(struct conn *);
/* No more early data before `ready`; then they are data like any. */
void conn_hold_early(struct conn *);
/*
 * Have conn_ops.recheck called in a tenth of a second or so, once. For what
 * an edge-triggered socket may have kept to itself: after a read that got less
 * than it might, the end that came with the data is reported (EV_CLOSED), a
 * reset is not; asking at once would cost a system call for each request.
 */
void conn_recheck(struct conn *);
/* Have conn_ops.rest called once, when nothing has moved for so long. */
void conn_rest(struct conn *, int64_t ms);
/*
 * No more output: send close_notify behind what is under way. The client may
 * go on sending until it ends its side; then the connection closes with
 * CLOSE_DONE. A client that neither sends nor closes has shutdown_timeout.
 */
void conn_finish(struct conn *);
/*
 * As conn_finish(), and input is of no interest any more: it is thrown away
 * until the client closes, for shutdown_timeout at the most.
 */
void conn_end(struct conn *);
/*
 * Something broke: send what is under way, but no close_notify, so that the
 * client sees that it is not all. Input is thrown away until the client
 * closes, for shutdown_timeout at the most; a client that has sent more than
 * we read would lose the end of our output otherwise.
 */
void conn_abort(struct conn *, enum close_reason);
/*
 * The only way out: counters, one log line, everything freed. At the end of
 * the event, so that whoever is on the stack still has its connection; of a
 * service with `lost`, when that has been delivered which was taken before.
 */
void conn_close(struct conn *, enum close_reason);

/* Whether too much has been written to a client that is over. */
bool conn_wasted(const struct conn *);
/* After `lost`: some of what the client sent has got further. */
void conn_progress(struct conn *);
/* Whether `data` will bring something yet that waited for conn_resume(). */
bool conn_has_more(const struct conn *);
/* All is delivered, or cannot be: `closed` is next. */
void conn_delivered(struct conn *);
/*
 * A text for the log line's error field; the first one stays. Blanks become
 * underscores.
 */
void conn_set_error(struct conn *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/*
 * For the log line: the backend's name, which must outlive the connection, the
 * time that reaching it took, and how many had failed before.
 */
void conn_set_backend(struct conn *, const char *name, int64_t connect_us,
    unsigned failed);

/*
 * The client's address and ours. ss_family is AF_UNSPEC where there is none
 * to tell.
 */
void conn_addresses(struct conn *, struct sockaddr_storage *client,
    struct sockaddr_storage *here);

/*
 * What is known of the connection. Strings are valid until it closes. Those
 * that a handshake settles are "-" before its end. sni, alpn and client_cn are
 * others' own words: quote them (conn/kv.h).
 */
struct conn_info {
	uint64_t id; /* unique in the worker process */
	const char *listener;
	const char *sni; /* NULL: none was sent */
	const char *certificate, *version, *cipher, *group;
	const char *resumed; /* full, id, ticket, stateful */
	const char *early;   /* what became of early data; none, accepted, … */
	uint64_t early_in;   /* bytes of them */
	int session_worker;  /* that made the session; -1: not known */
	const char *client_certificate;
	char client_cn[257]; /* of that, if it is "ok"; else "" */
	char alpn[256]; /* "": none was chosen */
	char client[ADDR_TEXT_MAX];
};
void conn_info(struct conn *, struct conn_info *);
/*
 * The SHA-256 of the client's certificate, if that is "ok", in hex; else "". It
 * is computed now.
 */
#define CONN_SHA256_MAX 65
void conn_client_sha256(const struct conn *, char *buf, size_t size);

#endif
