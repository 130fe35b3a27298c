/* SPDX-License-Identifier: ISC */
/*
 * What there is to tell, for Prometheus: every counter, close reason, failure
 * and histogram of the tables in stats/, and the rows of families.def. How it
 * is written is exposition.c's. Runs in the master, when somebody asks.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <tlscache.h>

#include "base/mem.h"
#include "base/usage.h"
#include "report/exposition.h"
#include "report/report_int.h"

#define COUNTER "counter", "total"
#define GAUGE "gauge", ""

struct usages {
	struct usage master;
	struct usage *workers; /* as in the view */
	int64_t workers_cpu_us, workers_resident;
};

static void usages_read(struct usages *, const struct ctl_view *);
static void put_info(struct exposition *, const struct ctl_view *);
static void put_daemon(struct exposition *, const struct ctl_view *,
    const struct totals *, const struct usages *);
static void put_metrics(struct exposition *, const struct totals *);
static void put_reasons(struct exposition *, const struct totals *);
static void put_histograms(struct exposition *, const struct totals *);
static void put_histogram(struct exposition *, const char *kind,
    const struct histogram_totals *);
static void put_states(struct exposition *, const struct ctl_view *);
static void put_numbers(struct exposition *, const struct ctl_view *);
static void put_processes(struct exposition *, const struct ctl_view *,
    const struct usages *);
static void put_cache(struct exposition *, const struct ctl_view *);
static void put_certificates(struct exposition *, const struct ctl_view *);
static void put_row(struct exposition *, const char *, const char *,
    const char *, const char *, const char *, struct amount);
static void family(struct exposition *, const char *, const char *,
    const char *, const char *);
static void label_number(struct exposition *, const char *, unsigned);

int
report_metrics(FILE *out, enum report_form form, const struct ctl_view *v)
{
	struct exposition e;
	struct totals totals;
	struct usages usages;

	scoreboard_sum(v->scoreboard, SCOREBOARD_ALL, &totals);
	usages_read(&usages, v);
	exposition_begin(&e, out);
	put_info(&e, v);
	put_daemon(&e, v, &totals, &usages);
	put_metrics(&e, &totals);
	put_reasons(&e, &totals);
	put_histograms(&e, &totals);
	put_states(&e, v);
	put_numbers(&e, v);
	put_processes(&e, v, &usages);
	put_cache(&e, v);
	put_certificates(&e, v);
	free(usages.workers);
	return exposition_end(&e);
}

/* A worker that is gone has its time among that of the children. */
static void
usages_read(struct usages *u, const struct ctl_view *v)
{
	struct usage *w;
	size_t i;

	memset(u, 0, sizeof(*u));
	usage_of(v->pid, &u->master);
	u->workers = xcalloc(v->nworkers + 1, sizeof(*u->workers));
	u->workers_cpu_us = u->master.cpu_us == -1 ? -1 : usage_children();
	u->workers_resident = u->master.resident == -1 ? -1 : 0;
	for (i = 0; i < v->nworkers; i++) {
		w = &u->workers[i];
		usage_of(v->workers[i].pid, w);
		if (w->cpu_us != -1)
			u->workers_cpu_us += w->cpu_us;
		if (w->resident != -1)
			u->workers_resident += w->resident;
	}
}

static void
put_info(struct exposition *e, const struct ctl_view *v)
{
	family(e, "info", "gauge", "", "the version that runs");
	exposition_sample(e, "");
	exposition_label(e, "version", v->version);
	exposition_value(e, amount_count(1));
}

static void
put_daemon(struct exposition *e, const struct ctl_view *v,
    const struct totals *t, const struct usages *u)
{
#define DAEMON(name, TYPE, labels, how, value, help) \
	put_row(e, name, TYPE, labels, help, amount_##how(value));
#include "report/families.def"
}

/* The family of a row, its label, and what the meanings have in common. */
static void
put_metrics(struct exposition *e, const struct totals *t)
{
	static const struct {
		const char *family, *help;
	} rows[] = {
#define X(ID, name, family, doc) [METRIC_##ID] = { family, doc },
#include "stats/metrics.def"
#undef X
	};
	const char *name, *help;
	char labels[64];
	size_t i, len;

	for (i = 0; i < METRIC_COUNT; i++) {
		name = rows[i].family;
		help = rows[i].help;
		if ((len = strcspn(name, "{")) == 0)
			continue;
		exposition_family(e, name, len, "total", "counter", help,
		    name[len] == '{' ? strcspn(help, ":") : strlen(help));
		snprintf(labels, sizeof(labels), "%s",
		    name[len] == '{' ? name + len + 1 : "");
		labels[strcspn(labels, "}")] = '\0';
		exposition_sample(e, "");
		exposition_labels(e, labels);
		exposition_value(e, amount_count(t->metrics[i]));
	}
}

static void
put_reasons(struct exposition *e, const struct totals *t)
{
#define X(ID, name, doc) \
	put_row(e, "connections_closed", COUNTER, "reason=\"" name "\"", \
	    "connections closed, by the reason", \
	    amount_count(t->closes[CLOSE_##ID]));
#include "stats/close_reason.def"
#undef X
#define X(ID, name, alert, doc) \
	put_row(e, "handshakes_failed", COUNTER, \
	    "reason=\"" name "\",alert=\"" alert "\"", \
	    "handshakes that were begun and not completed, by the reason and " \
	    "by whose alert it was", \
	    amount_count(t->failures[FAILURE_##ID]));
#include "stats/handshake_failure.def"
#undef X
}

static void
put_histograms(struct exposition *e, const struct totals *t)
{
#define X(ID, name, kind, doc) \
	family(e, name "_duration_seconds", "histogram", "", doc); \
	put_histogram(e, kind, &t->histograms[HISTOGRAM_##ID]);
#include "stats/histograms.def"
#undef X
}

/* The sum of the buckets is the count: both are read at one time. */
static void
put_histogram(struct exposition *e, const char *kind,
    const struct histogram_totals *h)
{
	char labels[64];
	uint64_t n = 0;
	unsigned i;

	labels[0] = '\0';
	if (kind[0] != '\0')
		snprintf(labels, sizeof(labels), "kind=\"%s\"", kind);
	for (i = 0; i < HISTOGRAM_BUCKETS; i++) {
		n += h->buckets[i];
		exposition_sample(e, "_bucket");
		exposition_labels(e, labels);
		exposition_label(e, "le", i < HISTOGRAM_BOUNDS ? amount_micros(
		    (int64_t)histogram_bound(i)).text : "+Inf");
		exposition_value(e, amount_count(n));
	}
	exposition_sample(e, "_sum");
	exposition_labels(e, labels);
	exposition_value(e, amount_micros((int64_t)(h->sum & INT64_MAX)));
	exposition_sample(e, "_count");
	exposition_labels(e, labels);
	exposition_value(e, amount_count(n));
}

static void
put_states(struct exposition *e, const struct ctl_view *v)
{
	uint64_t n[WORKER_STATE_COUNT] = { 0 };
	size_t i;

	for (i = 0; i < v->nworkers; i++)
		n[v->workers[i].state]++;
#define X(ID, name, doc) \
	put_row(e, "workers", GAUGE, "state=\"" name "\"", \
	    "workers by their state", amount_count(n[WORKER_##ID]));
#include "report/worker_state.def"
#undef X
}

/* Family by family: the samples of one stand together. */
static void
put_numbers(struct exposition *e, const struct ctl_view *v)
{
	struct totals totals, *t = &totals;
	unsigned restarts;
	uint64_t n;

#define NUMBER(name, TYPE, labels, how, value, help) \
	for (n = view_number(v, 0); n < UINT64_MAX; \
	     n = view_number(v, n + 1)) { \
		scoreboard_sum(v->scoreboard, (unsigned)n, t); \
		restarts = view_restarts(v, (unsigned)n); \
		family(e, name, TYPE, help); \
		exposition_sample(e, ""); \
		label_number(e, "worker", (unsigned)n); \
		exposition_labels(e, labels); \
		exposition_value(e, amount_##how(value)); \
	}
#include "report/families.def"
	(void)restarts;
}

static void
put_processes(struct exposition *e, const struct ctl_view *v,
    const struct usages *usages)
{
	const struct ctl_worker *w;
	const struct usage *u;
	size_t i;

#define PROCESS(name, TYPE, labels, how, value, help) \
	for (i = 0; i < v->nworkers; i++) { \
		w = &v->workers[i]; \
		u = &usages->workers[i]; \
		if (w->pid == 0 || amount_##how(value).text[0] == '\0') \
			continue; \
		family(e, name, TYPE, help); \
		exposition_sample(e, ""); \
		label_number(e, "worker", w->number); \
		label_number(e, "generation", w->generation); \
		label_number(e, "pid", (unsigned)w->pid); \
		exposition_value(e, amount_##how(value)); \
	}
#include "report/families.def"
}

static void
put_cache(struct exposition *e, const struct ctl_view *v)
{
	struct tlscache_keys_stat keys, *k = &keys;
	struct tlscache_stat cache, *s = &cache;

	if (v->cache != NULL) {
		tlscache_stat(v->cache, s);
#define CACHE(name, TYPE, labels, how, value, help) \
	put_row(e, name, TYPE, labels, help, amount_##how(value));
#include "report/families.def"
	}
	if (v->keys != NULL) {
		tlscache_keys_stat(v->keys, k);
#define TICKET_KEYS(name, TYPE, labels, how, value, help) \
	put_row(e, name, TYPE, labels, help, amount_##how(value));
#include "report/families.def"
	}
}

static void
put_certificates(struct exposition *e, const struct ctl_view *v)
{
	struct ctl_certificate cert, *c = &cert;
	size_t i;

#define CERTIFICATE(name, TYPE, labels, how, value, help) \
	for (i = 0; view_certificate(v, i, c); i++) { \
		if (amount_##how(value).text[0] == '\0') \
			continue; \
		family(e, name, TYPE, help); \
		exposition_sample(e, ""); \
		exposition_label(e, "listener", c->listener); \
		exposition_label(e, "certificate", c->title); \
		exposition_value(e, amount_##how(value)); \
	}
#include "report/families.def"
}

/* A family that has one sample, or some with other labels. */
static void
put_row(struct exposition *e, const char *name, const char *type,
    const char *unit, const char *labels, const char *help, struct amount a)
{
	if (a.text[0] == '\0')
		return;
	family(e, name, type, unit, help);
	exposition_sample(e, "");
	exposition_labels(e, labels);
	exposition_value(e, a);
}

static void
family(struct exposition *e, const char *name, const char *type,
    const char *unit, const char *help)
{
	exposition_family(e, name, strlen(name), unit, type, help,
	    strlen(help));
}

static void
label_number(struct exposition *e, const char *key, unsigned n)
{
	exposition_label(e, key, amount_count(n).text);
}
