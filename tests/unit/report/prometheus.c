/* SPDX-License-Identifier: ISC */
/* The report for Prometheus: values, labels, what is left out. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report/exposition.h"
#include "report/report.h"
#include "test_report.h"

static struct scoreboard *board;
static struct ctl_worker workers[2];
static struct tlscache cache;
static struct tlscache_keys keys;
static struct ctl_view view;
static char *text;

static bool
certificate(void *arg, size_t i, struct ctl_certificate *c)
{
	memset(c, 0, sizeof(*c));
	c->listener = "a\"b\\c\nd\xff\xc3\xa4";
	c->title = "t";
	c->not_after = 1000 - 60;
	c->crl_due = i == 1 ? 1070 : 0;
	return i < 2;
}

static void
setup(void)
{
	unsigned i;

	memset(&view, 0, sizeof(view));
	board = scoreboard_new(2, 4);
	for (i = 0; i < 2; i++) {
		memset(&workers[i], 0, sizeof(workers[i]));
		workers[i].number = i;
		workers[i].restarts = 3 + i;
		workers[i].state = WORKER_SERVING;
		workers[i].slot = scoreboard_take(board, i);
		ck_assert_ptr_nonnull(workers[i].slot);
	}
	workers[0].pid = getpid();
	view.now = 1000;
	view.pid = getpid();
	view.version = "1.2.3";
	view.workers = workers;
	view.nworkers = 2;
	view.scoreboard = board;
	view.cache = &cache;
	view.keys = &keys;
	view.certificate = certificate;
}

static void
teardown(void)
{
	scoreboard_free(board);
	free(text);
	text = NULL;
}

static void
ask(void)
{
	size_t len;
	FILE *out;

	out = open_memstream(&text, &len);
	ck_assert_ptr_nonnull(out);
	ck_assert_int_eq(report_metrics(out, REPORT_PLAIN, &view), 0);
	fclose(out);
}

/* These lines are there, and lines that begin like this are not. */
static void
has(const char *line)
{
	char wanted[512];

	snprintf(wanted, sizeof(wanted), "\n%s\n", line);
	ck_assert_msg(strstr(text, wanted) != NULL, "no \"%s\" in:\n%s", line,
	    text);
}

static void
lacks(const char *part)
{
	ck_assert_msg(strstr(text, part) == NULL, "\"%s\" in:\n%s", part,
	    text);
}

START_TEST(values)
{
	struct slot *s = (struct slot *)(uintptr_t)workers[1].slot;

	slot_add(s, METRIC_ACCEPTED, 7);
	slot_add(s, METRIC_EARLY_AGE, 2);
	slot_close(s, CLOSE_DRAIN);
	slot_failure(s, FAILURE_UNKNOWN_CA);
	view.reloads_failed = 4;
	view.reload = CTL_RELOAD_FAILED;
	cache.stat.miss_busy = 5;
	ask();
	has("tlsherd_info{version=\"1.2.3\"} 1");
	has("# TYPE tlsherd_connections_accepted_total counter");
	has("tlsherd_connections_accepted_total 7");
	has("# HELP tlsherd_early_data_refused_total refusals of early data");
	has("tlsherd_early_data_refused_total{reason=\"age\"} 2");
	has("tlsherd_connections_closed_total{reason=\"drain\"} 1");
	has("tlsherd_handshakes_failed_total{reason=\"unknown_ca\","
	    "alert=\"client\"} 1");
	has("tlsherd_reloads_total{verdict=\"failed\"} 4");
	has("tlsherd_last_reload_successful 0");
	has("tlsherd_workers{state=\"serving\"} 2");
	has("tlsherd_worker_restarts_total{worker=\"1\"} 4");
	has("tlsherd_worker_connections_accepted_total{worker=\"1\"} 7");
	has("tlsherd_session_cache_misses_total{reason=\"busy\"} 5");
	lacks("tlsherd_closed_total");
}
END_TEST

START_TEST(histograms)
{
	struct slot *s = (struct slot *)(uintptr_t)workers[0].slot;
	struct histogram *h = &s->histograms[HISTOGRAM_HANDSHAKE_ID];

	histogram_add(h, 96);
	histogram_add(h, 97);
	histogram_add(h, INT64_C(100) * 1000000);
	ask();
	has("# TYPE tlsherd_handshake_duration_seconds histogram");
	has("tlsherd_handshake_duration_seconds_bucket{kind=\"id\","
	    "le=\"0.000064\"} 0");
	has("tlsherd_handshake_duration_seconds_bucket{kind=\"id\","
	    "le=\"0.000096\"} 1");
	has("tlsherd_handshake_duration_seconds_bucket{kind=\"id\","
	    "le=\"67.108864\"} 2");
	has("tlsherd_handshake_duration_seconds_bucket{kind=\"id\","
	    "le=\"+Inf\"} 3");
	has("tlsherd_handshake_duration_seconds_sum{kind=\"id\"} 100.000193");
	has("tlsherd_handshake_duration_seconds_count{kind=\"id\"} 3");
	has("tlsherd_backend_connect_duration_seconds_count 0");
}
END_TEST

/* What is not known is left out, and no family is without a sample. */
START_TEST(left_out)
{
	view.cache = NULL;
	view.keys = NULL;
	view.certificate = NULL;
	ask();
	lacks("tlsherd_session_cache");
	lacks("tlsherd_ticket_key");
	lacks("certificate_expires");
	lacks("last_reload_time");
	lacks("pid=\"0\"");
}
END_TEST

START_TEST(certificates)
{
	ask();
	has("tlsherd_certificate_expires_in_seconds{listener="
	    "\"a\\\"b\\\\c\\nd?\xc3\xa4\",certificate=\"t\"} -60");
	has("tlsherd_crl_expires_in_seconds{listener="
	    "\"a\\\"b\\\\c\\nd?\xc3\xa4\",certificate=\"t\"} 70");
}
END_TEST

START_TEST(stream_error)
{
	FILE *full;

	full = fopen("/dev/full", "w");
	ck_assert_ptr_nonnull(full);
	ck_assert_int_eq(report_metrics(full, REPORT_PLAIN, &view), -1);
	fclose(full);
}
END_TEST

Suite *
prometheus_suite(void)
{
	Suite *suite;
	TCase *tc;

	suite = suite_create("prometheus");
	tc = tcase_create("prometheus");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, values);
	tcase_add_test(tc, histograms);
	tcase_add_test(tc, left_out);
	tcase_add_test(tc, certificates);
	tcase_add_test(tc, stream_error);
	suite_add_tcase(suite, tc);
	return suite;
}
