/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <string.h>

#include <openssl/err.h>

#include "peer.h"
#include "record.h"
#include "test_conn.h"
#include "world.h"

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

/* Each byte arrives alone, the client's and so the server's events too. */
START_TEST(byte_by_byte)
{
	struct client_how how = { .version = versions[_i], .step = 1 };
	struct peer *p;

	world_open(&record_ops);
	p = client_new(&how);
	peer_send_text(p, "hello");
	p->finish = true;
	wait_for(p->eof);
	ck_assert(p->connected && p->closed);
	ck_assert_str_eq(record.events, "brdeC");
	ck_assert_uint_eq(record.len, 5);
	ck_assert_mem_eq(record.data, "hello", 5);
	ck_assert_uint_eq(closes(CLOSE_DONE), 1);
	ck_assert_uint_eq(metric(METRIC_HANDSHAKES_FULL), 1);
	ck_assert_uint_eq(metric(METRIC_BYTES_IN), 5);
}
END_TEST

START_TEST(over_a_unix_socket)
{
	struct client_how how = { .version = versions[_i], .local = true };
	struct peer *p;

	world_open_service(CONF_SERVICE_ECHO);
	p = client_connect(&how);
	peer_send_text(p, "hello");
	p->finish = true;
	wait_for(p->eof);
	ck_assert(peer_got(p, "hello") && p->closed);
}
END_TEST

static const struct {
	const char *bytes;
	size_t len;
	enum close_reason reason;
	uint64_t failed;
} strangers[] = {
	{ "", 0, CLOSE_CLIENT_GONE, 0 },
	{ "G", 1, CLOSE_NOT_TLS, 1 },
	{ "GET / HTTP/1.0\r\n\r\n", 18, CLOSE_NOT_TLS, 1 },
	{ "SSH-2.0-OpenSSH_9.2\r\n", 21, CLOSE_NOT_TLS, 1 },
	{ "\0\0\0\0\0\0\0\0\0\0\0\0", 12, CLOSE_NOT_TLS, 1 },
	{ "\x16\x04\x01\0\x05hello", 10, CLOSE_NOT_TLS, 1 },
	{ "\x16\x03\x01\x02", 4, CLOSE_CLIENT_ABORT, 1 },
	{ "\x16\x03\x01\0\x05hello", 10, CLOSE_HANDSHAKE, 1 },
	{ "\x80\x1c\x01\x03\x01\0\x03\0\0\0\x10\0\0\x2f" "0123456789abcdef",
	    30, CLOSE_HANDSHAKE, 1 },
	{ "\x80\x1c\x01\0\x02\0\x03\0\0\0\x10\1\0\x80" "0123456789abcdef",
	    30, CLOSE_HANDSHAKE, 1 },
	{ "\x80\x1c\x02\x03\x01\0\x03\0\0\0\x10\0\0\x2f" "0123456789abcdef",
	    30, CLOSE_NOT_TLS, 1 },
	{ "\x16\x03\x01\xff\xff", 5, CLOSE_HANDSHAKE, 1 },
	{ "\x15\x03\x01\0\x02\x02\x28", 7, CLOSE_HANDSHAKE, 1 },
};

/* Health checks, scanners, other protocols: they say something and close. */
START_TEST(stranger)
{
	struct client_how how = { .raw = true };
	struct peer *p;

	world_open(&record_ops);
	p = client_new(&how);
	peer_send(p, strangers[_i].bytes, strangers[_i].len);
	p->finish = true;
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_uint_eq(closes(strangers[_i].reason), 1);
	ck_assert_uint_eq(metric(METRIC_HANDSHAKES_FAILED),
	    strangers[_i].failed);
	ck_assert_str_eq(record.events, "C");
}
END_TEST

/*
 * The header of a ClientHello that is too large, in records that hold so many
 * bytes of it, which come in such pieces. Nothing more is sent.
 */
static const struct {
	uint32_t size;
	size_t record, step;
	bool refused;
} hellos[] = {
	{ 131000, 4, 0, true },
	{ 131000, 4, 1, true },
	{ 131000, 1, 0, true },
	{ 131000, 3, 1, true },
	{ 0xffffff, 4, 0, true },
	{ (32 << 10) + 1, 4, 0, true },
	{ 32 << 10, 4, 0, false },
	{ 32 << 10, 1, 1, false },
};

START_TEST(hello_header)
{
	struct client_how how = { .raw = true, .step = hellos[_i].step };
	const uint8_t message[] = { 1, (uint8_t)(hellos[_i].size >> 16),
		(uint8_t)(hellos[_i].size >> 8), (uint8_t)hellos[_i].size };
	const uint8_t header[] = { 22, 3, 1, 0, (uint8_t)hellos[_i].record };
	struct peer *p;
	size_t i, n;

	world_open(&record_ops);
	p = client_new(&how);
	for (i = 0; i < sizeof(message); i += n) {
		n = hellos[_i].record;
		if (n > sizeof(message) - i)
			n = 1;
		peer_send(p, header, sizeof(header));
		peer_send(p, message + i, n);
		if (n < hellos[_i].record)
			break;
	}
	if (!hellos[_i].refused) {
		turn_for(20);
		ck_assert_uint_eq(conn_hub_count(world.hub), 1);
		return;
	}
	wait_for(p->eof);
	ck_assert_uint_eq(p->in.len, 7);
	ck_assert_mem_eq(p->in.data, "\x15\3\3\0\2\2\x2f", 7);
	p->finish = true;
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_uint_eq(closes(CLOSE_HANDSHAKE), 1);
}
END_TEST

/* The same in the second one, after a HelloRetryRequest; and before early data. */
START_TEST(second_hello)
{
	static const char junk[] = "\x14\3\3\0\1\1\x17\3\3\0\4junk"
	    "\x16\3\3\0\4\1\1\xff\xb8";
	static char group[] = "P-384";
	struct peer *p;

	world.site.listen.groups.value = group;
	world_open(&record_ops);
	p = client_new(NULL);
	peers_turn();
	p->mute = true;
	event_base_loop(world.base, EVLOOP_NONBLOCK);
	ck_assert_int_eq(send(p->fd, junk, sizeof(junk) - 1, 0),
	    sizeof(junk) - 1);
	wait_for(p->eof);
	ck_assert_int_eq(p->alert, SSL_AD_ILLEGAL_PARAMETER);
	peer_drop(p);
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_uint_eq(closes(CLOSE_HANDSHAKE), 1);
}
END_TEST

/* What clients may have to say one day takes no more than that. */
START_TEST(large_hello)
{
	struct client_how how = { .version = versions[_i] };
	char alpn[24001];
	int i;

	for (i = 0; i < 24000; i += 2)
		memcpy(alpn + i, "\1a", 3);
	how.alpn = alpn;
	world_open_service(CONF_SERVICE_ECHO);
	client_connect(&how);
}
END_TEST

/* Garbage is answered and the socket closed though the client does not. */
START_TEST(stranger_stays)
{
	struct client_how how = { .raw = true };
	struct peer *p;

	world.site.listen.shutdown_timeout = 20;
	world_open(&record_ops);
	p = client_new(&how);
	peer_send_text(p, "GET / HTTP/1.0\r\n\r\n");
	wait_for(p->eof);
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_uint_eq(closes(CLOSE_NOT_TLS), 1);
}
END_TEST

/* The client learns why, also when it sends more than we look at. */
START_TEST(alert)
{
	struct client_how how = { .version = TLS1_2_VERSION };
	struct peer *p;

	world.site.listen.minimum_version = TLS1_3_VERSION;
	world_open(&record_ops);
	p = client_new(&how);
	peers_turn();
	ck_assert_int_gt(send(p->fd, record.events, sizeof(record.events),
	    0), 0);
	wait_for(p->eof);
	ck_assert(!p->reset);
	ck_assert_int_eq(p->alert, SSL_AD_PROTOCOL_VERSION);
	peer_drop(p);
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_uint_eq(closes(CLOSE_HANDSHAKE), 1);
	ck_assert_str_eq(record.events, "C");
}
END_TEST

START_TEST(half_a_hello)
{
	struct client_how how = { .step = 40 };
	struct peer *p;

	world_open(&record_ops);
	p = client_new(&how);
	peers_turn();
	p->mute = true;
	turn_for(5);
	peer_drop(p);
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_uint_eq(closes(CLOSE_CLIENT_ABORT), 1);
	ck_assert_uint_eq(metric(METRIC_HANDSHAKES_FAILED), 1);
}
END_TEST

START_TEST(silence)
{
	struct client_how how = { .raw = _i == 0 };

	world.site.listen.handshake_timeout = 30;
	world_open(&record_ops);
	client_new(&how)->mute = true;
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_uint_eq(closes(CLOSE_HANDSHAKE_TIMEOUT), 1);
	ck_assert_uint_eq(metric(METRIC_HANDSHAKES_FAILED), 1);
	ck_assert_uint_eq(world.gone, 1);
}
END_TEST

/* The handshake's time is over though bytes come all the time. */
START_TEST(slow_hello)
{
	struct client_how how = { .step = 1 };
	struct peer *p;

	world.site.listen.handshake_timeout = 30;
	world_open(&record_ops);
	p = client_new(&how);
	while (conn_hub_count(world.hub) > 0 && p->wire.pos < 30) {
		p->mute = false;
		peers_turn();
		p->mute = true;
		turn_for(2);
	}
	ck_assert_uint_eq(closes(CLOSE_HANDSHAKE_TIMEOUT), 1);
}
END_TEST

/* OpenSSL's error queue belongs to nobody in particular. */
START_TEST(old_errors)
{
	struct peer *p;

	world_open_service(CONF_SERVICE_ECHO);
	ERR_raise(ERR_LIB_SSL, SSL_R_BAD_LENGTH);
	p = client_new(NULL);
	while (!p->connected) {
		peers_turn();
		ERR_raise(ERR_LIB_SSL, SSL_R_BAD_LENGTH);
		event_base_loop(world.base, EVLOOP_NONBLOCK);
	}
	peer_send_text(p, "hello");
	peers_turn();
	ERR_raise(ERR_LIB_SSL, SSL_R_BAD_LENGTH);
	wait_for(peer_got(p, "hello"));
	ck_assert_uint_eq(conn_hub_count(world.hub), 1);
}
END_TEST

static void
leave_done(struct peer *p)
{
	p->finish = true;
	wait_for(p->closed);
}

static void
leave_idle(struct peer *p)
{
	wait_for(p->eof);
}

static void
leave_with_garbage(struct peer *p)
{
	static const char record_of_noise[] = "\x17\x03\x03\0\x20"
	    "0123456789abcdef0123456789abcdef";

	ck_assert_int_gt(send(p->fd, record_of_noise,
	    sizeof(record_of_noise) - 1, 0), 0);
	wait_for(p->eof || p->reset);
}

static const struct {
	void (*leave)(struct peer *);
	enum close_reason reason;
	bool resumes;
} leavings[] = {
	{ leave_done, CLOSE_DONE, true },
	{ peer_drop, CLOSE_CLIENT_CLOSED, true },
	{ peer_reset, CLOSE_CLIENT_CLOSED, true },
	{ leave_idle, CLOSE_IDLE_TIMEOUT, true },
	{ leave_with_garbage, CLOSE_PROTOCOL, false },
};

/*
 * How a client leaves decides whether its session lives on. In TLS 1.3 it
 * always does: who records a ClientHello could end it otherwise.
 */
START_TEST(session_after)
{
	int how_left = _i / SITE_KINDS;
	const struct site_kind *kind = &site_kinds[_i % SITE_KINDS];
	struct client_how how = { .version = kind->version };
	struct peer *p;
	bool lives = leavings[how_left].resumes ||
	    kind->resumption != CONF_RESUME_STATEFUL ||
	    kind->version == TLS1_3_VERSION;

	world.site.listen.resumption = kind->resumption;
	if (leavings[how_left].reason == CLOSE_IDLE_TIMEOUT)
		world.site.listen.idle_timeout = 30;
	world_open(&record_ops);
	p = client_connect(&how);
	wait_for(p->session != NULL);
	wait_for(strcmp(record.events, "br") == 0);
	/* A copy: the client would not offer one that saw an alert. */
	how.session = SSL_SESSION_dup(p->session);
	leavings[how_left].leave(p);
	if (p->fd != -1)
		peer_drop(p);
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_uint_eq(closes(leavings[how_left].reason), 1);

	p = client_connect(&how);
	SSL_SESSION_free(how.session);
	ck_assert_int_eq(SSL_session_reused(p->ssl), lives);
	ck_assert_uint_eq(metric(METRIC_HANDSHAKES_RESUMED), lives);
}
END_TEST

Suite *
handshake_suite(void)
{
	Suite *s;
	TCase *tc;

	s = suite_create("handshake");
	tc = world_tcase("handshake");
	tcase_add_loop_test(tc, byte_by_byte, 0, COUNT(versions));
	tcase_add_loop_test(tc, over_a_unix_socket, 0, COUNT(versions));
	tcase_add_loop_test(tc, hello_header, 0, COUNT(hellos));
	tcase_add_test(tc, second_hello);
	tcase_add_loop_test(tc, large_hello, 0, 2);
	tcase_add_loop_test(tc, stranger, 0, COUNT(strangers));
	tcase_add_test(tc, stranger_stays);
	tcase_add_test(tc, alert);
	tcase_add_test(tc, half_a_hello);
	tcase_add_loop_test(tc, silence, 0, 2);
	tcase_add_test(tc, slow_hello);
	tcase_add_test(tc, old_errors);
	tcase_add_loop_test(tc, session_after, 0,
	    COUNT(leavings) * SITE_KINDS);
	suite_add_tcase(s, tc);
	return s;
}
