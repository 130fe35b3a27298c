/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "peer.h"
#include "service/service.h"
#include "test_service.h"
#include "world.h"

START_TEST(table)
{
	static const char *const names[] = {
#define X(ID, name, doc) name,
#include "conf/services.def"
#undef X
	};
	const struct conn_ops *ops;

	ops = service_ops((enum conf_service)_i);
	ck_assert_ptr_nonnull(ops);
	ck_assert_str_eq(ops->name, names[_i]);
}
END_TEST

static const char *const replies[] = { "test\n", "", "two\nlines\n" };

START_TEST(reply)
{
	char text[64];
	struct peer *p;

	snprintf(text, sizeof(text), "%s", replies[_i]);
	world.site.listen.text = text;
	world_open_service(CONF_SERVICE_REPLY);
	p = client_new(NULL);
	peer_send_text(p, "GET / HTTP/1.0\r\n\r\n");
	p->finish = true;
	wait_for(p->eof);
	ck_assert(p->closed && peer_got(p, replies[_i]));
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_uint_eq(closes(CLOSE_DONE), 1);
}
END_TEST

START_TEST(discard)
{
	struct peer *p;

	world_open_service(CONF_SERVICE_DISCARD);
	p = client_connect(NULL);
	peer_send_noise(p, 5u << 20, 1);
	p->finish = true;
	wait_for(p->eof);
	ck_assert(p->closed);
	ck_assert_uint_eq(p->in.len, 0);
	ck_assert_uint_eq(metric(METRIC_BYTES_IN), 5u << 20);
	ck_assert_uint_eq(closes(CLOSE_DONE), 1);
}
END_TEST

#define PAGE "HTTP/1.1 200 OK\r\nContent-Type: text/plain; " \
	"charset=us-ascii\r\nContent-Length: "

static const struct {
	const char *says;
	size_t step;
	bool finish;
	const char *begins; /* of the answer */
	bool line;	    /* the line is in it */
} traces[] = {
	{ "\n", 0, false, "worker=7 pid=", true },
	{ "", 0, true, "worker=7 pid=", true },
	{ "GET / HTTP/1.1\r\n\r\n", 0, false, PAGE, true },
	{ "GET / HTTP/1.1\r\n\r\n", 1, false, PAGE, true },
	{ "HEAD /x HTTP/1.1\r\n\r\n", 0, false, PAGE, false },
	{ "GE", 0, true, "worker=7 pid=", true },
	{ "GETTING ", 0, false, "worker=7 pid=", true },
	{ "HEADER: x", 0, false, "worker=7 pid=", true },
	{ "get / HTTP/1.1\r\n\r\n", 0, false, "worker=7 pid=", true },
	{ "\x80\xff", 0, false, "worker=7 pid=", true },
};

START_TEST(trace)
{
	static const char rest[] = " version=TLSv1.3 "
	    "cipher=TLS_AES_256_GCM_SHA384 group=x25519 sni=a.example alpn=- "
	    "resumed=full session_worker=7 early=none early_in=0 certificate=default "
	    "client_certificate=none connection=1\n";
	static char group[] = "X25519";
	struct client_how how = { .sni = "a.example" };
	struct peer *p;
	char want[512], *got;

	how.step = traces[_i].step;
	world.site.listen.groups.value = group;
	world_open_service(CONF_SERVICE_TRACE);
	p = client_new(&how);
	peer_send_text(p, traces[_i].says);
	p->finish = traces[_i].finish;
	wait_for(p->eof);
	ck_assert(p->closed);
	p->finish = true;
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_uint_eq(closes(CLOSE_DONE), 1);
	got = strndup((char *)p->in.data, p->in.len);
	ck_assert_int_eq(strncmp(got, traces[_i].begins,
	    strlen(traces[_i].begins)), 0);
	snprintf(want, sizeof(want), "worker=7 pid=%ld%s", (long)getpid(),
	    rest);
	ck_assert_int_eq(strstr(got, want) != NULL, traces[_i].line);
	free(got);
}
END_TEST

/* A client that says nothing gets nothing until it ends its side. */
START_TEST(trace_waits)
{
	struct peer *p;

	world_open_service(CONF_SERVICE_TRACE);
	p = client_connect(NULL);
	turn_for(10);
	ck_assert_uint_eq(p->in.len, 0);
	peer_drop(p);
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_uint_eq(closes(CLOSE_CLIENT_ABORT), 1);
}
END_TEST

Suite *
service_suite(void)
{
	Suite *s;
	TCase *tc;

	s = suite_create("service");
	tc = world_tcase("service");
	tcase_add_loop_test(tc, table, 0, CONF_SERVICE_COUNT);
	tcase_add_loop_test(tc, reply, 0, COUNT(replies));
	tcase_add_test(tc, discard);
	tcase_add_loop_test(tc, trace, 0, COUNT(traces));
	tcase_add_test(tc, trace_waits);
	suite_add_tcase(s, tc);
	return s;
}
