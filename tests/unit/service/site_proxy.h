/* SPDX-License-Identifier: ISC */
/* A world whose listener is a proxy, with backends in this process. */
#ifndef TEST_SERVICE_SITE_PROXY_H
#define TEST_SERVICE_SITE_PROXY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "peer.h"
#include "service/proxy_int.h"

#define BACKENDS 3
extern struct backend backends[BACKENDS];
extern bool backends_closed[BACKENDS]; /* by the test */

void site_proxy(size_t n, bool local);
void site_proxy_backlog(size_t n, bool local, int backlog);
/*
 * One backend with a small window, which makes small segments, and early data:
 * the session of a first visit, which the caller frees.
 */
SSL_SESSION *site_proxy_early(bool header);
void site_proxy_close(void); /* a fixture's teardown */

/* Of the only connection. */
struct proxy *the_proxy(void);
struct leg *the_leg(void);

/* A connection to addr, or -1 if it does not come about at once. */
int fill_one(const struct addr *);
void close_fd(int);

#endif
