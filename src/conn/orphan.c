/* SPDX-License-Identifier: ISC */
/*
 * What a client has sent, after the client: the service delivers what it has
 * taken, while the client gets the rest of our output (CONN_LINGER) or when
 * its socket is closed (CONN_ORPHAN). A service without `lost` has nothing to
 * deliver, and is told of the end at once. Worker.
 */
#include "config.h"

#include <stdlib.h>
#include <unistd.h>

#include "conn/conn_int.h"
#include "tls/tls.h"

/* The last that a service hears. */
void
conn_told(struct conn *c)
{
	if (c->flags & CONN_F_TOLD)
		return;
	c->flags |= CONN_F_TOLD;
	if (c->listener->ops->closed != NULL)
		c->listener->ops->closed(c);
}

/*
 * Output first: what the kernel takes now it sends by itself, unless there is
 * input unread, which would make it send a reset instead.
 */
void
conn_hang_up(struct conn *c)
{
	if (c->wire.fd == -1)
		return;
	conn_output_flush(c);
	conn_input_discard(c);
	wire_close(&c->wire);
	wire_drop(&c->wire);
}

/*
 * A dead connection lives on without its client if there may be something to
 * deliver, which is so once. Whoever has had idle_timeout with nothing moving
 * was not delivering.
 */
bool
conn_orphan(struct conn *c)
{
	if (c->wire.fd == -1 || c->hub->closing || c->flags & CONN_F_TOLD ||
	    c->listener->ops->lost == NULL || c->ssl == NULL ||
	    (c->reason == CLOSE_IDLE_TIMEOUT && conn_held_up(c)))
		return false;
	conn_hang_up(c);
	free(c->rest);
	free(c->held);
	c->rest = c->held = NULL;
	c->hub->in_len = c->hub->tx_len = 0;
	c->flags &= ~(CONN_F_WANT_ROOM | CONN_F_DISCARD);
	c->active = c->hub->now;
	c->state = CONN_ORPHAN;
	return true;
}

/* In CONN_LINGER and CONN_ORPHAN: how far is the service? */
void
conn_deliver_step(struct conn *c)
{
	const struct conn_ops *ops = c->listener->ops;

	if (ops->lost != NULL && !(c->flags & (CONN_F_LOST | CONN_F_TOLD))) {
		c->flags |= CONN_F_LOST;
		ops->lost(c, c->ssl != NULL &&
		    SSL_get_shutdown(c->ssl) & SSL_RECEIVED_SHUTDOWN);
	}
	if (ops->lost == NULL || c->flags & CONN_F_DELIVERED)
		conn_told(c);
	if (c->state == CONN_ORPHAN && c->flags & CONN_F_TOLD)
		c->state = CONN_DEAD;
}

void
conn_progress(struct conn *c)
{
	c->active = c->hub->now;
}

bool
conn_has_more(const struct conn *c)
{
	return conn_early_due(c);
}

void
conn_delivered(struct conn *c)
{
	c->flags |= CONN_F_DELIVERED;
}
