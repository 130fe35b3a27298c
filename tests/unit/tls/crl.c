/* SPDX-License-Identifier: ISC */
/*
 * Revocation lists where the CAs of clients are not roots: which lists must be
 * there, and what comes of those that are missing, old or forged.
 *
 *	ca1 -> inter -> client_inter	ca2 -> inter2 -> client_inter2
 *		     -> sub -> client_sub
 *	    -> client1
 */
#include "config.h"

#include <string.h>

#include "site.h"
#include "talk.h"
#include "test_tls.h"

#define NONE PKI_COUNT
#define BOTH PKI_CLIENT_SUB /* sub and inter */
#define CA1 "ca1.crt"
#define INTER "inter.crt"
#define INTER2 "inter2.crt"
#define SUB "sub.crt"

static const struct {
	const char *file;
	enum pki_id ca, signer;
	int revoked;
	long ends;
} lists[] = {
	{ "ca1.crl", PKI_CA1, PKI_CA1, -1, 3600 },
	{ "ca1_old.crl", PKI_CA1, PKI_CA1, -1, -3600 },
	{ "ca1_forged.crl", PKI_CA1, PKI_CA2, -1, 3600 },
	{ "ca1_inter_out.crl", PKI_CA1, PKI_CA1, PKI_INTER, 3600 },
	{ "inter.crl", PKI_INTER, PKI_INTER, -1, 3600 },
	{ "inter_old.crl", PKI_INTER, PKI_INTER, -1, -3600 },
	{ "inter_forged.crl", PKI_INTER, PKI_CA2, -1, 3600 },
	{ "inter_client_out.crl", PKI_INTER, PKI_INTER, PKI_CLIENT_INTER,
	    3600 },
	{ "inter_sub_out.crl", PKI_INTER, PKI_INTER, PKI_SUB, 3600 },
	{ "inter2.crl", PKI_INTER2, PKI_INTER2, -1, 3600 },
	{ "inter2_client_out.crl", PKI_INTER2, PKI_INTER2, PKI_CLIENT_INTER2,
	    3600 },
	{ "sub.crl", PKI_SUB, PKI_SUB, -1, 3600 },
};

static const struct {
	const char *ca[4], *crl[4];
	enum pki_id client, sent; /* the CA whose certificate it adds */
	int depth;
	const char *verdict;
} rows[] = {
	/* Nobody is revoked. */
	{ { INTER }, { NULL }, PKI_CLIENT_INTER, NONE, 3, "ok" },
	{ { INTER }, { "inter.crl" }, PKI_CLIENT_INTER, NONE, 3, "ok" },
	{ { INTER }, { "inter.crl", "ca1.crl" }, PKI_CLIENT_INTER, NONE, 3,
	    "ok" },
	{ { CA1, INTER }, { NULL }, PKI_CLIENT_INTER, NONE, 3, "ok" },
	{ { CA1, INTER }, { "inter.crl", "ca1.crl" }, PKI_CLIENT_INTER, NONE,
	    3, "ok" },
	{ { CA1 }, { "inter.crl", "ca1.crl" }, PKI_CLIENT_INTER, PKI_INTER, 3,
	    "ok" },
	{ { CA1, INTER }, { "ca1.crl" }, PKI_CLIENT1, NONE, 3, "ok" },
	/* The same when the client sends what is there, and more. */
	{ { INTER }, { "inter.crl" }, PKI_CLIENT_INTER, PKI_INTER, 3, "ok" },
	{ { INTER }, { "inter.crl" }, PKI_CLIENT_INTER, PKI_CA1, 3, "ok" },
	{ { CA1, INTER }, { "inter.crl", "ca1.crl" }, PKI_CLIENT_INTER,
	    PKI_INTER, 3, "ok" },
	/* The client is revoked. */
	{ { INTER }, { "inter_client_out.crl" }, PKI_CLIENT_INTER, NONE, 3,
	    "revoked" },
	{ { INTER }, { "inter_client_out.crl", "ca1.crl" }, PKI_CLIENT_INTER,
	    NONE, 3, "revoked" },
	{ { CA1, INTER }, { "inter_client_out.crl", "ca1.crl" },
	    PKI_CLIENT_INTER, NONE, 3, "revoked" },
	{ { CA1 }, { "inter_client_out.crl", "ca1.crl" }, PKI_CLIENT_INTER,
	    PKI_INTER, 3, "revoked" },
	/* The intermediate CA is revoked; believed even without its root. */
	{ { CA1, INTER }, { "inter.crl", "ca1_inter_out.crl" },
	    PKI_CLIENT_INTER, NONE, 3, "revoked" },
	{ { CA1, INTER }, { "inter.crl", "ca1_inter_out.crl" },
	    PKI_CLIENT_INTER, PKI_INTER, 3, "revoked" },
	{ { CA1 }, { "inter.crl", "ca1_inter_out.crl" }, PKI_CLIENT_INTER,
	    PKI_INTER, 3, "revoked" },
	{ { INTER }, { "inter.crl", "ca1_inter_out.crl" }, PKI_CLIENT_INTER,
	    NONE, 3, "revoked" },
	/* A list is missing. */
	{ { INTER }, { "ca1.crl" }, PKI_CLIENT_INTER, NONE, 3, "no_crl" },
	{ { CA1, INTER }, { "ca1.crl" }, PKI_CLIENT_INTER, NONE, 3,
	    "no_crl" },
	{ { CA1, INTER }, { "inter.crl" }, PKI_CLIENT_INTER, NONE, 3,
	    "no_crl" },
	{ { CA1 }, { "ca1.crl" }, PKI_CLIENT_INTER, PKI_INTER, 3, "no_crl" },
	{ { CA1 }, { "inter.crl" }, PKI_CLIENT_INTER, PKI_INTER, 3,
	    "no_crl" },
	/* It is out of date. */
	{ { INTER }, { "inter_old.crl" }, PKI_CLIENT_INTER, NONE, 3,
	    "crl_expired" },
	{ { INTER }, { "inter_old.crl", "ca1.crl" }, PKI_CLIENT_INTER, NONE,
	    3, "crl_expired" },
	{ { INTER }, { "inter.crl", "ca1_old.crl" }, PKI_CLIENT_INTER, NONE,
	    3, "ok" },
	{ { CA1, INTER }, { "inter.crl", "ca1_old.crl" }, PKI_CLIENT_INTER,
	    NONE, 3, "crl_expired" },
	{ { CA1, INTER }, { "inter_old.crl", "ca1.crl" }, PKI_CLIENT_INTER,
	    NONE, 3, "crl_expired" },
	{ { CA1 }, { "inter.crl", "ca1_old.crl" }, PKI_CLIENT_INTER,
	    PKI_INTER, 3, "crl_expired" },
	/* It is signed by somebody else. */
	{ { INTER }, { "inter_forged.crl" }, PKI_CLIENT_INTER, NONE, 3,
	    "invalid" },
	{ { CA1, INTER }, { "inter.crl", "ca1_forged.crl" }, PKI_CLIENT_INTER,
	    NONE, 3, "invalid" },
	/* Clients of others. */
	{ { INTER }, { "inter.crl" }, PKI_CLIENT1, NONE, 3, "unknown_ca" },
	{ { INTER }, { "inter.crl", "ca1.crl" }, PKI_CLIENT1, PKI_CA1, 3,
	    "unknown_ca" },
	{ { INTER }, { "inter.crl" }, PKI_CLIENT_INTER2, PKI_INTER2, 3,
	    "unknown_ca" },
	/* Nobody has issued what stands alone, so nobody can answer for it. */
	{ { "client_inter.crt" }, { "inter.crl" }, PKI_CLIENT_INTER, NONE, 3,
	    "unknown_ca" },
	{ { "client_self.crt" }, { "inter.crl" }, PKI_CLIENT_SELF, NONE, 3,
	    "no_crl" },
	/* One CA with its root and one without. */
	{ { CA1, INTER, INTER2 }, { "inter.crl", "ca1.crl", "inter2.crl" },
	    PKI_CLIENT_INTER, NONE, 3, "ok" },
	{ { CA1, INTER, INTER2 }, { "inter2.crl" }, PKI_CLIENT_INTER2, NONE,
	    3, "ok" },
	{ { CA1, INTER, INTER2 }, { "inter2_client_out.crl" },
	    PKI_CLIENT_INTER2, NONE, 3, "revoked" },
	{ { CA1, INTER, INTER2 }, { "inter.crl", "ca1_inter_out.crl",
	    "inter2.crl" }, PKI_CLIENT_INTER, NONE, 3, "revoked" },
	{ { CA1, INTER, INTER2 }, { "inter.crl", "inter2.crl" },
	    PKI_CLIENT_INTER, NONE, 3, "no_crl" },
	/* Two of them below each other. */
	{ { INTER }, { "inter.crl", "sub.crl" }, PKI_CLIENT_SUB, PKI_SUB, 3,
	    "ok" },
	{ { INTER }, { "sub.crl" }, PKI_CLIENT_SUB, PKI_SUB, 3, "no_crl" },
	{ { INTER }, { "inter.crl" }, PKI_CLIENT_SUB, PKI_SUB, 3, "no_crl" },
	{ { INTER }, { "inter_sub_out.crl", "sub.crl" }, PKI_CLIENT_SUB,
	    PKI_SUB, 3, "revoked" },
	{ { INTER, SUB }, { "inter.crl", "sub.crl" }, PKI_CLIENT_SUB, NONE, 3,
	    "ok" },
	{ { INTER, SUB }, { "sub.crl" }, PKI_CLIENT_SUB, NONE, 3, "no_crl" },
	{ { INTER, SUB }, { "inter_sub_out.crl", "sub.crl" }, PKI_CLIENT_SUB,
	    NONE, 3, "revoked" },
	{ { CA1 }, { "ca1.crl", "inter.crl", "sub.crl" }, PKI_CLIENT_SUB,
	    BOTH, 3, "ok" },
	{ { CA1 }, { "ca1.crl", "sub.crl" }, PKI_CLIENT_SUB, BOTH, 3,
	    "no_crl" },
	{ { CA1 }, { "ca1.crl", "inter_old.crl", "sub.crl" }, PKI_CLIENT_SUB,
	    BOTH, 3, "crl_expired" },
	{ { CA1 }, { "ca1.crl", "inter_sub_out.crl", "sub.crl" },
	    PKI_CLIENT_SUB, BOTH, 3, "revoked" },
	{ { CA1, SUB }, { "sub.crl" }, PKI_CLIENT_SUB, PKI_INTER, 3, "ok" },
	{ { CA1, SUB }, { "inter_sub_out.crl", "sub.crl", "ca1.crl" },
	    PKI_CLIENT_SUB, PKI_INTER, 3, "revoked" },
	/* With lists, CAs of the file count, too, where their issuer is. */
	{ { INTER }, { "inter.crl" }, PKI_CLIENT_INTER, NONE, 0, "ok" },
	{ { CA1, INTER }, { NULL }, PKI_CLIENT_INTER, NONE, 0, "ok" },
	{ { CA1, INTER }, { "inter.crl", "ca1.crl" }, PKI_CLIENT_INTER, NONE,
	    0, "chain_too_long" },
	{ { CA1, INTER }, { "inter.crl", "ca1.crl" }, PKI_CLIENT_INTER, NONE,
	    1, "ok" },
};

static void
setup(void)
{
	static const char *const both[] = { "inter.crl", "ca1.crl", NULL };

	shared_setup();
	pki_write_crl("inter.crl", PKI_INTER, -1, 3600);
	pki_write_crl("ca1.crl", PKI_CA1, -1, 3600);
	pki_join("both.crl", both);
}

static void
write_lists(bool keyid)
{
	int i;

	for (i = 0; i < COUNT(lists); i++)
		pki_write_crl_as(lists[i].file, lists[i].ca, lists[i].signer,
		    lists[i].revoked, lists[i].ends, keyid);
}

/* A session of it is as good as the certificate. */
static void
check_session(struct tls_front *front, struct talk_how *how)
{
	struct talk *t;

	how->session = talk_session(front, how);
	how->cert = how->chain = how->chain2 = NULL;
	t = talk_new(front, how);
	ck_assert(t->ok);
	ck_assert_int_ne(tls_resumed(t->server), TLS_RESUMED_FULL);
	ck_assert_str_eq(tls_client_verdict(t->server), "ok");
	talk_free(t);
	SSL_SESSION_free(how->session);
}

/* As the default, or as a name beside a default that has other rules. */
static void
check_row(int row, int version, bool by_name)
{
	static char title[] = "asks", name[] = "asks.test";
	struct talk_how how = { .version = version };
	struct conf_certificate *c;
	struct tls_front *front;
	struct site site;
	struct talk *t;

	site_init(&site);
	c = by_name ? site_add(&site, title, name) : &site.certs[0];
	if (by_name)
		site_ask(&site.certs[0], CONF_CLIENT_CERT_REQUIRED, INTER,
		    rows[row].crl[0] != NULL ? NULL : "both.crl");
	site_ask(c, CONF_CLIENT_CERT_REQUIRED, "now.crt",
	    rows[row].crl[0] != NULL ? "now.crl" : NULL);
	c->verify_depth = rows[row].depth;
	front = site_front(&site);
	how.sni = by_name ? name : NULL;
	how.cert = pki(rows[row].client);
	if (rows[row].sent == BOTH) {
		how.chain = pki(PKI_SUB);
		how.chain2 = pki(PKI_INTER);
	} else if (rows[row].sent != NONE)
		how.chain = pki(rows[row].sent);
	t = talk_new(front, &how);
	ck_assert_str_eq(tls_client_verdict(t->server), rows[row].verdict);
	ck_assert_int_eq(t->ok, strcmp(rows[row].verdict, "ok") == 0);
	if (t->ok)
		check_session(front, &how);
	talk_free(t);
	tls_front_free(front);
}

START_TEST(test_lists)
{
	int i;

	for (i = 0; i < 2; i++) {
		write_lists(i == 1);
		pki_join("now.crt", rows[_i].ca);
		pki_join("now.crl", rows[_i].crl);
		check_row(_i, TLS1_2_VERSION, false);
		check_row(_i, TLS1_3_VERSION, false);
		check_row(_i, TLS1_2_VERSION, true);
		check_row(_i, TLS1_3_VERSION, true);
	}
}
END_TEST

/*
 * OpenSSL ends a chain at a "TRUSTED CERTIFICATE" though its issuer is there,
 * whose list is wanted all the same; at one for other uses it ends none.
 */
static const struct {
	int use;
	const char *ca[3], *crl[3];
	bool ok;
} trusted[] = {
	{ NID_client_auth, { "trusted.crt" }, { "inter.crl" }, true },
	{ NID_client_auth, { "trusted.crt" }, { "inter.crl",
	    "ca1_inter_out.crl" }, false },
	{ NID_client_auth, { "trusted.crt", CA1 }, { "inter.crl" }, false },
	{ NID_client_auth, { "trusted.crt", CA1 }, { "inter.crl",
	    "ca1_old.crl" }, false },
	{ NID_client_auth, { "trusted.crt", CA1 }, { "inter.crl",
	    "ca1_inter_out.crl" }, false },
	{ NID_server_auth, { "trusted.crt" }, { "inter.crl" }, false },
	{ NID_server_auth, { "trusted.crt", CA1 }, { "inter.crl",
	    "ca1.crl" }, false },
};

START_TEST(test_trusted)
{
	struct talk_how how = { .cert = pki(PKI_CLIENT_INTER) };
	struct tls_front *front;
	struct site site;
	struct talk *t;
	int i;

	for (i = 0; i < 2; i++) {
		write_lists(i == 1);
		pki_write_trusted("trusted.crt", PKI_INTER, trusted[_i].use);
		pki_join("now.crt", trusted[_i].ca);
		pki_join("now.crl", trusted[_i].crl);
		site_init(&site);
		site_ask(&site.certs[0], CONF_CLIENT_CERT_REQUIRED, "now.crt",
		    "now.crl");
		front = site_front(&site);
		t = talk_new(front, &how);
		ck_assert_int_eq(t->ok, trusted[_i].ok);
		talk_free(t);
		tls_front_free(front);
	}
}
END_TEST

Suite *
crl_suite(void)
{
	Suite *s;
	TCase *tc;

	s = suite_create("crl");
	tc = tcase_create("crl");
	tcase_add_checked_fixture(tc, setup, shared_teardown);
	tcase_add_loop_test(tc, test_lists, 0, COUNT(rows));
	tcase_add_loop_test(tc, test_trusted, 0, COUNT(trusted));
	suite_add_tcase(s, tc);
	return s;
}
