/* SPDX-License-Identifier: ISC */
/*
 * The names of metrics and close reasons, as the log and the control socket
 * write them. Any process.
 */
#include "config.h"

#include "stats/scoreboard.h"

static const char *const metric_names[] = {
#define X(ID, name, doc) [METRIC_##ID] = name,
#include "stats/metrics.def"
#undef X
};

static const char *const close_reason_names[] = {
#define X(ID, name, doc) [CLOSE_##ID] = name,
#include "stats/close_reason.def"
#undef X
};

const char *
metric_name(enum metric m)
{
	if ((unsigned)m >= METRIC_COUNT)
		return "?";
	return metric_names[m];
}

const char *
close_reason_name(enum close_reason r)
{
	if ((unsigned)r >= CLOSE_REASON_COUNT)
		return "?";
	return close_reason_names[r];
}
