/* SPDX-License-Identifier: ISC */
/* Does who counts beats in his slot still run? Looks are counted, not time. */
#ifndef STATS_HEARTBEAT_H
#define STATS_HEARTBEAT_H

#include <stdbool.h>
#include <stdint.h>

struct heartbeat {
	uint64_t seen;	 /* beats, at the last look */
	unsigned missed; /* looks without a new one */
	bool silent;	 /* it does not run */
};

enum heartbeat_news {
	HEARTBEAT_NO_NEWS,
	HEARTBEAT_SILENT,
	HEARTBEAT_BACK,
};
/*
 * What a look, one each SLOT_BEAT_MS, shows with the beats so far of one that is
 * ready or not.
 */
enum heartbeat_news heartbeat_look(struct heartbeat *, uint64_t beats,
    bool ready);

#endif
