/* SPDX-License-Identifier: ISC */
/*
 * The service `reply`: sends a fixed text and closes, whatever the client
 * says. The simplest TLS server there is. A client with early data gets the
 * text before its handshake is complete. Worker.
 */
#include "config.h"

#include <string.h>

#include "service/service_int.h"

struct reply {
	bool sent;
};

static void reply_send(struct conn *);

const struct conn_ops reply_ops = {
	.name = "reply",
	.state_size = sizeof(struct reply),
	.takes_early = true,
	.early = reply_send,
	.ready = reply_send,
};

static void
reply_send(struct conn *c)
{
	struct reply *r = conn_state(c);
	const char *text = conn_listener(c)->conf->text;

	if (r->sent)
		return;
	r->sent = true;
	(void)conn_write(c, text, strlen(text));
	conn_end(c);
}
