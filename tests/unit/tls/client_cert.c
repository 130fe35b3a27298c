/* SPDX-License-Identifier: ISC */
/* Client certificates: who gets in, and what is said of who does not. */
#include "config.h"

#include <stdlib.h>

#include <openssl/x509v3.h>

#include "site.h"
#include "talk.h"
#include "test_tls.h"

#define OFF CONF_CLIENT_CERT_OFF
#define OPTIONAL CONF_CLIENT_CERT_OPTIONAL
#define REQUIRED CONF_CLIENT_CERT_REQUIRED
#define NOBODY (-1)
#define GOOD (-1)
/* TLS 1.3 has an alert for it (RFC 8446 6.2), TLS 1.2 has not. */
#define NO_CERT 1000

static void
setup(void)
{
	static const char *const cas[] = { "ca1.crt", "ca2.crt", NULL };
	static const char *const crls[] = { "ca1.crl", "inter.crl", NULL };
	static const char *const inter[] = { "inter_revoked.crl", "inter.crl",
		NULL };

	shared_setup();
	pki_join("cas.crt", cas);
	pki_write_crl("ca1.crl", PKI_CA1, -1, 3600);
	pki_write_crl("inter.crl", PKI_INTER, -1, 3600);
	pki_write_crl("client1_revoked.crl", PKI_CA1, PKI_CLIENT1, 3600);
	pki_write_crl("inter_revoked.crl", PKI_CA1, PKI_INTER, 3600);
	pki_write_crl("old.crl", PKI_CA1, -1, -3600);
	pki_join("crls.crl", crls);
	pki_join("inter_revoked.crl2", inter);
}

static const struct {
	enum conf_client_cert mode;
	const char *ca, *crl;
	int depth;
	int cert, chain;
	int alert;
	const char *verdict;
} rows[] = {
	{ OFF, NULL, NULL, 3, NOBODY, NOBODY, GOOD, "none" },
	{ OFF, NULL, NULL, 3, PKI_CLIENT2, NOBODY, GOOD, "none" },
	{ OFF, "none.crt", NULL, 3, NOBODY, NOBODY, GOOD, "none" },
	{ OPTIONAL, "ca1.crt", NULL, 3, NOBODY, NOBODY, GOOD, "none" },
	{ OPTIONAL, "ca1.crt", NULL, 3, PKI_CLIENT1, NOBODY, GOOD, "ok" },
	{ OPTIONAL, "ca1.crt", NULL, 3, PKI_CLIENT2, NOBODY,
	    SSL_AD_UNKNOWN_CA, "unknown_ca" },
	{ OPTIONAL, "ca1.crt", NULL, 3, PKI_CLIENT_EXPIRED, NOBODY,
	    SSL_AD_CERTIFICATE_EXPIRED, "expired" },
	{ REQUIRED, "ca1.crt", NULL, 3, NOBODY, NOBODY, NO_CERT, "none" },
	{ REQUIRED, "ca1.crt", NULL, 3, PKI_CLIENT1, NOBODY, GOOD, "ok" },
	{ REQUIRED, "ca1.crt", NULL, 3, PKI_CLIENT2, NOBODY,
	    SSL_AD_UNKNOWN_CA, "unknown_ca" },
	{ REQUIRED, "cas.crt", NULL, 3, PKI_CLIENT2, NOBODY, GOOD, "ok" },
	{ REQUIRED, "ca1.crt", NULL, 3, PKI_CLIENT_SELF, NOBODY,
	    SSL_AD_UNKNOWN_CA, "self_signed" },
	/* Depth: CAs between the client's certificate and one we know. */
	{ REQUIRED, "ca1.crt", NULL, 0, PKI_CLIENT1, NOBODY, GOOD, "ok" },
	{ REQUIRED, "ca1.crt", NULL, 1, PKI_CLIENT_INTER, PKI_INTER, GOOD,
	    "ok" },
	{ REQUIRED, "ca1.crt", NULL, 0, PKI_CLIENT_INTER, PKI_INTER,
	    SSL_AD_UNKNOWN_CA, "chain_too_long" },
	{ REQUIRED, "ca1.crt", NULL, 3, PKI_CLIENT_INTER, NOBODY,
	    SSL_AD_UNKNOWN_CA, "unknown_ca" },
	/* An intermediate CA alone is trusted, and nobody else's clients. */
	{ REQUIRED, "inter.crt", NULL, 0, PKI_CLIENT_INTER, NOBODY, GOOD,
	    "ok" },
	{ REQUIRED, "inter.crt", NULL, 3, PKI_CLIENT1, NOBODY,
	    SSL_AD_UNKNOWN_CA, "unknown_ca" },
	/* Lists of revoked certificates: of the client's CA and all above. */
	{ REQUIRED, "ca1.crt", "ca1.crl", 3, PKI_CLIENT1, NOBODY, GOOD, "ok" },
	{ REQUIRED, "ca1.crt", "client1_revoked.crl", 3, PKI_CLIENT1, NOBODY,
	    SSL_AD_CERTIFICATE_REVOKED, "revoked" },
	{ OPTIONAL, "ca1.crt", "client1_revoked.crl", 3, PKI_CLIENT1, NOBODY,
	    SSL_AD_CERTIFICATE_REVOKED, "revoked" },
	{ OPTIONAL, "ca1.crt", "client1_revoked.crl", 3, NOBODY, NOBODY, GOOD,
	    "none" },
	{ REQUIRED, "ca1.crt", "old.crl", 3, PKI_CLIENT1, NOBODY,
	    SSL_AD_CERTIFICATE_EXPIRED, "crl_expired" },
	{ REQUIRED, "cas.crt", "ca1.crl", 3, PKI_CLIENT2, NOBODY,
	    SSL_AD_UNKNOWN_CA, "no_crl" },
	{ REQUIRED, "ca1.crt", "ca1.crl", 3, PKI_CLIENT_INTER, PKI_INTER,
	    SSL_AD_UNKNOWN_CA, "no_crl" },
	{ REQUIRED, "ca1.crt", "crls.crl", 3, PKI_CLIENT_INTER, PKI_INTER,
	    GOOD, "ok" },
	{ REQUIRED, "ca1.crt", "inter_revoked.crl2", 3, PKI_CLIENT_INTER,
	    PKI_INTER, SSL_AD_CERTIFICATE_REVOKED, "revoked" },
};

static int
alert_of(int row, int version)
{
	if (rows[row].alert != NO_CERT)
		return rows[row].alert;
	return version == TLS1_3_VERSION ? SSL_AD_CERTIFICATE_REQUIRED :
	    SSL_AD_HANDSHAKE_FAILURE;
}

/*
 * The same policy as the default and as that of a name: OpenSSL copies much of
 * the default's into an SSL, which must not show.
 */
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
	site_ask(c, rows[row].mode, rows[row].ca, rows[row].crl);
	c->verify_depth = rows[row].depth;
	if (by_name && rows[row].mode == OFF)
		site_ask(&site.certs[0], REQUIRED, "ca2.crt", NULL);
	if (by_name)
		site.certs[0].verify_depth = 3 - rows[row].depth;
	front = site_front(&site);
	how.sni = by_name ? name : NULL;
	how.cert = rows[row].cert == NOBODY ? NULL :
	    pki((enum pki_id)rows[row].cert);
	how.chain = rows[row].chain == NOBODY ? NULL :
	    pki((enum pki_id)rows[row].chain);
	t = talk_new(front, &how);
	ck_assert_int_eq(t->alert, alert_of(row, version));
	ck_assert_int_eq(t->ok, rows[row].alert == GOOD);
	ck_assert_str_eq(tls_client_verdict(t->server), rows[row].verdict);
	ck_assert_int_eq(t->verified, rows[row].mode != OFF);
	talk_free(t);
	tls_front_free(front);
}

START_TEST(test_who)
{
	check_row(_i, TLS1_2_VERSION, false);
	check_row(_i, TLS1_3_VERSION, false);
	check_row(_i, TLS1_2_VERSION, true);
	check_row(_i, TLS1_3_VERSION, true);
}
END_TEST

/* The default's CRL must not be asked for under a name that has none. */
START_TEST(test_crl_of_default)
{
	static char title[] = "asks", name[] = "asks.test";
	struct talk_how how = { .sni = name, .cert = pki(PKI_CLIENT2) };
	struct tls_front *front;
	struct site site;

	site_init(&site);
	site_ask(&site.certs[0], REQUIRED, "ca1.crt", "ca1.crl");
	site_ask(site_add(&site, title, name), REQUIRED, "ca2.crt", NULL);
	front = site_front(&site);
	ck_assert_int_eq(talk_resumed(front, &how), TLS_RESUMED_FULL);
	tls_front_free(front);
}
END_TEST

/* The client is told which CAs its certificate may come from. */
START_TEST(test_ca_names)
{
	static char title[] = "asks", name[] = "asks.test";
	struct talk_how how = { .sni = name, .cert = pki(PKI_CLIENT2),
		.version = _i };
	const STACK_OF(X509_NAME) *names;
	struct tls_front *front;
	struct site site;
	struct talk *t;

	site_init(&site);
	site_ask(&site.certs[0], REQUIRED, "ca1.crt", NULL);
	site_ask(site_add(&site, title, name), REQUIRED, "cas.crt", NULL);
	front = site_front(&site);
	t = talk_new(front, &how);
	ck_assert(t->ok);
	names = SSL_get0_peer_CA_list(t->client);
	ck_assert_int_eq(sk_X509_NAME_num(names), 2);
	ck_assert_int_eq(X509_NAME_cmp(sk_X509_NAME_value(names, 1),
	    X509_get_subject_name(pki(PKI_CA2)->x)), 0);
	talk_free(t);
	tls_front_free(front);
}
END_TEST

static const struct {
	const char *ca, *crl, *text;
} bad[] = {
	{ "none.crt", NULL, "t.conf:13: ca \"@none.crt\": No such file or "
	    "directory" },
	{ "ca1.key", NULL, "t.conf:13: ca \"@ca1.key\": there is no "
	    "certificate in the file" },
	{ "ca1.crl", NULL, "t.conf:13: ca \"@ca1.crl\": there is no "
	    "certificate in the file" },
	{ "bad.pem", NULL, "t.conf:13: ca \"@bad.pem\": damaged: *" },
	{ "ca1.crt", "none.crl", "t.conf:14: crl \"@none.crl\": No such file "
	    "or directory" },
	{ "ca1.crt", "ca1.crt", "t.conf:14: crl \"@ca1.crt\": there is no "
	    "list of revoked certificates in the file" },
	{ "ca1.crt", "bad.pem", "t.conf:14: crl \"@bad.pem\": damaged: *" },
};

START_TEST(test_bad)
{
	static const char damaged[] = "-----BEGIN CERTIFICATE-----\nAA==\n"
	    "-----END CERTIFICATE-----\n";
	struct site site;

	pki_write("bad.pem", damaged, sizeof(damaged) - 1);
	site_init(&site);
	site_ask(&site.certs[0], REQUIRED, bad[_i].ca, bad[_i].crl);
	site_refused(&site, bad[_i].text);
}
END_TEST

/* Certificates around the size that a ticket has room for. */
static const struct {
	int version;
	enum conf_resumption resumption;
	int size;
	bool ok, no_ticket;
	enum tls_resumed resumed;
} large[] = {
	{ TLS1_3_VERSION, CONF_RESUME_TICKETS, 63000, true, false,
	    TLS_RESUMED_TICKET },
	{ TLS1_3_VERSION, CONF_RESUME_TICKETS, 65000, true, true,
	    TLS_RESUMED_FULL },
	{ TLS1_3_VERSION, CONF_RESUME_TICKETS, 78000, true, true,
	    TLS_RESUMED_FULL },
	{ TLS1_2_VERSION, CONF_RESUME_TICKETS, 63000, true, false,
	    TLS_RESUMED_TICKET },
	{ TLS1_2_VERSION, CONF_RESUME_TICKETS, 65000, false, true,
	    TLS_RESUMED_FULL },
	/* The cache takes no session of that size. */
	{ TLS1_3_VERSION, CONF_RESUME_STATEFUL, 78000, true, false,
	    TLS_RESUMED_FULL },
	{ TLS1_2_VERSION, CONF_RESUME_STATEFUL, 78000, true, false,
	    TLS_RESUMED_FULL },
	{ TLS1_2_VERSION, CONF_RESUME_OFF, 78000, true, false,
	    TLS_RESUMED_FULL },
};

static void
make_large(struct pki *c, int size)
{
	X509_EXTENSION *ext;
	ASN1_OCTET_STRING *value;
	unsigned char *bytes;

	c->key = pki(PKI_CLIENT1)->key;
	c->x = X509_dup(pki(PKI_CLIENT1)->x);
	value = ASN1_OCTET_STRING_new();
	bytes = calloc(1, (size_t)size);
	ck_assert(c->x != NULL && value != NULL && bytes != NULL &&
	    ASN1_OCTET_STRING_set(value, bytes, size));
	ext = X509_EXTENSION_create_by_NID(NULL, NID_netscape_comment, 0,
	    value);
	ck_assert(ext != NULL && X509_add_ext(c->x, ext, -1));
	ck_assert_int_gt(X509_sign(c->x, pki(PKI_CA1)->key, EVP_sha256()), 0);
	X509_EXTENSION_free(ext);
	ASN1_OCTET_STRING_free(value);
	free(bytes);
}

START_TEST(test_large)
{
	struct pki c;
	struct talk_how how = { .version = large[_i].version, .cert = &c };
	struct tls_front *front;
	struct site site;
	struct talk *t;

	make_large(&c, large[_i].size);
	site_init(&site);
	site.listen.resumption = large[_i].resumption;
	site_ask(&site.certs[0], CONF_CLIENT_CERT_REQUIRED, "ca1.crt", NULL);
	front = site_front(&site);
	t = talk_new(front, &how);
	ck_assert_msg(t->ok == large[_i].ok, "%s", t->error);
	ck_assert_int_eq(tls_ticket_too_large(t->server),
	    large[_i].no_ticket);
	ck_assert_str_eq(tls_client_verdict(t->server),
	    large[_i].ok ? "ok" : "too_large");
	if (large[_i].no_ticket)
		ck_assert_ptr_null(t->session);
	how.session = t->session;
	if (large[_i].ok)
		ck_assert_int_eq(talk_resumed(front, &how),
		    large[_i].resumed);
	talk_free(t);
	tls_front_free(front);
	X509_free(c.x);
}
END_TEST

Suite *
client_cert_suite(void)
{
	Suite *s;
	TCase *tc;

	s = suite_create("client_cert");
	tc = tcase_create("client_cert");
	tcase_add_checked_fixture(tc, setup, shared_teardown);
	tcase_add_loop_test(tc, test_who, 0, COUNT(rows));
	tcase_add_loop_test(tc, test_large, 0, COUNT(large));
	tcase_add_test(tc, test_crl_of_default);
	tcase_add_loop_test(tc, test_ca_names, TLS1_2_VERSION,
	    TLS1_3_VERSION + 1);
	tcase_add_loop_test(tc, test_bad, 0, COUNT(bad));
	suite_add_tcase(s, tc);
	return s;
}
