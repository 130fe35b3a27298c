/* SPDX-License-Identifier: ISC */
/* What is told of a connection, before and after its handshake. */
#include "config.h"

#include <errno.h>

#include <openssl/err.h>
#include <openssl/randerr.h>

#include "site.h"
#include "talk.h"
#include "test_tls.h"
#include "tlscache.h"

START_TEST(test_before)
{
	char alpn[256] = "x";
	struct tls_front *front;
	struct site site;
	SSL *ssl;

	site_init(&site);
	front = site_front(&site);
	ssl = tls_front_accept(front);
	ck_assert_ptr_nonnull(ssl);
	ck_assert(SSL_is_server(ssl));
	ck_assert_int_eq(tls_resumed(ssl), TLS_RESUMED_FULL);
	ck_assert_int_eq(tls_session_worker(ssl), -1);
	ck_assert_ptr_null(tls_server_name(ssl));
	ck_assert_str_eq(tls_certificate_title(ssl), "default");
	ck_assert_str_eq(tls_client_verdict(ssl), "none");
	ck_assert_str_eq(tls_group(ssl), "-");
	ck_assert_str_eq(tls_negotiated(ssl), "-");
	ck_assert_str_eq(tls_cipher(ssl), "(NONE)");
	tls_alpn(ssl, alpn, sizeof(alpn));
	ck_assert_str_eq(alpn, "");
	SSL_free(ssl);
	tls_front_free(front);
}
END_TEST

START_TEST(test_resumed_name)
{
	ck_assert_str_eq(tls_resumed_name(TLS_RESUMED_FULL), "full");
	ck_assert_str_eq(tls_resumed_name(TLS_RESUMED_ID), "id");
	ck_assert_str_eq(tls_resumed_name(TLS_RESUMED_TICKET), "ticket");
	ck_assert_str_eq(tls_resumed_name(TLS_RESUMED_STATEFUL), "stateful");
}
END_TEST

static const struct {
	int version;
	const char *groups, *ciphers;
	const char *group;
	const char *again; /* at resumption */
} groups[] = {
	{ TLS1_3_VERSION, "X25519", NULL, "x25519", "x25519" },
	{ TLS1_3_VERSION, "P-256", NULL, "secp256r1", "secp256r1" },
	{ TLS1_2_VERSION, "X25519", NULL, "x25519", "-" },
	{ TLS1_2_VERSION, "P-384:P-256", NULL, "secp384r1", "-" },
	{ TLS1_2_VERSION, NULL, "AES128-GCM-SHA256", "-", "-" },
};

START_TEST(test_group)
{
	struct talk_how how = { .version = groups[_i].version,
		.groups = groups[_i].groups, .ciphers = groups[_i].ciphers };
	struct tls_front *front;
	struct site site;
	struct talk *t, *again;

	site_init(&site);
	site.certs[0].chain.value = pki_path("rsa.crt");
	site.certs[0].key.value = pki_path("rsa.key");
	front = site_front(&site);
	t = talk_new(front, &how);
	ck_assert(t->ok);
	ck_assert_str_eq(tls_group(t->server), groups[_i].group);
	how.session = t->session;
	again = talk_new(front, &how);
	ck_assert(again->ok);
	ck_assert_int_ne(tls_resumed(again->server), TLS_RESUMED_FULL);
	ck_assert_str_eq(tls_group(again->server), groups[_i].again);
	talk_free(again);
	talk_free(t);
	tls_front_free(front);
}
END_TEST

START_TEST(test_error_text)
{
	char buf[64];

	ck_assert(OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS, NULL));
	ERR_clear_error();
	tls_error_text(buf, sizeof(buf));
	ck_assert_str_eq(buf, "-");
	ERR_raise(ERR_LIB_SSL, SSL_R_NO_SHARED_CIPHER);
	ERR_raise(ERR_LIB_SSL, SSL_R_BAD_EXTENSION);
	tls_error_text(buf, sizeof(buf));
	ck_assert_str_eq(buf, "no_shared_cipher");
	ck_assert_uint_eq(ERR_peek_error(), 0);
	ERR_raise(ERR_LIB_SYS, ENOENT);
	tls_error_text(buf, sizeof(buf));
	ck_assert_str_eq(buf, "No_such_file_or_directory");
	ERR_raise(ERR_LIB_USER, 77);
	tls_error_text(buf, sizeof(buf));
	ck_assert_str_eq(buf, "openssl_4000004d");
	ERR_raise(ERR_LIB_SSL, SSL_R_NO_SHARED_CIPHER);
	tls_error_text(buf, 6);
	ck_assert_str_eq(buf, "no_sh");
}
END_TEST

START_TEST(test_error_clear)
{
	tls_error_clear();
	ck_assert_uint_eq(ERR_peek_error(), 0);
	ERR_raise(ERR_LIB_SSL, SSL_R_NO_SHARED_CIPHER);
	ERR_raise(ERR_LIB_SSL, SSL_R_BAD_EXTENSION);
	tls_error_clear();
	ck_assert_uint_eq(ERR_peek_error(), 0);
}
END_TEST

/* The reason is the system's, OpenSSL's, or there is none to tell. */
START_TEST(test_cache_reason)
{
	ERR_clear_error();
	errno = 0;
	ERR_raise(ERR_LIB_RAND, RAND_R_RANDOM_POOL_UNDERFLOW);
	ck_assert_str_eq(tls_cache_reason(TLSCACHE_E_OPENSSL),
	    "OpenSSL failed: random pool underflow");
	ck_assert_uint_eq(ERR_peek_error(), 0);
	errno = EMFILE;
	ck_assert_str_eq(tls_cache_reason(TLSCACHE_E_SYSTEM),
	    "a system call failed: Too many open files");
	ck_assert_str_eq(tls_cache_reason(TLSCACHE_E_NOMEM), "out of memory");
	ERR_raise(ERR_LIB_SYS, EMFILE);
	ck_assert_str_eq(tls_cache_reason(TLSCACHE_E_OPENSSL),
	    "OpenSSL failed: Too many open files");
}
END_TEST

/* What the log will say of handshakes that fail. */
static const struct {
	struct talk_how how;
	const char *error;
} failures[] = {
	{ { .sni = "b.test" }, "tlsv1_unrecognized_name" },
	{ { .sni = "a test" }, "tlsv1_unrecognized_name" },
	{ { .sni = "a.test", .alpn = "\3foo" }, "no_application_protocol" },
	{ { .version = TLS1_2_VERSION, .ciphers = "AES256-SHA" },
	    "no_shared_cipher" },
	{ { .version = TLS1_1_VERSION, .ciphers = "ALL:@SECLEVEL=0" },
	    "unsupported_protocol" },
	{ { .version = TLS1_3_VERSION },
	    "peer_did_not_return_a_certificate" },
};

START_TEST(test_error_of_handshake)
{
	static char name[] = "a.test", h2[] = "h2";
	struct tls_front *front;
	struct site site;
	struct talk *t;

	site_init(&site);
	site_add_name(&site, &site.certs[0], name);
	site_ask(&site.certs[0], CONF_CLIENT_CERT_REQUIRED, "ca1.crt", NULL);
	site_add_alpn(&site, h2);
	site.listen.unknown_name_reject = true;
	front = site_front(&site);
	t = talk_new(front, &failures[_i].how);
	ck_assert(!t->ok);
	ck_assert_str_eq(t->error, failures[_i].error);
	talk_free(t);
	tls_front_free(front);
}
END_TEST

Suite *
info_suite(void)
{
	Suite *s;
	TCase *tc;

	s = suite_create("info");
	tc = tcase_create("info");
	tcase_add_checked_fixture(tc, shared_setup, shared_teardown);
	tcase_add_test(tc, test_before);
	tcase_add_test(tc, test_resumed_name);
	tcase_add_loop_test(tc, test_group, 0, COUNT(groups));
	tcase_add_test(tc, test_error_text);
	tcase_add_test(tc, test_error_clear);
	tcase_add_test(tc, test_cache_reason);
	tcase_add_loop_test(tc, test_error_of_handshake, 0, COUNT(failures));
	suite_add_tcase(s, tc);
	return s;
}
