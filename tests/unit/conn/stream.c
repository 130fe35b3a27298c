/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <string.h>

#include "conn/conn_int.h"
#include "peer.h"
#include "record.h"
#include "test_conn.h"
#include "world.h"

#define LOTS (3u << 20)

static const size_t sizes[] = { 0, 1, 16383, 16384, 16385, 65536, 100000,
	LOTS };
static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

START_TEST(both_ways)
{
	struct client_how how = {
		.version = versions[_i % COUNT(versions)],
	};
	size_t size = sizes[_i / COUNT(versions)];
	struct peer *p;

	world_open_service(CONF_SERVICE_ECHO);
	p = client_connect(&how);
	peer_send_noise(p, size, 1);
	p->finish = true;
	wait_for(p->eof);
	ck_assert(p->closed);
	ck_assert_uint_eq(p->in.len, size);
	ck_assert(peer_got_noise(p, size, 1));
	ck_assert_uint_eq(metric(METRIC_BYTES_IN), size);
	ck_assert_uint_eq(metric(METRIC_BYTES_OUT), size);
	ck_assert_uint_eq(closes(CLOSE_DONE), 1);
}
END_TEST

/* A service that wants no more gets no more, and later every byte. */
START_TEST(pause_and_resume)
{
	struct conn *c;
	struct peer *p;
	size_t len;

	record.at = "rd"[_i];
	record.action = conn_pause;
	world_open(&record_ops);
	p = client_new(NULL);
	peer_send_noise(p, LOTS, 2);
	p->finish = true;
	wait_for(p->connected);
	turn_for(20);
	len = record.len;
	ck_assert_uint_le(len, _i == 0 ? 0 : CONN_CLEAR_SIZE);
	c = the_conn();
	ck_assert_str_eq(record.events, _i == 0 ? "br" : "brd");
	conn_enter(c);
	conn_resume(c);
	conn_leave(c);
	wait_for(p->eof);
	ck_assert_uint_eq(record.len, LOTS);
	ck_assert_str_eq(record.events, "brdeC");
	ck_assert(is_noise(record.data, LOTS, 2));
}
END_TEST

/* The ends wait, too: nobody hears of one before the bytes ahead of it. */
START_TEST(pause_before_end)
{
	struct conn *c;
	struct peer *p;

	record.at = 'd';
	record.action = conn_pause;
	world_open(&record_ops);
	p = client_connect(NULL);
	peer_send_text(p, "last words");
	p->finish = _i == 0;
	wait_for(record.len > 0);
	if (_i != 0)
		peer_drop(p);
	turn_for(10);
	ck_assert_str_eq(record.events, "brd");
	c = the_conn();
	conn_enter(c);
	conn_resume(c);
	conn_leave(c);
	wait_for(strlen(record.events) > 3);
	ck_assert_int_eq(record.events[3], _i == 0 ? 'e' : 'E');
}
END_TEST

/* An idle connection owns no buffers, whatever it did before. */
START_TEST(idle_owns_nothing)
{
	struct client_how how = { .server_buffer = 16384 };
	struct peer *p;
	struct conn *c;

	ck_assert_uint_le(sizeof(*c), 512);
	world_open_service(CONF_SERVICE_ECHO);
	p = client_connect(&how);
	peer_send_noise(p, LOTS, 3);
	wait_for(p->in.len == LOTS);
	c = the_conn();
	wait_for(c->wire.out == NULL);
	ck_assert_ptr_null(c->input.rest);
	ck_assert(peer_got_noise(p, LOTS, 3));
}
END_TEST

/* Back-pressure: who does not read is not read from for long. */
START_TEST(deaf_client)
{
	struct client_how how = { .server_buffer = 16384 };
	struct conn *c;
	struct peer *p;
	uint64_t in;

	world_open_service(CONF_SERVICE_ECHO);
	p = client_connect(&how);
	p->deaf = true;
	peer_send_noise(p, LOTS, 4);
	c = the_conn();
	wait_for(c->input.paused && c->wire.out != NULL);
	turn_for(20);
	in = metric(METRIC_BYTES_IN);
	ck_assert_uint_lt(in, LOTS);
	ck_assert_uint_lt(c->wire.out->size, 4 * CONN_CLEAR_SIZE);
	p->deaf = false;
	p->finish = true;
	wait_for(p->eof);
	ck_assert(peer_got_noise(p, LOTS, 4));
}
END_TEST

static uint8_t flood[LOTS];

static void
write_flood(struct conn *c)
{
	record.writable = conn_write(c, flood, sizeof(flood));
}

/* More at once than any buffer holds: all of it is taken, then no more. */
START_TEST(flood_client)
{
	struct client_how how = { .server_buffer = 16384 };
	struct peer *p;
	size_t i;

	for (i = 0; i < sizeof(flood); i++)
		flood[i] = (uint8_t)(i * 7 + i / 256);
	record.at = 'r';
	record.action = write_flood;
	record.writable = true;
	world_open(&record_ops);
	p = client_connect(&how);
	ck_assert(!record.writable);
	ck_assert_str_eq(record.events, "br");
	wait_for(p->in.len == sizeof(flood));
	ck_assert_mem_eq(p->in.data, flood, sizeof(flood));
	wait_for(strcmp(record.events, "bro") == 0);
}
END_TEST

/* The client goes while output for it waits in memory. */
START_TEST(gone_while_writing)
{
	struct client_how how = { .server_buffer = 16384 };
	struct peer *p;

	record.at = 'r';
	record.action = write_flood;
	world_open(&record_ops);
	p = client_connect(&how);
	ck_assert(wire_waits(&the_conn()->wire) > 0);
	if (_i == 0)
		peer_reset(p);
	else
		peer_drop(p);
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_uint_eq(closes(CLOSE_CLIENT_ABORT), 1);
	ck_assert_int_eq(record.events[strlen(record.events) - 1], 'C');
}
END_TEST

/* What the client sent before its reset still arrives. */
START_TEST(last_words)
{
	struct peer *p;

	world_open(&record_ops);
	p = client_connect(NULL);
	wait_for(p->session != NULL);
	peer_send_text(p, "last words");
	peers_turn();
	if (_i == 0)
		peer_reset(p);
	else
		peer_drop(p);
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_str_eq(record.events, _i == 0 ? "brdC" : "brdEC");
	ck_assert_mem_eq(record.data, "last words", 10);
	ck_assert_uint_eq(closes(CLOSE_CLIENT_CLOSED), 1);
}
END_TEST

/* A client that leaves very much unread is not read from either. */
START_TEST(unread_output)
{
	struct client_how how = { .server_buffer = 16384 };
	struct conn *c;
	struct peer *p;

	record.at = 'r';
	record.action = write_flood;
	world_open(&record_ops);
	p = client_new(&how);
	peer_send_text(p, "hello");
	wait_for(p->connected);
	p->deaf = true;
	c = the_conn();
	ck_assert_uint_gt(wire_waits(&c->wire), CONN_OUT_MAX);
	turn_for(20);
	ck_assert_str_eq(record.events, "br");
	p->deaf = false;
	wait_for(record.len == 5);
	wait_for(p->in.len == sizeof(flood));
}
END_TEST

/* All of it on the wire, and one turn of the loop for the hub. */
static void
hub_turn(struct peer *p)
{
	do
		peers_turn();
	while (p->wire.pos < p->wire.len);
	event_base_loop(world.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static struct {
	int64_t entered;
	size_t counted, share;
} entry;

/* Since the hub took up the connection, which sets its clock. */
static void
count_share(struct conn *c)
{
	if (c->hub->now != entry.entered)
		entry.share = 0;
	entry.entered = c->hub->now;
	entry.share += record.len - entry.counted;
	entry.counted = record.len;
	ck_assert_uint_le(entry.share, CONN_SHARE_RECORDS);
	record.at = 'd'; /* again */
}

/* Small records are work, however few bytes they are. */
START_TEST(many_records)
{
	const struct client_how how = { .version = versions[_i] };
	struct peer *p;
	size_t i, len, turns, n = 8 * CONN_SHARE_RECORDS;

	memset(&entry, 0, sizeof(entry));
	record.at = 'd';
	record.action = count_share;
	world_open(&record_ops);
	p = client_connect(&how);
	for (i = 0; i < n; i++)
		ck_assert_int_eq(SSL_write(p->ssl, &"0123456789"[i % 10], 1),
		    1);
	for (turns = 0; record.len < n; turns++) {
		len = record.len;
		hub_turn(p);
		/* An event, its turn after a share, a recheck: not all. */
		ck_assert_uint_le(record.len - len, 3 * CONN_SHARE_RECORDS);
		ck_assert_uint_lt(turns, 100);
	}
	for (i = 0; i < n; i++)
		ck_assert_int_eq(record.data[i], "0123456789"[i % 10]);
	p->finish = true;
	wait_for(p->eof);
	ck_assert(p->closed);
}
END_TEST

static void
update_keys(struct peer *p, int n, int answer)
{
	while (n-- > 0) {
		ck_assert_int_eq(SSL_key_update(p->ssl, answer), 1);
		ck_assert_int_eq(SSL_do_handshake(p->ssl), 1);
	}
}

static const int answers[] = { SSL_KEY_UPDATE_NOT_REQUESTED,
	SSL_KEY_UPDATE_REQUESTED };

/* Key updates may come as often as there are data between them. */
START_TEST(key_updates)
{
	struct peer *p;
	int i;

	world_open(&record_ops);
	p = client_connect(NULL);
	for (i = 0; i < 10; i++) {
		update_keys(p, CONN_BARREN_MAX - 1, answers[_i]);
		ck_assert_int_eq(SSL_write(p->ssl, "x", 1), 1);
	}
	wait_for(record.len == 10);
	p->finish = true;
	wait_for(p->eof);
	ck_assert(p->closed);
	ck_assert_uint_eq(closes(CLOSE_DONE), 1);
}
END_TEST

/*
 * A flood of them is 27 bytes for a good part of a handshake each. Who sends
 * it is told.
 */
START_TEST(too_many_key_updates)
{
	struct conn *c;
	struct peer *p;

	world_open(&record_ops);
	p = client_connect(NULL);
	wait_for(p->session != NULL);
	update_keys(p, 20 * CONN_BARREN_MAX, answers[_i]);
	c = the_conn();
	hub_turn(p);
	ck_assert_int_eq(c->state, CONN_LINGER);
	ck_assert_str_eq(c->error, "too_many_records_without_data");
	p->mute = true;
	wait_for(p->eof);
	ck_assert_int_eq(p->alert, SSL_AD_UNEXPECTED_MESSAGE);
	peer_drop(p);
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_uint_eq(closes(CLOSE_PROTOCOL), 1);
}
END_TEST

/* The same in TLS 1.2, which has other records of that kind. */
START_TEST(too_many_records)
{
	const struct client_how how = { .version = TLS1_2_VERSION };
	struct peer *p;

	world_open(&record_ops);
	p = client_connect(&how);
	wait_for(strcmp(record.events, "br") == 0);
	the_conn()->input.barren = CONN_BARREN_MAX;
	peer_send_text(p, "x");
	wait_for(record.len == 1);
	the_conn()->input.barren = CONN_BARREN_MAX + 1;
	peer_send_text(p, "x");
	wait_for(p->eof);
	ck_assert_int_eq(p->alert, SSL_AD_RECORD_OVERFLOW);
	ck_assert_uint_eq(record.len, 1);
	peer_drop(p);
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_uint_eq(closes(CLOSE_PROTOCOL), 1);
}
END_TEST

/* What goes to nobody has the share of one event, too, as others wait. */
START_TEST(broken_share)
{
	static uint8_t much[65536];
	struct peer *p;
	struct conn *c;
	size_t n = 0;

	world_open(&record_ops);
	p = client_connect(NULL);
	wait_for(strcmp(record.events, "br") == 0);
	c = the_conn();
	peer_reset(p);
	conn_enter(c);
	while (n < 4 * CONN_SHARE_WRITE && conn_write(c, much, sizeof(much)))
		n += sizeof(much);
	ck_assert(c->wire.flags & WIRE_BROKEN);
	ck_assert_uint_lt(n, CONN_SHARE_WRITE);
	conn_leave(c);
	wait_for(conn_hub_count(world.hub) == 0);
}
END_TEST

Suite *
stream_suite(void)
{
	Suite *s;
	TCase *tc;

	s = suite_create("stream");
	tc = world_tcase("stream");
	tcase_add_loop_test(tc, both_ways, 0, COUNT(sizes) * COUNT(versions));
	tcase_add_loop_test(tc, pause_and_resume, 0, 2);
	tcase_add_loop_test(tc, pause_before_end, 0, 2);
	tcase_add_test(tc, idle_owns_nothing);
	tcase_add_test(tc, deaf_client);
	tcase_add_test(tc, flood_client);
	tcase_add_loop_test(tc, gone_while_writing, 0, 2);
	tcase_add_loop_test(tc, last_words, 0, 2);
	tcase_add_test(tc, unread_output);
	tcase_add_loop_test(tc, many_records, 0, COUNT(versions));
	tcase_add_loop_test(tc, key_updates, 0, COUNT(answers));
	tcase_add_loop_test(tc, too_many_key_updates, 0, COUNT(answers));
	tcase_add_test(tc, too_many_records);
	tcase_add_test(tc, broken_share);
	suite_add_tcase(s, tc);
	return s;
}
