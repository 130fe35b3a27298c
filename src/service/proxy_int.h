/* SPDX-License-Identifier: ISC */
/*
 * The two files of the service `proxy`: proxy_connect.c gets a connection to
 * a backend, proxy.c moves bytes. What they share is the leg: the backend's
 * half of a client's connection.
 */
#ifndef SERVICE_PROXY_INT_H
#define SERVICE_PROXY_INT_H

#include <event2/event.h>
#include <event2/event_struct.h>

#include "conn/conn.h"

/* A listener's backends. A copy per process: the turn is each worker's own. */
struct proxy {
	const struct conf_listen *conf;
	size_t turn;
};

enum leg_state {
	LEG_NONE,	/* not begun, or closed */
	LEG_CONNECTING,
	LEG_RETRY,	/* the backend's queue is full: again in a moment */
	LEG_UP,
	LEG_FAILED,	/* no backend would have us */
};

/* struct leg.flags */
#define LEG_F_READY (1u << 0)	   /* the client's handshake is complete */
#define LEG_F_READABLE (1u << 1)   /* the kernel may hold bytes for us */
#define LEG_F_FIN (1u << 2)	   /* … and the end behind them */
#define LEG_F_EOF (1u << 3)	   /* the backend sends no more */
#define LEG_F_CLIENT_END (1u << 4) /* the client sends no more */
#define LEG_F_SHUT (1u << 5)	   /* … and the backend was told */
#define LEG_F_BROKEN (1u << 6)	   /* the backend takes no more */
#define LEG_F_SENT (1u << 7)
#define LEG_F_NODELAY (1u << 8)	   /* TCP_NODELAY is on, or not TCP */
#define LEG_F_WATCH_OUT (1u << 9)  /* registered for EV_WRITE, too */
#define LEG_F_TELLS_END (1u << 10) /* … for EV_CLOSED */
#define LEG_F_DOUBT (1u << 11)	   /* a reset may hide behind the last read */
#define LEG_F_EARLY (1u << 12)	   /* the client may be written to before */
#define LEG_F_HEADER (1u << 13)	   /* the PROXY header is on its way */
#define LEG_F_CALLED (1u << 14)	   /* proxy_connect() was called */
#define LEG_F_HEADER_WAITS (1u << 15) /* … and pending begins with it */

/* Clear text that the backend has not taken yet. */
struct leg_pending {
	size_t pos, len;
	uint8_t data[];
};

struct leg {
	struct event ev; /* the backend's socket and the connect time-out */
	struct leg_pending *pending;
	int64_t tried; /* when this backend's turn began, µs */
	size_t first;  /* whose turn came first */
	size_t failed; /* backends that would not have us */
	int error;     /* errno of the last one; ETIMEDOUT is our time-out */
	int fd;
	unsigned flags;
	enum leg_state state;
};

/* Begin to connect; proxy_up() or proxy_failed() is called, maybe at once. */
void proxy_connect(struct conn *);
/* An event of a leg that is LEG_CONNECTING or LEG_RETRY. */
void proxy_connect_event(struct conn *, short what);

int proxy_watch(struct conn *, short more, const struct timeval *timeout);
void proxy_note(struct conn *, bool up);

/*
 * Write the header for this connection into buf and return its length, at most
 * PROXY_HEADER_MAX. early: so many bytes of early data follow, and the client's
 * handshake is not complete; proxy_header_complete() corrects that.
 */
#define PROXY_HEADER_MAX 1024
size_t proxy_header(struct conn *, uint8_t *buf, size_t early);
void proxy_header_complete(uint8_t *header);

void proxy_up(struct conn *);
void proxy_failed(struct conn *);
void proxy_event_cb(evutil_socket_t, short, void *);

#endif
