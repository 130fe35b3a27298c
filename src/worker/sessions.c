/* SPDX-License-Identifier: ISC */
/*
 * What has to be done for the session cache beside serving: wiping what has
 * expired, and moving all to a cache of another size. Here, with a worker's
 * rights, and not in the master: whoever takes a lock in shared memory trusts
 * all who can write there, and workers meet the network.
 */
#include "config.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/daemon.h"
#include "base/fd.h"
#include "base/proctitle.h"
#include "tlscache.h"
#include "worker/worker_int.h"

/* The whole cache in a minute: about one place for so many bytes. */
#define ROUND_S 60
#define BYTES_PER_PLACE 100
#define PLACES_MIN 4096

static void expire_event_cb(evutil_socket_t, short, void *);

int
sessions_expire_init(struct worker *w)
{
	static const struct timeval each = { 1, 0 };
	const struct heritage *h = w->heritage;

	event_assign(&w->expire, w->base, -1, EV_PERSIST, expire_event_cb, w);
	if (h->sessions == NULL || h->worker != 0)
		return 0;
	return event_add(&w->expire, &each);
}

static void
expire_event_cb(evutil_socket_t fd, short what, void *arg)
{
	const struct heritage *h = ((struct worker *)arg)->heritage;

	(void)tlscache_expire(h->sessions,
	    h->conf->cache_size / BYTES_PER_PLACE / ROUND_S + PLACES_MIN,
	    clock_wall());
}

void
worker_move(const struct heritage *h, struct tlscache *from)
{
	struct err err;
	int error;

	worker_signals();
	daemon_hold_signals(false);
	proctitle_set("moving sessions");
	fd_close_from(STDERR_FILENO + 1);
	if (worker_become(h, &err) == -1)
		_exit(WORKER_EXIT_SETUP);
	error = tlscache_move(h->sessions, from, clock_wall());
	_exit(error == TLSCACHE_OK ? 0 : WORKER_EXIT_MOVE);
}
