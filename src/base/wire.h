/* SPDX-License-Identifier: ISC */
/*
 * A stream socket and its bytes: what the kernel has said about it, and the
 * output that the kernel has not taken yet. It knows nothing of what the bytes
 * mean; connections of clients and to backends are made of it.
 *
 * The socket is watched edge-triggered: the kernel says once that something has
 * come, and then must be asked until it has no more. A read that returns less
 * than it might says that; one more would only be told EAGAIN. But the edge may
 * also have meant the end of the input, or a reset behind it. The end is
 * reported beside the data (EV_CLOSED), where the event base can tell. A reset
 * is not, hence WIRE_DOUBT: a send that succeeds afterwards settles it, which
 * is the rule with requests and answers; otherwise the owner looks again some
 * time later. Whatever comes after the read has an edge of its own.
 *
 * A read also stops short at urgent data (MSG_OOB), and on a Unix socket behind
 * descriptors (SCM_RIGHTS). What is behind that comes with the next edge, or
 * when the owner looks again, which a send in between keeps it from; and it is
 * lost when the end was reported with it, unless wire_exact() is asked for.
 */
#ifndef BASE_WIRE_H
#define BASE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/time.h>

#include <event2/event.h>
#include <event2/event_struct.h>

/* struct wire.flags. Only wire.c and this file set them. */
#define WIRE_READABLE (1u << 0)	 /* the kernel may hold input */
#define WIRE_FIN (1u << 1)	 /* … and the end of input behind it */
#define WIRE_EOF (1u << 2)	 /* all input was read, no more will come */
#define WIRE_RESET (1u << 3)	 /* … because of an error (.error) */
#define WIRE_DOUBT (1u << 4)	 /* a reset may hide behind the last read */
#define WIRE_BROKEN (1u << 5)	 /* the kernel refuses output (.error) */
#define WIRE_SHUT (1u << 6)	 /* wire_shut() was called */
#define WIRE_SENT (1u << 7)	 /* the kernel has taken something */
#define WIRE_NODELAY (1u << 8)	 /* TCP_NODELAY is on, or not TCP */
#define WIRE_TELLS_END (1u << 9) /* the event base reports EV_CLOSED */
#define WIRE_WATCH_OUT (1u << 10) /* it is watched for EV_WRITE, too */
#define WIRE_EXACT (1u << 11)	 /* wire_exact() was called */

struct wire_out {
	size_t pos, len, size;
	uint8_t data[];
};

struct wire {
	struct event ev;
	struct wire_out *out; /* waits for the kernel; NULL: nothing does */
	int fd;		      /* -1: there is no socket */
	uint16_t error;	      /* errno, with WIRE_RESET or WIRE_BROKEN */
	uint16_t flags;
};

/* Without a socket, and nothing waits. Needed before all that follows. */
void wire_init(struct wire *);
/*
 * Take over a socket that does not block; wire_close() closes it. nodelay:
 * TCP_NODELAY is on, or it is not TCP; otherwise it is set when it is needed.
 * cb will be called with arg for the events of the socket; the first thing it
 * does is wire_heard(). Output that waits is for this socket from now on.
 */
void wire_open(struct wire *, int fd, bool nodelay, struct event_base *,
    event_callback_fn cb, void *arg);
/*
 * Begin to watch the socket for input, and for room if output waits or `room`
 * is true; cb is also called with EV_TIMEOUT after the timeout, if that is not
 * NULL (event_remove_timer() ends it). What is there already is reported at
 * once, so that no doubt is left. 0, or -1 and ENOMEM.
 */
int wire_watch(struct wire *, bool room, const struct timeval *timeout);
/*
 * Where there is no socket: cb is called once, with EV_TIMEOUT, unless
 * wire_close() comes before. 0, or -1 and ENOMEM.
 */
int wire_wait(struct wire *, struct event_base *, const struct timeval *,
    event_callback_fn cb, void *arg);
/* Close the socket. Output that waits stays, for another one. */
void wire_close(struct wire *);

/* Note what the event's callback was called with. */
static inline void
wire_heard(struct wire *w, short what)
{
	if (what & (EV_READ | EV_CLOSED))
		w->flags |= WIRE_READABLE;
	if (what & EV_CLOSED)
		w->flags |= WIRE_FIN;
}

/* There may be something that no event has told. */
static inline void
wire_look(struct wire *w)
{
	w->flags |= WIRE_READABLE;
}

/* The same if a reset may hide; that doubt is over. */
void wire_look_again(struct wire *);

/*
 * Only a read that brings nothing is the end: one more for each end that comes
 * with data. For a socket that is open.
 */
static inline void
wire_exact(struct wire *w)
{
	w->flags |= WIRE_EXACT;
}

/*
 * Read what is there. Returns how much, or 0: nothing for now, or for ever
 * (WIRE_EOF, which may also come with the last bytes).
 */
size_t wire_read(struct wire *, void *buf, size_t size);

/*
 * Send: how much the kernel has taken. When that is less than len, it is
 * either broken (WIRE_BROKEN; what was sent to us before may still be there,
 * so that it is readable again unless it has ended), or the rest is to be kept
 * until the next EV_WRITE. more: something follows soon that this may wait for.
 */
size_t wire_send(struct wire *, const void *buf, size_t len, bool more);
/*
 * Keep a copy behind what waits already, and watch for room if there is a
 * socket. 0, or -1 when memory ran out.
 */
int wire_keep(struct wire *, const void *buf, size_t len);
/* Send what waits: how much was taken. If it is broken nothing waits then. */
size_t wire_flush(struct wire *, bool more);
/* Forget what waits. */
void wire_drop(struct wire *);
/* How many bytes wait. */
static inline size_t
wire_waits(const struct wire *w)
{
	return w->out != NULL ? w->out->len - w->out->pos : 0;
}

/* End our output, behind what was sent. Calls may repeat. */
void wire_shut(struct wire *);
/*
 * The close is to be a reset, as far as the socket is TCP; what the kernel has
 * of our output is lost then.
 */
void wire_reset(struct wire *);

#endif
