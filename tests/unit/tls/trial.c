/* SPDX-License-Identifier: ISC */
/* Configurations that could serve nobody, or not all; what is said of them. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <openssl/dsa.h>
#include <openssl/ec.h>

#include "base/log.h"
#include "pki.h"
#include "site.h"
#include "talk.h"
#include "test_tls.h"
#include "tlscache.h"

static char rsa_cipher[] = "ECDHE-RSA-AES128-GCM-SHA256",
    ecdsa_cipher[] = "ECDHE-ECDSA-AES128-GCM-SHA256",
    dss_cipher[] = "DHE-DSS-AES128-GCM-SHA256", common[] = "X25519:P-256",
    k1_group[] = "secp256k1", ffdhe[] = "ffdhe2048";

static const struct {
	const char *cert;
	enum conf_tls_version minimum, maximum;
	char *ciphers, *groups;
	/* After "chain "…": "; NULL: nothing is said. */
	const char *refused, *warned;
} rows[] = {
	{ "server_a", CONF_TLS1_2, CONF_TLS1_3, NULL, NULL, NULL, NULL },
	{ "rsa", CONF_TLS1_2, CONF_TLS1_3, NULL, NULL, NULL, NULL },
	{ "rsa", CONF_TLS1_2, CONF_TLS1_2, rsa_cipher, NULL, NULL, NULL },
	{ "server_a", CONF_TLS1_3, CONF_TLS1_3, rsa_cipher, NULL, NULL, NULL },
	{ "server_a", CONF_TLS1_2, CONF_TLS1_2, rsa_cipher, NULL,
	    "TLS 1.2: none of the ciphers goes with a key of type prime256v1; "
	    "ECDHE-ECDSA-AES128-GCM-SHA256 goes with P-256", NULL },
	{ "server_a", CONF_TLS1_2, CONF_TLS1_3, rsa_cipher, NULL, NULL,
	    "TLS 1.2: none of the ciphers goes with a key of type prime256v1; "
	    "ECDHE-ECDSA-AES128-GCM-SHA256 goes with P-256" },
	{ "rsa", CONF_TLS1_2, CONF_TLS1_2, ecdsa_cipher, NULL,
	    "TLS 1.2: none of the ciphers goes with a key of type RSA; "
	    "ECDHE-RSA-AES128-GCM-SHA256 goes with RSA", NULL },
	/* A certificate's curve need not be in our groups. */
	{ "p384", CONF_TLS1_2, CONF_TLS1_3, NULL, common, NULL, NULL },
	{ "ed25519", CONF_TLS1_2, CONF_TLS1_2, NULL, NULL, NULL, NULL },
	{ "ed25519", CONF_TLS1_2, CONF_TLS1_2, rsa_cipher, NULL,
	    "TLS 1.2: none of the ciphers goes with a key of type ED25519; "
	    "ECDHE-ECDSA-AES128-GCM-SHA256 goes with P-256", NULL },
	{ "dsa", CONF_TLS1_2, CONF_TLS1_3, NULL, NULL,
	    "TLS 1.2: none of the ciphers goes with a key of type DSA; "
	    "ECDHE-ECDSA-AES128-GCM-SHA256 goes with P-256; TLS 1.3: it has "
	    "no signatures by a key of type DSA; it has by P-256 and by RSA "
	    "with 2048 bits", NULL },
	{ "dsa", CONF_TLS1_2, CONF_TLS1_2, dss_cipher, NULL, NULL, NULL },
	{ "k1", CONF_TLS1_2, CONF_TLS1_2, NULL, NULL,
	    "TLS 1.2: none of the ciphers goes with a key of type secp256k1; "
	    "ECDHE-ECDSA-AES128-GCM-SHA256 goes with P-256", NULL },
	{ "k1", CONF_TLS1_2, CONF_TLS1_3, NULL, k1_group, NULL,
	    "TLS 1.3: it has no signatures by a key of type secp256k1; it has "
	    "by P-256 and by RSA with 2048 bits" },
	{ "server_a", CONF_TLS1_3, CONF_TLS1_3, NULL, k1_group,
	    "TLS 1.3: none of the groups is one that it has; X25519 is",
	    NULL },
	{ "server_a", CONF_TLS1_2, CONF_TLS1_2, NULL, ffdhe,
	    "TLS 1.2: none of the ciphers goes with a key of type prime256v1 "
	    "and the groups; ECDHE-ECDSA-AES128-GCM-SHA256 goes with P-256 "
	    "and X25519", NULL },
};

static EVP_PKEY *
dsa_key(void)
{
	EVP_PKEY *params = NULL, *key = NULL;
	EVP_PKEY_CTX *ctx;

	ctx = EVP_PKEY_CTX_new_from_name(NULL, "DSA", NULL);
	ck_assert(ctx != NULL && EVP_PKEY_paramgen_init(ctx) > 0 &&
	    EVP_PKEY_CTX_set_dsa_paramgen_bits(ctx, 2048) > 0 &&
	    EVP_PKEY_paramgen(ctx, &params) > 0);
	EVP_PKEY_CTX_free(ctx);
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, params, NULL);
	ck_assert(ctx != NULL && EVP_PKEY_keygen_init(ctx) > 0 &&
	    EVP_PKEY_keygen(ctx, &key) > 0);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(params);
	return key;
}

static void
write_cert(const char *name)
{
	if (strcmp(name, "p384") == 0)
		pki_write_self(name, EVP_EC_gen("P-384"));
	else if (strcmp(name, "k1") == 0)
		pki_write_self(name, EVP_EC_gen("secp256k1"));
	else if (strcmp(name, "ed25519") == 0)
		pki_write_self(name, EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
	else if (strcmp(name, "dsa") == 0)
		pki_write_self(name, dsa_key());
}

static void
set_cert(struct conf_certificate *c, const char *name)
{
	char file[64];

	snprintf(file, sizeof(file), "%s.crt", name);
	c->chain.value = pki_path(file);
	snprintf(file, sizeof(file), "%s.key", name);
	c->key.value = pki_path(file);
}

/* What the log has of a front that loads: all of it, in one buffer. */
static struct tls_front *
front_and_log(const struct site *site, char *text, size_t size)
{
	struct tls_front *front;
	struct err err;
	FILE *fp;
	size_t n;

	remove(pki_path("log"));
	ck_assert_int_eq(log_open(pki_path("log"), "daemon", &err), 0);
	log_set_level(LOGLVL_WARNING);
	front = site_front(site);
	log_set_level(LOGLVL_ERROR);
	ck_assert_int_eq(log_open("stderr", "daemon", &err), 0);
	fp = fopen(pki_path("log"), "r");
	ck_assert_ptr_nonnull(fp);
	n = fread(text, 1, size - 1, fp);
	text[n] = '\0';
	fclose(fp);
	return front;
}

START_TEST(test_rows)
{
	char want[1024], log[4096];
	struct site site;

	write_cert(rows[_i].cert);
	site_init(&site);
	set_cert(&site.certs[0], rows[_i].cert);
	site.listen.minimum_version = rows[_i].minimum;
	site.listen.maximum_version = rows[_i].maximum;
	site.listen.ciphers.value = rows[_i].ciphers;
	site.listen.groups.value = rows[_i].groups;
	if (rows[_i].refused != NULL) {
		snprintf(want, sizeof(want), "t.conf:11: chain \"@%s.crt\": "
		    "no client can be served: %s", rows[_i].cert,
		    rows[_i].refused);
		site_refused(&site, want);
		return;
	}
	tls_front_free(front_and_log(&site, log, sizeof(log)));
	if (rows[_i].warned == NULL) {
		ck_assert_str_eq(log, "");
		return;
	}
	snprintf(want, sizeof(want), "t.conf:11: chain \"@%s.crt\": some "
	    "clients cannot be served: %s; said once", rows[_i].cert,
	    rows[_i].warned);
	ck_assert_msg(strstr(log, site_expand(want)) != NULL, "%s", log);
}
END_TEST

/* Of sections that are alike the first is tried; others in their turn. */
START_TEST(test_sorts)
{
	static char titles[][2] = { "b", "c" }, names[][7] = { "b.test",
		"c.test" };
	char log[4096];
	struct site site;
	int i;

	site_init(&site);
	set_cert(&site.certs[0], "rsa");
	site.listen.ciphers.value = rsa_cipher;
	for (i = 0; i < 2; i++)
		site_add(&site, titles[i], names[i]);
	tls_front_free(front_and_log(&site, log, sizeof(log)));
	/* (They do not have their names, which is told as well.) */
	ck_assert_ptr_nonnull(strstr(log, site_expand("t.conf:21: chain "
	    "\"@server_a.crt\": some clients")));
	ck_assert_ptr_null(strstr(log, site_expand("t.conf:31: chain "
	    "\"@server_a.crt\": some clients")));
	site.listen.maximum_version = CONF_TLS1_2;
	site_refused(&site, "t.conf:21: chain \"@server_a.crt\": no client "
	    "can be served: *");
}
END_TEST

/* Nothing is left in the cache, and the first client makes a session. */
START_TEST(test_no_trace)
{
	struct talk_how how = { .version = site_kinds[_i].version };
	struct tlscache_stat st;
	struct tls_front *front;
	struct site site;

	site_init(&site);
	site.listen.resumption = site_kinds[_i].resumption;
	site_ask(&site.certs[0], CONF_CLIENT_CERT_OPTIONAL, "ca1.crt", NULL);
	front = site_front(&site);
	tlscache_stat(shared.sessions, &st);
	ck_assert_uint_eq(st.stores, 0);
	ck_assert_uint_eq(st.misses, 0);
	how.session = talk_session(front, &how);
	ck_assert_int_eq(talk_resumed(front, &how), site_kinds[_i].resumed);
	SSL_SESSION_free(how.session);
	tls_front_free(front);
}
END_TEST

/* Up to the limit names are announced, above it none; clients get in. */
static const struct {
	int n;
	size_t size;
	bool announced;
	const char *log;
} cas[] = {
	{ 600, 48, true, NULL },
	{ 600, 60, true, "t.conf:13: ca \"@cas.crt\": the names of 601 CAs "
	    "take 37218 bytes; some clients, such as Java's, refuse more than "
	    "31744\n" },
	{ 1007, 62, true, "take 64466 bytes; some clients" },
	{ 1008, 62, false, "t.conf:13: ca \"@cas.crt\": the names of 1009 CAs "
	    "take 64530 bytes, and a handshake has room for 64512: none is "
	    "announced to clients, which have to choose their certificate "
	    "without\n" },
};

START_TEST(test_many_cas)
{
	static const char *const parts[] = { "many.crt", "ca1.crt", NULL };
	struct talk_how how = { .cert = pki(PKI_CLIENT1) };
	struct tls_front *front;
	struct site site;
	struct talk *t;
	char log[4096];

	/* That of the client's CA comes to it: 16 bytes and 2. */
	pki_write_cas("many.crt", PKI_CA1, cas[_i].n, cas[_i].size);
	pki_join("cas.crt", parts);
	site_init(&site);
	site_ask(&site.certs[0], CONF_CLIENT_CERT_REQUIRED, "cas.crt", NULL);
	front = front_and_log(&site, log, sizeof(log));
	for (how.version = TLS1_2_VERSION; how.version <= TLS1_3_VERSION;
	    how.version++) {
		t = talk_new(front, &how);
		ck_assert_msg(t->ok, "%s", t->error);
		ck_assert_str_eq(tls_client_verdict(t->server), "ok");
		ck_assert_int_eq(
		    sk_X509_NAME_num(SSL_get0_peer_CA_list(t->client)) > 0,
		    cas[_i].announced);
		talk_free(t);
	}
	tls_front_free(front);
	if (cas[_i].log == NULL)
		ck_assert_str_eq(log, "");
	else
		ck_assert_msg(strstr(log, site_expand(cas[_i].log)) != NULL,
		    "%s", log);
}
END_TEST

/* A CA that stands twice, or two of one name, are announced once. */
START_TEST(test_ca_twice)
{
	static const char *const parts[] = { "ca1.crt", "ca2.crt", "ca1.crt",
		"one.crt", "one2.crt", NULL };
	struct talk_how how = { .cert = pki(PKI_CLIENT1), .version = _i };
	struct tls_front *front;
	struct site site;
	struct talk *t;

	pki_write_cas("one.crt", PKI_CA1, 1, 30);
	pki_write_cas("one2.crt", PKI_CA2, 1, 30);
	pki_join("twice.crt", parts);
	site_init(&site);
	site_ask(&site.certs[0], CONF_CLIENT_CERT_REQUIRED, "twice.crt", NULL);
	front = site_front(&site);
	t = talk_new(front, &how);
	ck_assert(t->ok);
	ck_assert_int_eq(sk_X509_NAME_num(SSL_get0_peer_CA_list(t->client)),
	    3);
	talk_free(t);
	tls_front_free(front);
}
END_TEST

Suite *
trial_suite(void)
{
	Suite *s;
	TCase *tc;

	s = suite_create("trial");
	tc = tcase_create("trial");
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, shared_setup, shared_teardown);
	tcase_add_loop_test(tc, test_rows, 0, COUNT(rows));
	tcase_add_test(tc, test_sorts);
	tcase_add_loop_test(tc, test_no_trace, 0, SITE_KINDS);
	tcase_add_loop_test(tc, test_many_cas, 0, COUNT(cas));
	tcase_add_loop_test(tc, test_ca_twice, TLS1_2_VERSION,
	    TLS1_3_VERSION + 1);
	suite_add_tcase(s, tc);
	return s;
}
