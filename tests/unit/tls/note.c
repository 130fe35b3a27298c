/* SPDX-License-Identifier: ISC */
/* Who made a session, and how long it and its offspring live. */
#include "config.h"

#include <string.h>

#include "base/clock.h"
#include "site.h"
#include "talk.h"
#include "test_tls.h"
#include "tls/tls_int.h"
#include "tlscache.h"

static struct site site;

static struct tls_front *
worker_front(unsigned worker)
{
	struct tls_front *front;

	front = site_front(&site);
	tls_front_set_worker(front, worker);
	return front;
}

/* A handshake; returns the worker it tells, and the new session if any. */
static int
worker_of(struct tls_front *front, const struct talk_how *how,
    SSL_SESSION **next)
{
	struct talk *t;
	int worker;

	t = talk_new(front, how);
	ck_assert(t->ok);
	ck_assert_int_eq(tls_resumed(t->server) == TLS_RESUMED_FULL,
	    how->session == NULL);
	worker = tls_session_worker(t->server);
	if (next != NULL) {
		*next = t->session;
		t->session = NULL;
	}
	talk_free(t);
	return worker;
}

START_TEST(test_worker)
{
	struct talk_how how = { .version = site_kinds[_i].version };
	struct tls_front *a, *b;
	SSL_SESSION *first, *next;

	site_init(&site);
	site.listen.resumption = site_kinds[_i].resumption;
	a = worker_front(3);
	b = worker_front(65535);
	ck_assert_int_eq(worker_of(a, &how, &first), 3);
	ck_assert_ptr_nonnull(first);

	/* Resumed at home, and at the other worker, again and again. */
	how.session = first;
	ck_assert_int_eq(worker_of(a, &how, NULL), 3);
	ck_assert_int_eq(worker_of(b, &how, NULL), 3);
	ck_assert_int_eq(worker_of(b, &how, &next), 3);

	/* In TLS 1.3 that made a session of the other worker's. */
	if (site_kinds[_i].version == TLS1_3_VERSION) {
		ck_assert_ptr_nonnull(next);
		how.session = next;
		ck_assert_int_eq(worker_of(a, &how, NULL), 65535);
		ck_assert_int_eq(worker_of(b, &how, NULL), 65535);
	}
	SSL_SESSION_free(first);
	SSL_SESSION_free(next);
	tls_front_free(a);
	tls_front_free(b);
}
END_TEST

/*
 * A TLS 1.2 ticket of a key that is going out of use is renewed, which makes
 * it no other session.
 */
START_TEST(test_worker_of_renewed_ticket)
{
	static const unsigned char keys[2][48] = { "old", "new" };
	const struct tlscache_key_bytes now[] = { { keys[0], 48 } },
	    then[] = { { keys[1], 48 }, { keys[0], 48 } },
	    last[] = { { keys[1], 48 } };
	struct talk_how how = { .version = TLS1_2_VERSION };
	struct tls_front *a, *b;
	SSL_SESSION *renewed;
	struct talk *t;

	site_init(&site);
	site.listen.resumption = CONF_RESUME_TICKETS;
	a = worker_front(3);
	b = worker_front(4);
	ck_assert_int_eq(tlscache_keys_set(shared.keys, now, 1, 1), 0);
	how.session = talk_session(a, &how);
	ck_assert_int_eq(tlscache_keys_set(shared.keys, then, 2, 2), 0);
	t = talk_new(b, &how);
	ck_assert(t->ok);
	ck_assert_int_eq(tls_resumed(t->server), TLS_RESUMED_TICKET);
	renewed = SSL_get1_session(t->client);
	talk_free(t);
	SSL_SESSION_free(how.session);
	ck_assert_int_eq(tlscache_keys_set(shared.keys, last, 1, 3), 0);
	how.session = renewed;
	ck_assert_int_eq(worker_of(b, &how, NULL), 3);
	SSL_SESSION_free(renewed);
	tls_front_free(a);
	tls_front_free(b);
}
END_TEST

/* A second ClientHello offers the session again. */
START_TEST(test_worker_after_retry)
{
	static char p256[] = "P-256";
	struct talk_how how = { .version = TLS1_3_VERSION,
		.groups = "X25519:P-256" };
	struct tls_front *a, *b;
	SSL_SESSION *next;

	site_init(&site);
	site.listen.resumption = (enum conf_resumption)_i;
	site.listen.groups.value = p256;
	a = worker_front(3);
	b = worker_front(4);
	how.session = talk_session(a, &how);
	ck_assert_int_eq(worker_of(b, &how, &next), 3);
	ck_assert_ptr_nonnull(next);
	SSL_SESSION_free(how.session);
	how.session = next;
	ck_assert_int_eq(worker_of(a, &how, NULL), 4);
	SSL_SESSION_free(next);
	tls_front_free(a);
	tls_front_free(b);
}
END_TEST

/* A refused session leaves no trace of its maker. */
START_TEST(test_worker_not_resumed)
{
	static char title[] = "b", name[] = "b.test";
	struct talk_how how = { .version = site_kinds[_i].version };
	struct conf_certificate *c;
	struct tls_front *a, *b;
	struct talk *t;

	site_init(&site);
	site.listen.resumption = site_kinds[_i].resumption;
	c = site_add(&site, title, name);
	c->chain.value = pki_path("server_b.crt");
	c->key.value = pki_path("server_b.key");
	a = worker_front(1);
	b = worker_front(2);
	how.session = talk_session(a, &how);
	how.sni = name;
	t = talk_new(b, &how);
	ck_assert(t->ok);
	ck_assert_int_eq(tls_resumed(t->server), TLS_RESUMED_FULL);
	ck_assert_int_eq(tls_session_worker(t->server), 2);
	talk_free(t);
	SSL_SESSION_free(how.session);
	tls_front_free(a);
	tls_front_free(b);
}
END_TEST

/*
 * Whether a session was made and renewed, at a front with `later`, within one
 * second; if so, what it is left with.
 */
static bool
renewed_at_once(int64_t first, int64_t later, long *left)
{
	struct talk_how how = { .version = TLS1_3_VERSION };
	struct tls_front *front;
	struct talk *t;
	int64_t began = clock_wall();
	long hint;

	shared.session_timeout = first;
	front = site_front(&site);
	how.session = talk_session(front, &how);
	tls_front_free(front);
	shared.session_timeout = later;
	front = site_front(&site);
	t = talk_new(front, &how);
	ck_assert(t->ok);
	ck_assert_int_ne(tls_resumed(t->server), TLS_RESUMED_FULL);
	*left = SSL_SESSION_get_timeout(SSL_get_session(t->server));
	hint = (long)SSL_SESSION_get_ticket_lifetime_hint(t->session);
	SSL_SESSION_free(how.session);
	talk_free(t);
	tls_front_free(front);
	if (clock_wall() != began)
		return false;
	/* The client is told the same. */
	ck_assert_int_eq(hint, *left);
	return true;
}

static long
renewed_timeout(int64_t first, int64_t later)
{
	int tries;
	long left;

	for (tries = 0; tries < 20; tries++)
		if (renewed_at_once(first, later, &left))
			return left;
	ck_abort_msg("no two handshakes within one second");
	return -1;
}

START_TEST(test_life)
{
	long left;

	site_init(&site);
	site.listen.resumption = (enum conf_resumption)_i;
	/* Counted from the full handshake, so a second may have passed. */
	left = renewed_timeout(1000, 5000);
	ck_assert_int_le(left, 1000);
	ck_assert_int_ge(left, 900);
	ck_assert_int_eq(renewed_timeout(5000, 1000), 1000);
	/* RFC 8446 4.6.1: no ticket for more than a week. */
	ck_assert_int_eq(renewed_timeout(3000000, 2000000), 604800);
}
END_TEST

/* The deadline was ahead when the handshake began. */
static int
late_cb(SSL *ssl, void *arg)
{
	if (SSL_session_reused(ssl))
		tls_peer(ssl)->deadline =
		    SSL_SESSION_get_time_ex(SSL_get_session(ssl));
	return tls_note_ticket_cb(ssl, arg);
}

START_TEST(test_life_ends_meanwhile)
{
	struct talk_how how = { .version = TLS1_3_VERSION };
	struct tls_front *front;
	SSL_SESSION *renewed;
	struct talk *t;

	site_init(&site);
	site.listen.resumption = (enum conf_resumption)_i;
	front = site_front(&site);
	SSL_CTX_set_session_ticket_cb(front->policies[0].ctx, late_cb, NULL,
	    front);
	how.session = talk_session(front, &how);
	t = talk_new(front, &how);
	ck_assert(t->ok);
	ck_assert_int_ne(tls_resumed(t->server), TLS_RESUMED_FULL);
	renewed = SSL_get_session(t->server);
	ck_assert_int_gt(SSL_SESSION_get_timeout(renewed), 0);
	ck_assert_int_eq(SSL_SESSION_get_time_ex(renewed) +
	    SSL_SESSION_get_timeout(renewed), tls_peer(t->server)->deadline);
	SSL_SESSION_free(how.session);
	talk_free(t);
	tls_front_free(front);
}
END_TEST

/* Seconds until it expires. */
static long
life_of(const X509 *x)
{
	int days, seconds;

	ck_assert(ASN1_TIME_diff(&days, &seconds, NULL,
		X509_get0_notAfter(x)));
	return days * 86400L + seconds;
}

/* Nor longer than the client's certificate, at the first or any renewal. */
START_TEST(test_life_of_certificate)
{
	struct talk_how how = { .version = site_kinds[_i].version,
		.cert = pki(PKI_CLIENT_SHORT) };
	struct tls_front *front;
	struct talk *t;
	long before, left;
	int i;

	site_init(&site);
	site.listen.resumption = site_kinds[_i].resumption;
	site_ask(&site.certs[0], CONF_CLIENT_CERT_REQUIRED, "ca1.crt", NULL);
	front = site_front(&site);
	before = life_of(how.cert->x);
	for (i = 0; i < 3; i++) {
		t = talk_new(front, &how);
		ck_assert(t->ok);
		ck_assert_int_eq(tls_resumed(t->server), i == 0 ?
		    TLS_RESUMED_FULL : site_kinds[_i].resumed);
		left = SSL_SESSION_get_timeout(SSL_get_session(t->server));
		ck_assert_int_le(left, before);
		ck_assert_int_ge(left, life_of(how.cert->x) - 1);
		if (t->session != NULL) {
			SSL_SESSION_free(how.session);
			how.session = t->session;
			t->session = NULL;
		}
		talk_free(t);
	}
	SSL_SESSION_free(how.session);
	tls_front_free(front);
}
END_TEST

/*
 * Notes that we have not written, or so long ago that the session is not to be
 * renewed; and the same, sound.
 */
static const struct {
	const char *bytes;
	size_t len;
	int worker;
	bool renewed;
} strange[] = {
	{ NULL, 0, -1, false },
	{ "\1", 1, -1, false },
	{ "\1\0\5\0\0\0\0\0", 8, -1, false },
	{ "\1\0\5\1\0\0\0\0\0\0", 10, -1, false },
	{ "\2\0\5\1\0\0\0\0\0", 9, -1, false },
	{ "\1\0\5\0\0\0\0\0\1", 9, 5, false },
	{ "\1\0\5\1\0\0\0\0\0", 9, 5, true },
};

static int
strange_cb(SSL *ssl, void *arg)
{
	int i = *(int *)arg;

	return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl),
	    strange[i].bytes, strange[i].len);
}

START_TEST(test_strange_note)
{
	struct talk_how how = { .version = TLS1_3_VERSION };
	struct tls_front *front;
	struct talk *t;
	int kind;

	for (kind = 2; kind < SITE_KINDS; kind++) {
		site_init(&site);
		site.listen.resumption = site_kinds[kind].resumption;
		front = site_front(&site);
		SSL_CTX_set_session_ticket_cb(front->policies[0].ctx,
		    strange_cb, NULL, &_i);
		how.session = NULL;
		how.session = talk_session(front, &how);
		tls_front_free(front);

		front = site_front(&site);
		t = talk_new(front, &how);
		ck_assert(t->ok);
		ck_assert_int_eq(tls_resumed(t->server),
		    site_kinds[kind].resumed);
		ck_assert_int_eq(tls_session_worker(t->server),
		    strange[_i].worker);
		ck_assert_uint_eq(t->sessions, strange[_i].renewed ? 1 : 0);
		SSL_SESSION_free(how.session);
		talk_free(t);
		tls_front_free(front);
	}
}
END_TEST

/* Names do not take up room in the cache. */
START_TEST(test_no_name_in_session)
{
	struct talk_how how = { .version = site_kinds[_i].version,
		.sni = "some.name.test" };
	struct tls_front *front;
	struct talk *t;

	site_init(&site);
	site.listen.resumption = site_kinds[_i].resumption;
	front = site_front(&site);
	t = talk_new(front, &how);
	ck_assert(t->ok);
	ck_assert_ptr_null(SSL_SESSION_get0_hostname(
	    SSL_get_session(t->server)));
	how.session = t->session;
	ck_assert_int_eq(talk_resumed(front, &how), site_kinds[_i].resumed);
	talk_free(t);
	tls_front_free(front);
}
END_TEST

Suite *
note_suite(void)
{
	Suite *s;
	TCase *tc;

	s = suite_create("note");
	tc = tcase_create("note");
	tcase_add_checked_fixture(tc, shared_setup, shared_teardown);
	tcase_add_loop_test(tc, test_worker, 0, SITE_KINDS);
	tcase_add_test(tc, test_worker_of_renewed_ticket);
	tcase_add_loop_test(tc, test_worker_after_retry, CONF_RESUME_STATEFUL,
	    CONF_RESUME_TICKETS + 1);
	tcase_add_loop_test(tc, test_worker_not_resumed, 0, SITE_KINDS);
	tcase_add_loop_test(tc, test_life, CONF_RESUME_STATEFUL,
	    CONF_RESUME_TICKETS + 1);
	tcase_add_loop_test(tc, test_life_ends_meanwhile,
	    CONF_RESUME_STATEFUL, CONF_RESUME_TICKETS + 1);
	tcase_add_loop_test(tc, test_life_of_certificate, 0, SITE_KINDS);
	tcase_add_loop_test(tc, test_strange_note, 0, COUNT(strange));
	tcase_add_loop_test(tc, test_no_name_in_session, 0, SITE_KINDS);
	suite_add_tcase(s, tc);
	return s;
}
