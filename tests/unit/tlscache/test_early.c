/* SPDX-License-Identifier: ISC */
/* tlscache_early_data() with real handshakes, within and between processes. */
#include "config.h"

#include <sys/wait.h>

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ssl_peer.h"
#include "test_ssl.h"
#include "tlscache.h"

#define PROCESSES 6
#define ROUNDS 20
#define WIRE (4u << 20) /* what may be on its way */

static struct tlscache *cache;
static SSL_CTX *server, *client;
static SSL_SESSION *latest; /* what the client has been given */

/* What became of one connection with early data. */
struct outcome {
	bool done, resumed;
	int status;	 /* SSL_get_early_data_status(), as the client sees it */
	size_t received; /* bytes of early data, by the server */
};

static int
name_cb(SSL *ssl, int *alert, void *arg)
{
	return SSL_TLSEXT_ERR_OK; /* acknowledged: OpenSSL keeps the name */
}

static int
new_session_cb(SSL *ssl, SSL_SESSION *session)
{
	SSL_SESSION_free(latest);
	latest = session;
	return 1;
}

static void
rig_make(uint32_t max)
{
	ck_assert_int_eq(tlscache_open(&cache, 1 << 20), TLSCACHE_OK);
	server = peer_server_ctx(TLS1_3_VERSION);
	client = peer_client_ctx(TLS1_3_VERSION);
	SSL_CTX_sess_set_new_cb(client, new_session_cb);
	SSL_CTX_set_tlsext_servername_callback(server, name_cb);
	ck_assert_int_eq(tlscache_attach(cache, server), TLSCACHE_OK);
	ck_assert_int_eq(tlscache_early_data(server, max), TLSCACHE_OK);
}

static void
rig_free(void)
{
	SSL_CTX_free(server);
	SSL_CTX_free(client);
	SSL_SESSION_free(latest);
	latest = NULL;
	tlscache_close(cache);
}

/* As far as it goes for now; false: the connection has failed. */
static bool
advance(SSL *ssl, bool *early, struct outcome *o)
{
	char buf[4096];
	size_t n;
	int ret;

	while (*early) {
		ret = SSL_read_early_data(ssl, buf, sizeof(buf), &n);
		if (ret == SSL_READ_EARLY_DATA_ERROR)
			return SSL_get_error(ssl, 0) == SSL_ERROR_WANT_READ;
		o->received += n;
		*early = ret == SSL_READ_EARLY_DATA_SUCCESS;
	}
	ret = SSL_do_handshake(ssl);
	o->done = ret == 1;
	return o->done || SSL_get_error(ssl, ret) == SSL_ERROR_WANT_READ;
}

/*
 * Offer a session, if there is one, with so many pieces of early data, each a
 * record. OpenSSL's clients use a session once, and under its own name: it is a
 * copy that is offered, with another name.
 */
static struct outcome
offer(SSL_SESSION *session, const char *name, size_t pieces, size_t size)
{
	struct outcome o = { 0 };
	bool early = true, good = true;
	SSL_SESSION *copy;
	SSL *near, *far;
	BIO *cbio, *sbio;
	char host[32], piece[1000]; /* OpenSSL casts the name */
	size_t n;
	int i;

	ck_assert_uint_le(size, sizeof(piece));
	memset(piece, 'e', sizeof(piece));
	near = SSL_new(client);
	far = SSL_new(server);
	ck_assert_int_eq(BIO_new_bio_pair(&cbio, WIRE, &sbio, WIRE), 1);
	SSL_set_bio(near, cbio, cbio);
	SSL_set_bio(far, sbio, sbio);
	SSL_set_connect_state(near);
	SSL_set_accept_state(far);
	snprintf(host, sizeof(host), "%s", name);
	ck_assert_int_eq(SSL_set_tlsext_host_name(near, host), 1);
	if (session != NULL) {
		copy = SSL_SESSION_dup(session);
		SSL_SESSION_set1_hostname(copy, name);
		ck_assert_int_eq(SSL_set_session(near, copy), 1);
		SSL_SESSION_free(copy);
	}
	for (; pieces > 0; pieces--)
		ck_assert_int_eq(SSL_write_early_data(near, piece, size, &n),
		    1);
	for (i = 0; i < ROUNDS && good && !o.done; i++) {
		good = advance(far, &early, &o);
		(void)SSL_do_handshake(near);
	}
	(void)SSL_read(near, piece, 1); /* its ticket */
	o.resumed = SSL_session_reused(far);
	o.status = SSL_get_early_data_status(near);
	/* Or OpenSSL would not offer the client's session again. */
	SSL_set_shutdown(near, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(near);
	SSL_free(far);
	return o;
}

/* A session of a first connection; the caller frees it. */
static SSL_SESSION *
first_session(const char *name)
{
	SSL_SESSION *session;

	ck_assert(offer(NULL, name, 0, 0).done);
	ck_assert_ptr_nonnull(session = latest);
	latest = NULL;
	return session;
}

START_TEST(accepted_once_then_resumed)
{
	SSL_SESSION *session;
	struct outcome o;
	int i;

	rig_make(16384);
	session = first_session("localhost");
	o = offer(session, "localhost", 3, 20);
	ck_assert(o.done && o.resumed);
	ck_assert_int_eq(o.status, SSL_EARLY_DATA_ACCEPTED);
	ck_assert_uint_eq(o.received, 60);
	for (i = 0; i < 3; i++) {
		o = offer(session, "localhost", 3, 20);
		ck_assert(o.done && o.resumed);
		ck_assert_int_eq(o.status, SSL_EARLY_DATA_REJECTED);
		ck_assert_uint_eq(o.received, 0);
	}
	SSL_SESSION_free(session);
	rig_free();
}
END_TEST

START_TEST(accepted_once_by_all_processes)
{
	int accepted, i, status;
	SSL_SESSION *session;
	struct outcome o;
	pid_t pid[PROCESSES];

	rig_make(16384);
	session = first_session("localhost");
	for (i = 0; i < PROCESSES; i++) {
		ck_assert_int_ne(pid[i] = fork(), -1);
		if (pid[i] > 0)
			continue;
		o = offer(session, "localhost", 1, 20);
		_exit(o.done && o.resumed ? o.status : 99);
	}
	for (i = accepted = 0; i < PROCESSES; i++) {
		ck_assert_int_eq(waitpid(pid[i], &status, 0), pid[i]);
		ck_assert(WIFEXITED(status));
		if (WEXITSTATUS(status) == SSL_EARLY_DATA_ACCEPTED)
			accepted++;
		else
			ck_assert_int_eq(WEXITSTATUS(status),
			    SSL_EARLY_DATA_REJECTED);
	}
	ck_assert_int_eq(accepted, 1);
	SSL_SESSION_free(session);
	rig_free();
}
END_TEST

/* The claim is not spent on what is refused for its name. */
START_TEST(another_name_is_refused)
{
	SSL_SESSION *session;
	struct outcome o;

	rig_make(16384);
	session = first_session("localhost");
	o = offer(session, "elsewhere", 1, 20);
	ck_assert(o.done);
	ck_assert_int_eq(o.status, SSL_EARLY_DATA_REJECTED);
	o = offer(session, "LocalHost", 1, 20);
	ck_assert(o.done);
	ck_assert_int_eq(o.status, SSL_EARLY_DATA_ACCEPTED);
	SSL_SESSION_free(session);
	rig_free();
}
END_TEST

/*
 * Of refused early data OpenSSL counts what records add, too: as many bytes as
 * were promised come to more than that.
 */
START_TEST(refused_in_small_records)
{
	const uint32_t max = 1u << 20;
	SSL_SESSION *session;
	struct outcome o;

	rig_make(max);
	session = first_session("localhost");
	o = offer(session, "localhost", 1, 20);
	ck_assert_int_eq(o.status, SSL_EARLY_DATA_ACCEPTED);
	o = offer(session, "localhost", max / 1000, 1000);
	ck_assert(o.done && o.resumed);
	ck_assert_int_eq(o.status, SSL_EARLY_DATA_REJECTED);
	ck_assert_uint_eq(o.received, 0);
	SSL_SESSION_free(session);
	rig_free();
}
END_TEST

/* OpenSSL adds to both limits, some versions in 32 bits: neither may wrap. */
START_TEST(large_limits)
{
	static const uint32_t limits[] = {
		1u << 20, INT32_MAX / 4, INT32_MAX / 4 + 1, INT32_MAX,
		1u << 31, UINT32_MAX - 1, UINT32_MAX,
	};
	uint32_t limit;
	SSL_SESSION *session;
	struct outcome o;

	limit = limits[_i] < INT32_MAX ? limits[_i] : INT32_MAX;
	rig_make(limits[_i]);
	ck_assert_uint_eq(SSL_CTX_get_max_early_data(server), limit);
	ck_assert_uint_ge(SSL_CTX_get_recv_max_early_data(server), limit);
	ck_assert_uint_le(SSL_CTX_get_recv_max_early_data(server), INT32_MAX);
	session = first_session("localhost");
	o = offer(session, "localhost", 1, 20);
	ck_assert_int_eq(o.status, SSL_EARLY_DATA_ACCEPTED);
	o = offer(session, "localhost", 1000, 20);
	ck_assert(o.done && o.resumed);
	SSL_SESSION_free(session);
	rig_free();
}
END_TEST

START_TEST(nonsense_is_refused)
{
	rig_make(1);
	ck_assert_int_eq(tlscache_early_data(NULL, 1), TLSCACHE_E_INVAL);
	ck_assert_int_eq(tlscache_early_data(server, 0), TLSCACHE_E_INVAL);
	rig_free();
}
END_TEST

Suite *
early_suite(void)
{
	Suite *s = suite_create("early");
	TCase *tc = tcase_create("early");

	tcase_add_test(tc, accepted_once_then_resumed);
	tcase_add_test(tc, accepted_once_by_all_processes);
	tcase_add_test(tc, another_name_is_refused);
	tcase_add_test(tc, refused_in_small_records);
	tcase_add_loop_test(tc, large_limits, 0, 7);
	tcase_add_test(tc, nonsense_is_refused);
	suite_add_tcase(s, tc);
	return s;
}
