/* SPDX-License-Identifier: ISC */
/* Versions, ciphers, groups, tickets per handshake. */
#include "config.h"

#include "site.h"
#include "talk.h"
#include "test_tls.h"

static const struct {
	int minimum, maximum;
	int client;
	bool ok;
} versions[] = {
	{ TLS1_2_VERSION, TLS1_3_VERSION, TLS1_1_VERSION, false },
	{ TLS1_2_VERSION, TLS1_3_VERSION, TLS1_2_VERSION, true },
	{ TLS1_2_VERSION, TLS1_3_VERSION, TLS1_3_VERSION, true },
	{ TLS1_2_VERSION, TLS1_2_VERSION, TLS1_2_VERSION, true },
	{ TLS1_2_VERSION, TLS1_2_VERSION, TLS1_3_VERSION, false },
	{ TLS1_3_VERSION, TLS1_3_VERSION, TLS1_2_VERSION, false },
	{ TLS1_3_VERSION, TLS1_3_VERSION, TLS1_3_VERSION, true },
};

START_TEST(test_version)
{
	struct talk_how how = { .version = versions[_i].client };
	struct tls_front *front;
	struct site site;
	struct talk *t;

	site_init(&site);
	site.listen.minimum_version = versions[_i].minimum;
	site.listen.maximum_version = versions[_i].maximum;
	front = site_front(&site);
	t = talk_new(front, &how);
	ck_assert_int_eq(t->ok, versions[_i].ok);
	ck_assert_int_eq(t->alert, versions[_i].ok ? -1 :
	    SSL_AD_PROTOCOL_VERSION);
	if (t->ok)
		ck_assert_int_eq(SSL_version(t->client), versions[_i].client);
	talk_free(t);
	tls_front_free(front);
}
END_TEST

static char c128[] = "ECDHE-RSA-AES128-GCM-SHA256",
    dhe[] = "DHE-RSA-AES128-GCM-SHA256", suite128[] = "TLS_AES_128_GCM_SHA256",
    p384[] = "P-384";

static const struct {
	int version;
	char *ciphers, *ciphersuites, *groups;
	const char *cipher, *group;
} lists[] = {
	{ TLS1_2_VERSION, c128, NULL, NULL, c128, "x25519" },
	{ TLS1_2_VERSION, dhe, NULL, NULL, dhe, "-" },
	{ TLS1_2_VERSION, c128, NULL, p384, c128, "secp384r1" },
	{ TLS1_3_VERSION, c128, NULL, NULL, "TLS_AES_256_GCM_SHA384",
	    "x25519" },
	{ TLS1_3_VERSION, NULL, suite128, NULL, suite128, "x25519" },
	{ TLS1_3_VERSION, NULL, suite128, p384, suite128, "secp384r1" },
};

/* With and without a switch to another certificate. */
START_TEST(test_list)
{
	static char title[] = "b", name[] = "b.test";
	struct talk_how how = { .version = lists[_i].version };
	struct tls_front *front;
	struct site site;
	struct talk *t;
	int i;

	/* What comes first by default depends on OpenSSL's version. */
	if (lists[_i].groups == NULL)
		how.groups = "X25519";
	site_init(&site);
	site_add(&site, title, name);
	for (i = 0; i < 2; i++) {
		site.certs[i].chain.value = pki_path("rsa.crt");
		site.certs[i].key.value = pki_path("rsa.key");
	}
	site.listen.ciphers.value = lists[_i].ciphers;
	site.listen.ciphersuites.value = lists[_i].ciphersuites;
	site.listen.groups.value = lists[_i].groups;
	front = site_front(&site);
	for (i = 0; i < 2; i++) {
		how.sni = i == 0 ? NULL : name;
		t = talk_new(front, &how);
		ck_assert(t->ok);
		ck_assert_str_eq(SSL_get_cipher_name(t->client),
		    lists[_i].cipher);
		ck_assert_str_eq(tls_group(t->server), lists[_i].group);
		talk_free(t);
	}
	tls_front_free(front);
}
END_TEST

START_TEST(test_bad_list)
{
	static char bad[] = "X25519:banana", worse[] = "BANANA",
	    some[] = "TLS_AES_128_GCM_SHA256:TLS_FOO:TLS_AES_256_GCM_SHA384";
	struct site site;

	site_init(&site);
	site.listen.groups.value = bad;
	site_refused(&site, "t.conf:4: groups \"X25519:banana\": not a list "
	    "that OpenSSL understands, or nothing in it that it has");
	site.listen.ciphersuites.value = worse;
	site_refused(&site, "t.conf:3: ciphersuites \"BANANA\": not a list "
	    "that OpenSSL understands, or nothing in it that it has");
	site.listen.ciphersuites.value = some;
	site_refused(&site, "t.conf:3: ciphersuites \"TLS_FOO\": not a list "
	    "that OpenSSL understands, or nothing in it that it has");
	site.listen.ciphers.value = worse;
	site_refused(&site, "t.conf:2: ciphers \"BANANA\": not a list "
	    "that OpenSSL understands, or nothing in it that it has");
}
END_TEST

/* Each handshake gives a client exactly one session for the next. */
START_TEST(test_one_ticket)
{
	const struct site_kind *kind = &site_kinds[_i];
	struct talk_how how = { .version = kind->version };
	struct tls_front *front;
	struct site site;
	struct talk *t, *again;

	site_init(&site);
	site.listen.resumption = kind->resumption;
	front = site_front(&site);
	t = talk_new(front, &how);
	ck_assert_uint_eq(t->sessions, 1);
	how.session = t->session;
	again = talk_new(front, &how);
	ck_assert_int_eq(tls_resumed(again->server), kind->resumed);
	ck_assert_uint_eq(again->sessions,
	    kind->version == TLS1_3_VERSION ? 1 : 0);
	talk_free(again);
	talk_free(t);
	tls_front_free(front);
}
END_TEST

/* Renegotiation is refused and costs the connection nothing. */
START_TEST(test_renegotiation)
{
	struct talk_how how = { .version = TLS1_2_VERSION };
	struct tls_front *front;
	struct site site;
	struct talk *t;
	char c;

	site_init(&site);
	front = site_front(&site);
	t = talk_new(front, &how);
	ck_assert(t->ok);
	ck_assert(SSL_renegotiate(t->client));
	SSL_do_handshake(t->client);
	ck_assert_int_eq(SSL_read(t->server, &c, 1), -1);
	ck_assert_int_eq(SSL_get_error(t->server, -1), SSL_ERROR_WANT_READ);
	SSL_do_handshake(t->client);
	ck_assert_int_eq(t->alert, SSL_AD_NO_RENEGOTIATION);
	ck_assert_int_eq(SSL_num_renegotiations(t->server), 0);
	ck_assert_int_eq(SSL_write(t->server, "x", 1), 1);
	talk_free(t);
	tls_front_free(front);
}
END_TEST

Suite *
protocol_suite(void)
{
	Suite *s;
	TCase *tc;

	s = suite_create("protocol");
	tc = tcase_create("protocol");
	tcase_add_checked_fixture(tc, shared_setup, shared_teardown);
	tcase_add_loop_test(tc, test_version, 0, COUNT(versions));
	tcase_add_loop_test(tc, test_list, 0, COUNT(lists));
	tcase_add_test(tc, test_bad_list);
	tcase_add_loop_test(tc, test_one_ticket, 0, SITE_KINDS);
	tcase_add_test(tc, test_renegotiation);
	suite_add_tcase(s, tc);
	return s;
}
