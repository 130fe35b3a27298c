/* SPDX-License-Identifier: ISC */
/*
 * Printing: what comes out loads as the same configuration; the sample file
 * is good, and its commented defaults are the defaults.
 */
#include "config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "test_conf.h"

/* To be freed. */
static char *
printed(const struct conf *conf)
{
	size_t size;
	char *text;
	FILE *fp;

	fp = open_memstream(&text, &size);
	ck_assert_ptr_nonnull(fp);
	conf_print(conf, fp);
	ck_assert_int_eq(fclose(fp), 0);
	return text;
}

static const char *const rows[] = {
	LISTEN("x", ""),
	"user = a group = 'b c' chroot = /d workers = 3 worker_connections = "
	"4 reuseport = no pid_file = e control_socket = f control_mode = 0660 "
	"log = /g syslog_facility = local3 log_level = error log_connections "
	"= no drain_timeout = 1500ms session_cache { size = 129K timeout = "
	"90m } tickets { rotate = 1d keys = { h, '/i j' } }\n"
	"listen l { address = { '*:1', '[::1]:2', unix:m } backlog = 5 "
	"unix_mode = 0600 service = proxy backend = { 127.0.0.1:3, unix:/n } "
	"unknown_name = reject resumption = tickets minimum_version = TLSv1.3 "
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
	first = printed(conf);
	conf_free(conf);
	conf = test_load(first);
	second = printed(conf);
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
	text = printed(conf);
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

static char *
sample(void)
{
	char path[512], *text;
	const char *top = getenv("top_srcdir");
	size_t n;
	FILE *fp;

	snprintf(path, sizeof(path), "%s/etc/tlsherd.conf",
	    top != NULL ? top : TOP_SRCDIR);
	fp = fopen(path, "r");
	ck_assert_msg(fp != NULL, "%s cannot be read", path);
	text = calloc(1, 65536);
	ck_assert_ptr_nonnull(text);
	n = fread(text, 1, 65535, fp);
	fclose(fp);
	ck_assert_uint_gt(n, 1000);
	ck_assert_uint_lt(n, 65535);
	return text;
}

/* "#name" becomes " name"; "# text" stays. Returns how many there were. */
static int
uncomment(char *text)
{
	char *p;
	int n = 0;

	for (p = text; *p != '\0'; p++)
		if (p[0] == '#' && islower((unsigned char)p[1])) {
			*p = ' ';
			n++;
		}
	return n;
}

START_TEST(sample_file)
{
	char *plain, *text, *uncommented;
	struct conf *conf;

	text = sample();
	conf = test_load(text);
	plain = printed(conf);
	conf_free(conf);
	ck_assert_int_gt(uncomment(text), 35);
	conf = test_load(text);
	uncommented = printed(conf);
	conf_free(conf);
	ck_assert_str_eq(plain, uncommented);
	free(plain);
	free(uncommented);
	free(text);
}
END_TEST

Suite *
print_suite(void)
{
	Suite *suite = suite_create("print");
	TCase *tc = test_case("print");

	tcase_add_loop_test(tc, round_trip, 0, COUNT(rows));
	tcase_add_test(tc, form);
	tcase_add_test(tc, sample_file);
	suite_add_tcase(suite, tc);
	return suite;
}
