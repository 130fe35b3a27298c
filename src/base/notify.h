/* SPDX-License-Identifier: ISC */
/*
 * What a service manager wants to hear, by the protocol of sd_notify(3): lines
 * such as "READY=1" to the datagram socket that NOTIFY_SOCKET names. Nothing is
 * said where there is no such variable.
 */
#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H

#include <stdint.h>

/*
 * Tell it. Waits a second at the most for one that does not read, and not at
 * all once it has let us wait. 0, also when nobody wants to know; -1 and errno.
 */
int notify_send(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * Microseconds after which it takes this process for one that hangs, unless
 * "WATCHDOG=1" is sent before; 0: it does not watch.
 */
int64_t notify_watchdog_us(void);

#endif
