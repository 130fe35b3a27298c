/* SPDX-License-Identifier: ISC */
/*
 * The service `echo` (RFC 862): sends back what it gets. A client that sends
 * and does not read is not read from. Once it has closed its side it gets the
 * rest, and then our close. Worker.
 */
#include "config.h"

#include "service/service_int.h"

static void echo_data(struct conn *, const uint8_t *, size_t);
static void echo_room(struct conn *);

const struct conn_ops echo_ops = {
	.name = "echo",
	.takes_early = true,
	.data = echo_data,
	.room = echo_room,
};

static void
echo_data(struct conn *c, const uint8_t *buf, size_t len)
{
	if (!conn_write(c, buf, len))
		conn_pause(c);
}

static void
echo_room(struct conn *c)
{
	conn_resume(c);
}
