/* SPDX-License-Identifier: ISC */
/*
 * Connections share buffers; their bytes must never meet. Many connections
 * at once, each with noise of its own, interrupted in all ways.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "conn/conn_int.h"
#include "peer.h"
#include "record.h"
#include "test_conn.h"
#include "world.h"

#define CONNS 12
#define EACH 400000u

/* Each echoes its own noise, in pieces of its own size, slow readers too. */
START_TEST(interleaved)
{
	struct client_how how = { .server_buffer = 16384 };
	struct peer *p[CONNS];
	size_t i;

	world_open_service(CONF_SERVICE_ECHO);
	for (i = 0; i < CONNS; i++) {
		how.version = i % 2 == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
		p[i] = client_new(&how);
		p[i]->step = 1 + 1237 * i;
		p[i]->sip = i % 3 == 0 ? 700 : 0;
		p[i]->finish = true;
		peer_send_noise(p[i], i == 0 ? 2000 : EACH, (unsigned)i);
	}
	for (i = 0; i < CONNS; i++)
		wait_for(p[i]->eof);
	for (i = 0; i < CONNS; i++) {
		ck_assert_uint_eq(p[i]->in.len, i == 0 ? 2000 : EACH);
		ck_assert(peer_got_noise(p[i], p[i]->in.len, (unsigned)i));
		ck_assert(p[i]->closed);
	}
	ck_assert_uint_eq(closes(CLOSE_DONE), CONNS);
}
END_TEST

/*
 * Ciphertext that a paused connection leaves must wait for that connection,
 * not be taken for the input of the next one.
 */
START_TEST(paused_beside_busy)
{
	struct peer *paused, *busy;
	struct conn *c;

	record.at = 'r';
	record.action = conn_pause;
	world_open(&record_ops);
	paused = client_new(NULL);
	peer_send_noise(paused, EACH, 1); /* goes with the Finished message */
	wait_for(paused->connected);
	turn_for(5);
	c = the_conn();
	ck_assert_ptr_nonnull(c->input.rest);
	ck_assert_uint_eq(record.len, 0);
	busy = client_connect(NULL);
	peer_send_noise(busy, EACH, 2);
	wait_for(record.len == EACH);
	ck_assert(is_noise(record.data, EACH, 2));
	ck_assert_ptr_nonnull(c->input.rest);
	record.len = 0;
	conn_enter(c);
	conn_resume(c);
	conn_leave(c);
	wait_for(record.len == EACH);
	ck_assert(is_noise(record.data, EACH, 1));
}
END_TEST

/* After its event a connection is nowhere in what the next one can see. */
START_TEST(nothing_left)
{
	struct peer *a, *b;

	world_open_service(CONF_SERVICE_ECHO);
	a = client_connect(NULL);
	b = client_connect(NULL);
	peer_send_noise(a, 5000, 1);
	wait_for(a->in.len == 5000);
	ck_assert_ptr_null(world.hub->current);
	peer_send_text(b, "b");
	wait_for(b->in.len > 0);
	turn_for(5);
	ck_assert(peer_got(b, "b"));
	ck_assert_uint_eq(a->in.len, 5000);
	ck_assert_uint_eq(world.hub->in_len, 0);
	ck_assert_uint_eq(world.hub->tx_len, 0);
}
END_TEST

/* Closing one with output under way must not hand that to another. */
START_TEST(closed_with_output)
{
	struct client_how how = { .server_buffer = 16384 };
	struct peer *a, *b;
	struct conn *c;
	uint8_t *much;

	much = calloc(1, EACH);
	world_open(&record_ops);
	a = client_connect(&how);
	wait_for(strcmp(record.events, "br") == 0);
	a->deaf = true;
	c = the_conn();
	conn_enter(c);
	(void)conn_write(c, much, EACH);
	conn_close(c, CLOSE_INTERNAL);
	conn_leave(c);
	free(much);
	ck_assert_uint_eq(conn_hub_count(world.hub), 0);
	b = client_connect(NULL);
	wait_for(b->session != NULL);
	ck_assert_uint_eq(b->in.len, 0);
	ck_assert_uint_eq(closes(CLOSE_INTERNAL), 1);
}
END_TEST

Suite *
scratch_suite(void)
{
	Suite *s;
	TCase *tc;

	s = suite_create("scratch");
	tc = world_tcase("scratch");
	tcase_add_test(tc, interleaved);
	tcase_add_test(tc, paused_beside_busy);
	tcase_add_test(tc, nothing_left);
	tcase_add_test(tc, closed_with_output);
	suite_add_tcase(s, tc);
	return s;
}
