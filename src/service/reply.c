/* SPDX-License-Identifier: ISC */
/*
 * The service `reply`: sends a fixed text and closes, whatever the client
 * says. The simplest TLS server there is. Worker.
 */
#include "config.h"

#include <string.h>

#include "service/service_int.h"

static void reply_ready(struct conn *);

const struct conn_ops reply_ops = {
	.name = "reply",
	.ready = reply_ready,
};

static void
reply_ready(struct conn *c)
{
	const char *text = conn_listener(c)->conf->text;

	(void)conn_write(c, text, strlen(text));
	conn_end(c);
}
