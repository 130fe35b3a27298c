/* SPDX-License-Identifier: ISC */
/*
 * The hub: what the connections of a worker share, and the list of them.
 * Worker.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "conn/conn_int.h"

#define PAGE 4096
#define OFFSET (PAGE / 4)
#define TX_OFFSET (PAGE / 32)

static int make_buffers(struct conn_hub *);
static uint8_t *make_buffer(size_t, size_t);
static void free_buffer(uint8_t *, size_t);

struct conn_hub *
conn_hub_new(const struct conn_hub_config *conf)
{
	struct conn_hub *hub;

	if (!(event_base_get_features(conf->base) & EV_FEATURE_ET)) {
		errno = ENOTSUP;
		return NULL;
	}
	if ((hub = calloc(1, sizeof(*hub))) == NULL)
		return NULL;
	hub->conf = *conf;
	TAILQ_INIT(&hub->conns);
	conn_later_setup(hub);
	conn_burst_setup(hub);
	if (conn_deadline_setup(hub) == -1 || conn_bio_setup(hub) == -1 ||
	    make_buffers(hub) == -1) {
		conn_hub_free(hub);
		errno = ENOMEM;
		return NULL;
	}
	return hub;
}

/*
 * The string copies of some processors (AMD's Zen 3; glibc uses them from 4 KiB
 * on) are twenty times slower when the target begins 1 to 31 bytes above the
 * source, counted within a page. OpenSSL's buffers for records begin on a page
 * or on half of one (tcmalloc), their payload a few bytes later. So ours begin
 * elsewhere. Records of 16 KiB and some 30 bytes, one behind the other, do not
 * get there within one buffer that begins with a record, else one in a hundred.
 */
static int
make_buffers(struct conn_hub *hub)
{
	hub->rx = make_buffer(OFFSET, CONN_RX_SIZE);
	hub->tx = make_buffer(TX_OFFSET, CONN_TX_SIZE);
	hub->clear = make_buffer(OFFSET, CONN_CLEAR_SIZE);
	hub->scratch = make_buffer(OFFSET, CONN_SCRATCH_SIZE);
	if (hub->rx == NULL || hub->tx == NULL || hub->clear == NULL ||
	    hub->scratch == NULL)
		return -1;
	return 0;
}

/* So many bytes that begin at this offset in a page. */
static uint8_t *
make_buffer(size_t offset, size_t size)
{
	void *p;

	if (posix_memalign(&p, PAGE, offset + size) != 0)
		return NULL;
	return (uint8_t *)p + offset;
}

static void
free_buffer(uint8_t *buffer, size_t offset)
{
	if (buffer != NULL)
		free(buffer - offset);
}

void
conn_hub_free(struct conn_hub *hub)
{
	if (hub == NULL)
		return;
	conn_hub_close(hub, CLOSE_STOPPED);
	conn_later_free(hub);
	conn_burst_free(hub);
	conn_deadline_free(hub);
	conn_bio_free(hub);
	free_buffer(hub->rx, OFFSET);
	free_buffer(hub->tx, TX_OFFSET);
	free_buffer(hub->clear, OFFSET);
	free_buffer(hub->scratch, OFFSET);
	free(hub);
}

size_t
conn_hub_count(const struct conn_hub *hub)
{
	return hub->count;
}

void
conn_hub_drain(struct conn_hub *hub)
{
	struct conn *c, *next;

	hub->draining = true;
	for (c = TAILQ_FIRST(&hub->conns); c != NULL; c = next) {
		next = TAILQ_NEXT(c, link);
		if (c->state != CONN_OPEN || c->listener->ops->drain == NULL)
			continue;
		conn_enter(c);
		c->listener->ops->drain(c);
		conn_leave(c);
	}
}

void
conn_hub_close(struct conn_hub *hub, enum close_reason reason)
{
	struct conn *c;

	debug_assert(hub->current == NULL);
	hub->closing = true;
	while ((c = TAILQ_FIRST(&hub->conns)) != NULL) {
		conn_enter(c);
		conn_close(c, reason);
		conn_leave(c);
	}
	hub->closing = false;
}

bool
conn_hub_closing(const struct conn_hub *hub)
{
	return hub->closing;
}

struct event_base *
conn_hub_base(const struct conn_hub *hub)
{
	return hub->conf.base;
}

struct slot *
conn_hub_slot(const struct conn_hub *hub)
{
	return hub->conf.slot;
}

unsigned
conn_hub_worker(const struct conn_hub *hub)
{
	return hub->conf.worker;
}

uint8_t *
conn_hub_scratch(struct conn_hub *hub)
{
	return hub->scratch;
}
