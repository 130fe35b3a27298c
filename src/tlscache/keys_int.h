/* SPDX-License-Identifier: ISC */
/*
 * The parts of a ring of ticket keys: a set of keys and what time does to it
 * (keys_plan.c), the shared memory that holds it (keys_ring.c), its use by
 * OpenSSL (keys.c).
 */
#ifndef TLSC_KEYS_INT_H
#define TLSC_KEYS_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "segment_int.h"
#include "tlscache.h"

#define TLSC_KEY_NAME 16
#define TLSC_KEY_48 48 /* AES-128-CBC and HMAC-SHA-256 with 16 bytes */
#define TLSC_KEY_80 80 /* AES-256-CBC and HMAC-SHA-256 with 32 bytes */
/* The longest rotate and keep, the latest `now`, and the sums of them. */
#define TLSC_KEYS_SPAN_MAX ((int64_t)1 << 36)
#define TLSC_KEYS_NOW_MAX ((int64_t)1 << 40)
#define TLSC_KEYS_TIME_MAX ((int64_t)1 << 41)

/* Whole words: a set is copied word by word. */
struct tlsc_key {
	int64_t from; /* encrypts from then on, until the next one does */
	int64_t end;  /* decrypts until then */
	unsigned char name[TLSC_KEY_NAME];
	unsigned char hmac[32];
	unsigned char aes[32];
	uint64_t len; /* TLSC_KEY_48 or TLSC_KEY_80 */
};

/*
 * Keys of our own are sorted by `from`, the last one being the next to
 * encrypt. Of keys from outside the first one encrypts.
 */
struct tlsc_keyset {
	int64_t rotate; /* the times that the keys were planned with */
	int64_t keep;
	uint64_t outside; /* 1: keys from outside, which time does not change */
	uint64_t n;
	struct tlsc_key key[TLSCACHE_KEYS_MAX];
};

/* keys_plan.c */

/* Are all lengths and times of a set in range? */
bool tlsc_keyset_valid(const struct tlsc_keyset *);

/* Can keys with these times be kept in one ring? */
bool tlsc_keyset_times_valid(int64_t rotate, int64_t keep);

/*
 * Bring a set of our own keys to `now`: drop those that are over, make those
 * that are due, follow a changed rotate or keep. *made gets the number of new
 * keys. Returns 1 when the set changed, 0 when not, or TLSCACHE_E_OPENSSL.
 * What it has dropped is wiped.
 */
int tlsc_keyset_plan(struct tlsc_keyset *, int64_t rotate, int64_t keep,
    int64_t now, unsigned *made);

/* When tlsc_keyset_plan() next has something to do; after now. */
int64_t tlsc_keyset_due(const struct tlsc_keyset *, int64_t now);

/* The key that encrypts now; NULL when there is none. */
const struct tlsc_key *tlsc_keyset_encrypts(const struct tlsc_keyset *,
    int64_t now);

/* The key of that name, if it decrypts now; NULL otherwise. */
const struct tlsc_key *tlsc_keyset_decrypts(const struct tlsc_keyset *,
    const unsigned char name[TLSC_KEY_NAME], int64_t now);

/* keys_ring.c */

enum tlsc_ring_counter {
	TLSC_RING_ROTATIONS,
	TLSC_RING_ISSUED,
	TLSC_RING_ACCEPTED,
	TLSC_RING_RENEWED,
	TLSC_RING_UNKNOWN,
	TLSC_RING_COUNTERS
};

struct tlsc_ring; /* the shared memory; see keys_ring.c */

enum tlsc_keys_fault {
#define X(NAME, what) TLSC_KEYS_FAULT_##NAME,
#include "keys_fault.def"
#undef X
	TLSC_KEYS_FAULT_COUNT
};

#ifdef TLSC_KEYS_FAULTS
/* Called at every point; defined by the test. */
void tlsc_keys_fault(enum tlsc_keys_fault);
#define TLSC_KEYS_FAULT(NAME) tlsc_keys_fault(TLSC_KEYS_FAULT_##NAME)
#else
#define TLSC_KEYS_FAULT(NAME) ((void)0)
#endif

struct tlscache_keys {
	struct tlsc_segment segment;
	struct tlsc_ring *ring; /* the segment's base */
	EVP_CIPHER *aes128;
	EVP_CIPHER *aes256;
};

int tlsc_ring_new(struct tlscache_keys *);
int tlsc_ring_adopt(struct tlscache_keys *, int fd);

/* Times asked for; see tlscache_keys_set_times(). */
void tlsc_ring_set_times(struct tlsc_ring *, int64_t rotate, int64_t keep);
void tlsc_ring_times(const struct tlsc_ring *, int64_t *rotate,
    int64_t *keep);

void tlsc_ring_count(struct tlsc_ring *, enum tlsc_ring_counter, uint64_t);
uint64_t tlsc_ring_counter(const struct tlsc_ring *, enum tlsc_ring_counter);

/*
 * Copy the set in force. False when it cannot be had: it is not valid, or was
 * replaced again and again meanwhile. The caller wipes the copy.
 */
bool tlsc_ring_load(const struct tlsc_ring *, struct tlsc_keyset *);

/*
 * Writers take turns. TLSCACHE_E_BUSY when another process is writing. The
 * lock of a process that died is free.
 */
int tlsc_ring_lock(struct tlscache_keys *);
void tlsc_ring_unlock(struct tlscache_keys *);

/* Put a set in force, and wipe what was. The caller holds the lock. */
void tlsc_ring_publish(struct tlsc_ring *, const struct tlsc_keyset *);

/* Wipe what a writer that died has left behind. The caller holds the lock. */
void tlsc_ring_tidy(struct tlsc_ring *);

void tlsc_keyset_wipe(struct tlsc_keyset *);

/* keys.c */

/*
 * What the callback does, at the time `now`; `tls13` says whether the ticket
 * is a TLS 1.3 one. Returns what the callback returns.
 */
int tlsc_keys_ticket(struct tlscache_keys *, int64_t now, bool tls13,
    unsigned char name[TLSC_KEY_NAME], unsigned char *iv, EVP_CIPHER_CTX *,
    EVP_MAC_CTX *, int encrypt);

/* tlscache_keys_stat() at the time `now`. */
void tlsc_keys_stat(const struct tlscache_keys *, int64_t now,
    struct tlscache_keys_stat *);

#endif
