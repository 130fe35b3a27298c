/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "conn/conn_int.h"
#include "peer.h"
#include "pki.h"
#include "site_proxy.h"
#include "test_conn.h"
#include "world.h"

static char path[] = "/tmp/test_conn_log.XXXXXX";
static char line[8192];

static void
open_log(enum log_level level)
{
	struct err err;
	int fd;

	memcpy(strchr(path, '.'), ".XXXXXX", 8);
	fd = mkstemp(path);
	ck_assert_int_ne(fd, -1);
	close(fd);
	ck_assert_int_eq(log_open(path, "daemon", &err), 0);
	log_set_level(level);
	world.hub_conf.log_connections = true;
}

/* Read the file, which is gone afterwards. */
static const char *
close_log(void)
{
	struct err err;
	FILE *fp;
	size_t n;

	ck_assert_int_eq(log_open("stderr", "daemon", &err), 0);
	log_set_level(LOGLVL_ERROR);
	fp = fopen(path, "r");
	ck_assert_ptr_nonnull(fp);
	n = fread(line, 1, sizeof(line) - 1, fp);
	line[n] = '\0';
	fclose(fp);
	unlink(path);
	return line;
}

static void
has(const char *part)
{
	if (strstr(line, part) == NULL)
		ck_abort_msg("no '%s' in %s", part, line);
}

static const char *const done_fields[] = {
	" connection worker=7 id=1 client=127.0.0.1:",
	" listener=https service=echo sni=a.example certificate=default "
	    "version=TLSv1.3 cipher=TLS_AES_256_GCM_SHA384 group=x25519 "
	    "alpn=a\\x20b resumed=full early=none made_by=7 client_cert=none "
	    "client_cn=- client_sha256=- backend=- "
	    "backend_failed=- "
	    "handshake_ms=",
	" connect_ms=- total_ms=",
	" in=5 early_in=0 out=5 close=done error=-\n",
};

START_TEST(line_of_a_connection)
{
	struct client_how how = { .sni = "a.example", .alpn = "\3a b" };
	static char protocol[] = "a b", group[] = "X25519";
	struct peer *p;
	int i;

	open_log(LOGLVL_INFO);
	site_add_alpn(&world.site, protocol);
	world.site.listen.groups.value = group;
	world_open_service(CONF_SERVICE_ECHO);
	p = client_connect(&how);
	peer_send_text(p, "hello");
	p->finish = true;
	wait_for(p->eof);
	(void)close_log();
	for (i = 0; i < COUNT(done_fields); i++)
		has(done_fields[i]);
	ck_assert_ptr_eq(strchr(line, '\n'), strrchr(line, '\n'));
}
END_TEST

/* The fields are the rows of the table, in its order. */
START_TEST(fields)
{
	static const char *const names[] = {
#define X(ID, name, doc) name,
#include "conn/log_fields.def"
#undef X
	};
	char *field, *rest;
	int i;

	open_log(LOGLVL_INFO);
	world_open_service(CONF_SERVICE_ECHO);
	client_connect(NULL)->finish = true;
	wait_for(conn_hub_count(world.hub) == 0);
	(void)close_log();
	field = strtok_r(strstr(line, "worker="), " \n", &rest);
	for (i = 0; i < COUNT(names); i++) {
		ck_assert_ptr_nonnull(field);
		ck_assert_int_eq(strncmp(field, names[i], strlen(names[i])),
		    0);
		ck_assert_int_eq(field[strlen(names[i])], '=');
		field = strtok_r(NULL, " \n", &rest);
	}
	ck_assert_ptr_null(field);
}
END_TEST

START_TEST(line_of_a_failure)
{
	struct client_how how = { .version = TLS1_2_VERSION };
	struct peer *p;

	open_log(LOGLVL_INFO);
	world.site.listen.minimum_version = TLS1_3_VERSION;
	world_open_service(CONF_SERVICE_ECHO);
	p = client_new(&how);
	wait_for(p->eof);
	peer_drop(p);
	wait_for(conn_hub_count(world.hub) == 0);
	(void)close_log();
	has(" version=- cipher=- group=- alpn=- resumed=- early=none made_by=- ");
	has(" handshake_ms=- ");
	has(" in=0 early_in=0 out=0 close=handshake error=unsupported_protocol\n");
}
END_TEST

/* A version was settled, and then it failed; in its own time or by the end. */
static const struct {
	int version;
	const char *ciphers;
	bool half; /* the client falls silent after its first flight */
	const char *version_field, *end;
} failures[] = {
	{ TLS1_2_VERSION, "ECDHE-RSA-AES128-GCM-SHA256", false,
	    " version=TLSv1.2 cipher=- ", " close=handshake "
	    "error=no_shared_cipher\n" },
	{ TLS1_2_VERSION, NULL, true, " version=TLSv1.2 cipher=- ",
	    " close=client_abort error=in_the_handshake\n" },
	{ TLS1_3_VERSION, NULL, true, " version=TLSv1.3 cipher=- ",
	    " close=client_abort error=in_the_handshake\n" },
};

START_TEST(version_of_a_failure)
{
	struct client_how how = { .version = failures[_i].version,
		.ciphers = failures[_i].ciphers, .sni = "\xff\n.test" };
	struct peer *p;

	open_log(LOGLVL_INFO);
	world_open_service(CONF_SERVICE_ECHO);
	p = client_new(&how);
	peers_turn();
	p->mute = failures[_i].half;
	if (p->mute)
		turn_for(5);
	else
		wait_for(p->eof);
	peer_drop(p);
	wait_for(conn_hub_count(world.hub) == 0);
	(void)close_log();
	has(" sni=\\xff\\x0a.test ");
	has(failures[_i].version_field);
	has(failures[_i].end);
}
END_TEST

/* A hello of SSL 2.0: what it is, not what OpenSSL makes of it. */
START_TEST(old_hello)
{
	static const char hello[] = "\x80\x1c\x01\x03\x01\0\x03\0\0\0\x10"
	    "\0\0\x2f" "0123456789abcdef";
	struct client_how how = { .raw = true };
	struct peer *p;

	open_log(LOGLVL_INFO);
	world_open_service(CONF_SERVICE_ECHO);
	p = client_new(&how);
	peer_send(p, hello, sizeof(hello) - 1);
	p->finish = true;
	wait_for(conn_hub_count(world.hub) == 0);
	(void)close_log();
	has(" close=handshake error=hello_in_the_form_of_SSL_2.0\n");
}
END_TEST

/* Who connects and says nothing is of no interest, nor is any, if so set. */
START_TEST(no_line)
{
	struct client_how how = { .raw = true };

	open_log(_i == 0 ? LOGLVL_INFO : LOGLVL_DEBUG);
	if (_i == 2)
		world.hub_conf.log_connections = false;
	world_open_service(CONF_SERVICE_ECHO);
	peer_drop(client_new(&how));
	wait_for(conn_hub_count(world.hub) == 0);
	(void)close_log();
	if (_i == 1)
		has(" close=client_gone ");
	else
		ck_assert_str_eq(line, "");
}
END_TEST

/* What a client left behind, and its backend then did not take. */
START_TEST(not_delivered)
{
	struct peer *client, *server;
	struct conn *c;

	open_log(LOGLVL_INFO);
	site_proxy(1, false);
	client = client_connect(NULL);
	wait_for((server = backend_accept(&backends[0])) != NULL);
	server->deaf = true;
	peer_send_noise(client, 16u << 20, 1);
	c = the_conn();
	wait_for(c->input.paused);
	conn_enter(c);
	conn_close(c, CLOSE_PROTOCOL);
	conn_leave(c);
	ck_assert_int_eq(the_conn()->state, CONN_ORPHAN);
	peer_drop(server);
	wait_for(conn_hub_count(world.hub) == 0);
	close_log();
	has(" close=protocol error=");
	if (strstr(line, " error=-\n") != NULL)
		ck_abort_msg("no error in %s", line);
}
END_TEST

Suite *
log_suite(void)
{
	Suite *s;
	TCase *tc;

	s = suite_create("log");
	tc = world_tcase("log");
	tcase_add_test(tc, line_of_a_connection);
	tcase_add_test(tc, fields);
	tcase_add_test(tc, line_of_a_failure);
	tcase_add_loop_test(tc, version_of_a_failure, 0, COUNT(failures));
	tcase_add_test(tc, old_hello);
	tcase_add_loop_test(tc, no_line, 0, 3);
	suite_add_tcase(s, tc);
	tc = world_tcase("not_delivered");
	tcase_add_checked_fixture(tc, NULL, site_proxy_close);
	tcase_add_test(tc, not_delivered);
	suite_add_tcase(s, tc);
	return s;
}
