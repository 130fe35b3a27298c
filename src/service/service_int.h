/* SPDX-License-Identifier: ISC */
/* The operations of each service, at the top of its file. */
#ifndef SERVICE_SERVICE_INT_H
#define SERVICE_SERVICE_INT_H

#include "conn/conn.h"

extern const struct conn_ops reply_ops;
extern const struct conn_ops echo_ops;
extern const struct conn_ops trace_ops;
extern const struct conn_ops discard_ops;
extern const struct conn_ops proxy_ops;

#endif
