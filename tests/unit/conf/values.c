/* SPDX-License-Identifier: ISC */
/* Good files: every directive reaches its field, defaults, paths, order. */
#include "config.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "test_conf.h"

static void
assert_str(const struct conf_str *s, const char *value, int line)
{
	ck_assert_ptr_nonnull(s->value);
	ck_assert_str_eq(s->value, value);
	ck_assert_str_eq(s->loc.file, "t.conf");
	ck_assert_int_eq(s->loc.line, line);
}

static void
assert_path(const struct conf_str *s, const char *name, int line)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", test_dir, name);
	assert_str(s, path, line);
}

START_TEST(defaults)
{
	const struct conf_certificate *c;
	const struct conf_listen *l;
	struct conf *conf;

	conf = test_load(LISTEN("x", ""));
	ck_assert_str_eq(conf->user.value, "");
	ck_assert_str_eq(conf->group.value, "");
	ck_assert_ptr_null(conf->chroot.value);
	ck_assert(conf->workers_auto);
	ck_assert_uint_ge(conf->workers, 1);
	ck_assert_uint_le(conf->workers, 1024);
	ck_assert_uint_eq(conf->worker_connections, 10000);
	ck_assert_int_eq(conf->reuseport, HAVE_DECL_SO_REUSEPORT);
	ck_assert_ptr_null(conf->pid_file.value);
	ck_assert_ptr_null(conf->control_socket.value);
	ck_assert_int_eq(conf->control_mode, 0600);
	ck_assert_str_eq(conf->log.value, "auto");
	ck_assert_str_eq(conf->syslog_facility, "daemon");
	ck_assert_int_eq(conf->log_level, LOGLVL_INFO);
	ck_assert(conf->log_connections);
	ck_assert_int_eq(conf->drain_timeout, 60000);
	ck_assert_uint_eq(conf->cache_size, 32 << 20);
	ck_assert_int_eq(conf->session_timeout, 7200000);
	ck_assert_int_eq(conf->ticket_rotate, 43200000);
	ck_assert_uint_eq(conf->ticket_keys.n, 0);
	ck_assert_uint_eq(conf->nlistens, 1);

	l = &conf->listens[0];
	ck_assert_str_eq(l->name, "x");
	ck_assert_uint_eq(l->naddresses, 1);
	ck_assert_int_eq(l->backlog, 1024);
	ck_assert_int_eq(l->unix_mode, 0666);
	ck_assert_int_eq(l->service, CONF_SERVICE_REPLY);
	ck_assert_str_eq(l->text, "test\n");
	ck_assert_uint_eq(l->nbackends, 0);
	ck_assert_int_eq(l->connect, CONF_CONNECT_HANDSHAKE);
	ck_assert(!l->unknown_name_reject);
	ck_assert_int_eq(l->resumption, CONF_RESUME_STATEFUL);
	ck_assert_int_eq(l->minimum_version, CONF_TLS1_2);
	ck_assert_int_eq(l->maximum_version, CONF_TLS1_3);
	ck_assert_ptr_null(l->ciphers.value);
	ck_assert_ptr_null(l->ciphersuites.value);
	ck_assert_ptr_null(l->groups.value);
	ck_assert_uint_eq(l->alpn.n, 0);
	ck_assert_int_eq(l->handshake_timeout, 10000);
	ck_assert_int_eq(l->idle_timeout, 300000);
	ck_assert_int_eq(l->shutdown_timeout, 5000);
	ck_assert_int_eq(l->connect_timeout, 5000);
	ck_assert_int_eq(l->backend_retry, 10000);
	ck_assert_int_eq(l->client_keepalive, 300000);
	ck_assert_int_eq(l->backend_keepalive, 300000);

	ck_assert_uint_eq(l->ncertificates, 1);
	c = &l->certificates[0];
	ck_assert_str_eq(c->title, "c");
	ck_assert_uint_eq(c->names.n, 0);
	ck_assert_ptr_null(c->key.value);
	ck_assert_int_eq(c->client_certificate, CONF_CLIENT_CERT_OFF);
	ck_assert_ptr_null(c->ca.value);
	ck_assert_ptr_null(c->crl.value);
	ck_assert_int_eq(c->verify_depth, 3);
	conf_free(conf);
}
END_TEST

static const char everything[] =
    "user = tlsherd # 1\n"
    "group = 'tls herd' // 2\n"
    "/* 3\n"
    "   4 */ chroot = \"/var/empty\"\n"
    "workers = 3\n"
    "worker_connections = 1000000\n"
    "reuseport = no\n"
    "pid_file = run/pid\n"
    "control_socket = run/control.sock\r\n"
    "control_mode = \"0660\"\n"
    "log = ./log\n"
    "syslog_facility = local7\n"
    "log_level = debug\n"
    "log_connections = off\n"
    "drain_timeout = 1m30s\n"
    "session_cache { size = 128K timeout = 7d }\n"
    "tickets {\n"
    "\trotate = 13h\n"
    "\tkeys = { a.key,\n"
    "\t    /b.key }\n"
    "}\n"
    "listen one { #22\n"
    "\taddress = { '127.0.0.1:443', \"[::1]:443\",\n"
    "\t    \"unix:sock\" }\n"
    "\tbacklog = 1\n"
    "\tunix_mode = 600\n"
    "\tservice = proxy\n"
    "\ttext = \"a\\x41\\t\\\\\\\"\\101\\n\"\n"
    "\tbackend = { \"unix:/b\", 127.0.0.1:80 }\n"
    "\tcertificate 1st { #30\n"
    "\t\tnames = { WWW.Example.COM, \"*.example.com\" }\n"
    "\t\tchain = 1.pem\n"
    "\t\tkey = /1.key\n"
    "\t}\n"
    "\tcertificate \"2nd\"\n"
    "\t{\n"
    "\t\tchain = 2.pem\n"
    "\t\tclient_certificate = required\n"
    "\t\tca = ca.pem\n"
    "\t\tcrl = crl.pem\n"
    "\t\tverify_depth = 0\n"
    "\t}\n"
    "\tconnect = data unknown_name = reject\n"
    "\tresumption = tickets\n"
    "\tminimum_version = TLSv1.3\n"
    "\tmaximum_version = TLSv1.3\n"
    "\tciphers = 'HIGH'\n"
    "\tciphersuites = TLS_AES_128_GCM_SHA256\n"
    "\tgroups = X25519:P-256\n"
    "\talpn = { h2, \"http/1.1\" }\n"
    "\thandshake_timeout = 1ms\n"
    "\tidle_timeout = 0\n"
    "\tshutdown_timeout = 3\n"
    "\tconnect_timeout = 4s\n"
    "}\n"
    LISTEN("two", "resumption = off service = trace");

START_TEST(all_directives)
{
	const struct conf_certificate *c;
	const struct conf_listen *l;
	struct conf *conf;
	char text[256];

	conf = test_load(everything);
	assert_str(&conf->user, "tlsherd", 1);
	assert_str(&conf->group, "tls herd", 2);
	assert_str(&conf->chroot, "/var/empty", 4);
	ck_assert_uint_eq(conf->workers, 3);
	ck_assert(!conf->workers_auto);
	ck_assert_uint_eq(conf->worker_connections, 1000000);
	ck_assert(!conf->reuseport);
	assert_path(&conf->pid_file, "run/pid", 8);
	assert_path(&conf->control_socket, "run/control.sock", 9);
	ck_assert_int_eq(conf->control_mode, 0660);
	assert_path(&conf->log, "./log", 11);
	ck_assert_str_eq(conf->syslog_facility, "local7");
	ck_assert_int_eq(conf->log_level, LOGLVL_DEBUG);
	ck_assert(!conf->log_connections);
	ck_assert_int_eq(conf->drain_timeout, 90000);
	ck_assert_uint_eq(conf->cache_size, 131072);
	ck_assert_int_eq(conf->cache_size_loc.line, 16);
	ck_assert_int_eq(conf->session_timeout, 604800000);
	ck_assert_int_eq(conf->ticket_rotate, 46800000);
	ck_assert_uint_eq(conf->ticket_keys.n, 2);
	assert_path(&conf->ticket_keys.v[0], "a.key", 19);
	assert_str(&conf->ticket_keys.v[1], "/b.key", 20);
	ck_assert_uint_eq(conf->nlistens, 2);

	l = &conf->listens[0];
	ck_assert_str_eq(l->name, "one");
	ck_assert_int_eq(l->loc.line, 22);
	ck_assert_uint_eq(l->naddresses, 3);
	ck_assert_str_eq(l->addresses[0].text, "127.0.0.1:443");
	ck_assert_str_eq(l->addresses[1].text, "[::1]:443");
	ck_assert_int_eq(l->addresses[1].loc.line, 23);
	snprintf(text, sizeof(text), "unix:%s/sock", test_dir);
	ck_assert_str_eq(l->addresses[2].text, text);
	ck_assert_int_eq(l->addresses[2].loc.line, 24);
	ck_assert(addr_is_unix(&l->addresses[2].addr));
	ck_assert_int_eq(l->backlog, 1);
	ck_assert_int_eq(l->unix_mode, 0600);
	ck_assert_int_eq(l->service, CONF_SERVICE_PROXY);
	ck_assert_str_eq(l->text, "aA\t\\\"A\n");
	ck_assert_uint_eq(l->nbackends, 2);
	ck_assert_str_eq(l->backends[0].text, "unix:/b");
	ck_assert_str_eq(l->backends[1].text, "127.0.0.1:80");
	ck_assert_int_eq(l->connect, CONF_CONNECT_DATA);
	ck_assert(l->unknown_name_reject);
	ck_assert_int_eq(l->resumption, CONF_RESUME_TICKETS);
	ck_assert_int_eq(l->minimum_version, CONF_TLS1_3);
	ck_assert_int_eq(l->maximum_version, CONF_TLS1_3);
	assert_str(&l->ciphers, "HIGH", 47);
	assert_str(&l->ciphersuites, "TLS_AES_128_GCM_SHA256", 48);
	assert_str(&l->groups, "X25519:P-256", 49);
	ck_assert_uint_eq(l->alpn.n, 2);
	assert_str(&l->alpn.v[0], "h2", 50);
	assert_str(&l->alpn.v[1], "http/1.1", 50);
	ck_assert_int_eq(l->handshake_timeout, 1);
	ck_assert_int_eq(l->idle_timeout, 0);
	ck_assert_int_eq(l->shutdown_timeout, 3000);
	ck_assert_int_eq(l->connect_timeout, 4000);

	/* The certificate without names is the default and stands first. */
	ck_assert_uint_eq(l->ncertificates, 2);
	c = &l->certificates[0];
	ck_assert_str_eq(c->title, "2nd");
	ck_assert_int_eq(c->loc.line, 36);
	assert_path(&c->chain, "2.pem", 37);
	ck_assert_int_eq(c->client_certificate, CONF_CLIENT_CERT_REQUIRED);
	assert_path(&c->ca, "ca.pem", 39);
	assert_path(&c->crl, "crl.pem", 40);
	ck_assert_int_eq(c->verify_depth, 0);
	c = &l->certificates[1];
	ck_assert_str_eq(c->title, "1st");
	ck_assert_uint_eq(c->names.n, 2);
	assert_str(&c->names.v[0], "www.example.com", 31);
	assert_str(&c->names.v[1], "*.example.com", 31);
	assert_str(&c->key, "/1.key", 33);

	l = &conf->listens[1];
	ck_assert_str_eq(l->name, "two");
	ck_assert_int_eq(l->service, CONF_SERVICE_TRACE);
	ck_assert_int_eq(l->resumption, CONF_RESUME_OFF);
	ck_assert_int_eq(l->handshake_timeout, 10000);
	conf_free(conf);
}
END_TEST

START_TEST(first_is_default)
{
	struct conf *conf;

	conf = test_load("listen x { address = { 127.0.0.1:0 }\n"
	    "certificate a { names = { a } chain = a }\n"
	    "certificate b { names = { b } chain = b }\n"
	    "certificate c { names = { c } chain = c } }\n");
	ck_assert_str_eq(conf->listens[0].certificates[0].title, "a");
	ck_assert_str_eq(conf->listens[0].certificates[1].title, "b");
	ck_assert_str_eq(conf->listens[0].certificates[2].title, "c");
	conf_free(conf);
}
END_TEST

/* Whatever the current folder: paths belong to the file that has them. */
START_TEST(absolute_file)
{
	char path[128], chain[128];
	struct conf *conf;
	struct err err;

	test_write("t.conf", LISTEN("x", ""));
	snprintf(path, sizeof(path), "%s/t.conf", test_dir);
	conf = conf_load(path, NULL, 0, &err);
	ck_assert_msg(conf != NULL, "%s", err.text);
	snprintf(chain, sizeof(chain), "%s/c.pem", test_dir);
	ck_assert_str_eq(conf->listens[0].certificates[0].chain.value, chain);
	ck_assert_str_eq(conf->listens[0].loc.file, path);
	conf_free(conf);
}
END_TEST

START_TEST(lists_grow)
{
	struct conf *conf;

	conf = test_load("tickets { keys = { a } keys += { b, c, } keys += d }"
	    LISTEN("x", "alpn = h2 alpn += { }"));
	ck_assert_uint_eq(conf->ticket_keys.n, 4);
	ck_assert_uint_eq(conf->listens[0].alpn.n, 1);
	conf_free(conf);
	conf = test_load("tickets { keys = { a } keys = { } }"
	    LISTEN("x", ""));
	ck_assert_uint_eq(conf->ticket_keys.n, 0);
	conf_free(conf);
}
END_TEST

START_TEST(sections_in_parts)
{
	struct conf *conf;

	conf = test_load("session_cache { size = 1M }\n"
	    "session_cache { timeout = 1h }\n" LISTEN("x", ""));
	ck_assert_uint_eq(conf->cache_size, 1 << 20);
	ck_assert_int_eq(conf->session_timeout, 3600000);
	conf_free(conf);
}
END_TEST

START_TEST(port_zero_repeats)
{
	struct conf *conf;

	conf = test_load(LISTEN("x", "")
	    LISTEN("y", "address += { \"[::1]:0\", "
	    "\"[::1]:0\", 127.0.0.1:0 }"));
	ck_assert_uint_eq(conf->listens[1].naddresses, 4);
	conf_free(conf);
}
END_TEST

START_TEST(environment)
{
	struct conf *conf;

	setenv("TEST_CONF", "v}\"\n", 1);
	unsetenv("TEST_CONF_NOT");
	conf = test_load(LISTEN("x", "text = \"<${TEST_CONF}|"
	    "${TEST_CONF_NOT:-default}|\\${TEST_CONF}|$>\""));
	ck_assert_str_eq(conf->listens[0].text,
	    "<v}\"\n|default|${TEST_CONF}|$>");
	conf_free(conf);
	unsetenv("TEST_CONF");
}
END_TEST

#ifdef CPU_COUNT
START_TEST(auto_is_affinity)
{
	cpu_set_t all, one;
	struct conf *conf;
	int cpu;

	ck_assert_int_eq(sched_getaffinity(0, sizeof(all), &all), 0);
	for (cpu = 0; !CPU_ISSET(cpu, &all); cpu++)
		;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	ck_assert_int_eq(sched_setaffinity(0, sizeof(one), &one), 0);
	conf = test_load(LISTEN("x", ""));
	ck_assert_int_eq(sched_setaffinity(0, sizeof(all), &all), 0);
	ck_assert_uint_eq(conf->workers, 1);
	conf_free(conf);
	conf = test_load(LISTEN("x", ""));
	ck_assert_uint_eq(conf->workers, (unsigned)CPU_COUNT(&all));
	conf_free(conf);
}
END_TEST
#endif

START_TEST(names)
{
	ck_assert_str_eq(conf_service_name(CONF_SERVICE_REPLY), "reply");
	ck_assert_str_eq(conf_service_name(CONF_SERVICE_PROXY), "proxy");
	ck_assert_str_eq(conf_resumption_name(CONF_RESUME_OFF), "off");
	conf_free(NULL);
}
END_TEST

Suite *
values_suite(void)
{
	Suite *suite = suite_create("values");
	TCase *tc = test_case("values");

	tcase_add_test(tc, defaults);
	tcase_add_test(tc, all_directives);
	tcase_add_test(tc, first_is_default);
	tcase_add_test(tc, absolute_file);
	tcase_add_test(tc, lists_grow);
	tcase_add_test(tc, sections_in_parts);
	tcase_add_test(tc, port_zero_repeats);
	tcase_add_test(tc, environment);
#ifdef CPU_COUNT
	tcase_add_test(tc, auto_is_affinity);
#endif
	tcase_add_test(tc, names);
	suite_add_tcase(suite, tc);
	return suite;
}
