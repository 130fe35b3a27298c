/* SPDX-License-Identifier: ISC */
/* Application protocols: ours in our order, none in common, none at all. */
#include "config.h"

#include <string.h>

#include "site.h"
#include "talk.h"
#include "test_tls.h"

static char h2[] = "h2", http11[] = "http/1.1";

static const struct {
	bool configured;
	const char *offer;
	const char *chosen; /* NULL: none */
	int alert;	    /* -1: the handshake succeeds */
} rows[] = {
	{ true, "\2h2", "h2", -1 },
	{ true, "\10http/1.1\2h2", "h2", -1 },
	{ true, "\10http/1.1", "http/1.1", -1 },
	{ true, "\3foo\10http/1.1", "http/1.1", -1 },
	{ true, "\3foo", NULL, SSL_AD_NO_APPLICATION_PROTOCOL },
	{ true, NULL, NULL, -1 },
	{ false, "\2h2", NULL, -1 },
};

START_TEST(test_alpn)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	struct talk_how how = { .alpn = rows[_i].offer };
	const unsigned char *chosen;
	struct tls_front *front;
	struct site site;
	struct talk *t;
	unsigned len;
	int i;

	site_init(&site);
	if (rows[_i].configured) {
		site_add_alpn(&site, h2);
		site_add_alpn(&site, http11);
	}
	front = site_front(&site);
	for (i = 0; i < COUNT(versions); i++) {
		how.version = versions[i];
		t = talk_new(front, &how);
		ck_assert_int_eq(t->ok, rows[_i].alert == -1);
		ck_assert_int_eq(t->alert, rows[_i].alert);
		SSL_get0_alpn_selected(t->client, &chosen, &len);
		if (rows[_i].chosen == NULL) {
			ck_assert_uint_eq(len, 0);
		} else {
			ck_assert_uint_eq(len, strlen(rows[_i].chosen));
			ck_assert_mem_eq(chosen, rows[_i].chosen, len);
		}
		talk_free(t);
	}
	tls_front_free(front);
}
END_TEST

START_TEST(test_length)
{
	static char longest[256];
	struct site site;

	memset(longest, 'x', 255);
	site_init(&site);
	site_add_alpn(&site, longest);
	tls_front_free(site_front(&site));
}
END_TEST

Suite *
alpn_suite(void)
{
	Suite *s;
	TCase *tc;

	s = suite_create("alpn");
	tc = tcase_create("alpn");
	tcase_add_checked_fixture(tc, shared_setup, shared_teardown);
	tcase_add_loop_test(tc, test_alpn, 0, COUNT(rows));
	tcase_add_test(tc, test_length);
	suite_add_tcase(s, tc);
	return s;
}
