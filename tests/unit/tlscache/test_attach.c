/* SPDX-License-Identifier: ISC */
/* tlscache_attach() with real handshakes, within and between processes. */
#include "config.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>

#include "session_int.h"
#include "ssl_peer.h"
#include "test_ssl.h"
#include "tlscache.h"

static const struct kind {
	int version;
	uint64_t options;
} kinds[] = {
	{ TLS1_2_VERSION, SSL_OP_NO_TICKET }, /* session id */
	{ TLS1_3_VERSION, SSL_OP_NO_TICKET }, /* stateful ticket */
};
#define NKINDS ((int)(sizeof(kinds) / sizeof(kinds[0])))

static struct tlscache *cache;
static SSL_CTX *server, *client;

static void
rig_make(const struct kind *kind)
{
	ck_assert_int_eq(tlscache_open(&cache, 1 << 20), TLSCACHE_OK);
	server = peer_server_ctx(kind->version);
	SSL_CTX_set_options(server, kind->options);
	ck_assert_int_eq(tlscache_attach(cache, server), TLSCACHE_OK);
	client = peer_client_ctx(kind->version);
}

static void
rig_free(void)
{
	SSL_CTX_free(server);
	SSL_CTX_free(client);
	tlscache_close(cache);
}

static struct tlscache_stat
counters(void)
{
	struct tlscache_stat stat;

	tlscache_stat(cache, &stat);
	return stat;
}

/* A first connection that goes well; the caller frees the session. */
static SSL_SESSION *
first_session(void)
{
	struct peer_result r;

	r = peer_connect(server, client, NULL, PEER_CLOSE_ORDERLY);
	ck_assert(r.ok && !r.resumed && r.session != NULL);
	return r.session;
}

/* Offer a session: did it resume? The connection itself must not fail. */
static bool
resumes(SSL_SESSION *session)
{
	struct peer_result r;

	r = peer_connect(server, client, session, PEER_CLOSE_ORDERLY);
	ck_assert(r.ok);
	ck_assert(!r.errors_left);
	SSL_SESSION_free(r.session);
	return r.resumed;
}

START_TEST(every_process_resumes_what_another_made)
{
	struct peer_result r;
	SSL_SESSION *session;
	int i;

	rig_make(&kinds[_i]);
	r = peer_connect_forked(server, client, NULL);
	ck_assert(r.ok && !r.resumed);
	session = r.session;
	for (i = 0; i < 8; i++) {
		r = peer_connect_forked(server, client, session);
		ck_assert(r.ok && r.resumed);
		SSL_SESSION_free(session);
		session = r.session;
	}
	SSL_SESSION_free(session);
	ck_assert_uint_eq(counters().hits, 8);
	ck_assert_uint_eq(counters().misses, 0);
	ck_assert_uint_eq(counters().removes, 0);
	rig_free();
}
END_TEST

START_TEST(resumes_in_this_process)
{
	SSL_SESSION *session;

	rig_make(&kinds[_i]);
	session = first_session();
	ck_assert_uint_gt(counters().stores, 0);
	ck_assert(resumes(session));
	ck_assert(resumes(session));
	SSL_SESSION_free(session);
	rig_free();
}
END_TEST

START_TEST(stateless_tickets_are_not_stored)
{
	static const struct kind stateless[] = {
		{ TLS1_2_VERSION, 0 },
		{ TLS1_3_VERSION, 0 },
	};
	SSL_SESSION *session;

	rig_make(&stateless[_i]);
	session = first_session();
	ck_assert(resumes(session));
	ck_assert_uint_eq(counters().stores, 0);
	ck_assert_uint_eq(counters().hits + counters().misses, 0);
	SSL_SESSION_free(session);
	rig_free();
}
END_TEST

/*
 * How a connection ends decides whether OpenSSL drops its session, but for
 * TLS 1.3; the manual says so.
 */
static const struct ending {
	enum peer_close how;
	uint64_t clear; /* options that the server goes without */
	bool kept;
} endings[] = {
	{ PEER_CLOSE_ORDERLY, 0, true },
	{ PEER_CLOSE_ABRUPT, 0, true },
	{ PEER_CLOSE_ABRUPT, SSL_OP_IGNORE_UNEXPECTED_EOF, false },
	{ PEER_CLOSE_FREED, 0, false },
	{ PEER_CLOSE_GARBAGE, 0, false },
};
#define NENDINGS ((int)(sizeof(endings) / sizeof(endings[0])))

START_TEST(the_end_of_a_connection_decides)
{
	const struct ending *ending = &endings[_i % NENDINGS];
	const struct kind *kind = &kinds[_i / NENDINGS];
	bool kept = ending->kept || kind->version == TLS1_3_VERSION;
	struct peer_result r;

	rig_make(kind);
	SSL_CTX_clear_options(server, ending->clear);
	r = peer_connect(server, client, NULL, ending->how);
	ck_assert(r.ok && r.session != NULL);
	ck_assert_uint_eq(counters().removes, kept ? 0 : 1);
	ck_assert_int_eq(resumes(r.session), kept);
	SSL_SESSION_free(r.session);
	rig_free();
}
END_TEST

/*
 * A stranger who has seen the session's name and does not know its secret: in
 * TLS 1.3 that shows before anything happens, in TLS 1.2 too late.
 */
START_TEST(a_stranger_offers_the_session)
{
	static const unsigned char secret[48] = "a guess";
	SSL_SESSION *forged, *session;
	struct peer_result r;
	size_t len;

	rig_make(&kinds[_i]);
	session = first_session();
	forged = SSL_SESSION_dup(session);
	ck_assert_ptr_nonnull(forged);
	len = SSL_SESSION_get_master_key(session, NULL, 0);
	ck_assert_int_eq(SSL_SESSION_set1_master_key(forged, secret, len), 1);
	r = peer_connect(server, client, forged, PEER_CLOSE_ORDERLY);
	ck_assert(!r.ok);
	SSL_SESSION_free(r.session);
	SSL_SESSION_free(forged);
	ck_assert_int_eq(resumes(session),
	    kinds[_i].version == TLS1_3_VERSION);
	SSL_SESSION_free(session);
	rig_free();
}
END_TEST

START_TEST(a_process_that_exits_leaves_the_sessions)
{
	struct peer_result r;
	uint64_t entries;

	rig_make(&kinds[_i]);
	r = peer_connect_forked(server, client, NULL);
	ck_assert(r.ok);
	entries = counters().entries;
	ck_assert_uint_gt(entries, 0);
	SSL_CTX_free(server);
	ck_assert_uint_eq(counters().entries, entries);
	SSL_SESSION_free(r.session);
	SSL_CTX_free(client);
	tlscache_close(cache);
}
END_TEST

START_TEST(large_client_certificates)
{
	static const struct {
		size_t size;
		bool fits;
	} sizes[] = { { 2000, true }, { 10240, true }, { 15600, true },
		{ 17000, false }, { 60000, false } };
	struct peer_result first, second;
	const int n = (int)(sizeof(sizes) / sizeof(sizes[0]));

	rig_make(&kinds[_i / n]);
	peer_client_certificate(client, sizes[_i % n].size);
	SSL_CTX_set_verify(server, SSL_VERIFY_PEER, NULL);
	/* OpenSSL itself takes 100 KiB of certificates unless told more. */
	first = peer_connect(server, client, NULL, PEER_CLOSE_ORDERLY);
	ck_assert(first.ok && first.client_der > sizes[_i % n].size);
	second = peer_connect(server, client, first.session,
	    PEER_CLOSE_ORDERLY);
	ck_assert(second.ok);
	ck_assert_int_eq(second.resumed, sizes[_i % n].fits);
	ck_assert_uint_eq(second.client_der, first.client_der);
	if (sizes[_i % n].fits)
		ck_assert_uint_eq(counters().too_large, 0);
	else
		ck_assert_uint_gt(counters().too_large, 0);
	SSL_SESSION_free(first.session);
	SSL_SESSION_free(second.session);
	rig_free();
}
END_TEST

START_TEST(another_id_context_does_not_resume)
{
	SSL_SESSION *session;

	rig_make(&kinds[_i]);
	session = first_session();
	ck_assert_int_eq(SSL_CTX_set_session_id_context(server,
	    (const unsigned char *)"other", 5), 1);
	ck_assert(!resumes(session));
	ck_assert_uint_eq(counters().miss_context, 1);
	ck_assert_uint_eq(counters().misses, 1);
	ck_assert_uint_eq(counters().hits, 0);
	ck_assert(!resumes(session));
	ck_assert_uint_eq(counters().miss_context, 2);
	ck_assert_int_eq(SSL_CTX_set_session_id_context(server,
	    (const unsigned char *)"test", 4), 1);
	ck_assert(resumes(session));
	ck_assert_uint_eq(counters().miss_context, 2);
	ck_assert_uint_eq(counters().misses, 2);
	ck_assert_uint_eq(counters().hits, 1);
	SSL_SESSION_free(session);
	rig_free();
}
END_TEST

/* A callback gives the SSL a context of its own, as one by server name does. */
static int
context_cb(SSL *ssl, int *alert, void *context)
{
	return SSL_set_session_id_context(ssl, context,
	    (unsigned int)strlen(context)) == 1 ? SSL_CLIENT_HELLO_SUCCESS :
	    SSL_CLIENT_HELLO_ERROR;
}

START_TEST(another_id_context_of_the_ssl)
{
	char one[] = "one", two[] = "two";
	SSL_SESSION *session;

	rig_make(&kinds[_i]);
	SSL_CTX_set_client_hello_cb(server, context_cb, one);
	session = first_session();
	SSL_CTX_set_client_hello_cb(server, context_cb, two);
	ck_assert(!resumes(session));
	ck_assert_uint_eq(counters().miss_context, 1);
	SSL_CTX_set_client_hello_cb(server, context_cb, one);
	ck_assert(resumes(session));
	ck_assert_uint_eq(counters().miss_context, 1);
	ck_assert_uint_eq(counters().hits, 1);
	SSL_SESSION_free(session);
	rig_free();
}
END_TEST

/*
 * What does not resume for another reason is not the context's fault: in TLS
 * 1.2 the session lacks the extended master secret, in TLS 1.3 its hash is not
 * that of the cipher.
 */
START_TEST(other_reasons_are_not_the_context)
{
	SSL_SESSION *session;
	SSL_CTX *other;

	rig_make(&kinds[_i]);
	other = peer_client_ctx(kinds[_i].version);
	SSL_CTX_set_options(client, SSL_OP_NO_EXTENDED_MASTER_SECRET);
	ck_assert_int_eq(SSL_CTX_set_ciphersuites(client,
	    "TLS_AES_256_GCM_SHA384"), 1);
	session = first_session();
	ck_assert_int_eq(SSL_CTX_set_ciphersuites(server,
	    "TLS_AES_128_GCM_SHA256"), 1);
	SSL_CTX_free(client);
	client = other;
	ck_assert(!resumes(session));
	ck_assert_uint_eq(counters().miss_context, 0);
	ck_assert_uint_eq(counters().misses, 0);
	SSL_SESSION_free(session);
	rig_free();
}
END_TEST

/* What the server stored of a client's session. */
static size_t
stored(const SSL_SESSION *session, unsigned char *buf)
{
	const unsigned char *id;
	size_t idlen, len;

	id = peer_session_name(session, &idlen);
	ck_assert_int_eq(tlscache_fetch(cache, id, idlen, buf,
	    TLSCACHE_DATA_MAX, &len, time(NULL)), TLSCACHE_OK);
	return len;
}

/* The time-out of the SSL_CTX was made shorter, as by a reload. */
START_TEST(expired_for_this_ctx)
{
	unsigned char buf[TLSCACHE_DATA_MAX];
	const unsigned char *p = buf, *id;
	SSL_SESSION *session, *old;
	size_t idlen, len;
	unsigned char *to;
	uint64_t hits;

	rig_make(&kinds[_i]);
	session = first_session();
	len = stored(session, buf);
	old = d2i_SSL_SESSION(NULL, &p, (long)len);
	ck_assert_ptr_nonnull(old);
	SSL_SESSION_set_time_ex(old, SSL_SESSION_get_time_ex(old) - 100);
	to = buf;
	len = (size_t)i2d_SSL_SESSION(old, &to);
	SSL_SESSION_free(old);
	id = peer_session_name(session, &idlen);
	ck_assert_int_eq(tlscache_store(cache, id, idlen, buf, len,
	    time(NULL) + 100, time(NULL)), TLSCACHE_OK);
	SSL_CTX_set_timeout(server, 50);
	hits = counters().hits;
	ck_assert(!resumes(session));
	ck_assert_uint_eq(counters().miss_expired, 1);
	ck_assert_uint_eq(counters().misses, 1);
	ck_assert_uint_eq(counters().hits, hits);
	SSL_SESSION_free(session);
	rig_free();
}
END_TEST

START_TEST(caches_of_a_process_are_apart)
{
	struct tlscache *other;
	SSL_SESSION *session;

	rig_make(&kinds[_i]);
	ck_assert_int_eq(tlscache_open(&other, 1 << 20), TLSCACHE_OK);
	session = first_session();
	ck_assert_int_eq(tlscache_attach(other, server), TLSCACHE_OK);
	ck_assert(!resumes(session));
	ck_assert_int_eq(tlscache_attach(cache, server), TLSCACHE_OK);
	ck_assert(resumes(session));
	SSL_SESSION_free(session);
	rig_free();
	tlscache_close(other);
}
END_TEST

static void
store_instead(const SSL_SESSION *session, const unsigned char *buf, size_t len)
{
	const unsigned char *id;
	size_t idlen;

	id = peer_session_name(session, &idlen);
	ck_assert_int_eq(tlscache_store(cache, id, idlen, buf, len,
	    time(NULL) + 100, time(NULL)), TLSCACHE_OK);
}

START_TEST(bytes_that_are_no_session_are_a_miss)
{
	unsigned char buf[TLSCACHE_DATA_MAX];
	SSL_SESSION *session;
	size_t cut, len;
	uint64_t misses = 0;

	rig_make(&kinds[_i]);
	session = first_session();
	len = stored(session, buf);
	ck_assert_uint_le(len + 4, sizeof(buf));
	for (cut = 1; cut < len; cut += 7) {
		store_instead(session, buf, cut);
		ck_assert(!resumes(session));
		ck_assert_uint_eq(counters().miss_layout, ++misses);
	}
	buf[len] = 0;
	store_instead(session, buf, len + 1);
	ck_assert(!resumes(session));
	ck_assert_uint_eq(counters().miss_layout, ++misses);
	ck_assert_uint_eq(counters().misses, misses);
	store_instead(session, buf, len);
	ck_assert(resumes(session));
	SSL_SESSION_free(session);
	rig_free();
}
END_TEST

/* A neighbour's bug writes into the segment: nobody's connection fails. */
START_TEST(damage_to_the_segment_costs_a_full_handshake)
{
	unsigned char buf[TLSCACHE_DATA_MAX], *base, *entry;
	SSL_SESSION *session;
	struct stat st;
	size_t at, len;

	rig_make(&kinds[_i]);
	ck_assert_int_ge(tlscache_fd(cache), 0);
	ck_assert_int_eq(fstat(tlscache_fd(cache), &st), 0);
	base = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE,
	    MAP_SHARED, tlscache_fd(cache), 0);
	ck_assert_ptr_ne(base, MAP_FAILED);
	session = first_session();
	len = stored(session, buf);
	for (at = 0; at < len; at++) {
		store_instead(session, buf, len);
		entry = memmem(base, (size_t)st.st_size, buf, len);
		ck_assert_ptr_nonnull(entry);
		entry[at] ^= (unsigned char)(1u << at % 8);
		ck_assert(!resumes(session));
	}
	store_instead(session, buf, len);
	ck_assert(resumes(session));
	SSL_SESSION_free(session);
	munmap(base, (size_t)st.st_size);
	rig_free();
}
END_TEST

START_TEST(the_id_is_not_stored_twice)
{
	unsigned char buf[TLSCACHE_DATA_MAX];
	const unsigned char *id;
	SSL_SESSION *session;
	size_t idlen, len;

	rig_make(&kinds[_i]);
	session = first_session();
	id = peer_session_name(session, &idlen);
	ck_assert_uint_eq(idlen, 32);
	len = stored(session, buf);
	ck_assert_ptr_null(memmem(buf, len, id, idlen));
	ck_assert_uint_le(len, 110);
	SSL_SESSION_free(session);
	rig_free();
}
END_TEST

/* Make the stored session one that was made `age` seconds ago. */
static void
age_session(const SSL_SESSION *session, int64_t age)
{
	unsigned char buf[TLSCACHE_DATA_MAX];
	const unsigned char *id;
	SSL_SESSION *old;
	size_t idlen, len;

	id = peer_session_name(session, &idlen);
	old = tlsc_session_decode(buf, stored(session, buf), id, idlen);
	ck_assert_ptr_nonnull(old);
	SSL_SESSION_set_time_ex(old, time(NULL) - age);
	len = tlsc_session_encode(old, buf, sizeof(buf));
	ck_assert_uint_le(len, sizeof(buf));
	store_instead(session, buf, len);
	SSL_SESSION_free(old);
}

static int64_t
stored_end(const SSL_SESSION *session)
{
	unsigned char buf[TLSCACHE_DATA_MAX];
	const unsigned char *id;
	SSL_SESSION *found;
	size_t idlen;
	int64_t end;

	id = peer_session_name(session, &idlen);
	found = tlsc_session_decode(buf, stored(session, buf), id, idlen);
	ck_assert_ptr_nonnull(found);
	end = SSL_SESSION_get_time_ex(found) + SSL_SESSION_get_timeout(found);
	SSL_SESSION_free(found);
	return end;
}

/*
 * In TLS 1.3 a client that has resumed has another session; in TLS 1.2 it goes
 * on with the one it has.
 */
START_TEST(what_the_client_still_needs_stays)
{
	SSL_SESSION *fresh, *used;
	unsigned char id[TLSCACHE_ID_MAX] = { 0 };
	struct tlscache_stat stat;
	uint32_t n;
	time_t now;

	rig_make(&kinds[_i]);
	used = first_session();
	fresh = first_session();
	ck_assert(resumes(used));
	stat = counters();
	now = time(NULL);
	/* Once around all shards, and for none of them twice. */
	for (n = 0; n < stat.capacity / 152 * 13 / 10; n++) {
		memcpy(id, &n, sizeof(n));
		ck_assert_int_eq(tlscache_store(cache, id, sizeof(id),
		    &(char[104]){ 0 }, 104, now + 1000, now), TLSCACHE_OK);
	}
	ck_assert_int_eq(resumes(used),
	    kinds[_i].version == TLS1_2_VERSION);
	ck_assert_int_eq(resumes(fresh),
	    kinds[_i].version == TLS1_3_VERSION);
	SSL_SESSION_free(used);
	SSL_SESSION_free(fresh);
	rig_free();
}
END_TEST

START_TEST(renewals_end_with_the_first_session)
{
	struct peer_result r;
	SSL_SESSION *session;
	int64_t begin;
	int i;

	rig_make(&kinds[1]);
	SSL_CTX_set_timeout(server, 1000);
	begin = time(NULL);
	session = first_session();
	ck_assert_int_ge(stored_end(session), begin + 1000);
	age_session(session, 600);
	for (i = 0; i < 3; i++) {
		r = peer_connect(server, client, session, PEER_CLOSE_ORDERLY);
		ck_assert(r.ok && r.resumed && r.tickets > 0);
		SSL_SESSION_free(session);
		session = r.session;
		ck_assert_int_le(stored_end(session), time(NULL) + 400);
		ck_assert_int_ge(stored_end(session), begin + 400);
	}
	SSL_SESSION_free(session);
	rig_free();
}
END_TEST

START_TEST(the_time_out_of_now_counts)
{
	SSL_SESSION *session;

	rig_make(&kinds[_i]);
	SSL_CTX_set_timeout(server, 1000);
	session = first_session();
	age_session(session, 600);
	ck_assert(resumes(session));
	SSL_CTX_set_timeout(server, 500);
	ck_assert(!resumes(session));
	SSL_SESSION_free(session);
	rig_free();
}
END_TEST

static SSL_CTX *switch_to;

static int
switch_hello_cb(SSL *ssl, int *alert, void *arg)
{
	(void)alert;
	(void)arg;
	SSL_set_SSL_CTX(ssl, switch_to);
	return SSL_CLIENT_HELLO_SUCCESS;
}

/* The cache of the SSL_CTX that the ClientHello callback chose is used. */
START_TEST(a_context_without_cache_keeps_nothing)
{
	SSL_SESSION *session;

	rig_make(&kinds[_i]);
	switch_to = peer_server_ctx(kinds[_i].version);
	SSL_CTX_set_options(switch_to, kinds[_i].options);
	SSL_CTX_set_client_hello_cb(server, switch_hello_cb, NULL);
	session = first_session();
	ck_assert_uint_eq(counters().stores, 0);
	ck_assert(!resumes(session));
	SSL_SESSION_free(session);

	ck_assert_int_eq(tlscache_attach(cache, switch_to), TLSCACHE_OK);
	session = first_session();
	ck_assert(resumes(session));
	SSL_SESSION_free(session);
	SSL_CTX_free(switch_to);
	rig_free();
}
END_TEST

START_TEST(resumes_when_early_data_is_on)
{
	SSL_SESSION *session;

	rig_make(&kinds[1]);
	SSL_CTX_set_max_early_data(server, 16384);
	SSL_CTX_set_options(server, SSL_OP_NO_ANTI_REPLAY);
	session = first_session();
	ck_assert(resumes(session));
	SSL_SESSION_free(session);
	rig_free();
}
END_TEST

static int sessions_alive;

static void
session_born_cb(void *parent, void *data, CRYPTO_EX_DATA *ad, int index,
    long argl, void *argp)
{
	sessions_alive++;
}

static void
session_dead_cb(void *parent, void *data, CRYPTO_EX_DATA *ad, int index,
    long argl, void *argp)
{
	sessions_alive--;
}

/* Stored, found, found to be rubbish, too large: nobody keeps a reference. */
START_TEST(no_session_is_left_behind)
{
	SSL_SESSION *session;
	int index;

	index = SSL_SESSION_get_ex_new_index(0, NULL, session_born_cb, NULL,
	    session_dead_cb);
	ck_assert_int_ge(index, 0);
	sessions_alive = 0;
	rig_make(&kinds[_i]);
	session = first_session();
	ck_assert(resumes(session));
	store_instead(session, (const unsigned char *)"no", 2);
	ck_assert(!resumes(session));
	SSL_SESSION_free(session);
	peer_client_certificate(client, 20000);
	SSL_CTX_set_verify(server, SSL_VERIFY_PEER, NULL);
	SSL_SESSION_free(first_session());
	rig_free();
	ck_assert_int_eq(sessions_alive, 0);
	CRYPTO_free_ex_index(CRYPTO_EX_INDEX_SSL_SESSION, index);
}
END_TEST

START_TEST(errors_of_before_stay_in_the_queue)
{
	static const unsigned char bad[] = { 0x30, 0x82, 1, 0 };

	ERR_clear_error();
	ERR_raise(ERR_LIB_USER, 7);
	ck_assert_ptr_null(tlsc_session_decode(bad, sizeof(bad), bad, 4));
	ck_assert_int_eq(ERR_GET_REASON(ERR_get_error()), 7);
	ck_assert_uint_eq(ERR_peek_error(), 0);
	ck_assert_ptr_null(tlsc_session_decode(bad, sizeof(bad), bad, 4));
	ck_assert_ptr_null(tlsc_session_decode(bad, 0, bad, 4));
	ck_assert_uint_eq(ERR_peek_error(), 0);
}
END_TEST

START_TEST(arguments_are_checked)
{
	rig_make(&kinds[0]);
	ck_assert_int_eq(tlscache_attach(NULL, server), TLSCACHE_E_INVAL);
	ck_assert_int_eq(tlscache_attach(cache, NULL), TLSCACHE_E_INVAL);
	rig_free();
}
END_TEST

Suite *
attach_suite(void)
{
	Suite *suite = suite_create("attach");
	TCase *tc = tcase_create("attach");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, every_process_resumes_what_another_made, 0,
	    NKINDS);
	tcase_add_loop_test(tc, resumes_in_this_process, 0, NKINDS);
	tcase_add_loop_test(tc, stateless_tickets_are_not_stored, 0, 2);
	tcase_add_loop_test(tc, the_end_of_a_connection_decides, 0,
	    NKINDS * NENDINGS);
	tcase_add_loop_test(tc, a_stranger_offers_the_session, 0, NKINDS);
	tcase_add_loop_test(tc, a_process_that_exits_leaves_the_sessions, 0,
	    NKINDS);
	tcase_add_loop_test(tc, large_client_certificates, 0, NKINDS * 5);
	tcase_add_loop_test(tc, another_id_context_of_the_ssl, 0, NKINDS);
	tcase_add_loop_test(tc, other_reasons_are_not_the_context, 0, NKINDS);
	tcase_add_loop_test(tc, expired_for_this_ctx, 0, NKINDS);
	tcase_add_loop_test(tc, another_id_context_does_not_resume, 0,
	    NKINDS);
	tcase_add_loop_test(tc, caches_of_a_process_are_apart, 0, NKINDS);
	tcase_add_loop_test(tc, bytes_that_are_no_session_are_a_miss, 0,
	    NKINDS);
	tcase_add_loop_test(tc, damage_to_the_segment_costs_a_full_handshake,
	    0, NKINDS);
	tcase_add_loop_test(tc, the_id_is_not_stored_twice, 0, NKINDS);
	tcase_add_loop_test(tc, what_the_client_still_needs_stays, 0, NKINDS);
	tcase_add_test(tc, renewals_end_with_the_first_session);
	tcase_add_loop_test(tc, the_time_out_of_now_counts, 0, NKINDS);
	tcase_add_loop_test(tc, a_context_without_cache_keeps_nothing, 0,
	    NKINDS);
	tcase_add_test(tc, resumes_when_early_data_is_on);
	tcase_add_loop_test(tc, no_session_is_left_behind, 0, NKINDS);
	tcase_add_test(tc, errors_of_before_stay_in_the_queue);
	tcase_add_test(tc, arguments_are_checked);
	suite_add_tcase(suite, tc);
	return suite;
}
