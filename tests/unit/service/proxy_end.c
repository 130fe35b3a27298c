/* SPDX-License-Identifier: ISC */
/* The proxy: how one side's end reaches the other. */
#include "config.h"

#include <string.h>

#include <sys/socket.h>

#include "base/fd.h"
#include "conn/conn_int.h"
#include "peer.h"
#include "site_proxy.h"
#include "test_service.h"
#include "world.h"

#define LOTS (2u << 20)

static struct peer *client, *server;

/* A pair that has exchanged a word each way. */
static void
pair_how(const struct client_how *how, bool local)
{
	site_proxy(1, local);
	client = client_connect(how);
	wait_for((server = backend_accept(&backends[0])) != NULL);
	peer_send_text(client, "ping");
	wait_for(peer_got(server, "ping"));
	peer_send_text(server, "pong");
	wait_for(peer_got(client, "pong"));
	client->in.len = server->in.len = 0;
}

static void
pair(bool local)
{
	pair_how(NULL, local);
}

/*
 * Whether the kernel says when the backend's system has taken all. Where it
 * does not, only the backend's end does: a connection waits for that, and the
 * backend sees an end rather than a reset.
 */
static bool
kernel_tells(void)
{
	return fd_unsent(server->fd) != -1;
}

/* Nobody waits for this backend's end, unless nothing else tells. */
static void
end_if_needed(void)
{
	if (!kernel_tells())
		server->finish = true;
}

START_TEST(client_ends_first)
{
	pair(_i == 1);
	client->finish = true;
	wait_for(server->eof);
	ck_assert(!client->eof && !client->closed);
	peer_send_noise(server, LOTS, 1);
	server->finish = true;
	wait_for(client->eof);
	ck_assert(client->closed);
	ck_assert(client->in.len == LOTS && peer_got_noise(client, LOTS, 1));
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_uint_eq(closes(CLOSE_DONE), 1);
}
END_TEST

START_TEST(backend_ends_first)
{
	pair(_i == 1);
	server->finish = true;
	wait_for(client->eof);
	ck_assert(client->closed && !server->eof);
	client->eof = false;
	peer_send_noise(client, LOTS, 1);
	client->finish = true;
	wait_for(server->eof);
	ck_assert(server->in.len == LOTS && peer_got_noise(server, LOTS, 1));
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_uint_eq(closes(CLOSE_DONE), 1);
}
END_TEST

/* … also those that are more than one turn of the loop takes. */
START_TEST(backend_ends_many_records)
{
	size_t i, n = 3 * CONN_SHARE_RECORDS;

	pair(_i == 1);
	server->finish = true;
	wait_for(client->eof);
	for (i = 0; i < n; i++)
		ck_assert_int_eq(SSL_write(client->ssl, "x", 1), 1);
	client->finish = true;
	do
		peers_turn();
	while (!client->finished || client->wire.pos < client->wire.len);
	ck_assert_int_eq(shutdown(client->fd, SHUT_WR), 0);
	wait_for(server->eof || server->reset);
	ck_assert(!server->reset);
	ck_assert_uint_eq(server->in.len, n);
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_uint_eq(closes(CLOSE_DONE), 1);
}
END_TEST

/* Who has had all may leave without a word: it is no abort. */
START_TEST(backend_ends_client_leaves)
{
	pair(_i == 1);
	peer_send_noise(server, LOTS, 1);
	server->finish = true;
	wait_for(client->eof);
	ck_assert(client->in.len == LOTS && client->closed);
	peer_drop(client);
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_uint_eq(closes(CLOSE_DONE), 1);
}
END_TEST

/* What the backend sees of ends that are not in order, as configured. */
static void
wait_backend_end(bool reset)
{
	wait_for(server->reset || server->eof);
	ck_assert(server->reset == reset);
}

static void
leave(int how)
{
	if (how == 0)
		peer_drop(client);
	else if (how == 1)
		peer_reset(client);
	else
		conn_hub_close(world.hub, CLOSE_DRAIN);
}

START_TEST(client_cut)
{
	bool reset = _i % 2 == 1;

	world.site.listen.client_cut_reset = reset;
	pair(false);
	leave(_i / 2);
	/* A stop does not wait for the kernel's word. */
	wait_backend_end(reset && (_i / 2 == 2 || kernel_tells()));
	/* It goes on as half a connection. */
	server->finish = true;
	wait_for(conn_hub_count(world.hub) == 0);
	if (_i / 2 == 0)
		ck_assert_uint_eq(closes(CLOSE_CLIENT_CLOSED), 1);
	else if (_i / 2 == 1)
		ck_assert_uint_eq(closes(CLOSE_CLIENT_ABORT), 1);
	else
		ck_assert_uint_eq(closes(CLOSE_DRAIN), 1);
}
END_TEST

/*
 * No end overtakes the bytes before it: those that wait for the backend here,
 * and those that wait in the kernel.
 */
START_TEST(cut_behind_data)
{
	bool local = _i % 2 == 1, reset = _i / 2 % 2 == 1;
	struct client_how how = { .version = TLS1_2_VERSION };
	struct conn *c;
	size_t n;

	world.site.listen.client_cut_reset = reset;
	pair_how(&how, local);
	server->deaf = true;
	peer_send_noise(client, LOTS, 1);
	peer_send_noise(server, 1000, 2); /* it must not make a reset */
	wait_for(client->in.len == 1000);
	wait_for(client->out.pos == client->out.len &&
	    client->wire.pos == client->wire.len);
	leave(_i / 4);
	turn_for(3 * CONN_RECHECK_MS);
	c = the_conn();
	ck_assert(!server->eof && !server->reset);
	server->deaf = false;
	server->sip = 30000;
	wait_for(server->reset || server->eof);
	/* A reset destroys what waits in the client's own system. */
	n = metric(METRIC_BYTES_IN) - 4;
	ck_assert(n == LOTS || (_i / 4 == 1 && n > LOTS / 4));
	ck_assert_uint_eq(server->in.len, n);
	ck_assert(peer_got_noise(server, n, 1));
	ck_assert(server->reset == (reset && !local && kernel_tells()));
	if (conn_hub_count(world.hub) > 0)
		ck_assert_ptr_eq(the_conn(), c);
	server->finish = true;
	wait_for(conn_hub_count(world.hub) == 0);
}
END_TEST

/* The backend's system takes no more: a pause that stays. */
static void
stand_still(struct conn *c)
{
	uint64_t before;

	do {
		wait_for(c->input.paused);
		before = metric(METRIC_BYTES_IN);
		turn_for(20);
	} while (!c->input.paused || metric(METRIC_BYTES_IN) != before);
}

/* Only the backend's progress keeps alive what is left of a connection. */
START_TEST(backend_never_reads)
{
	struct conn *c;

	pair(false);
	server->deaf = true;
	peer_send_noise(client, 16u << 20, 1);
	c = the_conn();
	stand_still(c);
	if (_i == 1)
		peer_reset(client);
	world.site.listen.idle_timeout = 300; /* all that may take its time */
	conn_deadline_set(c, conn_timeout_at(c));
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_uint_eq(closes(CLOSE_IDLE_TIMEOUT), 1);
	server->deaf = false;
	wait_backend_end(true);
}
END_TEST

/* Five minutes have passed in which nothing has moved. */
static void
let_time_pass(struct conn *c)
{
	c->active -= (int64_t)CONN_LEFT_MS * 1000;
	conn_deadline_set(c, conn_timeout_at(c));
}

/*
 * Without idle_timeout a client may wait for ever, and a backend need not read
 * for that long; what a client has left behind does not stay, whether its end
 * was seen (0) or is behind what nobody reads (1).
 */
START_TEST(left_behind)
{
	struct conn *c;
	int64_t before;

	world.site.listen.idle_timeout = 0;
	pair(false);
	server->deaf = true;
	peer_send_noise(client, 16u << 20, 1);
	c = the_conn();
	stand_still(c);
	if (_i == 0) {
		conn_enter(c);
		conn_close(c, CLOSE_PROTOCOL);
		conn_leave(c);
		ck_assert_int_eq(the_conn()->state, CONN_ORPHAN);
	} else if (_i == 1) {
		peer_reset(client);
	}
	turn_for(20);
	ck_assert_uint_eq(conn_hub_count(world.hub), 1);
	before = c->active;
	let_time_pass(c);
	if (_i == 2) {
		wait_for(c->active >= before);
		turn_for(20);
		ck_assert_uint_eq(conn_hub_count(world.hub), 1);
		server->deaf = false;
		wait_for(server->in.len == 16u << 20);
		return;
	}
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_uint_eq(closes(_i == 0 ? CLOSE_PROTOCOL :
	    CLOSE_IDLE_TIMEOUT), 1);
	server->deaf = false;
	wait_backend_end(true);
}
END_TEST

/* A client that is over does not make it send for ever. */
START_TEST(backend_answers_nobody)
{
	struct conn *c;

	pair(false);
	server->deaf = true;
	peer_send_noise(client, 16u << 20, 1);
	c = the_conn();
	wait_for(c->input.paused);
	if (_i == 0) {
		conn_enter(c);
		conn_close(c, CLOSE_PROTOCOL);
		conn_leave(c);
		ck_assert_int_eq(the_conn()->state, CONN_ORPHAN);
	} else {
		peer_reset(client);
	}
	peer_send_noise(server, 2 * CONN_WASTE_MAX, 2);
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert(server->wire.pos < server->wire.len);
	ck_assert_uint_eq(closes(_i == 0 ? CLOSE_PROTOCOL :
	    CLOSE_CLIENT_ABORT), 1);
}
END_TEST

/* A worker that stops leaves to the kernel what that takes. */
START_TEST(stopped_behind_data)
{
	const size_t n = 100000;

	pair(_i == 1);
	server->deaf = true;
	peer_send_noise(client, n, 1);
	peer_send_noise(server, 1000, 2);
	wait_for(metric(METRIC_BYTES_IN) == n + 4);
	client->mute = true;
	conn_hub_close(world.hub, CLOSE_STOPPED);
	server->deaf = false;
	wait_for(server->reset || server->eof);
	ck_assert(server->eof && peer_got_noise(server, n, 1));
}
END_TEST

/* A client that leaves before the backend is there, with and without data. */
START_TEST(client_cut_before_connect)
{
	struct addr addr;
	struct err err;
	int fd;

	site_proxy_backlog(1, true, 0);
	ck_assert_int_eq(addr_parse(backends[0].text, &addr, NULL, &err), 0);
	fd = fill_one(&addr);
	client = client_connect(NULL);
	wait_for(conn_is_ready(the_conn()));
	wait_for(client->session != NULL);
	if (_i == 0) {
		peer_drop(client);
		wait_for(conn_hub_count(world.hub) == 0);
		ck_assert_uint_eq(closes(CLOSE_CLIENT_CLOSED), 1);
	} else {
		peer_send_text(client, "words");
		peers_turn();
		leave(_i - 1);
		turn_for(30);
		ck_assert_ptr_nonnull(backend_accept(&backends[0]));
		wait_for((server = backend_accept(&backends[0])) != NULL);
		wait_for(server->eof);
		ck_assert(peer_got(server, "words"));
		server->finish = true;
		wait_for(conn_hub_count(world.hub) == 0);
	}
	close_fd(fd);
}
END_TEST

/*
 * Early data of a client that leaves in its handshake: all of them arrive; with
 * the PROXY protocol, those that its header told of.
 */
START_TEST(early_then_cut)
{
	static char early[8001];
	struct client_how how = { .early = early, .step = 500 };
	bool header = _i % 2 == 1;
	struct leg *leg;
	size_t len = sizeof(early) - 1;
	int tiny = 1;

	memset(early, 'e', len);
	how.session = site_proxy_early(header);
	client = client_new(&how);
	peer_send_early(client, early);
	wait_for((server = backend_accept(&backends[0])) != NULL);
	leg = the_leg();
	server->deaf = true;
	ck_assert_int_eq(setsockopt(leg->wire.fd, SOL_SOCKET, SO_SNDBUF, &tiny,
	    sizeof(tiny)), 0);
	wait_for(leg_waits(leg) > 0 && the_conn()->early.bytes == 2 * len);
	ck_assert_ptr_nonnull(the_conn()->early.kept);
	leave(_i / 2);
	turn_for(20);
	ck_assert_int_eq(the_conn()->state, CONN_ORPHAN);
	server->deaf = false;
	wait_for(server->eof || server->reset);
	ck_assert(server->eof);
	if (header)
		ck_assert(server->in.len > len && server->in.len < 2 * len);
	else
		ck_assert_uint_eq(server->in.len, 2 * len);
	end_if_needed();
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_uint_eq(closes(CLOSE_CLIENT_ABORT), 1);
	SSL_SESSION_free(how.session);
}
END_TEST

/*
 * A client of TLS 1.2 that has ended both ways is answered at once; one that
 * goes on reading gets what there is.
 */
START_TEST(ended_both_ways)
{
	struct client_how how = { .version = _i % 2 == 0 ? TLS1_2_VERSION :
	    TLS1_3_VERSION };
	bool at_once = _i == 0;

	pair_how(&how, false);
	peer_send_text(client, "last");
	client->finish = true;
	wait_for(client->finished && client->wire.pos == client->wire.len);
	if (_i < 2)
		ck_assert_int_eq(shutdown(client->fd, SHUT_WR), 0);
	wait_for(server->eof);
	ck_assert(peer_got(server, "last"));
	if (at_once) {
		wait_for(client->closed);
		end_if_needed();
		wait_for(conn_hub_count(world.hub) == 0);
	} else {
		ck_assert(!client->closed);
		peer_send_noise(server, LOTS, 1);
		server->finish = true;
		wait_for(client->closed);
		ck_assert(peer_got_noise(client, LOTS, 1));
	}
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_uint_eq(closes(CLOSE_DONE), 1);
}
END_TEST

/* But the bytes of a client that ended in order stay valid. */
START_TEST(client_gone_after_end)
{
	pair(false);
	client->finish = true;
	peer_send_noise(client, LOTS, 1);
	wait_for(client->finished && client->wire.pos == client->wire.len);
	if (_i == 1)
		wait_for(server->eof);
	peer_reset(client);
	wait_for(server->eof || server->reset);
	ck_assert(!server->reset);
	ck_assert(server->in.len == LOTS && peer_got_noise(server, LOTS, 1));
	server->finish = true;
	wait_for(conn_hub_count(world.hub) == 0);
}
END_TEST

/* A backend that breaks off: what it sent arrives, but no close_notify. */
START_TEST(backend_reset)
{
	pair(false);
	peer_send_noise(server, 30000, 1);
	wait_for(server->wire.pos == server->wire.len);
	if (_i == 1)
		wait_for(client->in.len == 30000);
	peer_reset(server);
	wait_for(client->eof || client->reset);
	ck_assert(client->eof && !client->closed);
	peer_drop(client);
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_uint_eq(closes(CLOSE_BACKEND_ABORT), 1);
}
END_TEST

/*
 * A backend that has said all and closes while the client still talks (an
 * early error page): the kernel resets, and the page must arrive.
 */
START_TEST(early_answer)
{
	pair(_i == 1);
	server->deaf = true;
	peer_send_noise(client, 16u << 20, 1);
	wait_for(the_conn()->input.paused);
	peer_send_noise(server, 50000, 2);
	wait_for(server->wire.pos == server->wire.len);
	peer_drop(server);
	wait_for(client->in.len == 50000 || client->eof || client->reset);
	ck_assert(peer_got_noise(client, 50000, 2));
	wait_for(client->eof);
	peer_drop(client);
	wait_for(conn_hub_count(world.hub) == 0);
}
END_TEST

/* A backend that ended in order, then closed: the rest is thrown away. */
START_TEST(backend_ends_then_closes)
{
	pair(false);
	server->finish = true;
	wait_for(client->closed);
	peer_drop(server);
	client->eof = false;
	peer_send_noise(client, LOTS, 1);
	client->finish = true;
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_uint_eq(closes(CLOSE_DONE), 1);
	ck_assert_uint_eq(metric(METRIC_BYTES_IN), LOTS + 4);
}
END_TEST

/* The backend's socket is closed as soon as both its ends are. */
START_TEST(leg_closed_early)
{
	struct client_how how = { .server_buffer = 4096,
		.client_buffer = 8192 };
	struct leg *leg;

	pair_how(&how, false);
	client->finish = true;
	wait_for(server->eof);
	client->deaf = true;
	peer_send_noise(server, 60000, 1);
	server->finish = true;
	leg = the_leg();
	wait_for(leg->state == LEG_NONE);
	ck_assert(wire_waits(&the_conn()->wire) > 0);
	client->deaf = false;
	wait_for(client->eof);
	ck_assert(client->closed && peer_got_noise(client, 60000, 1));
}
END_TEST

/* A failed handshake takes the connection to the backend with it. */
START_TEST(handshake_cut)
{
	world.site.listen.connect = CONF_CONNECT_HELLO;
	site_proxy(1, false);
	client = client_new(NULL);
	peers_turn();
	client->mute = true;
	wait_for((server = backend_accept(&backends[0])) != NULL);
	peer_drop(client);
	wait_for(server->reset || server->eof);
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_uint_eq(closes(CLOSE_CLIENT_ABORT), 1);
}
END_TEST

/* Data from the backend keeps the connection from being idle. */
START_TEST(backend_activity)
{
	struct conn *c;
	int64_t before;

	pair(false);
	c = the_conn();
	before = c->active;
	client->deaf = true;
	peer_send_text(server, "x");
	wait_for(c->active > before);
	ck_assert_uint_eq(conn_hub_count(world.hub), 1);
}
END_TEST

Suite *
proxy_end_suite(void)
{
	Suite *s;
	TCase *tc;

	s = suite_create("proxy_end");
	tc = world_tcase("proxy_end");
	tcase_add_checked_fixture(tc, NULL, site_proxy_close);
	tcase_add_loop_test(tc, client_ends_first, 0, 2);
	tcase_add_loop_test(tc, backend_ends_first, 0, 2);
	tcase_add_loop_test(tc, backend_ends_many_records, 0, 2);
	tcase_add_loop_test(tc, backend_ends_client_leaves, 0, 2);
	tcase_add_loop_test(tc, client_cut, 0, 6);
	tcase_add_loop_test(tc, cut_behind_data, 0, 8);
	tcase_add_loop_test(tc, backend_never_reads, 0, 2);
	tcase_add_loop_test(tc, left_behind, 0, 3);
	tcase_add_loop_test(tc, backend_answers_nobody, 0, 2);
	tcase_add_loop_test(tc, stopped_behind_data, 0, 2);
	tcase_add_loop_test(tc, client_cut_before_connect, 0, 3);
	tcase_add_loop_test(tc, early_then_cut, 0, 4);
	tcase_add_loop_test(tc, ended_both_ways, 0, 4);
	tcase_add_loop_test(tc, client_gone_after_end, 0, 2);
	tcase_add_loop_test(tc, backend_reset, 0, 2);
	tcase_add_loop_test(tc, early_answer, 0, 2);
	tcase_add_test(tc, backend_ends_then_closes);
	tcase_add_test(tc, leg_closed_early);
	tcase_add_test(tc, handshake_cut);
	tcase_add_test(tc, backend_activity);
	suite_add_tcase(s, tc);
	return s;
}
