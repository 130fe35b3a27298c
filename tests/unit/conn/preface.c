/* SPDX-License-Identifier: ISC */
/* What comes before TLS; here that is a line of text. */
#include "config.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "conn/conn_int.h"
#include "peer.h"
#include "record.h"
#include "test_conn.h"
#include "world.h"

static struct {
	size_t seen; /* by the last call */
	unsigned calls;
} line;

/* It begins with "hi" and ends with a newline. */
static enum preface
read_line(struct conn *c, const uint8_t *buf, size_t len, size_t *used)
{
	const uint8_t *end = memchr(buf, '\n', len);

	ck_assert_uint_gt(len, line.seen);
	line.seen = len;
	line.calls++;
	if (memcmp(buf, "hi", len < 2 ? len : 2) != 0) {
		conn_set_error(c, "bad manners");
		return PREFACE_REFUSE;
	}
	if (end == NULL)
		return PREFACE_MORE;
	*used = (size_t)(end - buf) + 1;
	return PREFACE_DONE;
}

static void
open_world(const struct conn_ops *ops)
{
	memset(&line, 0, sizeof(line));
	world_open(ops);
	world.listener.preface = read_line;
}

static const struct {
	int version;
	size_t step;
} rows[] = {
	{ TLS1_2_VERSION, 0 },
	{ TLS1_3_VERSION, 0 },
	{ TLS1_2_VERSION, 1 },
	{ TLS1_3_VERSION, 1 },
	{ TLS1_3_VERSION, 100 },
};

/* The handshake gets all that is behind it, in whatever pieces that comes. */
START_TEST(before_tls)
{
	struct client_how how = { .version = rows[_i].version };
	struct peer *p;

	open_world(&record_ops);
	p = client_new(&how);
	p->step = rows[_i].step;
	ck_assert_int_eq(the_conn()->state, CONN_PREFACE);
	peer_send_plain(p, "hi there\n", 9);
	peer_send_text(p, "hello");
	p->finish = true;
	wait_for(p->eof);
	ck_assert(p->connected && p->closed);
	ck_assert_str_eq(record.events, "brdeC");
	ck_assert_mem_eq(record.data, "hello", 5);
	ck_assert_uint_eq(line.calls, rows[_i].step == 1 ? 9 : 1);
	ck_assert_uint_eq(closes(CLOSE_DONE), 1);
}
END_TEST

/* In several events, of which each but the last leaves nothing to do. */
START_TEST(in_pieces)
{
	struct conn *c;
	struct peer *p;
	int i;

	open_world(&record_ops);
	p = client_new(NULL);
	p->mute = true;
	c = the_conn();
	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(send(p->fd, "hi hi", 5, MSG_NOSIGNAL), 5);
		wait_for(line.calls == (unsigned)i + 1);
		turn_for(2);
		ck_assert_int_eq(c->state, CONN_PREFACE);
		ck_assert_uint_eq(c->input.rest->len, line.seen);
	}
	ck_assert_int_eq(send(p->fd, "\n", 1, MSG_NOSIGNAL), 1);
	wait_for(c->state == CONN_HANDSHAKE);
	p->mute = false;
	wait_for(p->connected);
	ck_assert_uint_eq(line.seen, 16);
	ck_assert_str_eq(record.events, "br");
}
END_TEST

static char too_long[CONN_PREFACE_MAX + 1];

static const struct {
	const char *bytes;
	size_t len; /* 0: as many as there are */
	enum close_reason reason;
	uint64_t failed; /* of handshakes that were begun */
} strangers[] = {
	{ "", 0, CLOSE_CLIENT_GONE, 0 },
	{ "hi", 0, CLOSE_CLIENT_ABORT, 0 },
	{ "hi\n", 0, CLOSE_CLIENT_GONE, 0 },
	{ "ho", 0, CLOSE_HANDSHAKE, 0 },
	{ too_long, CONN_PREFACE_MAX - 1, CLOSE_CLIENT_ABORT, 0 },
	{ too_long, CONN_PREFACE_MAX, CLOSE_HANDSHAKE, 0 },
	{ "hi\nGET / HTTP/1.0\r\n\r\n", 0, CLOSE_NOT_TLS, 1 },
	{ "hi\n\x16\x03\x01\x02", 0, CLOSE_CLIENT_ABORT, 1 },
	/* A ClientHello of 16 MiB. */
	{ "hi\n\x16\x03\x01\x01\x01\x01\xff\xff\xff", 0, CLOSE_HANDSHAKE, 1 },
};

START_TEST(stranger)
{
	struct client_how how = { .raw = true };
	size_t len = strangers[_i].len;
	struct peer *p;

	memset(too_long, '.', sizeof(too_long));
	memcpy(too_long, "hi", 2);
	if (len == 0)
		len = strlen(strangers[_i].bytes);
	open_world(&record_ops);
	p = client_new(&how);
	peer_send(p, strangers[_i].bytes, len);
	p->finish = true;
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_uint_eq(closes(strangers[_i].reason), 1);
	ck_assert_uint_eq(metric(METRIC_HANDSHAKES_FAILED),
	    strangers[_i].failed);
	ck_assert_str_eq(record.events, "C");
}
END_TEST

/* Not even one that goes on and on has more time than for a handshake. */
START_TEST(late)
{
	struct client_how how = { .raw = true };
	struct peer *p;

	world.site.listen.handshake_timeout = 50;
	open_world(&record_ops);
	p = client_new(&how);
	peer_send_text(p, "hi");
	wait_for(line.seen == 2);
	peer_send_text(p, "...");
	p->step = 1;
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_uint_eq(closes(CLOSE_HANDSHAKE_TIMEOUT), 1);
	ck_assert_uint_eq(metric(METRIC_HANDSHAKES_FAILED), 1);
}
END_TEST

/* A reset in the midst of it. */
START_TEST(reset)
{
	struct client_how how = { .raw = true };
	struct peer *p;

	open_world(&record_ops);
	p = client_new(&how);
	peer_send_text(p, "hi");
	wait_for(line.seen == 2);
	peer_reset(p);
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_uint_eq(closes(CLOSE_CLIENT_ABORT), 1);
}
END_TEST

/* The worker stops. */
START_TEST(stopped)
{
	open_world(&record_ops);
	(void)client_new(NULL);
	conn_hub_drain(world.hub);
	ck_assert_int_eq(the_conn()->state, CONN_PREFACE);
	conn_hub_close(world.hub, CLOSE_STOPPED);
	ck_assert_uint_eq(closes(CLOSE_STOPPED), 1);
	ck_assert_str_eq(record.events, "C");
}
END_TEST

/* A listener without one. */
START_TEST(none)
{
	world_open(&record_ops);
	(void)client_new(NULL);
	ck_assert_int_eq(the_conn()->state, CONN_HANDSHAKE);
}
END_TEST

/* What the table of states does not allow is a failure of ours. */
START_TEST(illegal_move)
{
	world_open(&record_ops);
	(void)client_new(NULL);
	conn_move(the_conn(), CONN_PREFACE);
}
END_TEST

Suite *
preface_suite(void)
{
	Suite *suite = suite_create("preface");
	TCase *tc = world_tcase("preface");

	tcase_add_loop_test(tc, before_tls, 0, COUNT(rows));
	tcase_add_test(tc, in_pieces);
	tcase_add_loop_test(tc, stranger, 0, COUNT(strangers));
	tcase_add_test(tc, late);
	tcase_add_test(tc, reset);
	tcase_add_test(tc, stopped);
	tcase_add_test(tc, none);
	suite_add_tcase(suite, tc);

	tc = world_tcase("preface-mistakes");
	tcase_set_tags(tc, "fork");
	tcase_add_test_raise_signal(tc, illegal_move, SIGABRT);
	suite_add_tcase(suite, tc);
	return suite;
}
