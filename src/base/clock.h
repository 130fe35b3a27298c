/* SPDX-License-Identifier: ISC */
/* Time: the wall clock for expiry and logs, the monotonic one for durations. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

int64_t clock_wall(void);    /* seconds since 1970 */
int64_t clock_mono_us(void); /* microseconds since some fixed moment */

#endif
