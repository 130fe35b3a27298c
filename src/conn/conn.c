/* SPDX-License-Identifier: ISC */
/*
 * A connection's events: made, entered, served, left. What is to be done in
 * each state is in preface.c, handshake.c, stream.c and close.c. Worker.
 *
 * Everything that happens to a connection happens between conn_enter() and
 * conn_leave(). Services are called there and may close it at any time; it is
 * freed only in conn_leave(), so nobody on the stack is left with a dangling
 * pointer.
 *
 * Its states, and what moves it from one to another, are in state.c and in
 * HACKING.
 */
#include "config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <netinet/tcp.h>

#include "base/clock.h"
#include "base/keepalive.h"
#include "conn/conn_int.h"
#include "tls/tls.h"

static struct conn *make(struct conn_hub *, const struct listener *, int,
    const struct sockaddr *, socklen_t);
static int make_tls(struct conn *);
static bool has_nodelay(struct conn_hub *, int, int);
static void note_keepalive(struct conn *);
static bool step(struct conn *);

int
conn_new(struct conn_hub *hub, const struct listener *listener, int fd,
    const struct sockaddr *sa, socklen_t len)
{
	struct conn *c;

	slot_add(hub->conf.slot, METRIC_ACCEPTED, 1);
	if ((c = make(hub, listener, fd, sa, len)) == NULL) {
		slot_close(hub->conf.slot, CLOSE_NO_MEMORY);
		close(fd);
		return -1;
	}
	conn_enter(c);
	c->started = hub->now;
	wire_look(&c->wire);
	if (make_tls(c) == -1) {
		conn_close(c, CLOSE_NO_MEMORY);
		conn_leave(c);
		return -1;
	}
	note_keepalive(c);
	while (step(c))
		;
	/* Only now: the kernel shows at once whatever is there already. */
	if (c->state != CONN_DEAD && wire_watch(&c->wire, false, NULL) == -1)
		conn_close(c, CLOSE_NO_MEMORY);
	conn_leave(c);
	return 0;
}

static struct conn *
make(struct conn_hub *hub, const struct listener *listener, int fd,
    const struct sockaddr *sa, socklen_t len)
{
	struct conn *c;

	if (conn_deadline_reserve(hub) == -1)
		return NULL;
	c = calloc(1, sizeof(*c) + listener->ops->state_size);
	if (c == NULL)
		return NULL;
	c->hub = hub;
	c->listener = listener;
	c->id = ++hub->next_id;
	conn_input_init(c);
	conn_output_init(c);
	conn_handshake_init(c);
	c->client.sa.sa_family = sa->sa_family;
	if (sa->sa_family != AF_UNIX && len <= sizeof(c->client))
		memcpy(&c->client, sa, len);
	wire_init(&c->wire);
	wire_open(&c->wire, fd, has_nodelay(hub, fd, sa->sa_family),
	    hub->conf.base, conn_event_cb, c);
	TAILQ_INSERT_TAIL(&hub->conns, c, link);
	if (++hub->count > hub->peak)
		hub->peak = hub->count;
	atomic_store_explicit(&hub->conf.slot->connections, hub->count,
	    memory_order_relaxed);
	return c;
}

static int
make_tls(struct conn *c)
{
	struct conn_hub *hub = c->hub;

	if ((c->ssl = tls_front_accept(c->listener->tls)) == NULL)
		return -1;
	BIO_up_ref(hub->bio);
	SSL_set_bio(c->ssl, hub->bio, hub->bio);
	conn_early_init(c);
	return 0;
}

/*
 * Accepted sockets have TCP_NODELAY from their listening socket on systems
 * that pass it on (Linux does) if the master set it: then it need not be set
 * for each. The first connection tells.
 */
static bool
has_nodelay(struct conn_hub *hub, int fd, int family)
{
	socklen_t len;
	int on;

	if (family == AF_UNIX)
		return true;
	if (!hub->nodelay_known) {
		on = 0;
		len = sizeof(on);
		hub->nodelay_inherited = getsockopt(fd, IPPROTO_TCP,
		    TCP_NODELAY, &on, &len) == 0 && on != 0;
		hub->nodelay_known = true;
	}
	return hub->nodelay_inherited;
}

/*
 * The same, but the socket may have waited in the queue since before the
 * option was set there.
 */
static void
note_keepalive(struct conn *c)
{
	int64_t ms = c->listener->conf->client_keepalive;

	if (ms == 0 || c->hub->keepalive_inherited ||
	    c->client.sa.sa_family == AF_UNIX)
		return;
	if (keepalive_is_on(c->wire.fd))
		c->hub->keepalive_inherited = true;
	else
		(void)keepalive_set(c->wire.fd, ms);
}

void
conn_event_cb(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	conn_enter(c);
	wire_heard(&c->wire, what);
	if (what & EV_WRITE)
		conn_output_room(c);
	conn_leave(c);
}

void
conn_enter(struct conn *c)
{
	struct conn_hub *hub = c->hub;

	assert(hub->current == NULL);
	hub->current = c;
	hub->now = clock_mono_us();
	/* What comes for a client that is gone keeps nothing alive. */
	if (!conn_gone(c))
		c->active = hub->now;
	hub->in_len = 0;
	if (c->input.rest != NULL) {
		hub->in = c->input.rest->data + c->input.rest->pos;
		hub->in_len = c->input.rest->len - c->input.rest->pos;
	}
	hub->tx_len = 0;
	hub->only_tickets = false;
	hub->share_reads = CONN_SHARE_READS;
	hub->share_records = CONN_SHARE_RECORDS;
	hub->share_write = CONN_SHARE_WRITE;
}

void
conn_leave(struct conn *c)
{
	struct conn_hub *hub = c->hub;

	assert(hub->current == c);
	do {
		while (step(c))
			;
	} while (c->state == CONN_DEAD && conn_orphan(c));
	if (c->state != CONN_DEAD && conn_input_keep(c) == -1)
		conn_close(c, CLOSE_NO_MEMORY);
	if (c->state == CONN_DEAD) {
		conn_release(c);
		hub->current = NULL;
		if (hub->conf.gone != NULL)
			hub->conf.gone(hub->conf.arg);
		return;
	}
	conn_recheck_own(c);
	conn_deadline_set(c, conn_timeout_at(c));
	hub->current = NULL;
}

/*
 * Read and serve, then send, then see whether it is over. Returns whether
 * there is more to do at once.
 */
static bool
step(struct conn *c)
{
	if (c->state == CONN_PREFACE)
		conn_preface(c);
	if (c->state == CONN_HANDSHAKE)
		conn_handshake(c);
	conn_early_give(c);
	if (c->state == CONN_OPEN)
		conn_stream(c);
	if (c->state == CONN_LINGER)
		conn_input_discard(c);
	conn_output_flush(c);
	if (c->state != CONN_DEAD)
		conn_close_step(c);
	if (c->state == CONN_DEAD)
		return false;
	if (conn_give_room(c))
		return true;
	if (!conn_wants_input(c))
		return false;
	if (c->hub->share_reads > 0 && c->hub->share_records > 0)
		return true;
	conn_again(c);
	return false;
}

void
conn_progress(struct conn *c)
{
	debug_assert(conn_is_current(c));
	c->active = c->hub->now;
}

void *
conn_state(struct conn *c)
{
	return c->service_state;
}

const struct listener *
conn_listener(const struct conn *c)
{
	return c->listener;
}

struct conn_hub *
conn_hub(const struct conn *c)
{
	return c->hub;
}
