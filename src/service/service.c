/* SPDX-License-Identifier: ISC */
/* The table of services. Master and worker. */
#include "config.h"

#include <assert.h>

#include "service/service.h"
#include "service/service_int.h"

static const struct conn_ops *const services[CONF_SERVICE_COUNT] = {
	[CONF_SERVICE_REPLY] = &reply_ops,
	[CONF_SERVICE_ECHO] = &echo_ops,
	[CONF_SERVICE_TRACE] = &trace_ops,
	[CONF_SERVICE_DISCARD] = &discard_ops,
	[CONF_SERVICE_PROXY] = &proxy_ops,
};

const struct conn_ops *
service_ops(enum conf_service service)
{
	assert((unsigned)service < CONF_SERVICE_COUNT);
	return services[service];
}
