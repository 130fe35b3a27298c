/* SPDX-License-Identifier: ISC */
/* Ticket keys from files: shared by hosts, and refused when they are none. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "site.h"
#include "talk.h"
#include "test_tls.h"
#include "tlscache.h"

#define MAX 17 /* one more than fit */

static struct conf_str files[MAX];
static struct conf conf;

static void
setup(void)
{
	unsigned char bytes[81];
	int i;

	shared_setup();
	memset(&conf, 0, sizeof(conf));
	conf.ticket_keys.v = files;
	for (i = 0; i < MAX; i++) {
		files[i].loc.file = "t.conf";
		files[i].loc.line = 30 + i;
	}
	for (i = 0; i < (int)sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 7);
	pki_write("a80.key", bytes, 80);
	pki_write("81.key", bytes, 81);
	pki_write("47.key", bytes, 47);
	bytes[0] = 1; /* another name */
	pki_write("b48.key", bytes, 48);
	bytes[0] = 2;
	pki_write("c80.key", bytes, 80);
	pki_write("none.key", bytes, 0);
}

/* The keys of a host: up to two files. */
static int
load(struct tlscache_keys *keys, const char *first, const char *second,
    struct err *err)
{
	conf.ticket_keys.n = 0;
	if (first != NULL)
		files[conf.ticket_keys.n++].value = pki_path(first);
	if (second != NULL)
		files[conf.ticket_keys.n++].value = pki_path(second);
	return tls_keys_load(keys, &conf, err);
}

static const struct {
	const char *maker[2], *taker[2];
	bool resumes;
} rows[] = {
	{ { "a80.key", NULL }, { "a80.key", NULL }, true },
	{ { "b48.key", NULL }, { "b48.key", NULL }, true },
	{ { "a80.key", NULL }, { "b48.key", NULL }, false },
	{ { "a80.key", "b48.key" }, { "a80.key", NULL }, true },
	{ { "a80.key", "b48.key" }, { "b48.key", NULL }, false },
	{ { "a80.key", NULL }, { "b48.key", "a80.key" }, true },
	{ { "b48.key", NULL }, { "a80.key", "b48.key" }, true },
	{ { "a80.key", NULL }, { NULL, NULL }, false },
	{ { NULL, NULL }, { "a80.key", NULL }, false },
	{ { NULL, NULL }, { NULL, NULL }, false }, /* each has its own */
};

/* Two hosts that share nothing but the files. */
START_TEST(test_hosts)
{
	struct tlscache_keys *maker, *taker;
	struct tls_front *front;
	struct talk_how how;
	struct site site;
	struct err err;
	int version;

	maker = shared.keys;
	ck_assert_int_eq(load(maker, rows[_i].maker[0], rows[_i].maker[1],
	    &err), 0);
	ck_assert_int_eq(tlscache_keys_open(&taker, 3600, SITE_TIMEOUT,
	    clock_wall()), 0);
	ck_assert_int_eq(load(taker, rows[_i].taker[0], rows[_i].taker[1],
	    &err), 0);
	site_init(&site);
	site.listen.resumption = CONF_RESUME_TICKETS;
	for (version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		memset(&how, 0, sizeof(how));
		how.version = version;
		shared.keys = maker;
		front = site_front(&site);
		how.session = talk_session(front, &how);
		tls_front_free(front);
		shared.keys = taker;
		front = site_front(&site);
		ck_assert_int_eq(talk_resumed(front, &how),
		    rows[_i].resumes ? TLS_RESUMED_TICKET : TLS_RESUMED_FULL);
		SSL_SESSION_free(how.session);
		tls_front_free(front);
	}
	shared.keys = maker;
	tlscache_keys_close(taker);
}
END_TEST

/* A reload that puts a new key before the old one costs nobody a session. */
START_TEST(test_reload)
{
	struct talk_how how = { .version = _i };
	SSL_SESSION *old, *renewed;
	struct tls_front *front;
	struct site site;
	struct talk *t;
	struct err err;

	site_init(&site);
	site.listen.resumption = CONF_RESUME_TICKETS;
	ck_assert_int_eq(load(shared.keys, "a80.key", NULL, &err), 0);
	front = site_front(&site);
	old = talk_session(front, &how);
	ck_assert_int_eq(load(shared.keys, "c80.key", "a80.key", &err), 0);
	how.session = old;
	t = talk_new(front, &how);
	ck_assert(t->ok);
	ck_assert_int_eq(tls_resumed(t->server), TLS_RESUMED_TICKET);
	renewed = SSL_get1_session(t->client); /* of the new key */
	talk_free(t);
	ck_assert_int_eq(load(shared.keys, "c80.key", NULL, &err), 0);
	ck_assert_int_eq(talk_resumed(front, &how), TLS_RESUMED_FULL);
	how.session = renewed;
	ck_assert_int_eq(talk_resumed(front, &how), TLS_RESUMED_TICKET);
	SSL_SESSION_free(old);
	SSL_SESSION_free(renewed);
	tls_front_free(front);
}
END_TEST

static const struct {
	const char *file, *text;
} bad[] = {
	{ "missing.key", "t.conf:31: keys \"@missing.key\": No such file or "
	    "directory" },
	{ "47.key", "t.conf:31: keys \"@47.key\": 47 bytes; a ticket key has "
	    "48 or 80" },
	{ "81.key", "t.conf:31: keys \"@81.key\": 81 bytes; a ticket key has "
	    "48 or 80" },
	{ "none.key", "t.conf:31: keys \"@none.key\": 0 bytes; a ticket key "
	    "has 48 or 80" },
};

START_TEST(test_bad)
{
	struct err err;

	ck_assert_int_eq(load(shared.keys, "a80.key", bad[_i].file, &err), -1);
	site_same_text(err.text, bad[_i].text);
}
END_TEST

/* What cannot be loaded leaves the keys as they are. */
START_TEST(test_bad_changes_nothing)
{
	struct talk_how how = { .version = TLS1_3_VERSION };
	struct tls_front *front;
	struct site site;
	struct err err;

	site_init(&site);
	site.listen.resumption = CONF_RESUME_TICKETS;
	front = site_front(&site);
	how.session = talk_session(front, &how);
	ck_assert_int_eq(load(shared.keys, "a80.key", "47.key", &err), -1);
	ck_assert_int_eq(talk_resumed(front, &how), TLS_RESUMED_TICKET);
	SSL_SESSION_free(how.session);
	tls_front_free(front);
}
END_TEST

START_TEST(test_too_many)
{
	unsigned char bytes[48];
	struct err err;
	char name[32];
	int i;

	for (i = 0; i < MAX; i++) {
		memset(bytes, i, sizeof(bytes));
		snprintf(name, sizeof(name), "many%d.key", i);
		files[i].value = pki_write(name, bytes, sizeof(bytes));
	}
	conf.ticket_keys.n = MAX - 1;
	ck_assert_int_eq(tls_keys_load(shared.keys, &conf, &err), 0);
	conf.ticket_keys.n = MAX;
	ck_assert_int_eq(tls_keys_load(shared.keys, &conf, &err), -1);
	ck_assert_str_eq(err.text, "t.conf:46: keys: more than 16");
}
END_TEST

Suite *
keys_file_suite(void)
{
	Suite *s;
	TCase *tc;

	s = suite_create("keys_file");
	tc = tcase_create("keys_file");
	tcase_add_checked_fixture(tc, setup, shared_teardown);
	tcase_add_loop_test(tc, test_hosts, 0, COUNT(rows));
	tcase_add_loop_test(tc, test_reload, TLS1_2_VERSION,
	    TLS1_3_VERSION + 1);
	tcase_add_loop_test(tc, test_bad, 0, COUNT(bad));
	tcase_add_test(tc, test_bad_changes_nothing);
	tcase_add_test(tc, test_too_many);
	suite_add_tcase(s, tc);
	return s;
}
