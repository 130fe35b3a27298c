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

static int make_buffers(struct conn_hub *);
static size_t at_pages(size_t);

struct conn_hub *
conn_hub_new(const struct conn_hub_config *conf)
{
	struct conn_hub *hub;
	int features;

	features = event_base_get_features(conf->base);
	if (!(features & EV_FEATURE_ET)) {
		errno = ENOTSUP;
		return NULL;
	}
	if ((hub = calloc(1, sizeof(*hub))) == NULL)
		return NULL;
	hub->conf = *conf;
	hub->early_close = features & EV_FEATURE_EARLY_CLOSE;
	TAILQ_INIT(&hub->conns);
	conn_later_setup(hub);
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
 * elsewhere, and records of 16 KiB and some 30 bytes, one behind the other, do
 * not get there within one buffer.
 */
static int
make_buffers(struct conn_hub *hub)
{
	uint8_t *p;

	p = aligned_alloc(PAGE, at_pages(CONN_RX_SIZE) +
	    at_pages(CONN_TX_SIZE) + at_pages(CONN_CLEAR_SIZE) +
	    at_pages(CONN_SCRATCH_SIZE));
	if ((hub->buffers = p) == NULL)
		return -1;
	hub->rx = p + PAGE / 4;
	p += at_pages(CONN_RX_SIZE);
	hub->tx = p + PAGE / 32;
	p += at_pages(CONN_TX_SIZE);
	hub->clear = p + PAGE / 4;
	p += at_pages(CONN_CLEAR_SIZE);
	hub->scratch = p + PAGE / 4;
	return 0;
}

/* Room for as much, wherever in the first page it begins. */
static size_t
at_pages(size_t size)
{
	return (size / PAGE + 2) * PAGE;
}

void
conn_hub_free(struct conn_hub *hub)
{
	if (hub == NULL)
		return;
	conn_hub_close(hub, CLOSE_STOPPED);
	conn_later_free(hub);
	conn_deadline_free(hub);
	conn_bio_free(hub);
	free(hub->buffers);
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

	while ((c = TAILQ_FIRST(&hub->conns)) != NULL) {
		conn_enter(c);
		conn_close(c, reason);
		conn_leave(c);
	}
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
