/* SPDX-License-Identifier: ISC */
/*
 * The names in the tables, as the log and the control socket write them. Any process.
 */
#include "config.h"

#include "stats/scoreboard.h"

static const char *const metric_names[] = {
#define X(ID, name, family, doc) [METRIC_##ID] = name,
#include "stats/metrics.def"
#undef X
};

static const char *const close_reason_names[] = {
#define X(ID, name, doc) [CLOSE_##ID] = name,
#include "stats/close_reason.def"
#undef X
};

static const char *const handshake_failure_names[] = {
#define X(ID, name, alert, doc) [FAILURE_##ID] = name,
#include "stats/handshake_failure.def"
#undef X
};

static const char *const histogram_names[] = {
#define X(ID, name, kind, doc) [HISTOGRAM_##ID] = name " " kind,
#include "stats/histograms.def"
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

const char *
handshake_failure_name(enum handshake_failure f)
{
	if ((unsigned)f >= HANDSHAKE_FAILURE_COUNT)
		return "?";
	return handshake_failure_names[f];
}

const char *
histogram_name(enum histogram_id h)
{
	if ((unsigned)h >= HISTOGRAM_COUNT)
		return "?";
	return histogram_names[h];
}
