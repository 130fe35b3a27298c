/* SPDX-License-Identifier: ISC */
/* Printing: what comes out loads as the same configuration. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "test_conf.h"

static const char *const rows[] = {
	LISTEN("x", ""),
	"user = a group = 'b c' chroot = /d workers = 3 worker_connections = "
	"4 reuseport = no pid_file = e control_socket = f control_mode = 0660 "
	"log = /g syslog_facility = local3 log_level = error log_connections "
	"= no drain_timeout = 1500ms session_cache { size = 129K timeout = "
	"90m } tickets { rotate = 1d keys = { h, '/i j' } }\n"
	"listen l { address = { '*:1', '[::1]:2', unix:m } backlog = 5 "
	"unix_mode = 0600 service = proxy backend = { 127.0.0.1:3, unix:/n } "
	"backend_retry = 0 client_keepalive = 90s backend_keepalive = off "
	"connect = hello unknown_name = reject resumption = tickets minimum_version = TLSv1.3 "
	"ciphers = o ciphersuites = p groups = q alpn = { h2, 'http/1.1' } "
	"handshake_timeout = 1ms idle_timeout = 1h30m shutdown_timeout = 7 "
	"connect_timeout = 8s certificate r { names = { S.t, '*.u' } chain = "
	"v key = w } certificate x { chain = y client_certificate = required "
	"ca = z crl = A verify_depth = 9 } }\n" LISTEN("B", "service = echo"),
	LISTEN("x", "text = \"\\x01\\n\\t\\\\\\\"\\$\\${a}'\\x7f\\xffg\"")
	"pid_file = \"a\\nb#c//d\"",
	LISTEN("x", "text = '' certificate b { names = b chain = b }"),
};

START_TEST(round_trip)
{
	char *first, *second;
	struct conf *conf;

	conf = test_load(rows[_i]);
	first = test_printed(conf);
	conf_free(conf);
	conf = test_load(first);
	second = test_printed(conf);
	conf_free(conf);
	ck_assert_str_eq(first, second);
	free(first);
	free(second);
}
END_TEST

START_TEST(form)
{
	struct conf *conf;
	char *text;

	conf = test_load("workers = 2 user = \"a\\\"b\"" LISTEN("x",
	    "alpn = { h2, 'http/1.1' } text = 'a\\nb'"));
	text = test_printed(conf);
	ck_assert_ptr_nonnull(strstr(text, "user = \"a\\\"b\"\n"));
	ck_assert_ptr_nonnull(strstr(text, "\nworkers = 2\n"));
	ck_assert_ptr_nonnull(strstr(text, "\nsession_cache {\n\tsize = 32M\n"
	    "\ttimeout = 2h\n}\n\ntickets {\n\trotate = 12h\n\tkeys = {}\n}\n"
	    "\nlisten \"x\" {\n\taddress = { \"127.0.0.1:0\" }\n"));
	ck_assert_ptr_nonnull(strstr(text, "\ttext = \"a\\\\nb\"\n"));
	ck_assert_ptr_nonnull(strstr(text, "\talpn = { \"h2\", \"http/1.1\" "
	    "}\n"));
	ck_assert_ptr_nonnull(strstr(text, "\n\n\tcertificate \"c\" {\n"
	    "\t\tnames = {}\n"));
	free(text);
	conf_free(conf);
}
END_TEST

Suite *
print_suite(void)
{
	Suite *suite = suite_create("print");
	TCase *tc = test_case("print");

	tcase_add_loop_test(tc, round_trip, 0, COUNT(rows));
	tcase_add_test(tc, form);
	suite_add_tcase(suite, tc);
	return suite;
}
