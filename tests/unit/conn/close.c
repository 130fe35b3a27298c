/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <signal.h>
#include <string.h>

#include "conn/conn_int.h"
#include "peer.h"
#include "record.h"
#include "test_conn.h"
#include "world.h"

#define LOTS (1u << 20)

static void
close_internal(struct conn *c)
{
	conn_close(c, CLOSE_INTERNAL);
	/* All of this is allowed and does nothing any more. */
	ck_assert(!conn_write(c, "x", 1));
	ck_assert(!conn_has_room(c));
	conn_pause(c);
	conn_resume(c);
	conn_finish(c);
	conn_end(c);
	conn_abort(c, CLOSE_PROTOCOL);
	conn_close(c, CLOSE_PROTOCOL);
}

static void
write_much(struct conn *c)
{
	static const uint8_t zeros[LOTS];

	(void)conn_write(c, zeros, sizeof(zeros));
}

/* Bring about each event of the service in turn. */
static void
live(char until)
{
	struct client_how how = { .server_buffer = 16384 };
	struct peer *p;

	p = client_new(&how);
	wait_for(conn_hub_count(world.hub) == 0 || p->connected);
	if (strchr("br", until) != NULL)
		return;
	if (until == 'D') {
		wait_for(strchr(record.events, 'r') != NULL);
		conn_hub_drain(world.hub);
		return;
	}
	if (until == 'o') {
		wait_for(strchr(record.events, 'r') != NULL);
		conn_enter(the_conn());
		write_much(the_conn());
		conn_leave(the_conn());
	}
	if (strchr("de", until) != NULL) {
		peer_send_text(p, "hello");
		p->finish = true;
	}
	if (until == 'E') {
		/* With the ticket unread the kernel would reset. */
		wait_for(p->session != NULL);
		peer_drop(p);
	}
}

/* Whatever happens, a service may close, and hears of nothing afterwards. */
START_TEST(close_at)
{
	static const char events[] = "brdeEoD";

	record.at = events[_i];
	record.action = close_internal;
	world_open(&record_ops);
	live(events[_i]);
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_uint_eq(closes(CLOSE_INTERNAL), 1);
	ck_assert_uint_eq(world.gone, 1);
	ck_assert_int_eq(record.events[strlen(record.events) - 1], 'C');
	ck_assert_int_eq(record.events[strlen(record.events) - 2],
	    events[_i]);
}
END_TEST

/* We are done first; the client goes on sending. */
START_TEST(finish_first)
{
	struct peer *p;

	record.at = 'r';
	record.action = conn_finish;
	world_open(&record_ops);
	p = client_connect(NULL);
	wait_for(p->closed && p->eof);
	p->eof = false;
	peer_send_noise(p, LOTS, 1);
	p->finish = true;
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_str_eq(record.events, "brdeC");
	ck_assert(record.len == LOTS && is_noise(record.data, LOTS, 1));
	ck_assert_uint_eq(closes(CLOSE_DONE), 1);
}
END_TEST

static void
end_with_words(struct conn *c)
{
	(void)conn_write(c, "bye", 3);
	conn_end(c);
	ck_assert(!conn_write(c, "no more", 7));
}

/* What the client says after conn_end() is read, for no one. */
START_TEST(end)
{
	struct peer *p;

	record.at = 'r';
	record.action = end_with_words;
	world_open(&record_ops);
	p = client_connect(NULL);
	peer_send_noise(p, LOTS, 1);
	wait_for(p->eof);
	ck_assert(p->closed && peer_got(p, "bye"));
	p->eof = false;
	wait_for(p->wire.pos == p->wire.len && p->out.pos == p->out.len);
	ck_assert_uint_eq(conn_hub_count(world.hub), 1);
	if (_i == 0)
		p->finish = true;
	else
		peer_drop(p);
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_str_eq(record.events, "brC");
	ck_assert_uint_eq(closes(CLOSE_DONE), 1);
}
END_TEST

static void
abort_with_words(struct conn *c)
{
	(void)conn_write(c, "bye", 3);
	conn_abort(c, CLOSE_BACKEND_ABORT);
}

/* The client gets what there was, and sees that it was not all. */
START_TEST(abort_late)
{
	struct peer *p;

	record.at = 'd';
	record.action = abort_with_words;
	world_open(&record_ops);
	p = client_connect(NULL);
	peer_send_noise(p, LOTS, 1);
	wait_for(p->eof);
	ck_assert(!p->closed && !p->reset && peer_got(p, "bye"));
	ck_assert_str_eq(record.events, "brdC");
	peer_drop(p);
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_uint_eq(closes(CLOSE_BACKEND_ABORT), 1);
}
END_TEST

static void
finish_after_much(struct conn *c)
{
	write_much(c);
	conn_finish(c);
}

/* close_notify goes behind all output, also when that takes long. */
START_TEST(finish_behind_output)
{
	struct client_how how = { .server_buffer = 16384 };
	struct peer *p;

	record.at = 'r';
	record.action = finish_after_much;
	world_open(&record_ops);
	p = client_connect(&how);
	wait_for(p->eof);
	ck_assert(p->closed);
	ck_assert_uint_eq(p->in.len, LOTS);
	p->eof = false;
	p->finish = true;
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_uint_eq(closes(CLOSE_DONE), 1);
}
END_TEST

static const struct {
	void (*action)(struct conn *);
	enum close_reason reason;
} timed[] = {
	{ NULL, CLOSE_IDLE_TIMEOUT },
	{ conn_finish, CLOSE_SHUTDOWN_TIMEOUT },
	{ conn_end, CLOSE_SHUTDOWN_TIMEOUT },
	{ abort_with_words, CLOSE_BACKEND_ABORT },
};

/* A client that does nothing is not waited for for ever. */
START_TEST(timeout)
{
	world.site.listen.idle_timeout = 30;
	world.site.listen.shutdown_timeout = 30;
	record.at = 'r';
	record.action = timed[_i].action;
	world_open(&record_ops);
	(void)client_connect(NULL);
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_uint_eq(closes(timed[_i].reason), 1);
}
END_TEST

/* One that is held up by the service has time, whoever has ended. */
START_TEST(held_up)
{
	const int64_t idle = 3000, shutdown = 1000;
	struct conn *c;

	world.site.listen.idle_timeout = idle;
	world.site.listen.shutdown_timeout = shutdown;
	record.at = 'r';
	record.action = conn_finish;
	world_open(&record_ops);
	(void)client_connect(NULL);
	c = the_conn();
	wait_for(c->wire.flags & WIRE_SHUT);
	ck_assert_int_eq(conn_timeout_at(c) - c->active, shutdown * 1000);
	conn_enter(c);
	conn_pause(c);
	ck_assert_int_eq(conn_timeout_at(c) - c->active, idle * 1000);
	conn_resume(c);
	ck_assert_int_eq(conn_timeout_at(c) - c->active, shutdown * 1000);
	conn_pause(c);
	conn_end(c);
	ck_assert_int_eq(conn_timeout_at(c) - c->close.since, shutdown * 1000);
	conn_leave(c);
}
END_TEST

/* Time-outs of zero are none. */
START_TEST(no_timeout)
{
	world.site.listen.idle_timeout = 0;
	world.site.listen.handshake_timeout = 0;
	world_open(&record_ops);
	(void)client_connect(NULL);
	turn_for(50);
	ck_assert_uint_eq(conn_hub_count(world.hub), 1);
}
END_TEST

/* Only silence is idle: the loop lasts several time-outs. */
START_TEST(not_idle)
{
	struct peer *p;
	int64_t began;
	size_t n;

	world.site.listen.idle_timeout = 2000;
	world_open_service(CONF_SERVICE_ECHO);
	p = client_connect(NULL);
	for (n = 1; n <= 20; n++) {
		peer_send_text(p, "x");
		turn_for(5);
		ck_assert_uint_eq(conn_hub_count(world.hub), 1);
	}
	/* An early look at the clock must not take it for idle either. */
	began = world.hub->now;
	conn_deadline_set(the_conn(), began);
	turn_for(20);
	ck_assert_uint_eq(conn_hub_count(world.hub), 1);
	ck_assert_int_gt(world.hub->deadlines.v[1].at, began);
}
END_TEST

/* conn_hub_drain(): who is open hears at once, who is not when it is. */
START_TEST(drain)
{
	struct client_how slow = { .step = 1 };
	struct peer *p[2];

	world_open(&record_ops);
	p[0] = client_connect(NULL);
	wait_for(strcmp(record.events, "br") == 0);
	p[1] = client_new(&slow);
	conn_hub_drain(world.hub);
	ck_assert_str_eq(record.events, "brD");
	record.events[0] = '\0';
	wait_for(p[1]->connected);
	wait_for(strcmp(record.events, "brD") == 0);
	ck_assert_uint_eq(conn_hub_count(world.hub), 2);
	conn_hub_close(world.hub, CLOSE_DRAIN);
	ck_assert_uint_eq(closes(CLOSE_DRAIN), 2);
	ck_assert_uint_eq(world.gone, 2);
	wait_for(p[0]->eof || p[0]->reset);
	ck_assert(!p[0]->closed);
}
END_TEST

/* Closed while it waits for its next turn, and by conn_hub_free(). */
START_TEST(close_between_turns)
{
	struct conn *c;

	world_open(&record_ops);
	(void)client_connect(NULL);
	wait_for(strcmp(record.events, "br") == 0);
	c = the_conn();
	conn_enter(c);
	conn_again(c);
	conn_again(c);
	conn_leave(c);
	if (_i == 0)
		conn_hub_close(world.hub, CLOSE_STOPPED);
	conn_hub_free(world.hub);
	ck_assert_uint_eq(closes(CLOSE_STOPPED), 1);
	world.hub = NULL;
	event_base_loop(world.base, EVLOOP_NONBLOCK);
}
END_TEST

/*
 * Who goes on reading what is left is not cut: neither while it waits here, nor
 * in the kernel. Who does not is, soon.
 */
static void
abort_with_output(struct conn *c)
{
	static uint8_t much[200000];

	(void)conn_write(c, much, sizeof(much));
	conn_abort(c, CLOSE_BACKEND_ABORT);
}

START_TEST(slow_reader)
{
	struct client_how how = { .server_buffer = 4096,
		.client_buffer = 8192 };
	struct peer *p;
	int i;

	world.site.listen.shutdown_timeout = 300;
	record.at = 'r';
	record.action = abort_with_output;
	world_open(&record_ops);
	p = client_connect(&how);
	p->sip = 4000;
	for (i = 0; i < 20; i++) {
		p->deaf = true;
		turn_for(_i == 0 ? 30 : 1);
		p->deaf = false;
		world_turn();
	}
	ck_assert_uint_eq(conn_hub_count(world.hub), 1);
	ck_assert(wire_waits(&the_conn()->wire) > 0);
	if (_i == 1) {
		p->deaf = true;
		wait_for(conn_hub_count(world.hub) == 0);
		return;
	}
	p->sip = 0;
	wait_for(p->eof || p->reset);
	ck_assert(p->eof);
	ck_assert_uint_eq(p->in.len, 200000);
}
END_TEST

#ifdef TLSHERD_DEBUG
/* What it wrote would go to whoever has the hub's buffers. */
START_TEST(write_between_events)
{
	world_open(&record_ops);
	(void)client_connect(NULL);
	conn_write(the_conn(), "x", 1);
}
END_TEST

START_TEST(delivered_without_lost)
{
	world_open(&record_ops);
	(void)client_connect(NULL);
	conn_enter(the_conn());
	conn_delivered(the_conn());
}
END_TEST
#endif

Suite *
close_suite(void)
{
	Suite *s;
	TCase *tc;

	s = suite_create("close");
	tc = world_tcase("close");
	tcase_add_loop_test(tc, close_at, 0, 7);
	tcase_add_test(tc, finish_first);
	tcase_add_loop_test(tc, end, 0, 2);
	tcase_add_test(tc, abort_late);
	tcase_add_loop_test(tc, slow_reader, 0, 2);
	tcase_add_test(tc, finish_behind_output);
	tcase_add_loop_test(tc, timeout, 0, COUNT(timed));
	tcase_add_test(tc, held_up);
	tcase_add_test(tc, no_timeout);
	tcase_add_test(tc, not_idle);
	tcase_add_test(tc, drain);
	tcase_add_loop_test(tc, close_between_turns, 0, 2);
	suite_add_tcase(s, tc);

#ifdef TLSHERD_DEBUG
	tc = world_tcase("close-mistakes");
	tcase_set_tags(tc, "fork");
	tcase_add_test_raise_signal(tc, write_between_events, SIGABRT);
	tcase_add_test_raise_signal(tc, delivered_without_lost, SIGABRT);
	suite_add_tcase(s, tc);
#endif
	return s;
}
