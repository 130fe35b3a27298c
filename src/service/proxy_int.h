/* SPDX-License-Identifier: ISC */
/*
 * The files of the service `proxy`: proxy_backend.c chooses a backend,
 * proxy_connect.c gets a connection to it, proxy.c moves bytes, proxy_end.c
 * passes on ends. What they share is the leg: the backend's half of a client's
 * connection.
 */
#ifndef SERVICE_PROXY_INT_H
#define SERVICE_PROXY_INT_H

#include <event2/event.h>
#include <event2/event_struct.h>

#include "conn/conn.h"

/* What a worker knows of a backend. Times: µs of clock_mono_us(). */
struct backend_state {
	int64_t down_until; /* not to be called before; 0: it is up */
	int64_t down_since; /* as the log has it */
	int64_t told;	    /* when the log was told last; 0: never */
	bool told_down;	    /* what it was told */
};

/* A listener's backends. A copy per process: the turn is each worker's own. */
struct proxy {
	size_t turn;
	struct backend_state backends[]; /* as in struct conf_listen */
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
#define LEG_F_ASKED (1u << 16)	   /* the client spoke last */
#define LEG_F_LOST (1u << 17)	   /* the client is over (conn_ops.lost) */
#define LEG_F_CUT (1u << 18)	   /* bytes of it are lost */

/* Clear text that the backend has not taken yet. */
struct leg_pending {
	size_t pos, len;
	uint8_t data[];
};

struct leg {
	struct event ev; /* the backend's socket and the connect time-out */
	struct leg_pending *pending;
	int64_t called; /* when the first backend's turn began, µs */
	int64_t tried;	/* … this one's */
	uint64_t tried_mask; /* of the first 64 backends */
	size_t first;	/* whose turn came first */
	size_t step;	/* backends looked at, in turn, twice at the most */
	unsigned current;
	unsigned failed; /* backends that would not have us */
	int error;	/* errno of the last one; ETIMEDOUT is our time-out */
	int fd;
	int unsent; /* what the kernel had at the last look, client over */
	unsigned flags;
	enum leg_state state;
};

/*
 * Choose the next backend for this connection: proxy_backend() from now on.
 * leg->tried is the time. False: all have been tried.
 */
bool proxy_backend_next(struct conn *);
const struct conf_addr *proxy_backend(struct conn *);
/* It has accepted the connection, or not: errno, ETIMEDOUT for no answer. */
void proxy_backend_up(struct conn *);
void proxy_backend_down(struct conn *, int error);

/* Begin to connect; proxy_up() or proxy_failed() is called, maybe at once. */
void proxy_connect(struct conn *);
/* An event of a leg that is LEG_CONNECTING or LEG_RETRY. */
void proxy_connect_event(struct conn *, short what);
/* The client has gone; the leg may be in any state. */
void proxy_connect_end(struct conn *);

int proxy_watch(struct conn *, short more, const struct timeval *timeout);
void proxy_note(struct conn *);

/*
 * Write the header for this connection into buf and return its length, at most
 * PROXY_HEADER_MAX. early: so many bytes of early data follow, and the client's
 * handshake is not complete; proxy_header_complete() corrects that.
 */
#define PROXY_HEADER_MAX 1024
size_t proxy_header(struct conn *, uint8_t *buf, size_t early);
void proxy_header_complete(uint8_t *header);

/* proxy.c */
void proxy_up(struct conn *);
void proxy_failed(struct conn *);
void proxy_event_cb(evutil_socket_t, short, void *);
/* Returns how much was taken, or sets LEG_F_BROKEN. */
size_t proxy_to_backend(struct conn *, const uint8_t *, size_t);
void proxy_from_backend(struct conn *);

/* proxy_end.c */
void proxy_eof(struct conn *, bool orderly);
void proxy_lost(struct conn *, bool orderly);
void proxy_closed(struct conn *);
void proxy_deliver(struct conn *);
void proxy_end_to_backend(struct conn *);
void proxy_end_from_backend(struct conn *);
void proxy_backend_broke(struct conn *);
void proxy_drop_pending(struct conn *);
void proxy_leg_close(struct conn *);

#endif
