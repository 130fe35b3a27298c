/* SPDX-License-Identifier: ISC */
/* Time; see clock.h. Any process. */
#include "config.h"

#include <time.h>

#include "base/clock.h"

int64_t
clock_wall(void)
{
	return time(NULL);
}

int64_t
clock_mono_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}
