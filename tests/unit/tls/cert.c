/* SPDX-License-Identifier: ISC */
/* Chains and keys: what is accepted, and what is said of what is not. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <sys/stat.h>

#include "base/log.h"
#include "site.h"
#include "talk.h"
#include "test_tls.h"

static const char damaged_cert[] =
    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
static const char damaged_key[] =
    "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";

/* Files of the tables below; made once for each test. */
static void
setup(void)
{
	static const char *const both[] = { "server_a.crt", "ca1.crt",
		"server_a.key", NULL };
	static const char *const key_first[] = { "server_a.key",
		"server_a.crt", NULL };
	static const char *const inter_first[] = { "ca1.crt", "server_a.crt",
		NULL };
	static const char *const trusted[] = { "server_a.crt",
		"trusted_ca.crt", NULL };
	static const char *const second[] = { "server_a.crt", "bad.crt",
		NULL };

	shared_setup();
	pki_join("both.pem", both);
	pki_join("key_first.pem", key_first);
	pki_join("inter_first.pem", inter_first);
	pki_join("written.key", both + 2);
	ck_assert_int_eq(chmod(pki_path("written.key"), 0606), 0);
	pki_join("written.pem", both);
	ck_assert_int_eq(chmod(pki_path("written.pem"), 0602), 0);
	pki_write_trusted("trusted.crt", PKI_SERVER_A, NID_server_auth);
	pki_write_trusted("trusted_ca.crt", PKI_CA1, NID_server_auth);
	pki_join("trusted_chain.pem", trusted);
	pki_write("empty.pem", "", 0);
	pki_write("text.pem", "hello\n", 6);
	pki_write("bad.crt", damaged_cert, strlen(damaged_cert));
	pki_write("bad.key", damaged_key, strlen(damaged_key));
	pki_write("cut.key", damaged_key, 30);
	pki_join("second.pem", second);
	pki_write_encrypted("encrypted8.key", PKI_SERVER_A, 0);
	pki_write_encrypted("encrypted.key", PKI_SERVER_A, 1);
	mkfifo(pki_path("fifo"), 0600);
	mkdir(pki_path("dir"), 0700);
}

static const struct {
	const char *chain, *key; /* NULL: not given */
	const char *text;
} bad[] = {
	{ "none.crt", "server_a.key", "t.conf:11: chain \"@none.crt\": "
	    "No such file or directory" },
	{ "dir", "server_a.key", "t.conf:11: chain \"@dir\": not a regular "
	    "file" },
	{ "fifo", "server_a.key", "t.conf:11: chain \"@fifo\": not a regular "
	    "file" },
	{ "empty.pem", "server_a.key", "t.conf:11: chain \"@empty.pem\": "
	    "there is no certificate in the file" },
	{ "text.pem", "server_a.key", "t.conf:11: chain \"@text.pem\": "
	    "there is no certificate in the file" },
	{ "server_a.key", "server_a.key", "t.conf:11: chain "
	    "\"@server_a.key\": there is no certificate in the file" },
	{ "bad.crt", "server_a.key", "t.conf:11: chain \"@bad.crt\": "
	    "certificate 1 is damaged: *" },
	{ "second.pem", "server_a.key", "t.conf:11: chain \"@second.pem\": "
	    "certificate 2 is damaged: *" },
	{ "server_a.crt", "none.key", "t.conf:12: key \"@none.key\": "
	    "No such file or directory" },
	{ "server_a.crt", "dir", "t.conf:12: key \"@dir\": not a regular "
	    "file" },
	{ "server_a.crt", "empty.pem", "t.conf:12: key \"@empty.pem\": there "
	    "is no private key in the file" },
	{ "server_a.crt", "server_a.crt", "t.conf:12: key \"@server_a.crt\": "
	    "there is no private key in the file" },
	{ "server_a.crt", NULL, "t.conf:11: chain \"@server_a.crt\": there is "
	    "no private key in the file, and no key is given" },
	{ "server_a.crt", "bad.key", "t.conf:12: key \"@bad.key\": the "
	    "private key is damaged: *" },
	{ "server_a.crt", "cut.key", "t.conf:12: key \"@cut.key\": the "
	    "private key is damaged: *" },
	{ "server_a.crt", "server_b.key", "t.conf:12: key \"@server_b.key\": "
	    "the private key is not that of the certificate in "
	    "\"@server_a.crt\"" },
	{ "inter_first.pem", "server_a.key", "t.conf:12: key "
	    "\"@server_a.key\": the private key is that of certificate 2 in "
	    "\"@inter_first.pem\", which has to stand first there" },
	{ "server_a.crt", "written.key", "t.conf:12: key \"@written.key\": "
	    "others can write to it (mode 0606)" },
	{ "written.pem", NULL, "t.conf:11: chain \"@written.pem\": others "
	    "can write to it (mode 0602)" },
	{ "server_a.crt", "rsa.key", "t.conf:12: key \"@rsa.key\": the "
	    "private key is not that of the certificate in "
	    "\"@server_a.crt\"" },
	{ "server_a.crt", "encrypted.key", "t.conf:12: key "
	    "\"@encrypted.key\": the private key is encrypted, and tlsherd "
	    "does not ask for passphrases; see openssl-pkey(1)" },
	{ "server_a.crt", "encrypted8.key", "t.conf:12: key "
	    "\"@encrypted8.key\": the private key is encrypted, and tlsherd "
	    "does not ask for passphrases; see openssl-pkey(1)" },
};

START_TEST(test_bad)
{
	struct site site;

	site_init(&site);
	site.certs[0].chain.value = bad[_i].chain == NULL ? NULL :
	    pki_path(bad[_i].chain);
	site.certs[0].key.value = bad[_i].key == NULL ? NULL :
	    pki_path(bad[_i].key);
	site_refused(&site, bad[_i].text);
}
END_TEST

/* The second section's mistake is told with its own place. */
START_TEST(test_bad_second)
{
	static char title[] = "second", name[] = "b.test";
	struct site site;

	site_init(&site);
	site_add(&site, title, name)->key.value = pki_path("server_b.key");
	site_refused(&site, "t.conf:22: key \"@server_b.key\": the private "
	    "key is not that of the certificate in \"@server_a.crt\"");
}
END_TEST

/* A call loads one section; what is loaded by halves can be freed. */
START_TEST(test_step)
{
	static char title[] = "second", name[] = "b.test";
	struct tls_front *front;
	struct site site;
	struct err err;

	site_init(&site);
	site_add(&site, title, name)->key.value = pki_path("server_b.key");
	front = tls_front_new(&site.listen, &shared, &err);
	ck_assert_ptr_nonnull(front);
	ck_assert_int_eq(tls_front_load(front, &err), 1);
	tls_front_free(front);
	front = tls_front_new(&site.listen, &shared, &err);
	ck_assert_ptr_nonnull(front);
	ck_assert_int_eq(tls_front_load(front, &err), 1);
	ck_assert_int_eq(tls_front_load(front, &err), -1);
	tls_front_free(front);
}
END_TEST

static const struct {
	const char *chain, *key;
	int sent; /* certificates that the client gets */
} good[] = {
	{ "server_a.crt", "server_a.key", 1 },
	{ "server_a.crt", "both.pem", 1 },
	{ "both.pem", NULL, 2 },
	{ "both.pem", "server_a.key", 2 },
	{ "key_first.pem", NULL, 1 },
	{ "server_a.crt", "parameters.key", 1 },
	{ "rsa.crt", "rsa.key", 1 },
	{ "trusted.crt", "server_a.key", 1 },
	{ "trusted_chain.pem", "server_a.key", 2 },
};

/* What openssl ecparam -genkey writes: the curve comes first. */
static void
write_parameters(void)
{
	static const char *const parts[] = { "curve.pem", "server_a.key",
		NULL };
	static const char curve[] = "-----BEGIN EC PARAMETERS-----\n"
	    "BggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";

	pki_write("curve.pem", curve, strlen(curve));
	pki_join("parameters.key", parts);
}

START_TEST(test_good)
{
	struct talk_how how = { .version = TLS1_3_VERSION };
	struct tls_front *front;
	struct site site;
	struct talk *t;

	write_parameters();
	site_init(&site);
	site.certs[0].chain.value = pki_path(good[_i].chain);
	site.certs[0].key.value = good[_i].key == NULL ? NULL :
	    pki_path(good[_i].key);
	front = site_front(&site);
	t = talk_new(front, &how);
	ck_assert(t->ok);
	ck_assert_int_eq(sk_X509_num(SSL_get_peer_cert_chain(t->client)),
	    good[_i].sent);
	talk_free(t);
	tls_front_free(front);
}
END_TEST

/* Client CAs in the store must not find their way into what we send. */
START_TEST(test_chain_is_the_file)
{
	struct talk_how how = { .cert = pki(PKI_CLIENT1) };
	struct tls_front *front;
	struct site site;
	struct talk *t;

	site_init(&site);
	site_ask(&site.certs[0], CONF_CLIENT_CERT_OPTIONAL, "ca1.crt", NULL);
	front = site_front(&site);
	t = talk_new(front, &how);
	ck_assert(t->ok);
	ck_assert_int_eq(sk_X509_num(SSL_get_peer_cert_chain(t->client)), 1);
	talk_free(t);
	tls_front_free(front);
}
END_TEST

static const struct {
	const char *chain, *key, *crl;
	const char *text; /* NULL: no warning */
} warnings[] = {
	{ "server_a.crt", "server_a.key", "ca1.crl", NULL },
	{ "expired.crt", "expired.key", NULL, "t.conf:11: chain "
	    "\"@expired.crt\": the certificate has expired, on 20" },
	{ "future.crt", "future.key", NULL, "t.conf:11: chain "
	    "\"@future.crt\": the certificate is not valid yet, but from 20" },
	{ "client_short.crt", "client_short.key", NULL, "t.conf:11: chain "
	    "\"@client_short.crt\": the certificate expires soon, on 20" },
	{ "week.crt", "week.key", NULL, NULL },
	{ "both.pem", NULL, NULL, NULL },
	{ "key_first.pem", NULL, NULL, NULL },
	{ "server_a.crt", "both.pem", NULL, NULL },
	{ "server_a.crt", "parameters.key", NULL, NULL },
	{ "both.pem", "server_a.key", NULL, "t.conf:11: chain \"@both.pem\": "
	    "the block \"PRIVATE KEY\" in line " },
	{ "two_leaves.pem", "server_a.key", NULL, "t.conf:11: chain "
	    "\"@two_leaves.pem\": certificate 2 is not a CA's, " },
	{ "twice.pem", "server_a.key", NULL, "t.conf:11: chain "
	    "\"@twice.pem\": certificate 2 is the server's once more" },
	{ "foreign.pem", "server_a.key", NULL, "t.conf:11: chain "
	    "\"@foreign.pem\": certificate 2 is foreign: " },
	{ "with_root.pem", "server_a.key", NULL, NULL },
	{ "unknown.pem", "server_a.key", NULL, "t.conf:11: chain "
	    "\"@unknown.pem\": the block \"DH PARAMETERS\" in line 2 is not "
	    "used\n" },
	{ "half.pem", "server_a.key", NULL, "t.conf:11: chain \"@half.pem\": "
	    "line 2 begins as a block does and does not end so" },
	{ "server_a.crt", "two.key", NULL, "t.conf:12: key \"@two.key\": "
	    "the private key in line 6 is not used" },
	{ "server_a.crt", "read.key", NULL, "t.conf:12: key \"@read.key\": "
	    "others can read it (mode 0644)\n" },
	{ "written.crt", "server_a.key", NULL, "t.conf:11: chain "
	    "\"@written.crt\": others can write to it (mode 0602)\n" },
	{ "read.pem", NULL, NULL, "t.conf:11: chain \"@read.pem\": others "
	    "can read it (mode 0604)\n" },
	{ "indented.pem", "server_a.key", NULL, "t.conf:11: chain "
	    "\"@indented.pem\": blanks before the block in line 2: it is not "
	    "read\n" },
	{ "bom.pem", "server_a.key", NULL, "t.conf:11: chain \"@bom.pem\": "
	    "the block \"DH PARAMETERS\" in line 2 is not used\n" },
	{ "small.crt", "small.key", NULL, "t.conf:11: chain \"@small.crt\": "
	    "the key of the certificate has only 1024 bits\n" },
	{ "server_a.crt", "server_a.key", "old.crl", "t.conf:14: crl "
	    "\"@old.crl\": list 1 is out of date: clients of its CA will be "
	    "refused\n" },
};

/* Files that serve, and have something in them that does not. */
static void
write_doubtful(void)
{
	static const struct {
		const char *file, *parts[5];
	} joined[] = {
		{ "two_leaves.pem", { "server_a.crt", "server_b.crt" } },
		{ "twice.pem", { "server_a.crt", "server_a.crt", "ca1.crt" } },
		{ "foreign.pem", { "server_a.crt", "inter2.crt" } },
		{ "with_root.pem", { "server_a.crt", "ca1.crt" } },
		{ "unknown.pem", { "text.pem", "dh.pem", "server_a.crt" } },
		{ "half.pem", { "text.pem", "cut.crt", "server_a.crt" } },
		{ "two.key", { "server_a.key", "server_b.key" } },
		{ "read.key", { "server_a.key" } },
		{ "written.crt", { "server_a.crt" } },
		{ "read.pem", { "server_a.crt", "server_a.key" } },
		{ "indented.pem", { "text.pem", "blank", "ca1.crt",
		    "server_a.crt" } },
		{ "bom.pem", { "text.pem", "bom", "dh.pem", "server_a.crt" } },
	};
	static const char dh[] = "-----BEGIN DH PARAMETERS-----\nAAAA\n"
	    "-----END DH PARAMETERS-----\n";
	static const char cut[] = "-----BEGIN CERTIFICATE---\nAAAA\n";
	size_t i;

	pki_write("dh.pem", dh, strlen(dh));
	pki_write("cut.crt", cut, strlen(cut));
	pki_write("blank", " \t", 2);
	pki_write("bom", "\xef\xbb\xbf", 3);
	for (i = 0; i < COUNT(joined); i++)
		pki_join(joined[i].file, joined[i].parts);
	ck_assert_int_eq(chmod(pki_path("read.key"), 0644), 0);
	ck_assert_int_eq(chmod(pki_path("written.crt"), 0602), 0);
	ck_assert_int_eq(chmod(pki_path("read.pem"), 0604), 0);
	pki_write_self("small", EVP_RSA_gen(1024));
}

START_TEST(test_warning)
{
	struct site site;
	struct err err;
	char line[1024];
	FILE *fp;

	static char low[] = "ECDHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0";

	pki_write_crl("ca1.crl", PKI_CA1, -1, 3600);
	pki_write_crl("old.crl", PKI_CA1, -1, -3600);
	write_parameters();
	write_doubtful();
	remove(pki_path("log"));
	ck_assert_int_eq(log_open(pki_path("log"), "daemon", &err), 0);
	log_set_level(LOGLVL_WARNING);
	site_init(&site);
	site.certs[0].chain.value = pki_path(warnings[_i].chain);
	site.certs[0].key.value = warnings[_i].key == NULL ? NULL :
	    pki_path(warnings[_i].key);
	if (strcmp(warnings[_i].chain, "small.crt") == 0)
		site.listen.ciphers.value = low;
	if (warnings[_i].crl != NULL)
		site_ask(&site.certs[0], CONF_CLIENT_CERT_REQUIRED, "ca1.crt",
		    warnings[_i].crl);
	tls_front_free(site_front(&site));
	log_set_level(LOGLVL_ERROR);
	ck_assert_int_eq(log_open("stderr", "daemon", &err), 0);

	fp = fopen(pki_path("log"), "r");
	ck_assert_ptr_nonnull(fp);
	if (warnings[_i].text != NULL) {
		ck_assert_ptr_nonnull(fgets(line, sizeof(line), fp));
		ck_assert_ptr_nonnull(strstr(line,
		    site_expand(warnings[_i].text)));
	}
	ck_assert_ptr_null(fgets(line, sizeof(line), fp));
	fclose(fp);
}
END_TEST

/* A thousand doubtful ones are not a thousand lines, also at an error. */
START_TEST(test_many_warnings)
{
	static const char *const more[] = {
		"] 7 more like this: the certificate has expired, on 20",
		"] 6 more like this: the certificate has expired, on 20",
		"] 7 more like this: the certificate has expired, on 20",
	};
	static char titles[SITE_CERTS][16];
	struct conf_certificate *c = NULL;
	unsigned lines;
	struct site site;
	struct err err;
	char line[1024];
	FILE *fp;
	int i;

	remove(pki_path("log"));
	ck_assert_int_eq(log_open(pki_path("log"), "daemon", &err), 0);
	log_set_level(LOGLVL_WARNING);
	site_init(&site);
	site.certs[0].chain.value = pki_path("expired.crt");
	site.certs[0].key.value = pki_path("expired.key");
	for (i = 1; i < SITE_CERTS; i++) {
		snprintf(titles[i], sizeof(titles[i]), "t%d", i);
		c = site_add(&site, titles[i], NULL);
		c->chain.value = pki_path("expired.crt");
		c->key.value = pki_path("expired.key");
	}
	tls_front_free(site_front(&site));
	c->key.value = pki_path("none.key");
	site_refused(&site, "t.conf:122: key \"@none.key\": No such file or "
	    "directory");
	c->key.value = pki_path("expired.key");
	tls_front_free(site_front(&site));
	log_set_level(LOGLVL_ERROR);
	ck_assert_int_eq(log_open("stderr", "daemon", &err), 0);
	fp = fopen(pki_path("log"), "r");
	ck_assert_ptr_nonnull(fp);
	for (lines = 0; fgets(line, sizeof(line), fp) != NULL; lines++)
		if (lines % 6 == 5) /* five, and how many more */
			ck_assert_ptr_nonnull(strstr(line, more[lines / 6]));
		else
			ck_assert_ptr_nonnull(strstr(line, "1: chain "));
	fclose(fp);
	ck_assert_uint_eq(lines, 18);
}
END_TEST

Suite *
cert_suite(void)
{
	Suite *s;
	TCase *tc;

	s = suite_create("cert");
	tc = tcase_create("cert");
	tcase_add_checked_fixture(tc, setup, shared_teardown);
	tcase_add_loop_test(tc, test_bad, 0, COUNT(bad));
	tcase_add_test(tc, test_bad_second);
	tcase_add_test(tc, test_step);
	tcase_add_loop_test(tc, test_good, 0, COUNT(good));
	tcase_add_test(tc, test_chain_is_the_file);
	tcase_add_loop_test(tc, test_warning, 0, COUNT(warnings));
	tcase_add_test(tc, test_many_warnings);
	suite_add_tcase(s, tc);
	return s;
}
