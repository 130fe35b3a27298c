/* SPDX-License-Identifier: ISC */
/* The choice by server name, and names that are none. */
#include "config.h"

#include <string.h>

#include "site.h"
#include "talk.h"
#include "test_tls.h"

static char def[] = "default", one[] = "one", wild[] = "wild",
    exact[] = "exact", a_test[] = "a.test", b_test[] = "B.test",
    w_test[] = "*.w.test", x_w_test[] = "x.w.test";

static struct site site;
static struct tls_front *front;

static void
setup(void)
{
	struct conf_certificate *c;

	shared_setup();
	site_init(&site);
	c = site_add(&site, one, a_test);
	site_add_name(&site, c, b_test);
	site_add(&site, wild, w_test);
	c = site_add(&site, exact, x_w_test);
	c->chain.value = pki_path("server_b.crt");
	c->key.value = pki_path("server_b.key");
	front = NULL;
}

static void
teardown(void)
{
	tls_front_free(front);
	shared_teardown();
}

static const struct {
	const char *sni;
	const char *title; /* NULL: refused with unknown_name = reject */
} rows[] = {
	{ NULL, def },
	{ "a.test", one },
	{ "b.test", one },
	{ "A.TeSt", one },
	{ "a.test.", one },
	{ "q.w.test", wild },
	{ "Q.W.TEST", wild },
	{ "x.w.test", exact },
	{ "q.q.w.test", NULL },
	{ "w.test", NULL },
	{ ".w.test", NULL },
	{ "aa.test", NULL },
	{ "test", NULL },
	{ ".", NULL },
	{ "127.0.0.1", NULL },
	{ "a.test\xff", NULL },
	{ "\xc3\xa4.w.test", NULL },
	{ "\xff\xfe", NULL },
	{ "a b.w.test", NULL },
	{ "\r\n.w.test", NULL },
	{ "\x7f.w.test", NULL },
};

static void
check_choice(const char *sni, int version, const char *title)
{
	struct talk_how how = { .version = version, .sni = sni };
	enum pki_id id;
	struct talk *t;

	t = talk_new(front, &how);
	ck_assert(t->ok);
	ck_assert_str_eq(tls_certificate_title(t->server), title);
	if (sni == NULL)
		ck_assert_ptr_null(tls_server_name(t->server));
	else
		ck_assert_str_eq(tls_server_name(t->server), sni);
	id = title == exact ? PKI_SERVER_B : PKI_SERVER_A;
	ck_assert_int_eq(X509_cmp(SSL_get0_peer_certificate(t->client),
	    pki(id)->x), 0);
	talk_free(t);
}

START_TEST(test_choice)
{
	const char *title;

	title = rows[_i].title != NULL ? rows[_i].title : def;
	front = site_front(&site);
	check_choice(rows[_i].sni, TLS1_2_VERSION, title);
	check_choice(rows[_i].sni, TLS1_3_VERSION, title);
}
END_TEST

START_TEST(test_choice_or_reject)
{
	struct talk_how how = { .sni = rows[_i].sni };
	struct talk *t;

	site.listen.unknown_name_reject = true;
	front = site_front(&site);
	if (rows[_i].title != NULL) {
		check_choice(rows[_i].sni, TLS1_2_VERSION, rows[_i].title);
		check_choice(rows[_i].sni, TLS1_3_VERSION, rows[_i].title);
		return;
	}
	talk_refused(front, &how, SSL_AD_UNRECOGNIZED_NAME);
	how.version = TLS1_2_VERSION;
	talk_refused(front, &how, SSL_AD_UNRECOGNIZED_NAME);
	t = talk_new(front, &how);
	ck_assert_str_eq(tls_server_name(t->server), rows[_i].sni);
	ck_assert_ptr_null(tls_certificate_title(t->server));
	talk_free(t);
}
END_TEST

/* Names of the default section are known, too. */
START_TEST(test_default_name)
{
	static char name[] = "default.test";

	site_add_name(&site, &site.certs[0], name);
	site.listen.unknown_name_reject = true;
	front = site_front(&site);
	check_choice("default.test", TLS1_3_VERSION, def);
}
END_TEST

START_TEST(test_longest_name)
{
	char name[256];

	memset(name, 'n', sizeof(name));
	memcpy(name + sizeof(name) - sizeof(".w.test"), ".w.test",
	    sizeof(".w.test"));
	front = site_front(&site);
	check_choice(name, TLS1_3_VERSION, wild);
}
END_TEST

/* RFC 6066: the server says that it has used the name. */
START_TEST(test_acknowledged)
{
	struct talk_how how = { .version = _i, .sni = "a.test" };
	SSL_SESSION *sess;

	front = site_front(&site);
	sess = talk_session(front, &how);
	ck_assert_str_eq(SSL_SESSION_get0_hostname(sess), "a.test");
	SSL_SESSION_free(sess);
}
END_TEST

/* Bytes at an offset from the name in the ClientHello. */
static const struct {
	int offset;
	unsigned char byte;
	int alert;
} spoilt[] = {
	{ -4, 0, SSL_AD_DECODE_ERROR },		/* length of the list */
	{ -4, 255, SSL_AD_DECODE_ERROR },
	{ -5, 1, SSL_AD_DECODE_ERROR },
	{ -3, 1, SSL_AD_DECODE_ERROR },		/* type of the name */
	{ -1, 0, SSL_AD_DECODE_ERROR },		/* its length */
	{ -1, 11, SSL_AD_DECODE_ERROR },
	{ -1, 13, SSL_AD_DECODE_ERROR },
	{ -2, 255, SSL_AD_DECODE_ERROR },
	{ 0, '\0', SSL_AD_UNRECOGNIZED_NAME },
	{ 3, '\0', SSL_AD_UNRECOGNIZED_NAME },
};
#define SPOILT_NAME "spoilt-12345"

static void
spoil(unsigned char *bytes, size_t len, int row)
{
	unsigned char *p;

	p = memmem(bytes, len, SPOILT_NAME, strlen(SPOILT_NAME));
	ck_assert_ptr_nonnull(p);
	p[spoilt[row].offset] = spoilt[row].byte;
}

START_TEST(test_spoilt)
{
	struct talk_how how = { .sni = SPOILT_NAME, .spoil = spoil,
		.arg = _i };

	front = site_front(&site);
	talk_refused(front, &how, spoilt[_i].alert);
	how.version = TLS1_2_VERSION;
	talk_refused(front, &how, spoilt[_i].alert);
}
END_TEST

/*
 * After a HelloRetryRequest the client says hello again; the name must be the
 * same (RFC 8446 4.1.2).
 */
static const struct {
	const char *first, *again;
	int alert;
} retries[] = {
	{ "a.test", "a.test", -1 },
	{ "x.w.test", "x.w.test", -1 },
	{ "a.test", "x.w.test", SSL_AD_ILLEGAL_PARAMETER },
	{ "x.w.test", "a.test", SSL_AD_ILLEGAL_PARAMETER },
	{ "a.test", "a.tes", SSL_AD_ILLEGAL_PARAMETER },
};

START_TEST(test_retry)
{
	static char p256[] = "P-256";
	struct talk_how how = { .sni = retries[_i].first,
		.sni_again = retries[_i].again, .groups = "X25519:P-256" };
	struct talk *t;

	site.listen.groups.value = p256;
	front = site_front(&site);
	t = talk_new(front, &how);
	ck_assert_int_eq(t->alert, retries[_i].alert);
	ck_assert_int_eq(t->ok, retries[_i].alert == -1);
	ck_assert_str_eq(tls_server_name(t->server), retries[_i].first);
	ck_assert_int_eq(strcmp(tls_certificate_title(t->server), exact) == 0,
	    retries[_i].first[0] == 'x');
	talk_free(t);
}
END_TEST

Suite *
hello_suite(void)
{
	Suite *s;
	TCase *tc;

	s = suite_create("hello");
	tc = tcase_create("hello");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_choice, 0, COUNT(rows));
	tcase_add_loop_test(tc, test_choice_or_reject, 0, COUNT(rows));
	tcase_add_test(tc, test_default_name);
	tcase_add_test(tc, test_longest_name);
	tcase_add_loop_test(tc, test_acknowledged, TLS1_2_VERSION,
	    TLS1_3_VERSION + 1);
	tcase_add_loop_test(tc, test_spoilt, 0, COUNT(spoilt));
	tcase_add_loop_test(tc, test_retry, 0, COUNT(retries));
	suite_add_tcase(s, tc);
	return s;
}
