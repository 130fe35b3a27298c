/* SPDX-License-Identifier: ISC */
/*
 * One client connection: handshake, stream of clear text, orderly close. What
 * is done with the clear text is a service's business (struct conn_ops); a
 * service sees the connection through the functions below only.
 *
 * All connections of a worker belong to its hub, which owns what they share:
 * scratch buffers, the BIO, the time-out queues. Single-threaded.
 */
#ifndef CONN_CONN_H
#define CONN_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/socket.h>

#include "base/err.h"
#include "conf/conf.h"
#include "stats/scoreboard.h"

struct conn;
struct conn_hub;
struct event_base;
struct tls_front;

/*
 * What a service does: events that come up to it. Every member but `name` and
 * `data` may be NULL. Any of them may call any function below; after
 * conn_close() only `closed` is still called.
 */
struct conn_ops {
	const char *name;
	size_t state_size; /* of conn_state(), zeroed */

	/*
	 * Once for each listener, in the master: make what all connections of
	 * it share (conn_service()). 0, or -1 with the error text.
	 */
	int (*setup)(const struct conf_listen *, void **service, struct err *);
	void (*teardown)(void *service);

	/* The ClientHello was good; the handshake goes on meanwhile. */
	void (*begin)(struct conn *);
	/* The handshake is complete. */
	void (*ready)(struct conn *);
	/*
	 * Clear text, len > 0, never before `ready`. The service takes all of
	 * it; it calls conn_pause() when it wants no more for now. buf is
	 * scratch: gone after the return.
	 */
	void (*data)(struct conn *, const uint8_t *buf, size_t len);
	/*
	 * The client sends no more. orderly: it said so with close_notify and
	 * still reads; otherwise the stream was cut (TCP's end without
	 * close_notify) and may be incomplete. NULL: conn_finish().
	 */
	void (*eof)(struct conn *, bool orderly);
	/* conn_write() had returned false; there is room again. */
	void (*room)(struct conn *);
	/* The worker drains: finish as soon as it does no harm. */
	void (*drain)(struct conn *);
	/* The connection is over: release what the state holds. Last call. */
	void (*closed)(struct conn *);
};

/* A listener: what all connections accepted there have in common. */
struct listener {
	const struct conf_listen *conf;
	struct tls_front *tls;
	const struct conn_ops *ops;
	void *service; /* from ops->setup */
};

/* Options of a hub. */
struct conn_hub_config {
	struct event_base *base;
	struct slot *slot; /* counters of this worker */
	unsigned worker;
	bool log_connections;
	void (*gone)(void *arg); /* a connection has freed its descriptors */
	void *arg;
};

/* NULL when memory ran out. */
struct conn_hub *conn_hub_new(const struct conn_hub_config *);
/* Connections that are left are closed first, with CLOSE_STOPPED. */
void conn_hub_free(struct conn_hub *);
size_t conn_hub_count(const struct conn_hub *);
/* Tell the services to finish (conn_ops.drain). */
void conn_hub_drain(struct conn_hub *);
/* Close all that are left. */
void conn_hub_close(struct conn_hub *, enum close_reason);

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
 * A buffer that is free until control returns to the hub or conn_write() is
 * called with anything else; conn_write() may be given what stands in it.
 */
#define CONN_SCRATCH_SIZE (256u << 10)
uint8_t *conn_hub_scratch(struct conn_hub *);

/*
 * Send len bytes of clear text. All of it is taken. Returns true while more
 * is welcome; false: some of it waits in memory, write no more until
 * conn_ops.room is called. What is written during one event goes out in one
 * piece at its end.
 */
bool conn_write(struct conn *, const void *buf, size_t len);
/* Stop and restart the flow of conn_ops.data; calls may repeat. */
void conn_pause(struct conn *);
void conn_resume(struct conn *);
/*
 * No more output: send close_notify behind what is under way. The client may
 * go on sending until it ends its side; then the connection closes with
 * CLOSE_DONE.
 */
void conn_finish(struct conn *);
/*
 * As conn_finish(), and input is of no interest any more: it is thrown away
 * until the client closes, for shutdown_timeout at the most.
 */
void conn_end(struct conn *);
/* The only way out: counters, one log line, everything freed (soon). */
void conn_close(struct conn *, enum close_reason);
/* A text for the log line's error field, without spaces. */
void conn_set_error(struct conn *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* The backend's name and the time its connection took, for the log line. */
void conn_set_backend(struct conn *, const char *name, int64_t connect_us);
/* Something moved elsewhere (the backend's side): not idle. */
void conn_touch(struct conn *);

/* What is known of the connection; strings are valid until it closes. */
struct conn_info {
	uint64_t id; /* unique in the worker process */
	const char *client, *listener;
	const char *sni; /* NULL: none was sent */
	const char *certificate, *version, *cipher, *group;
	const char *alpn; /* NULL: none was chosen */
	const char *resumed; /* full, id, ticket, stateful */
	int session_worker;  /* that made the session; -1: not known */
	const char *client_certificate;
};
void conn_info(struct conn *, struct conn_info *);

#endif
