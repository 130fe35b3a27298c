/* SPDX-License-Identifier: ISC */
/*
 * What a client has sent, after the client: the service delivers what it has
 * taken, while the client gets the rest of our output (CONN_LINGER) or when
 * its socket is closed (CONN_ORPHAN). A service without `lost` has nothing to
 * deliver, and is told of the end at once. Worker.
 */
#include "config.h"

#include "conn/conn_int.h"

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
	conn_input_drop(c);
	conn_output_drop(c);
}

/*
 * A dead connection lives on without its client if there may be something to
 * deliver, which is so once. Whoever has had idle_timeout with nothing moving
 * was not delivering.
 */
bool
conn_orphan(struct conn *c)
{
	if (c->wire.fd == -1 || c->hub->closing || c->close.told == CONN_TOLD ||
	    c->listener->ops->lost == NULL || c->ssl == NULL ||
	    (c->close.reason == CLOSE_IDLE_TIMEOUT && conn_held_up(c)))
		return false;
	conn_hang_up(c);
	conn_progress(c);
	conn_move(c, CONN_ORPHAN);
	return true;
}

bool
conn_has_more(const struct conn *c)
{
	return conn_early_due(c);
}
