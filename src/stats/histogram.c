/* SPDX-License-Identifier: ISC */
/* Where the buckets of a histogram end. Any process. */
#include "config.h"

#include "stats/histogram.h"

uint64_t
histogram_bound(unsigned bucket)
{
	uint64_t power;

	debug_assert(bucket < HISTOGRAM_BUCKETS);
	if (bucket == 0)
		return UINT64_C(1) << HISTOGRAM_FIRST;
	if (bucket >= HISTOGRAM_BOUNDS)
		return UINT64_MAX;
	power = UINT64_C(1) << (HISTOGRAM_FIRST + (bucket - 1) / 2);
	return bucket % 2 == 1 ? power + power / 2 : 2 * power;
}
