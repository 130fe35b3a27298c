/* SPDX-License-Identifier: ISC */
/*
 * The line about the session cache in the master's log, and the advice in it.
 *
 * Which size would have held the sessions that were evicted? Let, in the
 * period of D seconds, n live entries be evicted, a seconds old on average;
 * the sessions' time-out is T, so that each should have stayed for T - a more
 * seconds; the cache holds c entries. By Little's law (L = rate * time) the
 * entries that are missing are those that would be there at the same time:
 *
 *	missing = n * min(1, (T - a) / B)
 *
 * where B is how long evicting went on. Not D: evictions come in bursts, and
 * entries of a burst are wanted all at once. The ages tell: whatever stays for
 * a seconds in a cache of c entries is pushed out by c / a stores a second,
 * so that n evictions took B = n * a / c seconds. Under constant load B is D.
 *
 * When sessions outlive the period (T - a > D) those of the periods to come
 * add up: at the same rate, missing = n * (T - a) / D. A line that follows
 * another one after seconds must not make a forecast for hours from it, so D
 * counts as an hour at least here.
 *
 * The larger of the two is added to what the cache holds. Which shard an entry
 * goes to is chance: where m entries are expected there may be some square
 * roots of m more, so that part comes on top. The sum is rounded up to a size
 * that a person would write. Runs in the master.
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <tlscache.h>

#include "base/units.h"
#include "report/report.h"
#include "report/form.h"

#define FORECAST_SECONDS 3600.0
#define ENTRY_TYPICAL 200.0 /* bytes, when there is none to look at */
#define SIZE_MAX_ADVISED 0x1p50

/* What happened in the period. */
struct change {
	uint64_t hits, lookups, stores, gone, evicted, evicted_age;
};

static void change_of(const struct report_period *, struct change *);
static double entry_bytes(const struct report_period *,
    const struct change *);
static double missing(const struct report_period *, const struct change *,
    double);
static double margin(const struct tlscache_stat *, double);
static uint64_t round_up(double);
static void append(char *, size_t, const char *, ...)
    __attribute__((format(printf, 3, 4)));
static const char *text(struct value, char [VALUE_TEXT_MAX]);

void
report_session_line(char *buf, size_t size, const struct report_period *p)
{
	char a[VALUE_TEXT_MAX], b[VALUE_TEXT_MAX], c[VALUE_TEXT_MAX];
	const struct tlscache_stat *now;
	struct change d;

	now = p->now;
	change_of(p, &d);
	if (d.lookups == 0)
		snprintf(buf, size, "sessions: no look-ups");
	else
		snprintf(buf, size, "sessions: %s of %s look-ups hit",
		    text(RATE(d.hits, d.lookups), a),
		    text(COUNT(d.lookups), b));
	append(buf, size, "; %s entries in %s of %s",
	    text(COUNT(now->entries), a), text(BYTES(now->bytes), b),
	    text(BYTES(now->capacity), c));
	if (d.evicted == 0)
		return;
	append(buf, size, "; %s were evicted before their time",
	    text(COUNT(d.evicted), a));
	append(buf, size, " (on average %s old, the youngest so far %s)",
	    text(SECONDS((int64_t)(d.evicted_age / d.evicted)), a),
	    text(SECONDS((int64_t)now->evicted_age_min), b));
	units_format_size((size_t)report_size_needed(p), a, sizeof(a));
	append(buf, size, ": session_cache.size = %s would have held them", a);
}

uint64_t
report_size_needed(const struct report_period *p)
{
	struct change d;
	double capacity, entry, bytes;

	change_of(p, &d);
	capacity = (double)p->now->capacity;
	if (d.evicted == 0 || p->now->capacity == 0)
		return 0;
	entry = entry_bytes(p, &d);
	bytes = capacity + entry * missing(p, &d, capacity / entry);
	bytes *= 1 + margin(p->now, entry);
	/* What a size buys is what this one did: some goes to the indexes. */
	return round_up(bytes * (double)p->cache_size / capacity);
}

/*
 * What an entry that lives needs. Where entries that were removed or replaced
 * have been, room is free only after those before them are gone, too.
 */
static double
entry_bytes(const struct report_period *p, const struct change *d)
{
	double bytes;

	bytes = ENTRY_TYPICAL;
	if (p->now->entries > 0 && p->now->bytes > 0)
		bytes = (double)p->now->bytes / (double)p->now->entries;
	if (d->gone < d->stores)
		bytes *= (double)d->stores / (double)(d->stores - d->gone);
	return bytes;
}

/* How many entries, where `held` fit: see above. */
static double
missing(const struct report_period *p, const struct change *d, double held)
{
	double age, busy, period, stay, share, forecast;

	age = (double)d->evicted_age / (double)d->evicted;
	stay = (double)p->session_timeout - age;
	if (stay < 1)
		stay = 1;
	period = p->seconds > 1 ? (double)p->seconds : 1;

	busy = (double)d->evicted * age / held;
	if (busy > period)
		busy = period;
	share = stay < busy ? stay / busy : 1;
	forecast = stay /
	    (period > FORECAST_SECONDS ? period : FORECAST_SECONDS);
	if (share < forecast)
		share = forecast;
	return (double)d->evicted * share;
}

/* Four standard deviations (4 / sqrt(m)) in steps, an eighth at least. */
static double
margin(const struct tlscache_stat *now, double entry)
{
	double m, part;

	m = (double)now->capacity / entry;
	if (now->shards > 1)
		m /= (double)now->shards;
	for (part = 0.125; part < 1 && m * part * part < 16; part *= 2)
		continue;
	return part;
}

/*
 * A cache that is new, or has taken another's place, counts from zero: then
 * there is nothing to subtract.
 */
static void
change_of(const struct report_period *p, struct change *d)
{
	static const struct tlscache_stat zero;
	const struct tlscache_stat *b, *n;

	b = p->before;
	n = p->now;
	if (n->hits < b->hits || n->misses < b->misses ||
	    n->stores < b->stores || n->removes < b->removes ||
	    n->replaced < b->replaced || n->evicted < b->evicted ||
	    n->evicted_age < b->evicted_age)
		b = &zero;
	d->hits = n->hits - b->hits;
	d->lookups = d->hits + n->misses - b->misses;
	d->stores = n->stores - b->stores;
	d->gone = n->removes - b->removes + n->replaced - b->replaced;
	d->evicted = n->evicted - b->evicted;
	d->evicted_age = n->evicted_age - b->evicted_age;
}

/* Up to 8 steps from a power of two to the next, in whole KiB or MiB. */
static uint64_t
round_up(double bytes)
{
	uint64_t n, step, unit;

	if (bytes > SIZE_MAX_ADVISED)
		bytes = SIZE_MAX_ADVISED;
	n = (uint64_t)bytes;
	for (step = 1; step < n / 16; step *= 2)
		continue;
	unit = n < 4u << 20 ? 64u << 10 : 1u << 20;
	if (step < unit)
		step = unit;
	return (n + step - 1) / step * step;
}

static void
append(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	size_t len;

	len = strlen(buf);
	va_start(ap, fmt);
	vsnprintf(buf + len, size - len, fmt, ap);
	va_end(ap);
}

static const char *
text(struct value v, char buf[VALUE_TEXT_MAX])
{
	return value_format(&v, buf);
}
