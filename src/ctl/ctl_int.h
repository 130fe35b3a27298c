/* SPDX-License-Identifier: ISC */
/* The parts of the control socket, among themselves. */
#ifndef CTL_CTL_INT_H
#define CTL_CTL_INT_H

#include <stddef.h>

#include "base/err.h"
#include "ctl/ctl.h"
#include "ctl/protocol.h"

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
