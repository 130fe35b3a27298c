/* SPDX-License-Identifier: ISC */
/*
 * The control socket: a Unix stream socket in the master's event loop, on
 * which tlsherdctl asks and the master answers (protocol.h).
 *
 * No client can hold the master up: requests are bounded, answers are made in
 * one go and sent as the client takes them, every connection has a deadline,
 * and there is a limit to how many there are at a time: one more takes the
 * place of another, a silent one first, and root's last.
 */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "report/view.h"

struct ctl;
struct event_base;

/*
 * The master's side: fill in the view. What it points to must stay as it is
 * until the event loop goes on.
 */
typedef void ctl_view_cb(void *arg, struct ctl_view *);

/*
 * Orders. Who may give them: root, and whoever the master runs as; where the
 * system does not tell who is at the other end, nobody.
 */
enum ctl_order {
#define X(ID, order, text, doc) CTL_ORDER_##ID,
#include "ctl/orders.def"
#undef X
	CTL_ORDER_COUNT
};

/*
 * The master's side: follow it, later, from the event loop. NULL, or why it is
 * not followed.
 */
typedef const char *ctl_order_cb(void *arg, enum ctl_order);

struct ctl_options {
	const char *path;      /* of the socket; absolute */
	const struct loc *loc; /* of control_socket in the file, or NULL */
	int mode;	       /* file mode of the socket: who may ask */
	size_t clients;	       /* connections at a time; 0: CTL_CLIENTS */
	int64_t deadline;      /* milliseconds for one; 0: CTL_DEADLINE */
};

#define CTL_CLIENTS 16
#define CTL_DEADLINE 5000

/*
 * Make the socket, with exactly that mode from the first moment, and serve it
 * from the loop. A socket that is left over from a process that died is
 * replaced; one that somebody listens on, and any other file, is not. Returns
 * NULL with the error text on failure.
 */
struct ctl *ctl_new(struct event_base *, const struct ctl_options *,
    ctl_view_cb *, void *arg, struct err *);

/* Whom orders go to, with the arg of ctl_new(). Without, there are none. */
void ctl_take_orders(struct ctl *, ctl_order_cb *);

/*
 * What has been ordered up to now is being done; its verdict is the answer to
 * those who wait for it: whether it is done, and a text (with a newline at the
 * end if it is). ctl may be NULL.
 */
void ctl_order_begun(struct ctl *, enum ctl_order);
void ctl_order_verdict(struct ctl *, enum ctl_order, bool done,
    const char *text);
/* No more is done of what was ordered: that is the answer to all who wait. */
void ctl_orders_over(struct ctl *, const char *text);

/* A control socket as a program hands it on to its successor. */
struct ctl_handed {
	int fd;
	const char *path;
	uint64_t dev; /* of the path when the socket was made */
	uint64_t ino;
};

/* What ctl has, and still owns: the path lives as long as it does. */
void ctl_hand_on(const struct ctl *, struct ctl_handed *);

/*
 * As ctl_new(), with a socket that listens already. On failure fd stays the
 * caller's.
 */
struct ctl *ctl_adopt(struct event_base *, const struct ctl_handed *,
    ctl_view_cb *, void *arg, struct err *);

/*
 * After a reload: go over to another path, or give the path another mode. The
 * limits stay. Returns 0, or -1 with the error text, and then nothing has
 * changed.
 */
int ctl_change(struct ctl *, const struct ctl_options *, struct err *)
    __attribute__((warn_unused_result));

/* End all connections, close the socket, remove its path if it is ours. */
void ctl_free(struct ctl *);

/*
 * In a worker, right after the fork: close our copies of the descriptors.
 * Memory and event loop are the master's and stay as they are.
 */
void ctl_forget(const struct ctl *);

#endif
