/* SPDX-License-Identifier: ISC */
/* Early data: accepted once; refused, with the reason, in all other cases. */
#include "config.h"

#include <string.h>

#include "site.h"
#include "talk.h"
#include "test_tls.h"
#include "tlscache.h"

#define EARLY "so early"

static char other[] = "other", a_test[] = "a.test", b_test[] = "b.test",
    c_test[] = "c.test", x[] = "x", y[] = "y";

static struct site site;
static struct tls_front *front;
static SSL_SESSION *session;

/* The default policy accepts; "other" for c.test does not. */
static void
setup(void)
{
	struct conf_certificate *c;

	shared_setup();
	site_init(&site);
	site_add_name(&site, &site.certs[0], a_test);
	site_add_name(&site, &site.certs[0], b_test);
	site_add_alpn(&site, x);
	site_add_alpn(&site, y);
	site.certs[0].early.mode = CONF_EARLY_ACCEPT;
	site.certs[0].early.maximum = 100;
	c = site_add(&site, other, c_test);
	c->early.mode = CONF_EARLY_OFF;
	front = site_front(&site);
	session = NULL;
}

static void
teardown(void)
{
	SSL_SESSION_free(session);
	tls_front_free(front);
	shared_teardown();
}

/* Offer the session with early data: the verdict, and no harm done. */
static void
expect(const struct talk_how *how, enum tls_early verdict)
{
	struct talk *t;

	/* OpenSSL's client would not send them to another name. */
	if (how->session != NULL)
		ck_assert(SSL_SESSION_set1_hostname(how->session, how->sni));
	t = talk_new(front, how);
	ck_assert(t->ok);
	ck_assert_str_eq(tls_early_name(t->verdict), tls_early_name(verdict));
	ck_assert_str_eq(t->early, verdict == TLS_EARLY_ACCEPTED ? how->early :
	    "");
	ck_assert_int_eq(SSL_get_early_data_status(t->client),
	    verdict == TLS_EARLY_ACCEPTED ? SSL_EARLY_DATA_ACCEPTED :
	    how->early == NULL ? SSL_EARLY_DATA_NOT_SENT :
	    SSL_EARLY_DATA_REJECTED);
	talk_free(t);
}

static struct talk_how
how_now(const char *sni)
{
	struct talk_how how = { .sni = sni };

	if (session == NULL)
		session = talk_session(front, &how);
	how.session = session;
	how.early = EARLY;
	return how;
}

START_TEST(once)
{
	struct talk_how how = how_now("a.test");
	int i;

	ck_assert_uint_eq(SSL_SESSION_get_max_early_data(session), 100);
	expect(&how, TLS_EARLY_ACCEPTED);
	for (i = 0; i < 3; i++)
		expect(&how, TLS_EARLY_CLAIMED);
	how.early = NULL;
	ck_assert_int_eq(talk_resumed(front, &how), TLS_RESUMED_STATEFUL);
}
END_TEST

START_TEST(not_offered)
{
	struct talk_how how = { .sni = "a.test" };

	expect(&how, TLS_EARLY_NONE);
	how = how_now("a.test");
	how.early = NULL;
	expect(&how, TLS_EARLY_NONE);
	how.early = EARLY;
	expect(&how, TLS_EARLY_ACCEPTED);
}
END_TEST

START_TEST(tls12_is_not_disturbed)
{
	struct talk_how how = { .version = TLS1_2_VERSION };

	session = talk_session(front, &how);
	how.session = session;
	ck_assert_int_eq(talk_resumed(front, &how), TLS_RESUMED_ID);
}
END_TEST

/* Names are compared, not policies; case does not matter. */
START_TEST(other_name)
{
	struct talk_how how = how_now("a.test");

	how.sni = "b.test";
	expect(&how, TLS_EARLY_NAME);
	how.sni = NULL;
	expect(&how, TLS_EARLY_NAME);
	how.sni = "A.Test";
	expect(&how, TLS_EARLY_ACCEPTED);
}
END_TEST

START_TEST(no_name)
{
	struct talk_how how = how_now(NULL);

	how.sni = "a.test";
	expect(&how, TLS_EARLY_NAME);
	how.sni = NULL;
	expect(&how, TLS_EARLY_ACCEPTED);
}
END_TEST

/* A name whose policy has it off; its sessions allow none. */
START_TEST(off)
{
	struct talk_how how = how_now("a.test");

	how.sni = "c.test";
	expect(&how, TLS_EARLY_OFF);
	SSL_SESSION_free(session);
	session = NULL;
	how = how_now("c.test");
	ck_assert_uint_eq(SSL_SESSION_get_max_early_data(session), 0);
}
END_TEST

/* Another policy that accepts early data, too: not those of this session. */
START_TEST(other_policy)
{
	struct talk_how how = how_now("a.test");

	tls_front_free(front);
	site.certs[1].early = site.certs[0].early;
	site.certs[1].verify_depth = 1;
	site_ask(&site.certs[1], CONF_CLIENT_CERT_OPTIONAL, "ca1.crt", NULL);
	front = site_front(&site);
	how.sni = "c.test";
	expect(&how, TLS_EARLY_CONTEXT);
	how.sni = "a.test";
	expect(&how, TLS_EARLY_ACCEPTED);
}
END_TEST

/* A session of a time when it was off, and a client that tries. */
START_TEST(off_when_made)
{
	struct talk_how how;

	tls_front_free(front);
	site.certs[0].early.mode = CONF_EARLY_OFF;
	front = site_front(&site);
	how = how_now("a.test");
	tls_front_free(front);
	site.certs[0].early.mode = CONF_EARLY_ACCEPT;
	front = site_front(&site);
	ck_assert(SSL_SESSION_set_max_early_data(session, 100));
	expect(&how, TLS_EARLY_OFF);
}
END_TEST

/* A session of a time when it was on: refused bytes are skipped. */
START_TEST(off_since)
{
	struct talk_how how = how_now("a.test");

	tls_front_free(front);
	site.certs[0].early.mode = CONF_EARLY_OFF;
	front = site_front(&site);
	expect(&how, TLS_EARLY_OFF);
	ck_assert_int_eq(talk_resumed(front, &how), TLS_RESUMED_STATEFUL);
}
END_TEST

START_TEST(other_protocol)
{
	struct talk_how how = { .sni = "a.test", .alpn = "\1x" };

	session = talk_session(front, &how);
	how = how_now("a.test");
	how.alpn = "\1x\1y";
	expect(&how, TLS_EARLY_ACCEPTED);
	SSL_SESSION_free(session);
	how.session = NULL;
	how.early = NULL;
	how.alpn = "\1y";
	session = talk_session(front, &how);
	how.session = session;
	how.early = EARLY;
	how.alpn = "\1x\1y"; /* our first choice is x */
	expect(&how, TLS_EARLY_ALPN);
}
END_TEST

/* A ticket is for the protocol of its connection, not of the one before. */
START_TEST(no_protocol_any_more)
{
	struct talk_how how = { .sni = "a.test", .alpn = "\1x" };

	how.session = talk_session(front, &how);
	how.alpn = NULL;
	session = talk_session(front, &how);
	SSL_SESSION_free(how.session);
	ck_assert(SSL_SESSION_set1_alpn_selected(session, NULL, 0));
	how = how_now("a.test");
	expect(&how, TLS_EARLY_ACCEPTED);
	expect(&how, TLS_EARLY_CLAIMED);
}
END_TEST

START_TEST(unknown)
{
	struct talk_how how = how_now("a.test");

	ck_assert_uint_gt(tlscache_expire(shared.sessions, 100000,
	    INT64_C(1) << 40), 0);
	expect(&how, TLS_EARLY_UNKNOWN);
}
END_TEST

/* The client's clock says that the ticket is 100 s old. */
START_TEST(age)
{
	struct talk_how how = how_now("a.test");

	SSL_SESSION_set_time_ex(session, SSL_SESSION_get_time_ex(session) - 100);
	expect(&how, TLS_EARLY_AGE);
	SSL_SESSION_set_time_ex(session, SSL_SESSION_get_time_ex(session) + 100);
	expect(&how, TLS_EARLY_ACCEPTED);
}
END_TEST

/* The server wants a share of another group. */
START_TEST(retry)
{
	struct talk_how how;

	site.listen.groups.value = (char[]){ "P-384" };
	tls_front_free(front);
	front = site_front(&site);
	how = how_now("a.test");
	how.groups = "P-256:P-384";
	expect(&how, TLS_EARLY_RETRY);
	how.groups = "P-384";
	expect(&how, TLS_EARLY_ACCEPTED);
}
END_TEST

START_TEST(too_much)
{
	static char much[102];
	struct talk_how how = how_now("a.test");
	struct talk *t;

	memset(much, 'x', 101);
	ck_assert(SSL_SESSION_set_max_early_data(session, 101));
	how.early = much;
	t = talk_new(front, &how);
	ck_assert(!t->ok);
	ck_assert_int_eq(t->verdict, TLS_EARLY_TOO_MUCH);
	ck_assert_str_eq(t->error, "too_much_early_data");
	talk_free(t);
}
END_TEST

/* The binder is the end of the ClientHello, the first record. */
static void
spoil_binder(unsigned char *flight, size_t len, int unused)
{
	size_t hello = 5 + (size_t)(flight[3] << 8 | flight[4]);

	ck_assert_uint_gt(len, hello);
	flight[hello - 1] ^= 1;
}

/* Somebody who has seen the ticket and does not know the secret. */
START_TEST(garbage_binder)
{
	struct talk_how how = how_now("a.test");
	struct talk *t;

	how.spoil = spoil_binder;
	t = talk_new(front, &how);
	ck_assert(!t->ok);
	/* OpenSSL 3.5 says the former. */
	ck_assert(t->alert == SSL_AD_DECRYPT_ERROR ||
	    t->alert == SSL_AD_ILLEGAL_PARAMETER);
	ck_assert_str_eq(t->error, "binder_does_not_verify");
	talk_free(t);
	how.spoil = NULL;
	expect(&how, TLS_EARLY_ACCEPTED);
}
END_TEST

/* A session stays claimed when it has been moved to another cache. */
START_TEST(moved)
{
	struct talk_how how = how_now("a.test");
	struct tlscache *old = shared.sessions;

	expect(&how, TLS_EARLY_ACCEPTED);
	ck_assert_int_eq(tlscache_open(&shared.sessions, 2 << 20), 0);
	ck_assert_int_eq(tlscache_move(shared.sessions, old,
	    SSL_SESSION_get_time_ex(session)), 0);
	tls_front_free(front);
	front = site_front(&site);
	expect(&how, TLS_EARLY_CLAIMED);
	tlscache_close(old);
}
END_TEST

/* The old generation, when the cache has been moved, has nothing to claim. */
START_TEST(retired)
{
	struct talk_how how = how_now("a.test");
	struct tlscache *fresh;

	ck_assert_int_eq(tlscache_open(&fresh, 2 << 20), 0);
	ck_assert_int_eq(tlscache_move(fresh, shared.sessions,
	    SSL_SESSION_get_time_ex(session)), 0);
	expect(&how, TLS_EARLY_UNKNOWN);
	tlscache_close(fresh);
}
END_TEST

START_TEST(postponed)
{
	struct talk_how how = { .sni = "a.test" };
	struct talk *t;

	site.certs[0].early.mode = CONF_EARLY_POSTPONE;
	tls_front_free(front);
	front = site_front(&site);
	t = talk_new(front, &how);
	ck_assert(t->ok && tls_early_postponed(t->server));
	talk_free(t);
	how = how_now("a.test");
	expect(&how, TLS_EARLY_ACCEPTED);
	expect(&how, TLS_EARLY_CLAIMED);
}
END_TEST

Suite *
early_suite(void)
{
	Suite *s = suite_create("early");
	TCase *tc = tcase_create("early");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, once);
	tcase_add_test(tc, not_offered);
	tcase_add_test(tc, tls12_is_not_disturbed);
	tcase_add_test(tc, other_name);
	tcase_add_test(tc, no_name);
	tcase_add_test(tc, off);
	tcase_add_test(tc, other_policy);
	tcase_add_test(tc, off_when_made);
	tcase_add_test(tc, off_since);
	tcase_add_test(tc, other_protocol);
	tcase_add_test(tc, no_protocol_any_more);
	tcase_add_test(tc, unknown);
	tcase_add_test(tc, age);
	tcase_add_test(tc, retry);
	tcase_add_test(tc, too_much);
	tcase_add_test(tc, garbage_binder);
	tcase_add_test(tc, moved);
	tcase_add_test(tc, retired);
	tcase_add_test(tc, postponed);
	suite_add_tcase(s, tc);
	return s;
}
