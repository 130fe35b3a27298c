/* SPDX-License-Identifier: ISC */
/* Values that are wrong, alone or beside others. */
#include "config.h"

#include <stdlib.h>

#include "test_conf.h"

#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X200 X50 X50 X50 X50

/* A listener on several lines: its rest begins on line 3. */
#define LINES(rest) "\nlisten x { address = { 127.0.0.1:0 }\n" rest "\n}\n"
#define CERT "\ncertificate c { chain = c.pem }"

#define WORKERS "expected auto or a number from 1 to 1024"
#define SIZE "expected a size from 128K to 1024G, such as 64M"
#define MODE "expected a file mode in octal, such as 0660"
#define NAME "expected a server name, such as \"www.example.com\" or " \
	"\"*.example.com\""
#define TITLE "expected a name of 1 to 64 characters without spaces, " \
	"quotes, \"=\" and \"\\\""

#define KEEPALIVE "expected off or a duration in whole seconds from 1s to " \
	"9h, such as 60s"

static const struct bad rows[] = {
	/* numbers */
	{ "workers = 0", "t.conf:1: workers \"0\": " WORKERS },
	{ "workers = 1025", "t.conf:1: workers \"1025\": " WORKERS },
	{ "workers = banana", "t.conf:1: workers \"banana\": " WORKERS },
	{ "workers = -1", "t.conf:1: workers \"-1\": " WORKERS },
	{ "workers = 0x4", "t.conf:1: workers \"0x4\": " WORKERS },
	{ "workers = \"\"", "t.conf:1: workers \"\": " WORKERS },
	{ "workers = 99999999999999999999", "t.conf:1: workers "
	    "\"99999999999999999999\": " WORKERS },
	{ "workers = 4294967297", "t.conf:1: workers \"4294967297\": "
	    WORKERS },
	{ "worker_connections = 1M", "t.conf:1: worker_connections \"1M\": "
	    "expected a number from 1 to 1000000" },
	{ LINES("backlog = 0"), "t.conf:3: backlog \"0\": expected a number "
	    "from 1 to 65535" },
	{ "control_mode = 0800", "t.conf:1: control_mode \"0800\": " MODE },
	{ "control_mode = 1777", "t.conf:1: control_mode \"1777\": " MODE },
	{ "control_mode = rw", "t.conf:1: control_mode \"rw\": " MODE },
	{ LINES("unix_mode = \"\""), "t.conf:3: unix_mode \"\": " MODE },
	{ "session_cache { size = banana }", "t.conf:1: size \"banana\": "
	    SIZE },
	{ "session_cache { size = 127K }", "t.conf:1: size \"127K\": " SIZE },
	{ "session_cache { size = 2048G }", "t.conf:1: size \"2048G\": "
	    SIZE },
	{ "session_cache { size = 32MB }", "t.conf:1: size \"32MB\": " SIZE },
	{ "session_cache { timeout = 8d }", "t.conf:1: timeout \"8d\": "
	    "expected a duration from 1s to 7d, such as 30s or 2h" },
	{ "session_cache { timeout = 1ms }", "t.conf:1: timeout \"1ms\": "
	    "expected a duration from 1s to 7d, such as 30s or 2h" },
	{ "tickets { rotate = soon }", "t.conf:1: rotate \"soon\": expected "
	    "a duration from 1s to 7d, such as 30s or 2h" },
	{ "drain_timeout = 31d", "t.conf:1: drain_timeout \"31d\": expected "
	    "a duration from 0s to 30d, such as 30s or 2h" },
	{ LINES("idle_timeout = 31d"), "t.conf:3: idle_timeout \"31d\": "
	    "expected a duration from 0s to 30d, such as 30s or 2h" },
	{ LINES("handshake_timeout = 0"), "t.conf:3: handshake_timeout "
	    "\"0\": expected a duration from 1ms to 1d, such as 30s or 2h" },
	{ "session_cache { timeout = 7d }\n" LISTEN("x", ""), "t.conf:1: the "
	    "timeout of sessions (7d) must be less than 13 times the rotate "
	    "time of tickets (12h)" },
	{ "session_cache { timeout = 65m }\ntickets { rotate = 5m }"
	    LISTEN("x", ""), "t.conf:2: the timeout of sessions (65m) must be "
	    "less than 13 times the rotate time of tickets (5m)" },
	{ "tickets { rotate = 5m }\nsession_cache { timeout = 65m }"
	    LISTEN("x", ""), "t.conf:2: the timeout of sessions (65m) must be "
	    "less than 13 times the rotate time of tickets (5m)" },
	{ LINES("client_keepalive = 500ms"), "t.conf:3: client_keepalive "
	    "\"500ms\": " KEEPALIVE },
	{ LINES("backend_keepalive = 1500ms"), "t.conf:3: backend_keepalive "
	    "\"1500ms\": " KEEPALIVE },
	{ LINES("client_keepalive = 0"), "t.conf:3: client_keepalive \"0\": "
	    KEEPALIVE },
	{ LINES("backend_keepalive = 10h"), "t.conf:3: backend_keepalive "
	    "\"10h\": " KEEPALIVE },
	/* words */
	{ "reuseport = maybe", "t.conf:1: reuseport \"maybe\": expected yes "
	    "or no" },
	{ "log_level = loud", "t.conf:1: log_level \"loud\": expected error, "
	    "warning, notice, info or debug" },
	{ "syslog_facility = kitchen", "t.conf:1: syslog_facility "
	    "\"kitchen\": expected daemon, auth, authpriv, user or local0 to "
	    "local7" },
	{ "log = sylog", "t.conf:1: log \"sylog\": expected auto, stderr, "
	    "syslog or a path with a slash" },
	{ LINES("service = eco"), "t.conf:3: service \"eco\": expected reply, "
	    "echo, trace, discard or proxy" },
	{ LINES("resumption = yes"), "t.conf:3: resumption \"yes\": expected "
	    "stateful, tickets or off" },
	{ LINES("unknown_name = drop"), "t.conf:3: unknown_name \"drop\": "
	    "expected default or reject" },
	{ LINES("minimum_version = TLSv1.1"), "t.conf:3: minimum_version "
	    "\"TLSv1.1\": expected TLSv1.2 or TLSv1.3" },
	{ LINES("maximum_version = 1.3"), "t.conf:3: maximum_version \"1.3\": "
	    "expected TLSv1.2 or TLSv1.3" },
	{ LINES("certificate c {\nclient_certificate = on }"), "t.conf:4: "
	    "client_certificate \"on\": expected off, optional or required" },
	{ "workers = \"" X200 X50 "\"", "t.conf:1: workers \"" X200 "\": "
	    WORKERS },
	{ "workers = \"a\\nb\"", "t.conf:1: workers \"a?b\": " WORKERS },
	/* paths */
	{ "control_socket = /" X200, "t.conf:1: control_socket \"/" X200
	    "\": the path of a Unix socket has 107 characters at the most" },
	{ "tickets { keys = { a,\n\"\" } }", "t.conf:2: keys \"\": expected a "
	    "path" },
	/* addresses */
	{ LINES("address += { 443 }"), "t.conf:3: address \"443\" is not an address; "
	    "expected HOST:PORT, [IPV6]:PORT or unix:/PATH" },
	{ LINES("backend = { unix:/" X200 " }"), "t.conf:3: backend \"unix:/" X200
	    "\": the path of a Unix socket has 107 characters at the most" },
	{ "listen x { address = 127.0.0.1:443" CERT " }\n"
	    "listen y {\naddress = { \"[::1]:443\",\n127.0.0.1:443 }" CERT
	    " }", "t.conf:5: address 127.0.0.1:443 is bound twice; first at "
	    "t.conf:1" },
	{ LINES("service = proxy\nbackend = 127.0.0.1:0" CERT), "t.conf:4: "
	    "backend \"127.0.0.1:0\": expected a port from 1 to 65535" },
	{ LINES("service = proxy\nbackend = { \"[::1]:0\" }" CERT),
	    "t.conf:4: backend \"[::1]:0\": expected a port from 1 to "
	    "65535" },
	{ LINES("service = proxy\nbackend = \"*:80\"" CERT), "t.conf:4: "
	    "backend \"*:80\": expected the address of a host, such as "
	    "\"127.0.0.1:8080\"; this is 0.0.0.0:80" },
	{ LINES("address += { \"*:443\",\n0.0.0.0:443 }" CERT), "t.conf:4: "
	    "address 0.0.0.0:443 is bound twice; first at t.conf:3" },
	{ LINES("address += { unix:/a,\nunix:/a }" CERT), "t.conf:4: address "
	    "unix:/a is bound twice; first at t.conf:3" },
	/* listeners */
	{ "", "t.conf: there is no listen section" },
	{ "workers = 4\n# listen\n", "t.conf: there is no listen section" },
	{ "\n\nlisten x {" CERT " }", "t.conf:3: listen \"x\" has no "
	    "address" },
	{ "\n\nlisten x { address = { }" CERT " }", "t.conf:3: listen \"x\" "
	    "has no address" },
	{ LINES(""), "t.conf:2: listen \"x\" has no certificate" },
	{ LINES("service = proxy" CERT), "t.conf:2: listen \"x\" is a proxy "
	    "and has no backend" },
	{ LINES("service = echo\nbackend = { 127.0.0.1:1 }" CERT),
	    "t.conf:4: backend is for \"service = proxy\", and this service "
	    "is echo" },
	{ LINES("service = echo\nproxy_protocol = v2" CERT), "t.conf:2: "
	    "proxy_protocol is for \"service = proxy\", and this service is "
	    "echo" },
	{ LINES("service = echo\nconnect = data" CERT), "t.conf:2: connect "
	    "is for \"service = proxy\", and this service is echo" },
	{ LINES("client_cut = reset" CERT), "t.conf:2: client_cut is for "
	    "\"service = proxy\", and this service is reply" },
	{ LINES("alpn = { h2,\n\"h2,http/1.1\" }" CERT), "t.conf:4: alpn "
	    "\"h2,http/1.1\": expected a protocol name without a comma; "
	    "several are a list, such as { \"h2\", \"http/1.1\" }" },
	{ LINES("maximum_version = TLSv1.2\nminimum_version = TLSv1.3" CERT),
	    "t.conf:4: minimum_version is above maximum_version" },
	{ LINES("\nminimum_version = TLSv1.3\nmaximum_version = TLSv1.2"
	    CERT),
	    "t.conf:5: minimum_version is above maximum_version" },
	{ "listen \"\" { backlog = 1 }", "t.conf:1: listen \"\": " TITLE },
	{ "listen \"a b\" { }", "t.conf:1: listen \"a b\": " TITLE },
	{ "listen \"a\\nb\" { }", "t.conf:1: listen \"a?b\": " TITLE },
	{ "listen " X50 X50 " { }", "t.conf:1: listen \"" X50 X50 "\": "
	    TITLE },
	/* certificates */
	{ LINES("certificate c { key = k }"), "t.conf:3: certificate \"c\" "
	    "has no chain" },
	{ LINES("certificate c { chain = \"\" }"), "t.conf:3: certificate "
	    "\"c\" has no chain" },
	{ LINES("certificate c { chain = c client_certificate = optional }"),
	    "t.conf:3: certificate \"c\" asks for client certificates but "
	    "has no ca" },
	{ LINES("certificate c { chain = c client_certificate = required\n"
	    "crl = c }"), "t.conf:3: certificate \"c\" asks for client "
	    "certificates but has no ca" },
	{ LINES("certificate c { chain = c\nca = c }"), "t.conf:4: ca is of "
	    "no use while client_certificate is off; expected "
	    "\"client_certificate = required\" or optional" },
	{ LINES("certificate c { chain = c\ncrl = c }"), "t.conf:4: crl is "
	    "of no use while client_certificate is off; expected "
	    "\"client_certificate = required\" or optional" },
	{ LINES("certificate \"a'b\" { chain = c }"), "t.conf:3: certificate "
	    "\"a'b\": " TITLE },
	{ LINES("certificate a { chain = a }\ncertificate b { chain = b }"),
	    "t.conf:4: certificate \"b\" has no names, and neither has \"a\" "
	    "at t.conf:3; only one can be the default" },
	{ LINES("certificate c { chain = c\nverify_depth = 101 }"),
	    "t.conf:4: verify_depth \"101\": expected a number from 0 to "
	    "100" },
	{ LINES("certificate a { chain = a names = { a, b,\nA } }"),
	    "t.conf:4: the name \"a\" is there twice; first at t.conf:3" },
	{ LINES("certificate a { chain = a names = { d, b,\nb,\nb,\na } }\n"
	    "certificate e { chain = e names = { c, a } }"),
	    "t.conf:4: the name \"b\" is there twice; first at t.conf:3" },
	{ LINES("certificate a { chain = a names = \"*.a\" }\n"
	    "certificate b { chain = b names = \"*.A\" }"),
	    "t.conf:4: the name \"*.a\" is there twice; first at t.conf:3" },
};

START_TEST(refused)
{
	test_refused(rows[_i].text, rows[_i].error);
}
END_TEST

static const char *const bad_names[] = {
	"", "*", "*.", "a..b", ".a", "a.", "-a", "a-", "a.*.b", "**.a", "*a.b",
	"a b", "gr\303\274n", "a/b", "a:1", "*.*.a", X50 "xxxxxxxxxxxxxx",
	X50 "." X50 "." X50 "." X50 "." X50,
};

START_TEST(name)
{
	char text[512], error[1024];

	snprintf(text, sizeof(text), LINES("certificate c { chain = c names = "
	    "{ \"%s\" } }"), bad_names[_i]);
	snprintf(error, sizeof(error), "t.conf:3: names \"%.200s\": " NAME,
	    bad_names[_i]);
	test_refused(text, error);
}
END_TEST

static const char *const good_names[] = {
	"a", "localhost", "1.example", "a-b.c_d", "xn--grn-hoa.example",
	"*.local", X50 "xxxxxxxxxxxxx.a",
};

START_TEST(good_name)
{
	struct conf *conf;
	char text[512];

	snprintf(text, sizeof(text), LINES("certificate c { chain = c names = "
	    "{ \"%s\" } }"), good_names[_i]);
	conf = test_load(text);
	ck_assert_str_eq(conf->listens[0].certificates[0].names.v[0].value,
	    good_names[_i]);
	conf_free(conf);
}
END_TEST

static const size_t protocol_lengths[] = { 0, 1, 255, 256 };

START_TEST(protocols)
{
	char *text;
	size_t size;
	FILE *fp;
	int i;

	fp = open_memstream(&text, &size);
	ck_assert_ptr_nonnull(fp);
	fputs("\nlisten x { address = { 127.0.0.1:0 }\nalpn = {\n", fp);
	/* 326 of 201 bytes are 9 bytes short of too many. */
	for (i = 0; i < 326; i++)
		fputs("\"" X200 "\", ", fp);
	fprintf(fp, "\"%s\"\n}" CERT " }\n", _i == 0 ? "12345678" :
	    "123456789");
	ck_assert_int_eq(fclose(fp), 0);
	if (_i == 0)
		conf_free(test_load(text));
	else
		test_refused(text, "t.conf:4: alpn: these are too many "
		    "protocols: all together have room for 65535 bytes, one "
		    "of them for each");
	free(text);
}
END_TEST

START_TEST(protocol)
{
	char text[600], error[600];
	int len = (int)protocol_lengths[_i];

	snprintf(text, sizeof(text), LINES("alpn = { \"%.*s\" }" CERT), len,
	    X200 X200);
	snprintf(error, sizeof(error), "t.conf:3: alpn \"%.*s\": expected a "
	    "protocol name of 1 to 255 bytes, such as \"http/1.1\"",
	    len < 200 ? len : 200, X200);
	if (len < 1 || len > 255)
		test_refused(text, error);
	else
		conf_free(test_load(text));
}
END_TEST

Suite *
errors_suite(void)
{
	Suite *suite = suite_create("errors");
	TCase *tc = test_case("errors");

	tcase_add_loop_test(tc, refused, 0, COUNT(rows));
	tcase_add_loop_test(tc, name, 0, COUNT(bad_names));
	tcase_add_loop_test(tc, good_name, 0, COUNT(good_names));
	tcase_add_loop_test(tc, protocol, 0, COUNT(protocol_lengths));
	tcase_add_loop_test(tc, protocols, 0, 2);
	suite_add_tcase(suite, tc);
	return suite;
}
