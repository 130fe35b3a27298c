/* SPDX-License-Identifier: ISC */
/* The parts of the control socket, among themselves. */
#ifndef CTL_CTL_INT_H
#define CTL_CTL_INT_H

#include <sys/queue.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include <event2/event.h>

#include "base/err.h"
#include "ctl/ctl.h"
#include "ctl/protocol.h"

struct ctl_client {
	LIST_ENTRY(ctl_client) entry;
	struct ctl *ctl;
	int fd;
	bool root, master; /* who has connected */
	enum ctl_order waits; /* for this one's verdict; or …_COUNT */
	bool begun;
	struct event *readable;
	struct event *writable;
	struct event *deadline;
	char request[CTL_REQUEST_MAX];
	size_t have;
	char *answer;
	size_t sent; /* the answer's bytes before this one are gone */
	size_t len;
};

struct ctl {
	LIST_HEAD(, ctl_client) clients;
	size_t nclients;
	size_t max;
	struct timeval deadline;
	struct event_base *base;
	struct event *listener;
	struct event *resume; /* accepting, after a failure */
	bool failing;
	int fd;
	char *path;
	dev_t dev; /* of the path, so that we remove no other's */
	ino_t ino;
	ctl_view_cb *view;
	ctl_order_cb *order;
	void *arg;
};

/*
 * client.c: one more. 0, or -1 and errno: then the descriptor is the caller's.
 */
int ctl_client_new(struct ctl *, int fd);
/* Also closes what it is connected by. */
void ctl_client_free(struct ctl_client *);
/* When there is one too many. */
struct ctl_client *ctl_client_first_to_go(const struct ctl *);

/*
 * Make the socket of opts->path and listen on it. Returns the descriptor, or
 * -1 with the error text.
 */
int ctl_socket(const struct ctl_options *, struct err *);

/*
 * The answer to a request of len bytes, which is taken apart: a buffer that
 * the caller frees, in which the answer goes from *begin to *end. NULL when
 * memory ran out.
 */
char *ctl_answer(char *request, size_t len, ctl_view_cb *, void *arg,
    size_t *begin, size_t *end);

/* order.c: CTL_ORDER_COUNT: none of them. */
enum ctl_order ctl_order_named(const char *);
enum ctl_order ctl_order_find(const char *request, size_t len);
/* The answer at once; NULL: the verdict is waited for. */
const char *ctl_order_text(enum ctl_order);
/* A text as an answer, which the caller frees; NULL when memory ran out. */
char *ctl_answer_text(enum ctl_status, const char *text, size_t *len);

#endif
