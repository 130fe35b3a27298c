/* SPDX-License-Identifier: ISC */
/*
 * What stands in a report: the values behind the rows of fields.def.
 * How it looks is form.c's. Runs in the master, only when somebody
 * asks; reads counters that others go on writing.
 */
#include "config.h"

#include <tlscache.h>

#include "report/form.h"
#include "report/report_int.h"

static void put_daemon(struct form *, const struct ctl_view *);
static void put_workers(struct form *, const struct ctl_view *);
static void put_totals(struct form *, const struct totals *);
static void put_cache(struct form *, const struct tlscache_stat *);
static void put_ticket_keys(struct form *, const struct ctl_view *,
    const struct tlscache_keys_stat *);
static void put_resumption(struct form *, const struct ctl_view *);
static uint64_t handshakes(const struct totals *);
static int64_t evicted_age_mean(const struct tlscache_stat *);
static int64_t evicted_age_min(const struct tlscache_stat *);

int
report_status(FILE *out, enum report_form form, const struct ctl_view *v)
{
	struct totals totals;
	struct form f;

	scoreboard_sum(v->scoreboard, SCOREBOARD_ALL, &totals);
	form_begin(&f, out, form);
	put_daemon(&f, v);
	form_table_begin(&f, "workers");
	put_workers(&f, v);
	form_table_end(&f);
	form_section_begin(&f, "totals");
	put_totals(&f, &totals);
	form_section_end(&f);
	return form_end(&f);
}

int
report_sessions(FILE *out, enum report_form form, const struct ctl_view *v)
{
	struct tlscache_stat cache;
	struct tlscache_keys_stat keys;
	struct form f;

	form_begin(&f, out, form);
	if (v->cache != NULL) {
		tlscache_stat(v->cache, &cache);
		form_section_begin(&f, "cache");
		put_cache(&f, &cache);
		form_section_end(&f);
	}
	if (v->keys != NULL) {
		tlscache_keys_stat(v->keys, &keys);
		form_section_begin(&f, "ticket_keys");
		put_ticket_keys(&f, v, &keys);
		form_section_end(&f);
	}
	form_table_begin(&f, "workers");
	put_resumption(&f, v);
	form_table_end(&f);
	return form_end(&f);
}

static void
put_daemon(struct form *f, const struct ctl_view *v)
{
#define DAEMON(key, KIND, label, lead, tail, ...) \
	form_field(f, #key, label, lead, tail, KIND(__VA_ARGS__));
#include "report/fields.def"
}

static void
put_workers(struct form *f, const struct ctl_view *v)
{
	const struct ctl_worker *w;
	size_t i;

#define WORKER(key, KIND, width, heading, ...) form_heading(f, width, heading);
#include "report/fields.def"
	for (i = 0; i < v->nworkers; i++) {
		w = &v->workers[i];
		form_row_begin(f);
#define WORKER(key, KIND, width, heading, ...) \
	form_cell(f, #key, width, KIND(__VA_ARGS__));
#include "report/fields.def"
		form_row_end(f);
	}
}

static void
put_totals(struct form *f, const struct totals *t)
{
#define TOTALS(key, KIND, label, lead, tail, ...) \
	form_field(f, #key, label, lead, tail, KIND(__VA_ARGS__));
#include "report/fields.def"
}

static void
put_cache(struct form *f, const struct tlscache_stat *s)
{
#define CACHE(key, KIND, label, lead, tail, ...) \
	form_field(f, #key, label, lead, tail, KIND(__VA_ARGS__));
#include "report/fields.def"
}

static void
put_ticket_keys(struct form *f, const struct ctl_view *v,
    const struct tlscache_keys_stat *k)
{
#define TICKET_KEYS(key, KIND, label, lead, tail, ...) \
	form_field(f, #key, label, lead, tail, KIND(__VA_ARGS__));
#include "report/fields.def"
}

/*
 * One row per worker number, in ascending order: a number has several
 * processes while one of them drains, and they count together.
 */
static void
put_resumption(struct form *f, const struct ctl_view *v)
{
	struct totals totals, *t;
	uint64_t number;

	t = &totals;
#define RESUMPTION(key, KIND, width, heading, ...) \
	form_heading(f, width, heading);
#include "report/fields.def"
	for (number = view_number(v, 0); number < UINT64_MAX;
	     number = view_number(v, number + 1)) {
		scoreboard_sum(v->scoreboard, (unsigned)number, t);
		form_row_begin(f);
#define RESUMPTION(key, KIND, width, heading, ...) \
	form_cell(f, #key, width, KIND(__VA_ARGS__));
#include "report/fields.def"
		form_row_end(f);
	}
}

static uint64_t
handshakes(const struct totals *t)
{
	return t->metrics[METRIC_HANDSHAKES_FULL] +
	    t->metrics[METRIC_HANDSHAKES_RESUMED];
}

static int64_t
evicted_age_mean(const struct tlscache_stat *s)
{
	return s->evicted == 0 ? -1 : (int64_t)(s->evicted_age / s->evicted);
}

static int64_t
evicted_age_min(const struct tlscache_stat *s)
{
	return s->evicted == 0 ? -1 : (int64_t)s->evicted_age_min;
}
