/* SPDX-License-Identifier: ISC */
/* Adds up what the connections of one TLS version showed. */
#include "config.h"

#include "probe/probe.h"

void
probe_tally_add(struct probe_tally *tally, const struct probe_result *result)
{
	tally->connections++;
	if (!result->ok) {
		tally->failed++;
		return;
	}
	if (result->offered)
		tally->offered++;
	if (result->resumed)
		tally->resumed++;
	if (result->early_sent)
		tally->early_sent++;
	if (result->early_accepted)
		tally->early_accepted++;
	if (result->worker >= 0 && (unsigned)result->worker >= tally->workers)
		tally->workers = (unsigned)result->worker + 1;
	if (result->maker >= 0 && (unsigned)result->maker >= tally->workers)
		tally->workers = (unsigned)result->maker + 1;
	if (result->resumed && result->worker >= 0 && result->maker >= 0)
		tally->pairs[result->maker][result->worker]++;
}

unsigned
probe_tally_pairs(const struct probe_tally *tally, unsigned n)
{
	unsigned by, maker, pairs = 0;

	for (maker = 0; maker < n; maker++)
		for (by = 0; by < n; by++)
			pairs += tally->pairs[maker][by] > 0 ? 1 : 0;
	return pairs;
}

bool
probe_tally_row_full(const struct probe_tally *tally, int maker, unsigned n)
{
	unsigned by;

	if (maker < 0)
		return false;
	for (by = 0; by < n; by++)
		if (tally->pairs[maker][by] == 0)
			return false;
	return true;
}

const char *
probe_tally_missing(const struct probe_tally *tally,
    const struct probe_options *o)
{
	if (tally->connections - tally->failed < 2)
		return NULL;
	if (tally->offered == 0)
		return "The server gave no session.";
	if (o->early != NULL && tally->early_sent == 0)
		return "Early data were never sent: no session allows as "
		    "many bytes.";
	return NULL;
}

bool
probe_tally_good(const struct probe_tally *tally,
    const struct probe_options *o)
{
	unsigned n = o->workers > tally->workers ? o->workers :
	    tally->workers;

	return tally->connections > 0 && tally->failed == 0 &&
	    tally->resumed == tally->offered &&
	    probe_tally_missing(tally, o) == NULL &&
	    (o->from_first || tally->early_accepted == tally->early_sent) &&
	    (!o->all_pairs || (n > 0 && probe_tally_pairs(tally, n) == n * n));
}
