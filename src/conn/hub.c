/* SPDX-License-Identifier: ISC */
/*
 * The hub: what the connections of a worker share, and the list of them.
 * Worker.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "conn/conn_int.h"

static int make_buffers(struct conn_hub *);

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

static int
make_buffers(struct conn_hub *hub)
{
	hub->rx = malloc(CONN_RX_SIZE);
	hub->tx = malloc(CONN_TX_SIZE);
	hub->clear = malloc(CONN_CLEAR_SIZE);
	hub->scratch = malloc(CONN_SCRATCH_SIZE);
	if (hub->rx == NULL || hub->tx == NULL || hub->clear == NULL ||
	    hub->scratch == NULL)
		return -1;
	return 0;
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
	free(hub->rx);
	free(hub->tx);
	free(hub->clear);
	free(hub->scratch);
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
