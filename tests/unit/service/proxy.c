/* SPDX-License-Identifier: ISC */
/* The proxy: connecting, and bytes both ways. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <sys/resource.h>
#include <poll.h>

#include "base/clock.h"
#include "conn/conn_int.h"
#include "peer.h"
#include "site_proxy.h"
#include "test_service.h"
#include "world.h"

#define LOTS (8u << 20)

static const struct {
	bool local;
	size_t up, down; /* bytes */
	size_t client_sip, backend_sip; /* slow readers */
} flows[] = {
	{ false, 0, 0, 0, 0 },
	{ false, 1, 1, 0, 0 },
	{ false, 100000, 0, 0, 0 },
	{ false, 0, 100000, 0, 0 },
	{ false, LOTS, LOTS, 0, 0 },
	{ false, LOTS, LOTS, 0, 5000 },
	{ false, LOTS, LOTS, 5000, 0 },
	{ true, 1, 1, 0, 0 },
	{ true, LOTS, LOTS, 0, 5000 },
	{ true, LOTS, LOTS, 5000, 0 },
};

/* Each way with its own noise and its own end. */
START_TEST(flow)
{
	struct client_how how = { 0 };
	struct peer *client, *server;

	how.version = _i % 2 == 0 ? TLS1_3_VERSION : TLS1_2_VERSION;
	site_proxy(1, flows[_i].local);
	client = client_new(&how);
	client->sip = flows[_i].client_sip;
	client->finish = true;
	peer_send_noise(client, flows[_i].up, 1);
	wait_for((server = backend_accept(&backends[0])) != NULL);
	server->sip = flows[_i].backend_sip;
	server->finish = true;
	peer_send_noise(server, flows[_i].down, 2);
	wait_for(client->eof && server->eof);
	ck_assert(client->closed);
	ck_assert_uint_eq(server->in.len, flows[_i].up);
	ck_assert_uint_eq(client->in.len, flows[_i].down);
	ck_assert(peer_got_noise(server, flows[_i].up, 1));
	ck_assert(peer_got_noise(client, flows[_i].down, 2));
	ck_assert_uint_eq(closes(CLOSE_DONE), 1);
	ck_assert_uint_eq(metric(METRIC_BACKEND_CONNECTS), 1);
	ck_assert_uint_eq(metric(METRIC_BACKEND_FAILURES), 0);
}
END_TEST

/* Whoever does not read stops the other side, and memory stays small. */
START_TEST(back_pressure)
{
	struct peer *client, *server;
	struct conn *c;

	site_proxy(1, false);
	client = client_new(NULL);
	wait_for((server = backend_accept(&backends[0])) != NULL);
	wait_for(client->connected && client->session != NULL);
	client->deaf = server->deaf = true;
	peer_send_noise(client, 16u << 20, 1);
	peer_send_noise(server, 16u << 20, 2);
	c = the_conn();
	wait_for(c->input.paused && c->wire.out != NULL);
	turn_for(100);
	ck_assert_uint_lt(client->wire.pos, 16u << 20);
	ck_assert_uint_lt(server->wire.pos, 16u << 20);
	ck_assert_uint_lt(c->wire.out->size, 4 * CONN_TX_SIZE);
	client->deaf = server->deaf = false;
	client->finish = server->finish = true;
	wait_for(client->eof && server->eof);
	ck_assert(peer_got_noise(server, 16u << 20, 1));
	ck_assert(peer_got_noise(client, 16u << 20, 2));
}
END_TEST

/* What an idle pair costs beyond OpenSSL. */
START_TEST(small)
{
	struct peer *client, *server;
	struct leg *leg;

	ck_assert_uint_le(sizeof(struct conn) + sizeof(struct proxy), 800);
	site_proxy(1, false);
	client = client_connect(NULL);
	wait_for((server = backend_accept(&backends[0])) != NULL);
	peer_send_text(client, "ping");
	wait_for(peer_got(server, "ping"));
	peer_send_text(server, "pong");
	wait_for(peer_got(client, "pong"));
	leg = the_leg();
	ck_assert_uint_eq(leg_waits(leg), 0);
	ck_assert_ptr_null(the_conn()->wire.out);
	ck_assert_ptr_null(the_conn()->input.rest);
}
END_TEST

/* A client that does not complete its handshake takes no backend's place. */
START_TEST(connect_handshake)
{
	struct peer *client, *server;

	site_proxy(1, _i == 1);
	client = client_new(NULL);
	peers_turn(); /* the ClientHello goes */
	client->mute = true;
	turn_for(30);
	ck_assert_ptr_null(backend_accept(&backends[0]));
	client->mute = false;
	wait_for((server = backend_accept(&backends[0])) != NULL);
	peer_send_text(server, "banner");
	wait_for(peer_got(client, "banner"));
}
END_TEST

/* Nor does one that says nothing, whichever way it leaves. */
START_TEST(connect_data)
{
	struct peer *client, *server;

	world.site.listen.connect = CONF_CONNECT_DATA;
	site_proxy(1, _i == 1);
	client = client_connect(NULL);
	turn_for(30);
	client->finish = true;
	wait_for(client->eof);
	ck_assert(client->closed);
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_uint_eq(closes(CLOSE_DONE), 1);
	client = client_connect(NULL);
	peer_drop(client);
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_uint_eq(closes(CLOSE_CLIENT_CLOSED), 1);
	ck_assert_uint_eq(metric(METRIC_BACKEND_CONNECTS), 0);
	client = client_connect(NULL);
	peer_send_text(client, "hello");
	wait_for((server = backend_accept(&backends[0])) != NULL);
	wait_for(peer_got(server, "hello"));
	peer_send_text(server, "world");
	wait_for(peer_got(client, "world"));
	ck_assert_uint_eq(metric(METRIC_BACKEND_CONNECTS), 1);
}
END_TEST

/* The connection is there before the handshake is over. */
START_TEST(connect_hello)
{
	struct peer *client, *server;

	world.site.listen.connect = CONF_CONNECT_HELLO;
	site_proxy(1, _i == 1);
	client = client_new(NULL);
	peers_turn(); /* the ClientHello goes */
	client->mute = true;
	wait_for((server = backend_accept(&backends[0])) != NULL);
	peer_send_text(server, "banner");
	turn_for(10);
	ck_assert(!client->connected || client->wire.pos < client->wire.len);
	client->mute = false;
	wait_for(peer_got(client, "banner"));
}
END_TEST

/* The ticket goes with the first answer, or soon without. */
START_TEST(ticket_with_answer)
{
	struct peer *client, *server;

	site_proxy(1, false);
	client = client_new(NULL);
	peer_send_text(client, "ping");
	wait_for((server = backend_accept(&backends[0])) != NULL);
	wait_for(peer_got(server, "ping"));
	ck_assert_ptr_nonnull(the_conn()->output.held);
	ck_assert_ptr_null(client->session);
	if (_i == 0) {
		peer_send_text(server, "pong");
		wait_for(peer_got(client, "pong"));
		ck_assert_ptr_nonnull(client->session);
	} else if (_i == 1) {
		wait_for(client->session != NULL);
		peer_send_text(server, "pong");
		wait_for(peer_got(client, "pong"));
	} else if (_i == 2) {
		peer_reset(server);
		wait_for(client->eof);
		ck_assert(!client->closed && client->session != NULL);
		turn_for(2 * CONN_RECHECK_MS);
		ck_assert_uint_eq(conn_hub_count(world.hub), 1);
		return;
	} else {
		server->finish = true;
		wait_for(client->eof);
		ck_assert(client->closed && client->session != NULL);
		return;
	}
	ck_assert_ptr_null(the_conn()->output.held);
}
END_TEST

/* What OpenSSL itself has to say does not wait, and takes the ticket along. */
START_TEST(ticket_with_key_update)
{
	struct peer *client, *server;
	int i;

	site_proxy(1, false);
	client = client_new(NULL);
	peers_turn(); /* the ClientHello goes */
	client->mute = true;
	wait_for(client->connected);
	peer_send_text(client, "ping");
	peers_turn();
	for (i = 0; i < 10; i++) {
		ck_assert_int_eq(SSL_key_update(client->ssl,
		    SSL_KEY_UPDATE_REQUESTED), 1);
		ck_assert_int_eq(SSL_do_handshake(client->ssl), 1);
		peers_turn();
	}
	client->mute = false;
	wait_for((server = backend_accept(&backends[0])) != NULL);
	wait_for(peer_got(server, "ping"));
	ck_assert_ptr_null(the_conn()->output.held);
	wait_for(client->session != NULL);
	peer_send_text(server, "pong");
	wait_for(peer_got(client, "pong"));
}
END_TEST

/* What ends a handshake of TLS 1.2 never waits, nor what no answer follows. */
START_TEST(ticket_at_once)
{
	struct client_how how = { .version = _i == 0 ? TLS1_2_VERSION : 0 };
	struct peer *client, *server;

	site_proxy(1, false);
	client = client_new(&how);
	if (_i == 0)
		peer_send_text(client, "ping");
	wait_for((server = backend_accept(&backends[0])) != NULL);
	wait_for(client->connected && client->session != NULL);
	ck_assert_ptr_null(the_conn()->output.held);
}
END_TEST

START_TEST(turns)
{
	struct peer *p[4], *servers[2][2];
	size_t i;

	site_proxy(2, false);
	for (i = 0; i < 4; i++)
		p[i] = client_connect(NULL);
	for (i = 0; i < 2; i++) {
		wait_for((servers[i][0] = backend_accept(&backends[i])) !=
		    NULL);
		wait_for((servers[i][1] = backend_accept(&backends[i])) !=
		    NULL);
	}
	ck_assert(p[3]->connected);
}
END_TEST

/* Backends that are down are passed over. */
START_TEST(next_one)
{
	struct peer *client, *server;

	site_proxy(3, _i >= 3);
	backend_close(&backends[_i % 3]);
	backend_close(&backends[(_i + 1) % 3]);
	client = client_connect(NULL);
	peer_send_text(client, "hello");
	wait_for((server = backend_accept(&backends[(_i + 2) % 3])) != NULL);
	wait_for(peer_got(server, "hello"));
	ck_assert_uint_le(metric(METRIC_BACKEND_FAILURES), 2);
	ck_assert_uint_eq(metric(METRIC_BACKEND_CONNECTS), 1);
	backends_closed[_i % 3] = backends_closed[(_i + 1) % 3] = true;
}
END_TEST

/*
 * A backend that has taken the PROXY header, or some of it, and not all of the
 * early data: what waits for it is not the header any more.
 */
START_TEST(header_gone_ahead)
{
	static char early[16001];
	struct client_how how = { .early = early, .step = 500 };
	struct peer *client, *server;
	struct leg *leg;
	size_t i, head;
	int tiny = 1;

	memset(early, 0x10, sizeof(early) - 1); /* a length within it */
	how.session = site_proxy_early(true);
	client = client_new(&how);
	wait_for((server = backend_accept(&backends[0])) != NULL);
	leg = the_leg();
	ck_assert_int_eq(leg->state, LEG_UP);
	ck_assert(!(the_proxy()->flags & PROXY_F_HEADER));
	server->deaf = true;
	ck_assert_int_eq(setsockopt(leg->wire.fd, SOL_SOCKET, SO_SNDBUF, &tiny,
	    sizeof(tiny)), 0);
	wait_for(leg_waits(leg) > 0);
	ck_assert_uint_lt(leg_waits(leg), sizeof(early) - 1);
	client->early = false;
	wait_for(client->connected && the_proxy()->flags & PROXY_F_READY);
	server->deaf = false;
	wait_for(server->in.len > sizeof(early) - 1 && leg_waits(leg) == 0);
	head = server->in.len - (sizeof(early) - 1);
	for (i = 0; i < sizeof(early) - 1; i++)
		ck_assert_int_eq(server->in.data[head + i], 0x10);
	SSL_SESSION_free(how.session);
}
END_TEST

static void
wait_refused(struct peer *client, enum close_reason reason)
{
	wait_for(client->eof);
	ck_assert(client->connected && !client->closed);
	peer_drop(client);
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_uint_eq(closes(reason), 1);
}

static const enum conf_connect connects[] = {
	CONF_CONNECT_HANDSHAKE, CONF_CONNECT_DATA, CONF_CONNECT_HELLO,
};

/* The handshake is completed all the same: it is not TLS that failed. */
START_TEST(all_down)
{
	struct peer *client;

	site_proxy(2, _i % 2 == 1);
	backend_close(&backends[0]);
	backend_close(&backends[1]);
	backends_closed[0] = backends_closed[1] = true;
	world.site.listen.connect = connects[_i / 2];
	client = client_new(NULL);
	peer_send_text(client, "hello");
	wait_refused(client, CLOSE_BACKEND_DOWN);
	ck_assert_uint_eq(metric(METRIC_BACKEND_FAILURES), 2);
}
END_TEST

/* Connections until the kernel lets one wait. Returns their number. */
static size_t
fill_queue(struct backend *b, int *fds, size_t max)
{
	struct addr addr;
	struct err err;
	size_t n;

	ck_assert_int_eq(addr_parse(b->text, &addr, NULL, &err), 0);
	for (n = 0; n < max; n++) {
		fds[n] = fill_one(&addr);
		if (fds[n] == -1)
			return n;
	}
	ck_abort_msg("the queue has no end");
}

START_TEST(connect_timeout)
{
	struct peer *client;
	int fds[64];
	size_t n;

	world.site.listen.connect_timeout = 40;
	site_proxy_backlog(1, _i == 1, 1);
	n = fill_queue(&backends[0], fds, 64);
	client = client_connect(NULL);
	wait_refused(client, CLOSE_CONNECT_TIMEOUT);
	while (n > 0)
		close_fd(fds[--n]);
}
END_TEST

/* A worker that was busy finds both, the connection and the time-out. */
START_TEST(connect_in_time)
{
	struct peer *client, *server;
	struct pollfd pfd = { .events = POLLOUT };
	int64_t until;
	int fds[64];
	size_t n, i;

	world.site.listen.connect_timeout = 500;
	site_proxy_backlog(1, false, 1);
	n = fill_queue(&backends[0], fds, 64);
	client = client_connect(NULL);
	peer_send_text(client, "hello");
	wait_for(the_leg()->state ==
	    LEG_CONNECTING);
	until = clock_mono_us() + 500000;
	for (i = 0; i < n; i++)
		ck_assert_ptr_nonnull(backend_accept(&backends[0]));
	pfd.fd = the_leg()->wire.fd;
	ck_assert_int_eq(poll(&pfd, 1, 10000), 1);
	ck_assert_int_eq(pfd.revents, POLLOUT);
	while (clock_mono_us() <= until)
		;
	wait_for((server = backend_accept(&backends[0])) != NULL);
	wait_for(peer_got(server, "hello"));
	peer_send_text(server, "world");
	wait_for(peer_got(client, "world"));
	while (n > 0)
		close_fd(fds[--n]);
}
END_TEST

/* A full queue of a Unix socket is waited for. */
START_TEST(full_queue)
{
	struct peer *client, *server;
	const struct leg *leg;
	int fds[64];
	size_t n, i;

	site_proxy_backlog(1, true, 1);
	n = fill_queue(&backends[0], fds, 64);
	client = client_connect(NULL);
	peer_send_text(client, "hello");
	turn_for(30);
	ck_assert_uint_eq(metric(METRIC_BACKEND_CONNECTS), 0);
	for (i = 0; i < n; i++)
		ck_assert_ptr_nonnull(backend_accept(&backends[0]));
	wait_for((server = backend_accept(&backends[0])) != NULL);
	wait_for(peer_got(server, "hello"));
	/* Had the backend not taken all of it, somebody would have to know. */
	leg = the_leg();
	ck_assert(leg->wire.flags & WIRE_WATCH_OUT);
	while (n > 0)
		close_fd(fds[--n]);
}
END_TEST

/* No descriptor for the backend's socket. */
START_TEST(no_descriptor)
{
	struct rlimit old, new;
	struct peer *client;

	site_proxy(1, false);
	client = client_new(NULL);
	getrlimit(RLIMIT_NOFILE, &old);
	new = old;
	new.rlim_cur = 3;
	setrlimit(RLIMIT_NOFILE, &new);
	wait_for(client->connected);
	setrlimit(RLIMIT_NOFILE, &old);
	wait_refused(client, CLOSE_BACKEND_DOWN);
}
END_TEST

Suite *
proxy_suite(void)
{
	Suite *s;
	TCase *tc;

	s = suite_create("proxy");
	tc = world_tcase("proxy");
	tcase_add_checked_fixture(tc, NULL, site_proxy_close);
	tcase_add_loop_test(tc, flow, 0, COUNT(flows));
	tcase_add_test(tc, back_pressure);
	tcase_add_test(tc, small);
	tcase_add_loop_test(tc, connect_handshake, 0, 2);
	tcase_add_loop_test(tc, connect_data, 0, 2);
	tcase_add_loop_test(tc, connect_hello, 0, 2);
	tcase_add_loop_test(tc, ticket_with_answer, 0, 4);
	tcase_add_test(tc, ticket_with_key_update);
	tcase_add_loop_test(tc, ticket_at_once, 0, 2);
	tcase_add_test(tc, turns);
	tcase_add_loop_test(tc, next_one, 0, 6);
	tcase_add_test(tc, header_gone_ahead);
	tcase_add_loop_test(tc, all_down, 0, 2 * COUNT(connects));
	tcase_add_loop_test(tc, connect_timeout, 0, 2);
	tcase_add_test(tc, connect_in_time);
	tcase_add_test(tc, full_queue);
	tcase_add_test(tc, no_descriptor);
	suite_add_tcase(s, tc);
	return s;
}
