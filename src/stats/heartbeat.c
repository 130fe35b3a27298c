/* SPDX-License-Identifier: ISC */
/* Beats that stay away; see heartbeat.h. Master. */
#include "config.h"

#include "stats/heartbeat.h"

#define MISSED_MAX 4 /* looks: a second */

enum heartbeat_news
heartbeat_look(struct heartbeat *h, uint64_t beats, bool ready)
{
	if (beats != h->seen) {
		h->seen = beats;
		h->missed = 0;
		if (!h->silent)
			return HEARTBEAT_NO_NEWS;
		h->silent = false;
		return HEARTBEAT_BACK;
	}
	/* One of a version that did not count. */
	if (beats == 0 && ready)
		return HEARTBEAT_NO_NEWS;
	if (h->silent || ++h->missed < MISSED_MAX)
		return HEARTBEAT_NO_NEWS;
	h->silent = true;
	return HEARTBEAT_SILENT;
}
