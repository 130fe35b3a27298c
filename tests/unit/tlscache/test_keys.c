/* SPDX-License-Identifier: ISC */
/* Ticket keys in shared memory: with OpenSSL, and between processes. */
#include "config.h"

#include <sys/mman.h>
#include <sys/wait.h>

#include <check.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "keys_int.h"
#include "ssl_peer.h"
#include "test_ssl.h"
#include "tlscache.h"

#define ROTATE 100
#define KEEP 250

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
#define NVERSIONS 2

/* The ring whose tickets are used, at the time that the test says it is. */
static struct tlscache_keys *ring;
static int64_t ring_now;

static int
ring_cb(SSL *ssl, unsigned char *name, unsigned char *iv,
    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int encrypt)
{
	return tlsc_keys_ticket(ring, ring_now,
	    SSL_version(ssl) == TLS1_3_VERSION, name, iv, cipher, mac,
	    encrypt);
}

static SSL_CTX *server, *client;

static void
rig_make(int version)
{
	ring_now = time(NULL);
	ck_assert_int_eq(tlscache_keys_open(&ring, ROTATE, KEEP, ring_now),
	    TLSCACHE_OK);
	server = peer_server_ctx(version);
	client = peer_client_ctx(version);
	ck_assert_int_eq(tlscache_keys_attach(ring, server), TLSCACHE_OK);
}

static void
rig_free(void)
{
	SSL_CTX_free(server);
	SSL_CTX_free(client);
	tlscache_keys_close(ring);
}

static struct tlscache_keys_stat
counters(void)
{
	struct tlscache_keys_stat stat;

	tlsc_keys_stat(ring, ring_now, &stat);
	return stat;
}

/* Connect, replace the session by the new one, tell whether it resumed. */
static bool
connects(SSL_SESSION **session)
{
	struct peer_result r;

	r = peer_connect(server, client, *session, PEER_CLOSE_ORDERLY);
	ck_assert(r.ok && !r.errors_left);
	SSL_SESSION_free(*session);
	*session = r.session;
	return r.resumed;
}

START_TEST(every_process_takes_the_tickets_of_another)
{
	struct peer_result r;
	SSL_SESSION *session;
	int i;

	rig_make(versions[_i]);
	r = peer_connect_forked(server, client, NULL);
	ck_assert(r.ok && !r.resumed && r.session != NULL);
	session = r.session;
	for (i = 0; i < 6; i++) {
		r = peer_connect_forked(server, client, session);
		ck_assert(r.ok && r.resumed);
		/* In TLS 1.3 a ticket is used once: there is a new one. */
		ck_assert(versions[_i] == TLS1_2_VERSION || r.tickets > 0);
		SSL_SESSION_free(session);
		session = r.session;
	}
	SSL_SESSION_free(session);
	ck_assert_uint_ge(counters().issued, 1);
	ck_assert_uint_eq(counters().accepted, 6);
	ck_assert_uint_eq(counters().renewed, 0);
	ck_assert_uint_eq(counters().unknown, 0);
	ck_assert_uint_eq(counters().keys, 1);
	rig_free();
}
END_TEST

START_TEST(tickets_outlive_a_rotation)
{
	SSL_SESSION *session = NULL, *old;
	int64_t start;
	int i;

	rig_make(versions[_i]);
	SSL_CTX_set_tlsext_ticket_key_evp_cb(server, ring_cb);
	start = ring_now;
	ck_assert(!connects(&session));
	SSL_SESSION_up_ref(session);
	old = session;
	for (i = 1; i <= 12; i++) {
		/* The workers change by the clock, before the master calls. */
		ring_now = start + i * ROTATE;
		ck_assert(connects(&session));
		ck_assert_uint_eq(counters().renewed, (uint64_t)i);
		ck_assert_int_eq(counters().active_since, ring_now);
		ck_assert_int_gt(tlscache_keys_rotate(ring, ring_now), 0);
		ck_assert_uint_eq(counters().rotations, (uint64_t)i);
	}
	ck_assert_uint_eq(counters().unknown, 0);
	/* The first key has been over for long. */
	ck_assert(!connects(&old));
	ck_assert_uint_eq(counters().unknown, 1);
	SSL_SESSION_free(session);
	SSL_SESSION_free(old);
	rig_free();
}
END_TEST

START_TEST(a_key_decrypts_until_keep_is_over)
{
	static const struct {
		int64_t at;
		bool resumed;
	} steps[] = { { 0, true }, { ROTATE - 1, true }, { ROTATE, true },
		{ ROTATE + KEEP - 1, true }, { ROTATE + KEEP, false } };
	SSL_SESSION *session = NULL, *copy;
	int64_t start;
	size_t i;

	rig_make(versions[_i]);
	SSL_CTX_set_tlsext_ticket_key_evp_cb(server, ring_cb);
	start = ring_now;
	ck_assert(!connects(&session));
	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		ring_now = start + steps[i].at;
		ck_assert_int_gt(tlscache_keys_rotate(ring, ring_now), 0);
		copy = SSL_SESSION_dup(session);
		ck_assert_int_eq(connects(&copy), steps[i].resumed);
		SSL_SESSION_free(copy);
	}
	SSL_SESSION_free(session);
	rig_free();
}
END_TEST

static unsigned char file48[48], file80[80];
static const struct tlscache_key_bytes files[] = {
	{ file80, sizeof(file80) },
	{ file48, sizeof(file48) },
};

static void
files_make(void)
{
	ck_assert_int_eq(RAND_bytes(file48, sizeof(file48)), 1);
	ck_assert_int_eq(RAND_bytes(file80, sizeof(file80)), 1);
}

START_TEST(two_instances_with_the_same_files)
{
	struct tlscache_keys *here, *there;
	SSL_SESSION *session = NULL;

	files_make();
	rig_make(versions[_i / 2]);
	SSL_CTX_set_tlsext_ticket_key_evp_cb(server, ring_cb);
	here = ring;
	ck_assert_int_eq(tlscache_keys_open(&there, ROTATE, KEEP, 5),
	    TLSCACHE_OK);
	ck_assert_int_eq(tlscache_keys_set(here, &files[_i % 2], 1, ring_now),
	    TLSCACHE_OK);

	ck_assert(!connects(&session));
	ring = there;
	ck_assert(!connects(&session));
	ck_assert_int_eq(tlscache_keys_set(there, &files[_i % 2], 1, 77),
	    TLSCACHE_OK);
	ck_assert(!connects(&session));
	ring = here;
	ck_assert(connects(&session));
	ring = there;
	ck_assert(connects(&session));
	/* Time is nothing to keys from files. */
	ring_now += 1000 * (ROTATE + KEEP);
	ck_assert_int_gt(tlscache_keys_rotate(there, ring_now), 0);
	ck_assert(connects(&session));
	ck_assert_uint_eq(counters().rotations, 0);
	ck_assert_uint_eq(counters().keys, 1);
	ck_assert_int_eq(counters().active_since, 77);

	SSL_SESSION_free(session);
	tlscache_keys_close(there);
	ring = here;
	rig_free();
}
END_TEST

/* The way of an administrator: a new file in front, the old one behind. */
START_TEST(files_are_replaced)
{
	SSL_SESSION *session = NULL, *old;

	files_make();
	rig_make(versions[_i]);
	ck_assert_int_eq(tlscache_keys_set(ring, &files[1], 1, ring_now),
	    TLSCACHE_OK);
	ck_assert(!connects(&session));
	SSL_SESSION_up_ref(session);
	old = session;
	ck_assert_int_eq(tlscache_keys_set(ring, files, 2, ring_now),
	    TLSCACHE_OK);
	ck_assert_uint_eq(counters().keys, 2);
	ck_assert(connects(&session));
	ck_assert_uint_eq(counters().renewed, 1);
	ck_assert_int_eq(tlscache_keys_set(ring, &files[0], 1, ring_now),
	    TLSCACHE_OK);
	ck_assert(connects(&session));
	ck_assert_uint_eq(counters().renewed, 1);
	ck_assert(!connects(&old));

	/* And back to keys of our own, which is nothing new the second time. */
	ck_assert_int_eq(tlscache_keys_set(ring, NULL, 0, ring_now),
	    TLSCACHE_OK);
	ck_assert(!connects(&session));
	ck_assert_int_eq(tlscache_keys_set(ring, NULL, 0, ring_now),
	    TLSCACHE_OK);
	ck_assert(connects(&session));
	SSL_SESSION_free(session);
	SSL_SESSION_free(old);
	rig_free();
}
END_TEST

/* The layout of the files, checked by taking a ticket apart by hand. */
START_TEST(tickets_are_made_as_nginx_makes_them)
{
	const unsigned char *aes, *mac_key, *ticket;
	unsigned char mac[EVP_MAX_MD_SIZE], plain[4096];
	SSL_SESSION *session = NULL, *inside;
	const unsigned char *p;
	const EVP_CIPHER *cipher;
	EVP_CIPHER_CTX *ctx;
	size_t len;
	int mac_len, n, rest;

	files_make();
	rig_make(TLS1_2_VERSION);
	ck_assert_int_eq(tlscache_keys_set(ring, &files[_i], 1, ring_now),
	    TLSCACHE_OK);
	ck_assert(!connects(&session));
	SSL_SESSION_get0_ticket(session, &ticket, &len);
	ck_assert_uint_gt(len, 16 + 16 + 32);
	ck_assert_uint_lt(len, sizeof(plain));
	ck_assert_mem_eq(ticket, files[_i].bytes, 16);
	mac_key = _i == 0 ? file80 + 16 : file48 + 32;
	mac_len = _i == 0 ? 32 : 16;
	aes = _i == 0 ? file80 + 48 : file48 + 16;
	cipher = _i == 0 ? EVP_aes_256_cbc() : EVP_aes_128_cbc();

	ck_assert_ptr_nonnull(HMAC(EVP_sha256(), mac_key, mac_len, ticket,
	    len - 32, mac, NULL));
	ck_assert_mem_eq(ticket + len - 32, mac, 32);
	ctx = EVP_CIPHER_CTX_new();
	ck_assert_ptr_nonnull(ctx);
	ck_assert_int_eq(EVP_DecryptInit_ex(ctx, cipher, NULL, aes,
	    ticket + 16), 1);
	ck_assert_int_eq(EVP_DecryptUpdate(ctx, plain, &n, ticket + 32,
	    (int)(len - 64)), 1);
	ck_assert_int_eq(EVP_DecryptFinal_ex(ctx, plain + n, &rest), 1);
	EVP_CIPHER_CTX_free(ctx);
	p = plain;
	inside = d2i_SSL_SESSION(NULL, &p, n + rest);
	ck_assert_ptr_nonnull(inside);
	SSL_SESSION_free(inside);
	SSL_SESSION_free(session);
	rig_free();
}
END_TEST

START_TEST(a_ticket_of_a_stranger_is_a_full_handshake)
{
	struct tlscache_keys *mine, *other;
	SSL_SESSION *session = NULL;

	rig_make(versions[_i]);
	SSL_CTX_set_tlsext_ticket_key_evp_cb(server, ring_cb);
	mine = ring;
	ck_assert_int_eq(tlscache_keys_open(&other, ROTATE, KEEP, ring_now),
	    TLSCACHE_OK);
	ring = other;
	ck_assert(!connects(&session));
	ring = mine;
	ck_assert(!connects(&session));
	ck_assert_uint_eq(counters().unknown, 1);
	ck_assert_uint_eq(counters().accepted, 0);
	ck_assert(connects(&session));
	SSL_SESSION_free(session);
	tlscache_keys_close(other);
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

/* The ring of the SSL_CTX that the ClientHello callback chose is used. */
START_TEST(a_context_without_ring_has_no_tickets)
{
	SSL_SESSION *session = NULL;

	rig_make(versions[_i]);
	ck_assert(!connects(&session));
	switch_to = peer_server_ctx(versions[_i]);
	SSL_CTX_set_client_hello_cb(server, switch_hello_cb, NULL);
	ck_assert(!connects(&session));
	ck_assert(!connects(&session));
	ck_assert_int_eq(tlscache_keys_attach(ring, switch_to), TLSCACHE_OK);
	(void)connects(&session);
	ck_assert(connects(&session));
	SSL_SESSION_free(session);
	SSL_CTX_free(switch_to);
	rig_free();
}
END_TEST

START_TEST(a_new_program_adopts_the_ring)
{
	struct tlscache_keys *before, *adopted;
	SSL_SESSION *session = NULL;
	int fd;

	rig_make(versions[_i]);
	SSL_CTX_set_tlsext_ticket_key_evp_cb(server, ring_cb);
	ck_assert(!connects(&session));
	fd = dup(tlscache_keys_fd(ring));
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(tlscache_keys_adopt(&adopted, fd), TLSCACHE_OK);
	ck_assert_int_eq(tlscache_keys_fd(adopted), fd);
	before = ring;
	ring = adopted;
	ck_assert(connects(&session));
	/* Both work on, each sees what the other does. */
	ring_now += ROTATE;
	ck_assert_int_gt(tlscache_keys_rotate(adopted, ring_now), 0);
	ck_assert(connects(&session));
	ring = before;
	ck_assert(connects(&session));
	ck_assert_uint_eq(counters().rotations, 1);
	ck_assert_uint_eq(counters().accepted, 3);
	SSL_SESSION_free(session);
	tlscache_keys_close(adopted);
	rig_free();
}
END_TEST

/* Overwrite the segment's bytes from at on. */
static void
segment_write(size_t at, const void *data, size_t len)
{
	memcpy((unsigned char *)ring->segment.base + at, data, len);
}

START_TEST(what_is_no_ring_is_not_adopted)
{
	struct tlscache_keys *adopted;
	struct tlscache *cache;
	unsigned char byte;
	int fd[2], none;
	size_t i;

	rig_make(TLS1_3_VERSION);
	ck_assert_int_eq(pipe(fd), 0);
	ck_assert_int_eq(tlscache_keys_adopt(&adopted, fd[0]),
	    TLSCACHE_E_FORMAT);
	ck_assert_ptr_null(adopted);
	ck_assert_int_ge(fcntl(fd[0], F_GETFD), 0);
	close(fd[0]);
	close(fd[1]);

	ck_assert_int_eq(tlscache_open(&cache, 1 << 20), TLSCACHE_OK);
	none = dup(tlscache_fd(cache));
	ck_assert_int_eq(tlscache_keys_adopt(&adopted, none),
	    TLSCACHE_E_FORMAT);
	ck_assert_int_ge(fcntl(none, F_GETFD), 0);
	tlscache_close(cache);
	close(none);

	none = dup(tlscache_keys_fd(ring));
	for (i = 0; i < 32; i++) {
		byte = ((unsigned char *)ring->segment.base)[i] ^ 0x10;
		segment_write(i, &byte, 1);
		ck_assert_int_eq(tlscache_keys_adopt(&adopted, none),
		    TLSCACHE_E_FORMAT);
		byte ^= 0x10;
		segment_write(i, &byte, 1);
	}
	ck_assert_int_eq(tlscache_keys_adopt(&adopted, none), TLSCACHE_OK);
	tlscache_keys_close(adopted);
	rig_free();
}
END_TEST

/* Whatever stands in the segment: no crash, no failed connection. */
START_TEST(damage_to_the_segment)
{
	unsigned char *noise;
	SSL_SESSION *session = NULL;
	struct tlscache_keys_stat stat;
	size_t size;
	int64_t rc;
	int round;

	rig_make(versions[_i]);
	size = ring->segment.size;
	noise = malloc(size);
	ck_assert_ptr_nonnull(noise);
	for (round = 0; round < 40; round++) {
		ck_assert_int_eq(RAND_bytes(noise, (int)size), 1);
		if (round % 2 == 0)
			segment_write(0, noise, size);
		else
			memset((unsigned char *)ring->segment.base,
			    round % 4 == 1 ? 0xff : 0x02, size);
		(void)connects(&session);
		tlscache_keys_stat(ring, &stat);
		rc = tlscache_keys_rotate(ring, time(NULL));
		ck_assert(rc > 0 || rc == TLSCACHE_E_FORMAT);
		/* The master says again what the times are, and all is well. */
		ck_assert_int_eq(tlscache_keys_set_times(ring, ROTATE, KEEP),
		    TLSCACHE_OK);
		ck_assert_int_eq(tlscache_keys_set(ring, NULL, 0, time(NULL)),
		    TLSCACHE_OK);
		(void)connects(&session);
		ck_assert(connects(&session));
	}
	free(noise);
	SSL_SESSION_free(session);
	rig_free();
}
END_TEST

/* Tickets go on, but whose keys came from files has to know. */
START_TEST(a_damaged_set_is_told_and_replaced)
{
	struct tlsc_keyset none;
	SSL_SESSION *session = NULL;

	rig_make(TLS1_3_VERSION);
	memset(&none, 0, sizeof(none));
	tlsc_ring_publish(ring->ring, &none);
	ck_assert_int_eq(tlscache_keys_rotate(ring, ring_now),
	    TLSCACHE_E_FORMAT);
	ck_assert_int_gt(tlscache_keys_rotate(ring, ring_now), 0);
	ck_assert(!connects(&session));
	ck_assert(connects(&session));
	SSL_SESSION_free(session);
	rig_free();
}
END_TEST

START_TEST(retired_keys_are_wiped)
{
	struct tlsc_keyset set;
	unsigned char first[32];

	files_make();
	rig_make(TLS1_3_VERSION);
	ck_assert(tlsc_ring_load(ring->ring, &set));
	memcpy(first, set.key[0].aes, sizeof(first));
	ck_assert_ptr_nonnull(memmem(ring->segment.base, ring->segment.size,
	    first, sizeof(first)));
	ring_now += ROTATE;
	ck_assert_int_gt(tlscache_keys_rotate(ring, ring_now), 0);
	ck_assert_ptr_nonnull(memmem(ring->segment.base, ring->segment.size,
	    first, sizeof(first)));
	ring_now += KEEP;
	ck_assert_int_gt(tlscache_keys_rotate(ring, ring_now), 0);
	ck_assert_ptr_null(memmem(ring->segment.base, ring->segment.size,
	    first, sizeof(first)));

	ck_assert_int_eq(tlscache_keys_set(ring, files, 2, ring_now),
	    TLSCACHE_OK);
	ck_assert_ptr_nonnull(memmem(ring->segment.base, ring->segment.size,
	    file80 + 48, 32));
	ck_assert_int_eq(tlscache_keys_set(ring, NULL, 0, ring_now),
	    TLSCACHE_OK);
	ck_assert_ptr_null(memmem(ring->segment.base, ring->segment.size,
	    file80 + 48, 32));
	ck_assert_ptr_null(memmem(ring->segment.base, ring->segment.size,
	    file48 + 16, 16));
	tlsc_keyset_wipe(&set);
	rig_free();
}
END_TEST

/* Keys whose bytes are all the same: a mixture shows. */
static int
set_uniform(unsigned char value)
{
	unsigned char bytes[TLSCACHE_KEYS_MAX][TLSC_KEY_80];
	struct tlscache_key_bytes in[TLSCACHE_KEYS_MAX];
	size_t i, n = 1 + value % TLSCACHE_KEYS_MAX;

	memset(bytes, value, sizeof(bytes));
	for (i = 0; i < n; i++) {
		in[i].bytes = bytes[i];
		in[i].len = TLSC_KEY_80;
	}
	return tlscache_keys_set(ring, in, n, 1000 + value);
}

static bool
is_uniform(const struct tlsc_keyset *set)
{
	const struct tlsc_key *key;
	unsigned char bytes[TLSC_KEY_80];
	size_t i;

	memset(bytes, set->key[0].name[0], sizeof(bytes));
	if (set->outside != 1 ||
	    set->n != (uint64_t)1 + bytes[0] % TLSCACHE_KEYS_MAX)
		return false;
	for (i = 0; i < set->n; i++) {
		key = &set->key[i];
		if (memcmp(key->name, bytes, sizeof(key->name)) != 0 ||
		    memcmp(key->hmac, bytes, sizeof(key->hmac)) != 0 ||
		    memcmp(key->aes, bytes, sizeof(key->aes)) != 0 ||
		    key->from != 1000 + bytes[0])
			return false;
	}
	return true;
}

/* Write until killed; the readers' page counts what was done. */
static void
write_forever(void)
{
	unsigned char value = 0;

	for (;;)
		if (set_uniform(++value) != TLSCACHE_OK)
			_exit(1);
}

struct progress {
	_Atomic uint64_t reads;
	_Atomic uint64_t busy; /* reads that gave up, a writer being too fast */
	_Atomic uint64_t mixed;
	_Atomic int stop;
};

static void
read_forever(struct progress *progress)
{
	struct tlsc_keyset set;

	while (!progress->stop) {
		if (!tlsc_ring_load(ring->ring, &set))
			progress->busy++;
		else if (!is_uniform(&set))
			progress->mixed++;
		else
			progress->reads++;
	}
	_exit(0);
}

START_TEST(readers_never_see_half_a_set)
{
	struct progress *progress;
	pid_t reader[2], writer;
	struct tlsc_keyset set;
	int i, kills, status;
	uint64_t seen;

	rig_make(TLS1_3_VERSION);
	ck_assert_int_eq(set_uniform(0), TLSCACHE_OK);
	progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(progress, MAP_FAILED);
	for (i = 0; i < 2; i++) {
		reader[i] = fork();
		ck_assert_int_ge(reader[i], 0);
		if (reader[i] == 0)
			read_forever(progress);
	}
	for (kills = 0; kills < 60; kills++) {
		writer = fork();
		ck_assert_int_ge(writer, 0);
		if (writer == 0)
			write_forever();
		seen = progress->reads;
		while (progress->reads < seen + 2000)
			sched_yield();
		ck_assert_int_eq(kill(writer, SIGKILL), 0);
		ck_assert_int_eq(waitpid(writer, &status, 0), writer);
		/* It died somewhere; what it left is whole, and not locked. */
		ck_assert(WIFSIGNALED(status));
		ck_assert(tlsc_ring_load(ring->ring, &set));
		ck_assert(is_uniform(&set));
		ck_assert_int_eq(set_uniform((unsigned char)kills),
		    TLSCACHE_OK);
	}
	progress->stop = 1;
	for (i = 0; i < 2; i++) {
		ck_assert_int_eq(waitpid(reader[i], &status, 0), reader[i]);
		ck_assert_int_eq(status, 0);
	}
	ck_assert_uint_eq(progress->mixed, 0);
	munmap(progress, sizeof(*progress));
	rig_free();
}
END_TEST

START_TEST(writers_take_turns)
{
	int fd[2], status;
	pid_t pid;
	char c;

	files_make();
	rig_make(TLS1_3_VERSION);
	ck_assert_int_eq(pipe(fd), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (tlsc_ring_lock(ring) != TLSCACHE_OK ||
		    write(fd[1], "l", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	ck_assert_int_eq(read(fd[0], &c, 1), 1);
	ck_assert_int_eq(tlscache_keys_rotate(ring, ring_now),
	    TLSCACHE_E_BUSY);
	ck_assert_int_eq(tlscache_keys_set(ring, files, 2, ring_now),
	    TLSCACHE_E_BUSY);
	ck_assert_int_eq(tlscache_keys_set(ring, NULL, 0, ring_now),
	    TLSCACHE_E_BUSY);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_gt(tlscache_keys_rotate(ring, ring_now), 0);
	ck_assert_int_eq(tlscache_keys_set(ring, files, 2, ring_now),
	    TLSCACHE_OK);
	close(fd[0]);
	close(fd[1]);
	rig_free();
}
END_TEST

START_TEST(other_times_at_run_time)
{
	int64_t wait;

	rig_make(TLS1_3_VERSION);
	ck_assert_int_eq(tlscache_keys_rotate(ring, ring_now), ROTATE);
	ck_assert_int_eq(tlscache_keys_set_times(ring, 40, 20), TLSCACHE_OK);
	ck_assert_int_eq(tlscache_keys_rotate(ring, ring_now + 10), 30);
	wait = tlscache_keys_rotate(ring, ring_now + 40);
	ck_assert(wait > 0 && wait <= 40);
	ck_assert_int_eq(tlscache_keys_set_times(ring, 0, 20),
	    TLSCACHE_E_INVAL);
	rig_free();
}
END_TEST

START_TEST(arguments_are_checked)
{
	static const unsigned char bytes[80];
	static const size_t bad[] = { 0, 1, 47, 49, 64, 79, 81, SIZE_MAX };
	struct tlscache_key_bytes in[TLSCACHE_KEYS_MAX + 1];
	struct tlscache_keys *keys;
	SSL_SESSION *session = NULL;
	size_t i;

	ck_assert_int_eq(tlscache_keys_open(&keys, 0, 0, 1),
	    TLSCACHE_E_INVAL);
	ck_assert_ptr_null(keys);
	ck_assert_int_eq(tlscache_keys_open(&keys, 1, 0, -1),
	    TLSCACHE_E_INVAL);
	ck_assert_int_eq(tlscache_keys_open(&keys, 1, 0, INT64_MAX),
	    TLSCACHE_E_INVAL);
	tlscache_keys_close(NULL);

	rig_make(TLS1_3_VERSION);
	ck_assert(!connects(&session));
	for (i = 0; i < TLSCACHE_KEYS_MAX + 1; i++) {
		in[i].bytes = bytes;
		in[i].len = 80;
	}
	ck_assert_int_eq(tlscache_keys_set(ring, in, TLSCACHE_KEYS_MAX + 1,
	    ring_now), TLSCACHE_E_INVAL);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		in[1].len = bad[i];
		ck_assert_int_eq(tlscache_keys_set(ring, in, 2, ring_now),
		    TLSCACHE_E_INVAL);
	}
	in[1].bytes = NULL;
	in[1].len = 80;
	ck_assert_int_eq(tlscache_keys_set(ring, in, 2, ring_now),
	    TLSCACHE_E_INVAL);
	ck_assert_int_eq(tlscache_keys_set(ring, NULL, 1, ring_now),
	    TLSCACHE_E_INVAL);
	ck_assert_int_eq(tlscache_keys_rotate(ring, -1), TLSCACHE_E_INVAL);
	ck_assert_int_eq(tlscache_keys_rotate(ring, INT64_MAX),
	    TLSCACHE_E_INVAL);
	ck_assert_int_eq(tlscache_keys_attach(ring, NULL), TLSCACHE_E_INVAL);
	ck_assert_int_eq(tlscache_keys_attach(NULL, server),
	    TLSCACHE_E_INVAL);
	/* None of this did anything to the ring. */
	ck_assert(connects(&session));
	SSL_SESSION_free(session);
	rig_free();
}
END_TEST

Suite *
keys_suite(void)
{
	Suite *suite = suite_create("keys");
	TCase *tc = tcase_create("keys");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, every_process_takes_the_tickets_of_another, 0,
	    NVERSIONS);
	tcase_add_loop_test(tc, tickets_outlive_a_rotation, 0, NVERSIONS);
	tcase_add_loop_test(tc, a_key_decrypts_until_keep_is_over, 0,
	    NVERSIONS);
	tcase_add_loop_test(tc, two_instances_with_the_same_files, 0,
	    NVERSIONS * 2);
	tcase_add_loop_test(tc, files_are_replaced, 0, NVERSIONS);
	tcase_add_loop_test(tc, tickets_are_made_as_nginx_makes_them, 0, 2);
	tcase_add_loop_test(tc, a_ticket_of_a_stranger_is_a_full_handshake, 0,
	    NVERSIONS);
	tcase_add_loop_test(tc, a_context_without_ring_has_no_tickets, 0,
	    NVERSIONS);
	tcase_add_loop_test(tc, a_new_program_adopts_the_ring, 0, NVERSIONS);
	tcase_add_test(tc, what_is_no_ring_is_not_adopted);
	tcase_add_loop_test(tc, damage_to_the_segment, 0, NVERSIONS);
	tcase_add_test(tc, a_damaged_set_is_told_and_replaced);
	tcase_add_test(tc, retired_keys_are_wiped);
	tcase_add_test(tc, readers_never_see_half_a_set);
	tcase_add_test(tc, writers_take_turns);
	tcase_add_test(tc, other_times_at_run_time);
	tcase_add_test(tc, arguments_are_checked);
	suite_add_tcase(suite, tc);
	return suite;
}
