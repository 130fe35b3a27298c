/* SPDX-License-Identifier: ISC */
/*
 * The service `discard` (RFC 863): reads and throws away, for measuring
 * uploads. The connection does all of it, counting included. Worker.
 */
#include "config.h"

#include "service/service_int.h"

const struct conn_ops discard_ops = {
	.name = "discard",
	.takes_early = true,
};
