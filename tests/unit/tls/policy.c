/* SPDX-License-Identifier: ISC */
/*
 * A session resumes under the policy that made it, always, and under no other
 * one, ever: from name to name, from listener to listener, over a reload that
 * changes something, in all four ways to resume.
 */
#include "config.h"

#include <stdio.h>

#include "site.h"
#include "talk.h"
#include "test_tls.h"

#define OFF CONF_CLIENT_CERT_OFF
#define OPTIONAL CONF_CLIENT_CERT_OPTIONAL
#define REQUIRED CONF_CLIENT_CERT_REQUIRED

static char names[][16] = { "plain.test", "other.test", "rsa.test",
	"may.test", "need.test", "need2.test", "crl.test", "crl2.test",
	"deep.test", "inter.test", "top.test", "all.test" };

static const struct policy {
	const char *server;
	enum conf_client_cert mode;
	const char *ca, *crl;
	int depth;
	enum pki_id client; /* whom it lets in */
} policies[] = {
	{ "server_a", OFF, NULL, NULL, 3, PKI_CLIENT1 },
	{ "server_b", OFF, NULL, NULL, 3, PKI_CLIENT1 },
	{ "rsa", OFF, NULL, NULL, 3, PKI_CLIENT1 },
	{ "server_a", OPTIONAL, "ca1.crt", NULL, 3, PKI_CLIENT1 },
	{ "server_a", REQUIRED, "ca1.crt", NULL, 3, PKI_CLIENT1 },
	{ "server_a", REQUIRED, "ca2.crt", NULL, 3, PKI_CLIENT2 },
	{ "server_a", REQUIRED, "ca1.crt", "ca1.crl", 3, PKI_CLIENT1 },
	{ "server_a", REQUIRED, "ca1.crt", "revoked.crl", 3,
	    PKI_CLIENT_SHORT },
	{ "server_a", REQUIRED, "ca1.crt", NULL, 2, PKI_CLIENT1 },
	{ "server_a", REQUIRED, "inter.crt", "both.crl", 3,
	    PKI_CLIENT_INTER },
	{ "server_a", REQUIRED, "chain.crt", "both.crl", 3,
	    PKI_CLIENT_INTER },
	{ "server_a", REQUIRED, "chain.crt", NULL, 3, PKI_CLIENT_INTER },
};

static void
setup(void)
{
	static const char *const chain[] = { "inter.crt", "ca1.crt", NULL };
	static const char *const crls[] = { "inter.crl", "ca1.crl", NULL };

	shared_setup();
	pki_write_crl("ca1.crl", PKI_CA1, -1, 3600);
	pki_write_crl("inter.crl", PKI_INTER, -1, 3600);
	pki_join("chain.crt", chain);
	pki_join("both.crl", crls);
	pki_write_crl("revoked.crl", PKI_CA1, PKI_CLIENT1, 3600);
}

static void
set_policy(struct conf_certificate *c, const struct policy *p)
{
	char file[64];

	snprintf(file, sizeof(file), "%s.crt", p->server);
	c->chain.value = pki_path(file);
	snprintf(file, sizeof(file), "%s.key", p->server);
	c->key.value = pki_path(file);
	site_ask(c, p->mode, p->ca, p->crl);
	c->verify_depth = p->depth;
}

/* A listener whose only certificate is under this policy. */
static struct tls_front *
front_of(const struct policy *p, const struct site_kind *kind)
{
	struct site site;

	site_init(&site);
	site.listen.resumption = kind->resumption;
	set_policy(&site.certs[0], p);
	return site_front(&site);
}

/* A session made under one policy is offered under another one. */
static void
check_pair(struct tls_front *from_front, struct tls_front *to_front, int from,
    int to, const struct site_kind *kind)
{
	struct talk_how how = { .version = kind->version, .sni = names[from],
		.cert = pki(policies[from].client) };
	struct talk *t;

	how.session = talk_session(from_front, &how);
	how.sni = names[to];
	how.cert = pki(policies[to].client);
	t = talk_new(to_front, &how);
	ck_assert_msg(t->ok, "%s to %s", names[from], names[to]);
	ck_assert_msg(tls_resumed(t->server) ==
	    (from == to ? kind->resumed : TLS_RESUMED_FULL),
	    "%s to %s: %s", names[from], names[to],
	    tls_resumed_name(tls_resumed(t->server)));
	ck_assert_str_eq(tls_client_verdict(t->server),
	    policies[to].mode == OFF ? "none" : "ok");
	talk_free(t);

	/* Without a certificate it opens no door that demands one. */
	how.cert = NULL;
	t = talk_new(to_front, &how);
	if (from != to && policies[to].mode == REQUIRED)
		ck_assert(!t->ok);
	else
		ck_assert(t->ok);
	talk_free(t);
	SSL_SESSION_free(how.session);
}

START_TEST(test_names)
{
	struct tls_front *front;
	struct site site;
	int from, to;

	site_init(&site);
	site.listen.resumption = site_kinds[_i].resumption;
	for (to = 0; to < COUNT(policies); to++)
		set_policy(to == 0 ? &site.certs[0] :
		    site_add(&site, names[to], names[to]), &policies[to]);
	front = site_front(&site);
	for (from = 0; from < COUNT(policies); from++)
		for (to = 0; to < COUNT(policies); to++)
			check_pair(front, front, from, to, &site_kinds[_i]);
	tls_front_free(front);
}
END_TEST

START_TEST(test_listeners)
{
	struct tls_front *front[COUNT(policies)];
	int from, to;

	for (to = 0; to < COUNT(policies); to++)
		front[to] = front_of(&policies[to], &site_kinds[_i]);
	for (from = 0; from < COUNT(policies); from++)
		for (to = 0; to < COUNT(policies); to++)
			check_pair(front[from], front[to], from, to,
			    &site_kinds[_i]);
	for (to = 0; to < COUNT(policies); to++)
		tls_front_free(front[to]);
}
END_TEST

/* The same files elsewhere, under other titles: another host. */
START_TEST(test_same_elsewhere)
{
	static const char *const parts[][2] = { { "server_a.crt", NULL },
		{ "server_a.key", NULL }, { "ca1.crt", NULL },
		{ "ca1.crl", NULL } };
	static char title[] = "other";
	const struct policy *p = &policies[6];
	struct talk_how how = { .version = site_kinds[_i].version,
		.cert = pki(p->client) };
	struct tls_front *a, *b;
	struct site site;

	a = front_of(p, &site_kinds[_i]);
	site_init(&site);
	site.listen.resumption = site_kinds[_i].resumption;
	set_policy(&site.certs[0], p);
	site.certs[0].title = title;
	site.listen.loc.line = 99;
	site.certs[0].chain.value = pki_join("copy1", parts[0]);
	site.certs[0].key.value = pki_join("copy2", parts[1]);
	site.certs[0].ca.value = pki_join("copy3", parts[2]);
	site.certs[0].crl.value = pki_join("copy4", parts[3]);
	b = site_front(&site);
	how.session = talk_session(a, &how);
	ck_assert_int_eq(talk_resumed(b, &how), site_kinds[_i].resumed);
	SSL_SESSION_free(how.session);
	tls_front_free(a);
	tls_front_free(b);
}
END_TEST

/*
 * The file at the same path changes, as at a reload. `out`: the client is no
 * longer acceptable.
 */
static const char *const ca1[] = { "ca1.crt", NULL };
static const char *const ca2[] = { "ca2.crt", NULL };
static const char *const both[] = { "ca1.crt", "ca2.crt", NULL };
static const char *const no_revoked[] = { "ca1.crl", NULL };
static const char *const revoked[] = { "revoked.crl", NULL };
static const struct {
	const char *const *ca[2], *const *crl[2]; /* before and after */
	bool resumes, out;
} changes[] = {
	{ { ca1, ca1 }, { NULL, NULL }, true, false },
	{ { ca1, both }, { NULL, NULL }, false, false },
	{ { both, ca2 }, { NULL, NULL }, false, true },
	{ { ca1, ca1 }, { no_revoked, no_revoked }, true, false },
	{ { ca1, ca1 }, { no_revoked, revoked }, false, true },
	{ { ca1, ca1 }, { NULL, no_revoked }, false, false },
	{ { ca1, ca1 }, { NULL, revoked }, false, true },
	{ { ca1, ca1 }, { no_revoked, NULL }, false, false },
};

static struct tls_front *
changed_front(int row, int after, const struct site_kind *kind)
{
	struct site site;

	pki_join("now.crt", changes[row].ca[after]);
	if (changes[row].crl[after] != NULL)
		pki_join("now.crl", changes[row].crl[after]);
	site_init(&site);
	site.listen.resumption = kind->resumption;
	site_ask(&site.certs[0], REQUIRED, "now.crt",
	    changes[row].crl[after] != NULL ? "now.crl" : NULL);
	return site_front(&site);
}

START_TEST(test_change)
{
	struct talk_how how = { .cert = pki(PKI_CLIENT1) };
	struct tls_front *before, *after;
	struct talk *t;
	int i;

	for (i = 0; i < SITE_KINDS; i++) {
		before = changed_front(_i, 0, &site_kinds[i]);
		how.version = site_kinds[i].version;
		how.session = NULL;
		how.session = talk_session(before, &how);
		after = changed_front(_i, 1, &site_kinds[i]);
		t = talk_new(after, &how);
		ck_assert_int_eq(t->ok, !changes[_i].out);
		ck_assert_int_eq(tls_resumed(t->server), changes[_i].resumes ?
		    site_kinds[i].resumed : TLS_RESUMED_FULL);
		talk_free(t);
		SSL_SESSION_free(how.session);
		tls_front_free(before);
		tls_front_free(after);
	}
}
END_TEST

/* A cipher that the list has lost is not kept alive by a session. */
START_TEST(test_ciphers)
{
	static char before[] = "ECDHE-ECDSA-AES128-GCM-SHA256:"
	    "ECDHE-ECDSA-AES256-GCM-SHA384";
	static char after[] = "ECDHE-ECDSA-AES256-GCM-SHA384";
	struct talk_how how = { .version = TLS1_2_VERSION, .ciphers =
	    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384" };
	struct tls_front *front;
	struct site site;
	struct talk *t;

	site_init(&site);
	site.listen.resumption = site_kinds[_i].resumption;
	site.listen.ciphers.value = before;
	front = site_front(&site);
	how.session = talk_session(front, &how);
	tls_front_free(front);
	site.listen.ciphers.value = after;
	front = site_front(&site);
	t = talk_new(front, &how);
	ck_assert(t->ok);
	ck_assert_str_eq(SSL_get_cipher_name(t->server), after);
	talk_free(t);
	SSL_SESSION_free(how.session);
	tls_front_free(front);
}
END_TEST

START_TEST(test_off)
{
	struct talk_how how = { .version = _i };
	struct tls_front *stateful, *tickets, *off;
	struct site_kind kind = { _i, CONF_RESUME_OFF, TLS_RESUMED_FULL };
	struct talk *t;

	off = front_of(&policies[0], &kind);
	kind.resumption = CONF_RESUME_STATEFUL;
	stateful = front_of(&policies[0], &kind);
	kind.resumption = CONF_RESUME_TICKETS;
	tickets = front_of(&policies[0], &kind);

	/* It gives no sessions away … */
	t = talk_new(off, &how);
	ck_assert(t->ok);
	ck_assert_ptr_null(t->session);
	talk_free(t);
	/* … and takes none. */
	how.session = talk_session(stateful, &how);
	ck_assert_int_eq(talk_resumed(off, &how), TLS_RESUMED_FULL);
	SSL_SESSION_free(how.session);
	how.session = NULL;
	how.session = talk_session(tickets, &how);
	ck_assert_int_eq(talk_resumed(off, &how), TLS_RESUMED_FULL);
	SSL_SESSION_free(how.session);
	tls_front_free(stateful);
	tls_front_free(tickets);
	tls_front_free(off);
}
END_TEST

Suite *
policy_suite(void)
{
	Suite *s;
	TCase *tc;

	s = suite_create("policy");
	tc = tcase_create("policy");
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, shared_teardown);
	tcase_add_loop_test(tc, test_names, 0, SITE_KINDS);
	tcase_add_loop_test(tc, test_listeners, 0, SITE_KINDS);
	tcase_add_loop_test(tc, test_same_elsewhere, 0, SITE_KINDS);
	tcase_add_loop_test(tc, test_change, 0, COUNT(changes));
	tcase_add_loop_test(tc, test_ciphers, 0, 2);
	tcase_add_loop_test(tc, test_off, TLS1_2_VERSION, TLS1_3_VERSION + 1);
	suite_add_tcase(s, tc);
	return s;
}
