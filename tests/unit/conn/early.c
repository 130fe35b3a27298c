/* SPDX-License-Identifier: ISC */
/*
 * Early data between the socket and the service: all of them, once, in order,
 * before what follows; and whatever the service or the client does meanwhile.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "conn/conn_int.h"
#include "peer.h"
#include "record.h"
#include "test_conn.h"
#include "world.h"

static struct conn_ops ops;

static void
open_early_max(enum conf_early_mode mode, bool takes, size_t max)
{
	world.site.certs[0].early.mode = mode;
	world.site.certs[0].early.maximum = max;
	ops = record_ops;
	ops.takes_early = takes;
	world_open(&ops);
}

static void
open_early(enum conf_early_mode mode, bool takes)
{
	open_early_max(mode, takes, 16384);
}

static SSL_SESSION *
get_session(void)
{
	SSL_SESSION *session;
	struct peer *p;

	p = client_connect(NULL);
	wait_for(p->session != NULL);
	session = p->session;
	p->session = NULL;
	p->finish = true;
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_uint_eq(closes(CLOSE_DONE), 1);
	memset(record.events, 0, sizeof(record.events));
	return session;
}

/*
 * A client that resumes, has sent this early, and may send more. With a copy:
 * OpenSSL's client spoils a session when it gets the next one.
 */
static struct peer *
client_early(const char *text, SSL_SESSION **session)
{
	struct client_how how = { .early = text };
	struct peer *p;

	if (*session == NULL)
		*session = get_session();
	how.session = SSL_SESSION_dup(*session);
	ck_assert_ptr_nonnull(how.session);
	p = client_new(&how);
	SSL_SESSION_free(how.session);
	return p;
}

static void
got(const char *text)
{
	ck_assert_uint_eq(record.len, strlen(text));
	ck_assert_mem_eq(record.data, text, record.len);
}

/* The client says the rest, and ends. */
static void
go_on(struct peer *p, const char *text)
{
	p->early = false;
	peer_send_text(p, text);
	p->finish = true;
	wait_for(p->eof);
	ck_assert(p->connected && p->closed);
	wait_for(conn_hub_count(world.hub) == 0);
}

START_TEST(as_they_come)
{
	SSL_SESSION *session = NULL;
	struct peer *p;

	open_early(CONF_EARLY_ACCEPT, true);
	p = client_early("one", &session);
	wait_for(record.len == 3);
	ck_assert_int_eq(the_conn()->state, CONN_HANDSHAKE);
	peer_send_early(p, "two");
	wait_for(record.len == 6);
	ck_assert_int_eq(the_conn()->state, CONN_HANDSHAKE);
	ck_assert_str_eq(record.events, "byd");
	go_on(p, "three");
	got("onetwothree");
	ck_assert_str_eq(record.events, "bydrdeC");
	ck_assert_uint_eq(metric(METRIC_EARLY_ACCEPTED), 1);
	ck_assert_uint_eq(metric(METRIC_EARLY_BYTES), 6);
	SSL_SESSION_free(session);
}
END_TEST

static const struct {
	enum conf_early_mode mode;
	bool takes;
} later[] = {
	{ CONF_EARLY_POSTPONE, true },
	{ CONF_EARLY_POSTPONE, false },
	{ CONF_EARLY_ACCEPT, false },
};

START_TEST(kept_for_later)
{
	SSL_SESSION *session = NULL;
	struct peer *p;

	open_early(later[_i].mode, later[_i].takes);
	p = client_early("one", &session);
	peer_send_early(p, "two");
	wait_for(metric(METRIC_EARLY_BYTES) == 6);
	ck_assert_str_eq(record.events, "b");
	go_on(p, "three");
	got("onetwothree");
	ck_assert_str_eq(record.events, "brdeC");
	SSL_SESSION_free(session);
}
END_TEST

/* The handshake does not wait for a service that has paused. */
START_TEST(paused)
{
	SSL_SESSION *session = NULL;
	struct peer *p;
	struct conn *c;

	open_early(CONF_EARLY_ACCEPT, true);
	p = client_early("one", &session);
	record.at = 'd';
	record.action = conn_pause;
	wait_for(record.len == 3);
	peer_send_early(p, "two");
	wait_for(metric(METRIC_EARLY_BYTES) == 6);
	p->early = false;
	peer_send_text(p, "three");
	p->finish = true;
	wait_for(p->finished && strchr(record.events, 'r') != NULL);
	turn_for(20);
	got("one");
	c = the_conn();
	conn_enter(c);
	conn_resume(c);
	conn_leave(c);
	wait_for(p->eof);
	got("onetwothree");
	ck_assert_str_eq(record.events, "bydrdeC");
	SSL_SESSION_free(session);
}
END_TEST

static void
answer(struct conn *c)
{
	ck_assert_int_eq(c->state, CONN_HANDSHAKE);
	record.writable = conn_write(c, "answer", 6);
}

START_TEST(answered_before_finished)
{
	SSL_SESSION *session = NULL;
	struct peer *p;

	open_early(CONF_EARLY_ACCEPT, true);
	p = client_early("one", &session);
	record.at = 'd';
	record.action = answer;
	wait_for(record.len == 3);
	ck_assert(record.writable);
	go_on(p, "");
	ck_assert(peer_got(p, "answer"));
	ck_assert_uint_eq(metric(METRIC_BYTES_OUT), 6);
	SSL_SESSION_free(session);
}
END_TEST

static void
answer_and_finish(struct conn *c)
{
	answer(c);
	conn_finish(c);
	ck_assert(!conn_write(c, "more", 4));
}

START_TEST(finished_before_the_client)
{
	SSL_SESSION *session = NULL;
	struct peer *p;

	open_early(CONF_EARLY_ACCEPT, true);
	p = client_early("one", &session);
	record.at = 'd';
	record.action = answer_and_finish;
	wait_for(record.len == 3);
	p->early = false;
	wait_for(p->closed);
	ck_assert(peer_got(p, "answer"));
	p->finish = true;
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_uint_eq(closes(CLOSE_DONE), 2);
	SSL_SESSION_free(session);
}
END_TEST

static void
close_it(struct conn *c)
{
	conn_close(c, CLOSE_STOPPED);
}

static void
abort_it(struct conn *c)
{
	conn_abort(c, CLOSE_BACKEND_DOWN);
}

static const struct {
	void (*action)(struct conn *);
	char at;
	const char *events;
	enum close_reason reason;
} ends[] = {
	{ close_it, 'b', "bC", CLOSE_STOPPED },
	{ close_it, 'y', "byC", CLOSE_STOPPED },
	{ close_it, 'd', "bydC", CLOSE_STOPPED },
	{ abort_it, 'b', "bC", CLOSE_BACKEND_DOWN },
	{ abort_it, 'y', "byC", CLOSE_BACKEND_DOWN },
	{ abort_it, 'd', "bydC", CLOSE_BACKEND_DOWN },
};

START_TEST(ended_by_the_service)
{
	SSL_SESSION *session = NULL;
	struct peer *p;

	open_early(CONF_EARLY_ACCEPT, true);
	session = get_session();
	record.at = ends[_i].at;
	record.action = ends[_i].action;
	p = client_early("one", &session);
	wait_for(p->eof || p->reset);
	peer_drop(p);
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_str_eq(record.events, ends[_i].events);
	ck_assert_uint_eq(closes(ends[_i].reason), 1);
	SSL_SESSION_free(session);
}
END_TEST

START_TEST(client_goes_away)
{
	SSL_SESSION *session = NULL;
	struct peer *p;

	open_early(CONF_EARLY_ACCEPT, true);
	p = client_early("one", &session);
	wait_for(record.len == 3);
	if (_i == 0)
		peer_drop(p);
	else
		peer_reset(p);
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_str_eq(record.events, "bydC");
	ck_assert_uint_eq(closes(CLOSE_CLIENT_ABORT), 1);
	SSL_SESSION_free(session);
}
END_TEST

/* They are skipped, and the connection goes on. */
START_TEST(refused)
{
	SSL_SESSION *session = NULL;
	struct peer *p;

	open_early(CONF_EARLY_ACCEPT, true);
	go_on(client_early("one", &session), "");
	memset(record.events, 0, sizeof(record.events));
	record.len = 0;
	p = client_early("again", &session);
	peer_send_early(p, "and again");
	go_on(p, "three");
	got("three");
	ck_assert_str_eq(record.events, "brdeC");
	ck_assert_uint_eq(metric(METRIC_EARLY_ACCEPTED), 1);
	ck_assert_uint_eq(metric(METRIC_EARLY_CLAIMED), 1);
	ck_assert_uint_eq(metric(METRIC_EARLY_BYTES), 3);
	SSL_SESSION_free(session);
}
END_TEST

/* Small records are more than their bytes, and no more than is skipped. */
START_TEST(refused_in_small_records)
{
	SSL_SESSION *session = NULL;
	struct peer *p;
	char text[1001];
	int i;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	open_early_max(CONF_EARLY_ACCEPT, true, 1u << 20);
	go_on(client_early("one", &session), "");
	record.len = 0;
	p = client_early(text, &session);
	for (i = 1; i < (1 << 20) / 1000; i++)
		peer_send_early(p, text);
	go_on(p, "three");
	got("three");
	ck_assert_uint_eq(metric(METRIC_EARLY_CLAIMED), 1);
	SSL_SESSION_free(session);
}
END_TEST

/* What is wrong with the Finished behind early data is told. */
START_TEST(spoiled_finished)
{
	SSL_SESSION *session = NULL;
	struct peer *p;

	open_early(CONF_EARLY_ACCEPT, true);
	p = client_early("one", &session);
	wait_for(record.len == 3);
	p->mute = true;
	p->early = false;
	wait_for(p->connected);
	p->wire.data[p->wire.len - 1] ^= 1;
	p->mute = false;
	wait_for(p->eof);
	ck_assert_str_eq(the_conn()->error,
	    "decryption_failed_or_bad_record_mac");
	peer_drop(p);
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_uint_eq(closes(CLOSE_HANDSHAKE), 1);
	SSL_SESSION_free(session);
}
END_TEST

/* A service that writes at once, though the data are still on their way. */
START_TEST(answered_before_the_data)
{
	struct client_how how = { .early = "one", .step = (size_t)_i };
	struct peer *p;

	open_early(CONF_EARLY_ACCEPT, true);
	how.session = get_session();
	record.at = 'y';
	record.action = answer;
	p = client_new(&how);
	wait_for(record.len == 3);
	ck_assert_int_eq(the_conn()->state, CONN_HANDSHAKE);
	go_on(p, "two");
	got("onetwo");
	ck_assert(peer_got(p, "answer"));
	ck_assert_str_eq(record.events, "bydrdeC");
	ck_assert_uint_eq(metric(METRIC_EARLY_ACCEPTED), 1);
	ck_assert_uint_eq(metric(METRIC_EARLY_OFFERED), 1);
	SSL_SESSION_free(how.session);
}
END_TEST

/* What begins with an error is no business of the service. */
START_TEST(too_much_at_once)
{
	SSL_SESSION *session;
	struct peer *p;

	open_early_max(CONF_EARLY_ACCEPT, true, 5);
	session = get_session();
	ck_assert(SSL_SESSION_set_max_early_data(session, 9));
	record.at = 'y';
	record.action = answer;
	p = client_early("too early", &session);
	wait_for(p->eof);
	ck_assert_uint_eq(p->in.len, 0);
	peer_drop(p);
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_str_eq(record.events, "C");
	ck_assert_uint_eq(closes(CLOSE_HANDSHAKE), 1);
	ck_assert_uint_eq(metric(METRIC_EARLY_TOO_MUCH), 1);
	ck_assert_uint_eq(metric(METRIC_EARLY_OFFERED), 1);
	SSL_SESSION_free(session);
}
END_TEST

/* What a service wants to look at later does not wait for the handshake. */
START_TEST(rechecked)
{
	SSL_SESSION *session = NULL;
	struct peer *p;

	open_early(CONF_EARLY_ACCEPT, true);
	p = client_early("one", &session);
	record.at = 'd';
	record.action = conn_recheck;
	wait_for(strchr(record.events, 'k') != NULL);
	ck_assert_int_eq(the_conn()->state, CONN_HANDSHAKE);
	go_on(p, "");
	SSL_SESSION_free(session);
}
END_TEST

/* The clock of the handshake runs on. */
START_TEST(time_out)
{
	SSL_SESSION *session = NULL;
	struct peer *p;

	world.site.listen.handshake_timeout = 200;
	open_early(CONF_EARLY_ACCEPT, true);
	p = client_early("one", &session);
	wait_for(record.len == 3);
	wait_for(conn_hub_count(world.hub) == 0);
	ck_assert_uint_eq(closes(CLOSE_HANDSHAKE_TIMEOUT), 1);
	ck_assert_str_eq(record.events, "bydC");
	peer_drop(p);
	SSL_SESSION_free(session);
}
END_TEST

Suite *
early_suite(void)
{
	Suite *s;
	TCase *tc;

	s = suite_create("early");
	tc = world_tcase("early");
	tcase_add_test(tc, as_they_come);
	tcase_add_loop_test(tc, kept_for_later, 0, COUNT(later));
	tcase_add_test(tc, paused);
	tcase_add_test(tc, answered_before_finished);
	tcase_add_test(tc, refused_in_small_records);
	tcase_add_test(tc, spoiled_finished);
	tcase_add_loop_test(tc, answered_before_the_data, 1, 4);
	tcase_add_test(tc, too_much_at_once);
	tcase_add_test(tc, finished_before_the_client);
	tcase_add_loop_test(tc, ended_by_the_service, 0, COUNT(ends));
	tcase_add_loop_test(tc, client_goes_away, 0, 2);
	tcase_add_test(tc, refused);
	tcase_add_test(tc, rechecked);
	tcase_add_test(tc, time_out);
	suite_add_tcase(s, tc);
	return s;
}
