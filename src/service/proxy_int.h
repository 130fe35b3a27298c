/* SPDX-License-Identifier: ISC */
/*
 * The files of the service `proxy`: proxy.c joins a client's connection and a
 * leg to a backend (backend/), proxy_leg.c hears what the leg tells,
 * proxy_end.c passes on ends, proxy_header.c tells the backend whose connection
 * it is.
 */
#ifndef SERVICE_PROXY_INT_H
#define SERVICE_PROXY_INT_H

#include "backend/backend.h"
#include "conn/conn.h"

/* struct proxy.flags */
#define PROXY_F_READY (1u << 0)	 /* the client's handshake is complete */
#define PROXY_F_EARLY (1u << 1)	 /* the client may be written to before */
#define PROXY_F_CALLED (1u << 2) /* the backend was called */
#define PROXY_F_HEADER (1u << 3) /* the PROXY header is on its way */
#define PROXY_F_HEADER_WAITS (1u << 4) /* … and what waits begins with it */
#define PROXY_F_ASKED (1u << 5)	      /* the client spoke last */
#define PROXY_F_CLIENT_END (1u << 6)  /* the client sends no more */
#define PROXY_F_LOST (1u << 7)	      /* the client is over (conn_ops.lost) */
#define PROXY_F_CUT (1u << 8)	      /* bytes of it are lost */

/* A client's connection that is proxied; its conn_state(). */
struct proxy {
	struct leg leg;
	unsigned flags;
	int unsent; /* what the kernel had at the last look, client over */
};

/*
 * Write the header for this connection into buf and return its length, at most
 * PROXY_HEADER_MAX. early: so many bytes of early data follow, and the client's
 * handshake is not complete; proxy_header_complete() corrects that.
 */
#define PROXY_HEADER_MAX 1024
size_t proxy_header(struct conn *, uint8_t *buf, size_t early);
void proxy_header_complete(uint8_t *header);

/* proxy.c */
void proxy_from_backend(struct conn *);

/* proxy_leg.c */
extern const struct leg_ops proxy_legs;
/* Call the backend, once. False: it is over, because there is none. */
bool proxy_call(struct conn *);
/* The handshake is complete, and no backend would have us. */
void proxy_report_failure(struct conn *);
void proxy_leg_close(struct conn *);

/* proxy_end.c */
void proxy_eof(struct conn *, bool orderly);
void proxy_lost(struct conn *, bool orderly);
void proxy_closed(struct conn *);
void proxy_deliver(struct conn *);
void proxy_end_to_backend(struct conn *);
void proxy_end_from_backend(struct conn *);
void proxy_backend_broke(struct conn *);

#endif
