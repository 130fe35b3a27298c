/* SPDX-License-Identifier: ISC */
/* The services: one table row, one file each. */
#ifndef SERVICE_SERVICE_H
#define SERVICE_SERVICE_H

#include "conf/conf.h"
#include "conn/conn.h"

/* The operations of a service. Never NULL for enum conf_service's values. */
const struct conn_ops *service_ops(enum conf_service);

#endif
