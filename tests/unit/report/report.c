/* SPDX-License-Identifier: ISC */
/* The reports in both forms, and how single values read. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "report/report.h"
#include "report/form.h"
#include "test_report.h"

#define NOW 1700003600 /* 2023-11-14 23:13:20 UTC */

static struct scoreboard *board;
static struct ctl_worker workers[3];
static struct tlscache cache;
static struct tlscache_keys keys;
static struct ctl_view view;

static void
setup(void)
{
	struct slot *dead;
	unsigned i;

	setenv("TZ", "UTC", 1);
	tzset();
	board = scoreboard_new(2, 4);
	ck_assert_ptr_nonnull(board);
	dead = scoreboard_take(board, 1);
	slot_add(dead, METRIC_HANDSHAKES_FULL, 1000);
	slot_add(dead, METRIC_BYTES_IN, 1536);
	scoreboard_release(board, dead);

	memset(workers, 0, sizeof(workers));
	for (i = 0; i < 2; i++) {
		struct slot *slot;

		slot = scoreboard_take(board, i);
		ck_assert_ptr_nonnull(slot);
		slot_add(slot, METRIC_ACCEPTED, 20 + i);
		slot_add(slot, METRIC_HANDSHAKES_FULL, 10);
		slot_add(slot, METRIC_HANDSHAKES_RESUMED, 9000 * i);
		atomic_store(&slot->connections, 7);
		workers[i].number = 1 - i;
		workers[i].generation = 2;
		workers[i].pid = 4712 + (pid_t)i;
		workers[i].state = WORKER_SERVING;
		workers[i].started = NOW - 125;
		workers[i].restarts = i;
		workers[i].slot = slot;
	}
	workers[2].number = 1;
	workers[2].generation = 1;
	workers[2].state = WORKER_DELAYED;
	workers[2].restarts = 3;

	memset(&cache, 0, sizeof(cache));
	memset(&keys, 0, sizeof(keys));
	memset(&view, 0, sizeof(view));
	view.now = NOW;
	view.version = "0.1.0";
	view.pid = 4711;
	view.started = NOW - 3600;
	view.conf_path = "/etc/tls\"herd.conf";
	view.generation = 2;
	view.workers = workers;
	view.nworkers = 3;
	view.cache = &cache;
	view.scoreboard = board;
}

static void
teardown(void)
{
	scoreboard_free(board);
}

static void
report_expect(int (*report)(FILE *, enum report_form,
    const struct ctl_view *), enum report_form form, const char *expect)
{
	char *text;
	size_t len;
	FILE *out;

	out = open_memstream(&text, &len);
	ck_assert_ptr_nonnull(out);
	ck_assert_int_eq(report(out, form, &view), 0);
	fclose(out);
	ck_assert_str_eq(text, expect);
	free(text);
}

START_TEST(status_plain)
{
	report_expect(report_status, REPORT_PLAIN,
	    "tlsherd        0.1.0, pid 4711\n"
	    "running since  2023-11-14 22:13:20 +0000, for 1 h\n"
	    "configuration  /etc/tls\"herd.conf, generation 2\n"
	    "last reload    never\n"
	    "\n"
	    "worker       pid   gen  state          uptime  restarts     "
	    "open         full      resumed\n"
	    "     1      4712     2  serving     2 min 5 s         0        "
	    "7           10            0\n"
	    "     0      4713     2  serving     2 min 5 s         1        "
	    "7           10        9,000\n"
	    "     1         -     1  delayed             -         3        "
	    "0            0            0\n"
	    "\n"
	    "connections    14 open, 41 accepted, 0 closed, "
	    "accepting paused 0 times\n"
	    "handshakes     0 begun, 1,020 full, 9,000 resumed (89.8 %), 0 failed, "
	    "0 got no ticket\n"
	    "early data     0 offered, 0 accepted (0 bytes)\n"
	    "early refused  0 claimed, 0 unknown, 0 context, 0 age, 0 name, "
	    "0 alpn, 0 retry, 0 off, 0 busy, 0 too much\n"
	    "clear text     1.5 KiB received, 0 bytes sent\n"
	    "backends       0 connected, 0 failed\n"
	    "log            0 lines lost\n");
}
END_TEST

START_TEST(status_plain_reload)
{
	char *text;
	size_t len;
	FILE *out;

	view.workers = NULL;
	view.nworkers = 0;
	view.reload = CTL_RELOAD_FAILED;
	view.reload_time = NOW - 60;
	view.reload_error = "a.conf:3: unknown\033 directive";
	out = open_memstream(&text, &len);
	ck_assert_int_eq(report_status(out, REPORT_PLAIN, &view), 0);
	fclose(out);
	ck_assert_ptr_nonnull(strstr(text, "\nlast reload    "
	    "2023-11-14 23:12:20 +0000, failed: "
	    "a.conf:3: unknown? directive\n"));
	free(text);
}
END_TEST

START_TEST(status_json)
{
	view.nworkers = 1;
	view.reload = CTL_RELOAD_OK;
	view.reload_time = NOW - 60;
	report_expect(report_status, REPORT_JSON,
	    "{\"version\":\"0.1.0\",\"pid\":4711,\"started\":1700000000,"
	    "\"uptime\":3600,\"configuration\":\"/etc/tls\\\"herd.conf\","
	    "\"generation\":2,\"reload_time\":1700003540,"
	    "\"reload_verdict\":\"ok\",\"reload_error\":null,"
	    "\"workers\":[{\"worker\":1,\"pid\":4712,\"generation\":2,"
	    "\"state\":\"serving\",\"uptime\":125,\"restarts\":0,"
	    "\"connections\":7,\"handshakes_full\":10,"
	    "\"handshakes_resumed\":0}],"
	    "\"totals\":{\"connections\":14,\"accepted\":41,\"closed\":0,"
	    "\"accept_paused\":0,\"handshakes_begun\":0,"
	    "\"handshakes_full\":1020,"
	    "\"handshakes_resumed\":9000,\"resumption_rate\":0.8982,"
	    "\"handshakes_failed\":0,\"tickets_too_large\":0,"
	    "\"early_offered\":0,"
	    "\"early_accepted\":0,"
	    "\"early_bytes\":0,\"early_claimed\":0,\"early_unknown\":0,"
	    "\"early_context\":0,\"early_age\":0,\"early_name\":0,"
	    "\"early_alpn\":0,\"early_retry\":0,\"early_off\":0,"
	    "\"early_busy\":0,\"early_too_much\":0,\"bytes_in\":1536,\"bytes_out\":0,"
	    "\"backend_connects\":0,\"backend_failures\":0,"
	    "\"log_lost\":0}}\n");
}
END_TEST

START_TEST(sessions_plain)
{
	cache.stat.capacity = 32 << 20;
	cache.stat.bytes = 1258291;
	cache.stat.entries = 3210;
	cache.stat.shards = 64;
	cache.stat.locked = 32 << 20;
	cache.stat.hits = 12012;
	cache.stat.misses = 333;
	cache.stat.miss_unknown = 300;
	cache.stat.miss_expired = 33;
	cache.stat.stores = 15000;
	cache.stat.evicted = 812;
	cache.stat.evicted_age = 812 * 90;
	cache.stat.evicted_age_min = 34;
	cache.stat.shards_lost = 1;
	keys.stat.keys = 2;
	keys.stat.rotations = 5;
	keys.stat.issued = 77;
	keys.stat.active_since = NOW - 7380;
	view.keys = &keys;
	report_expect(report_sessions, REPORT_PLAIN,
	    "size           32 MiB, 1.1 MiB used by 3,210 sessions "
	    "in 64 shards, 32 MiB locked into memory\n"
	    "look-ups       12,345, 97.3 % hit\n"
	    "hits           12,012\n"
	    "misses         333: 300 unknown, 33 expired, "
	    "0 of another context, 0 not readable, 0 busy\n"
	    "stored         15,000, 0 in place of another, "
	    "0 refused as too large\n"
	    "removed        0 on request, 0 expired\n"
	    "evicted        812 before their time, 1 min 30 s old on average, "
	    "the youngest 34 s\n"
	    "early data     0 claims granted, 0 refused\n"
	    "faults         0 locks recovered, 1 shards lost, "
	    "0 entries corrupt, 0 operations given up\n"
	    "\n"
	    "ticket keys    2, the active one since "
	    "2023-11-14 21:10:20 +0000, for 2 h 3 min, 5 made, "
	    "0 bytes locked into memory\n"
	    "tickets        77 issued, 0 accepted, 0 renewed, "
	    "0 of an unknown key\n"
	    "\n"
	    "worker            full         resumed       rate\n"
	    "     0              10               0      0.0 %\n"
	    "     1           1,010           9,000     89.9 %\n");
}
END_TEST

START_TEST(sessions_json)
{
	char *text, *p;
	size_t len;
	FILE *out;

	cache.stat.capacity = UINT64_MAX;
	out = open_memstream(&text, &len);
	ck_assert_int_eq(report_sessions(out, REPORT_JSON, &view), 0);
	fclose(out);
	p = strstr(text, "\"capacity\":18446744073709551615,");
	ck_assert_ptr_nonnull(p);
	ck_assert_ptr_nonnull(strstr(text, "\"hit_rate\":null,"));
	ck_assert_ptr_nonnull(strstr(text, "\"evicted_age_mean\":null,"));
	ck_assert_ptr_nonnull(strstr(text, "\"workers\":[{\"worker\":0,"));
	ck_assert_ptr_null(strstr(text, "ticket_keys"));
#define X(name, doc) ck_assert_ptr_nonnull(strstr(text, "\"" #name "\":"));
#include "tlscache_stat.def"
#undef X
	free(text);
}
END_TEST

static bool
certificate(void *arg, size_t i, struct ctl_certificate *c)
{
	memset(c, 0, sizeof(*c));
	c->listener = "main";
	c->title = i == 0 ? "esc\033ape" : "a title that is longer";
	c->chain = "/x.pem";
	c->not_after = NOW + (i == 0 ? 3600 : -1);
	c->chain_end = NOW;
	c->crl_due = i == 0 ? 0 : NOW;
	return i < 2;
}

START_TEST(certificates_plain)
{
	view.certificate = certificate;
	report_expect(report_certificates, REPORT_PLAIN,
	    "listener    certificate       expires                             "
	    "in  chain ends                 list due                   file\n"
	    "main        esc?ape           2023-11-15 00:13:20 +0000          1"
	    " h  2023-11-14 23:13:20 +0000  -                          /x.pem\n"
	    "main        a title that is longer  2023-11-14 23:13:19 +0000     "
	    "       -  2023-11-14 23:13:20 +0000  2023-11-14 23:13:20 +0000  "
	    "/x.pem\n");
}
END_TEST

START_TEST(certificates_json)
{
	view.certificate = certificate;
	report_expect(report_certificates, REPORT_JSON,
	    "{\"certificates\":[{\"listener\":\"main\",\"certificate\":"
	    "\"esc\\u001bape\",\"expires\":1700007200,\"expires_in\":3600,"
	    "\"chain_ends\":1700003600,\"crl_due\":null,\"chain\":"
	    "\"/x.pem\"},{\"listener\":\"main\",\"certificate\":"
	    "\"a title that is longer\",\"expires\":1700003599,"
	    "\"expires_in\":null,\"chain_ends\":1700003600,"
	    "\"crl_due\":1700003600,\"chain\":\"/x.pem\"}]}\n");
}
END_TEST

START_TEST(stream_error)
{
	FILE *full;

	full = fopen("/dev/full", "w");
	ck_assert_ptr_nonnull(full);
	ck_assert_int_eq(report_status(full, (enum report_form)_i, &view),
	    -1);
	fclose(full);
}
END_TEST

static const struct {
	struct value value;
	const char *expect;
} values[] = {
	{ TEXT("x"), "x" },
	{ TEXT(NULL), NULL },
	{ ID(0), "0" },
	{ ID(12345), "12345" },
	{ PID(0), NULL },
	{ COUNT(0), "0" },
	{ COUNT(999), "999" },
	{ COUNT(1000), "1,000" },
	{ COUNT(UINT64_MAX), "18,446,744,073,709,551,615" },
	{ BYTES(0), "0 bytes" },
	{ BYTES(1023), "1023 bytes" },
	{ BYTES(1024), "1 KiB" },
	{ BYTES(1126), "1 KiB" },
	{ BYTES(1127), "1.1 KiB" },
	{ BYTES(2047), "1.9 KiB" },
	{ BYTES(100 * 1024 + 512), "100 KiB" },
	{ BYTES(UINT64_MAX), "15.9 EiB" },
	{ SECONDS(-1), NULL },
	{ SECONDS(0), "0 s" },
	{ SECONDS(59), "59 s" },
	{ SECONDS(60), "1 min" },
	{ SECONDS(3599), "59 min 59 s" },
	{ SECONDS(3601), "1 h" },
	{ SECONDS(90000), "1 d 1 h" },
	{ SECONDS(INT64_MAX), "106751991167300 d 15 h" },
	{ TIME(0), NULL },
	{ TIME(NOW), "2023-11-14 23:13:20 +0000" },
	{ TIME(INT64_MAX), "@9223372036854775807" },
	{ RATE(0, 0), NULL },
	{ RATE(0, 5), "0.0 %" },
	{ RATE(5, 5), "100.0 %" },
	{ RATE(99999, 100000), "99.9 %" },
	{ RATE(UINT64_MAX / 2, UINT64_MAX), "49.9 %" },
	{ RATE(UINT64_MAX, UINT64_MAX), "100.0 %" },
};

START_TEST(value)
{
	char buf[VALUE_TEXT_MAX];
	const char *text;

	setenv("TZ", "UTC", 1);
	tzset();
	text = value_format(&values[_i].value, buf);
	if (values[_i].expect == NULL)
		ck_assert_ptr_null(text);
	else
		ck_assert_str_eq(text, values[_i].expect);
}
END_TEST

Suite *
report_suite(void)
{
	Suite *suite;
	TCase *tc;

	suite = suite_create("report");
	tc = tcase_create("reports");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, status_plain);
	tcase_add_test(tc, status_plain_reload);
	tcase_add_test(tc, status_json);
	tcase_add_test(tc, sessions_plain);
	tcase_add_test(tc, sessions_json);
	tcase_add_test(tc, certificates_plain);
	tcase_add_test(tc, certificates_json);
	tcase_add_loop_test(tc, stream_error, REPORT_PLAIN, REPORT_JSON + 1);
	suite_add_tcase(suite, tc);
	tc = tcase_create("values");
	tcase_add_loop_test(tc, value, 0, sizeof(values) / sizeof(values[0]));
	suite_add_tcase(suite, tc);
	return suite;
}
