/* SPDX-License-Identifier: ISC */
/*
 * Session-ticket keys for OpenSSL: the public tlscache_keys_* functions and
 * the callback behind them. The master makes, rotates and replaces keys; the
 * callback runs in the workers, inside SSL_do_handshake().
 *
 * Keys are copied out of the ring for the time of one ticket and wiped; they
 * are nowhere else in a process, and nothing here prints.
 */
#include "config.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "keys_int.h"
#include "tlscache.h"

#define AES_BLOCK 16

static int keys_alloc(struct tlscache_keys **);
static int keys_update(struct tlscache_keys *, bool, int64_t, int64_t *);
static int key_parse(struct tlsc_key *, const struct tlscache_key_bytes *,
    int64_t);
static void keys_index_new(void);
static int ticket_key_cb(SSL *, unsigned char *, unsigned char *,
    EVP_CIPHER_CTX *, EVP_MAC_CTX *, int);
static int ticket_encrypt(struct tlscache_keys *, const struct tlsc_key *,
    unsigned char *, unsigned char *, EVP_CIPHER_CTX *, EVP_MAC_CTX *);
static bool key_init(const struct tlscache_keys *, const struct tlsc_key *,
    const unsigned char *, EVP_CIPHER_CTX *, EVP_MAC_CTX *, int);

/*
 * Where the handle hangs on an SSL_CTX. OpenSSL gives out such an index once
 * per process and never takes it back: a constant that is known at run time.
 */
static CRYPTO_ONCE keys_once = CRYPTO_ONCE_STATIC_INIT;
static int keys_index = -1;

int
tlscache_keys_open(struct tlscache_keys **kp, int64_t rotate, int64_t keep,
    int64_t now)
{
	struct tlscache_keys *keys;
	int64_t due;
	int error;

	*kp = NULL;
	if (!tlsc_keyset_times_valid(rotate, keep))
		return TLSCACHE_E_INVAL;
	error = keys_alloc(&keys);
	if (error != TLSCACHE_OK)
		return error;
	error = tlsc_ring_new(keys);
	if (error == TLSCACHE_OK) {
		tlsc_ring_set_times(keys->ring, rotate, keep);
		error = keys_update(keys, true, now, &due);
	}
	if (error != TLSCACHE_OK) {
		tlscache_keys_close(keys);
		return error;
	}
	*kp = keys;
	return TLSCACHE_OK;
}

int
tlscache_keys_adopt(struct tlscache_keys **kp, int fd)
{
	struct tlscache_keys *keys;
	int error;

	*kp = NULL;
	error = keys_alloc(&keys);
	if (error != TLSCACHE_OK)
		return error;
	error = tlsc_ring_adopt(keys, fd);
	if (error != TLSCACHE_OK) {
		tlscache_keys_close(keys);
		return error;
	}
	*kp = keys;
	return TLSCACHE_OK;
}

static int
keys_alloc(struct tlscache_keys **kp)
{
	struct tlscache_keys *keys;

	keys = calloc(1, sizeof(*keys));
	if (keys == NULL)
		return TLSCACHE_E_NOMEM;
	keys->segment.fd = -1;
	keys->aes128 = EVP_CIPHER_fetch(NULL, "AES-128-CBC", NULL);
	keys->aes256 = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
	if (keys->aes128 == NULL || keys->aes256 == NULL) {
		tlscache_keys_close(keys);
		return TLSCACHE_E_OPENSSL;
	}
	*kp = keys;
	return TLSCACHE_OK;
}

int
tlscache_keys_fd(const struct tlscache_keys *keys)
{
	return keys->segment.fd;
}

void
tlscache_keys_close(struct tlscache_keys *keys)
{
	if (keys == NULL)
		return;
	if (keys->ring != NULL)
		tlsc_segment_release(&keys->segment);
	EVP_CIPHER_free(keys->aes128);
	EVP_CIPHER_free(keys->aes256);
	free(keys);
}

int
tlscache_keys_set_times(struct tlscache_keys *keys, int64_t rotate,
    int64_t keep)
{
	if (!tlsc_keyset_times_valid(rotate, keep))
		return TLSCACHE_E_INVAL;
	tlsc_ring_set_times(keys->ring, rotate, keep);
	return TLSCACHE_OK;
}

int64_t
tlscache_keys_rotate(struct tlscache_keys *keys, int64_t now)
{
	int64_t due;
	int error;

	error = keys_update(keys, false, now, &due);
	return error != TLSCACHE_OK ? error : due - now;
}

int
tlscache_keys_set(struct tlscache_keys *keys,
    const struct tlscache_key_bytes *bytes, size_t n, int64_t now)
{
	struct tlsc_keyset set;
	int64_t due;
	size_t i;
	int error;

	if (n == 0)
		return keys_update(keys, true, now, &due);
	if (bytes == NULL || n > TLSCACHE_KEYS_MAX || now < 0 ||
	    now > TLSC_KEYS_NOW_MAX)
		return TLSCACHE_E_INVAL;
	memset(&set, 0, sizeof(set));
	set.outside = 1;
	set.n = n;
	error = TLSCACHE_OK;
	for (i = 0; i < n && error == TLSCACHE_OK; i++)
		error = key_parse(&set.key[i], &bytes[i], now);
	if (error == TLSCACHE_OK)
		error = tlsc_ring_lock(keys);
	if (error == TLSCACHE_OK) {
		tlsc_ring_publish(keys->ring, &set);
		tlsc_ring_unlock(keys);
	}
	tlsc_keyset_wipe(&set);
	return error;
}

/*
 * Bring keys of our own up to date. Those from outside stay, unless `own`
 * asks for ours instead. In place of a set that is damaged there are ours, too,
 * which is an error unless they were asked for.
 */
static int
keys_update(struct tlscache_keys *keys, bool own, int64_t now, int64_t *due)
{
	struct tlsc_keyset set;
	int64_t keep, rotate;
	unsigned made;
	bool damaged, first;
	int error;

	tlsc_ring_times(keys->ring, &rotate, &keep);
	if (now < 0 || now > TLSC_KEYS_NOW_MAX)
		return TLSCACHE_E_INVAL;
	if (!tlsc_keyset_times_valid(rotate, keep))
		return TLSCACHE_E_FORMAT;
	error = tlsc_ring_lock(keys);
	if (error != TLSCACHE_OK)
		return error;
	tlsc_ring_tidy(keys->ring);
	memset(&set, 0, sizeof(set));
	damaged = !tlsc_ring_load(keys->ring, &set);
	if (damaged || (set.outside != 0 && own))
		tlsc_keyset_wipe(&set);
	*due = now + rotate;
	if (set.outside == 0) {
		first = set.n == 0;
		error = tlsc_keyset_plan(&set, rotate, keep, now, &made);
		if (error > 0) {
			tlsc_ring_publish(keys->ring, &set);
			tlsc_ring_count(keys->ring, TLSC_RING_ROTATIONS,
			    first ? 0 : made);
		}
		if (error >= 0)
			*due = tlsc_keyset_due(&set, now);
	}
	tlsc_ring_unlock(keys);
	tlsc_keyset_wipe(&set);
	if (error < 0)
		return error;
	return damaged && !own ? TLSCACHE_E_FORMAT : TLSCACHE_OK;
}

/* The files of nginx; the order of the parts differs between the sizes. */
static int
key_parse(struct tlsc_key *key, const struct tlscache_key_bytes *in,
    int64_t now)
{
	const unsigned char *p = in->bytes;

	if (p == NULL)
		return TLSCACHE_E_INVAL;
	switch (in->len) {
	case TLSC_KEY_48:
		memcpy(key->aes, p + 16, 16);
		memcpy(key->hmac, p + 32, 16);
		break;
	case TLSC_KEY_80:
		memcpy(key->hmac, p + 16, 32);
		memcpy(key->aes, p + 48, 32);
		break;
	default:
		return TLSCACHE_E_INVAL;
	}
	memcpy(key->name, p, TLSC_KEY_NAME);
	key->len = in->len;
	key->from = now;
	key->end = TLSC_KEYS_TIME_MAX;
	return TLSCACHE_OK;
}

void
tlscache_keys_stat(const struct tlscache_keys *keys,
    struct tlscache_keys_stat *stat)
{
	tlsc_keys_stat(keys, time(NULL), stat);
}

void
tlsc_keys_stat(const struct tlscache_keys *keys, int64_t now,
    struct tlscache_keys_stat *stat)
{
	const struct tlsc_ring *ring = keys->ring;
	const struct tlsc_key *active, *key;
	struct tlsc_keyset set;
	size_t i;

	memset(stat, 0, sizeof(*stat));
	stat->rotations = tlsc_ring_counter(ring, TLSC_RING_ROTATIONS);
	stat->issued = tlsc_ring_counter(ring, TLSC_RING_ISSUED);
	stat->accepted = tlsc_ring_counter(ring, TLSC_RING_ACCEPTED);
	stat->renewed = tlsc_ring_counter(ring, TLSC_RING_RENEWED);
	stat->unknown = tlsc_ring_counter(ring, TLSC_RING_UNKNOWN);
	stat->locked = keys->segment.locked ? keys->segment.size : 0;
	if (tlsc_ring_load(ring, &set)) {
		active = tlsc_keyset_encrypts(&set, now);
		stat->active_since = active->from;
		for (i = 0; i < set.n; i++) {
			key = &set.key[i];
			if (key == active ||
			    (key->from <= now && key->end > now))
				stat->keys++;
		}
	}
	tlsc_keyset_wipe(&set);
}

int
tlscache_keys_attach(struct tlscache_keys *keys, SSL_CTX *ctx)
{
	if (keys == NULL || ctx == NULL)
		return TLSCACHE_E_INVAL;
	if (CRYPTO_THREAD_run_once(&keys_once, keys_index_new) != 1 ||
	    keys_index < 0 || SSL_CTX_set_ex_data(ctx, keys_index, keys) != 1)
		return TLSCACHE_E_OPENSSL;
	if (SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, ticket_key_cb) != 1)
		return TLSCACHE_E_OPENSSL;
	return TLSCACHE_OK;
}

static void
keys_index_new(void)
{
	keys_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

static int
ticket_key_cb(SSL *ssl, unsigned char *name, unsigned char *iv,
    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int encrypt)
{
	struct tlscache_keys *keys;

	keys = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), keys_index);
	if (keys == NULL)
		return 0;
	return tlsc_keys_ticket(keys, time(NULL),
	    SSL_version(ssl) == TLS1_3_VERSION, name, iv, cipher, mac,
	    encrypt);
}

/*
 * 0: no ticket is issued, or the one that came is ignored and the handshake is
 * a full one. 1: go on. 2: go on and issue a new ticket; TLS 1.3 needs this
 * said each time, or the client is left with a ticket that it has used.
 */
int
tlsc_keys_ticket(struct tlscache_keys *keys, int64_t now, bool tls13,
    unsigned char name[TLSC_KEY_NAME], unsigned char *iv,
    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int encrypt)
{
	const struct tlsc_key *active, *key;
	struct tlsc_keyset set;
	int result = 0;

	if (!tlsc_ring_load(keys->ring, &set))
		goto out;
	active = tlsc_keyset_encrypts(&set, now);
	if (encrypt != 0) {
		result = ticket_encrypt(keys, active, name, iv, cipher, mac);
		goto out;
	}
	key = tlsc_keyset_decrypts(&set, name, now);
	if (key == NULL) {
		tlsc_ring_count(keys->ring, TLSC_RING_UNKNOWN, 1);
		goto out;
	}
	result = -1;
	if (!key_init(keys, key, iv, cipher, mac, 0))
		goto out;
	tlsc_ring_count(keys->ring, TLSC_RING_ACCEPTED, 1);
	if (key != active)
		tlsc_ring_count(keys->ring, TLSC_RING_RENEWED, 1);
	result = key != active || tls13 ? 2 : 1;
out:
	tlsc_keyset_wipe(&set);
	return result;
}

static int
ticket_encrypt(struct tlscache_keys *keys, const struct tlsc_key *key,
    unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
    EVP_MAC_CTX *mac)
{
	if (RAND_bytes(iv, AES_BLOCK) != 1 ||
	    !key_init(keys, key, iv, cipher, mac, 1))
		return -1;
	memcpy(name, key->name, TLSC_KEY_NAME);
	tlsc_ring_count(keys->ring, TLSC_RING_ISSUED, 1);
	return 1;
}

static bool
key_init(const struct tlscache_keys *keys, const struct tlsc_key *key,
    const unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
    int encrypt)
{
	bool large = key->len == TLSC_KEY_80;
	char digest[] = "SHA256";
	OSSL_PARAM params[2];

	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
	    digest, 0);
	params[1] = OSSL_PARAM_construct_end();
	return EVP_CipherInit_ex2(cipher, large ? keys->aes256 : keys->aes128,
	    key->aes, iv, encrypt, NULL) == 1 &&
	    EVP_MAC_init(mac, key->hmac, large ? 32 : 16, params) == 1;
}
