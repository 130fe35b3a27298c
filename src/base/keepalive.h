/* SPDX-License-Identifier: ISC */
/*
 * TCP keepalive: asking a peer that has been silent whether it is still there,
 * so that a connection whose link is dead ends.
 */
#ifndef BASE_KEEPALIVE_H
#define BASE_KEEPALIVE_H

#include <stdbool.h>
#include <stdint.h>

#define KEEPALIVE_MAX ((int64_t)9 * 3600 * 1000) /* Linux: 32767 s */

/*
 * Ask a peer that has been silent for ms, whole seconds at least one; 0 is
 * off. A peer that does not answer is asked again each tenth of that time, and
 * the connection ends with ETIMEDOUT after half of it. (Where the system has
 * no such options the times are its own.) 0, or -1 and errno.
 */
int keepalive_set(int fd, int64_t ms);

/* Whether it is on. */
bool keepalive_is_on(int fd);

#endif
