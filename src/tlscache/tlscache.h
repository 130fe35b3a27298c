/* SPDX-License-Identifier: ISC */
/*
 * libtlscache: the state that the processes of a pre-fork TLS server must
 * share. A session cache in shared memory, and a ring of session-ticket keys.
 *
 *	struct tlscache *cache;
 *
 *	tlscache_open(&cache, 32 << 20);      before the first fork
 *	tlscache_attach(cache, ctx);          for every SSL_CTX of the server
 *	...
 *	fork();                               every child resumes every session
 *
 * Every function that can fail returns 0 or a negative TLSCACHE_E_* code. The
 * library never prints, exits, logs or installs a signal handler. Handles are
 * used by one thread at a time in each process; processes need no
 * coordination: any of them may die at any instruction.
 *
 * Times are seconds since 1970. `now` is an argument of the byte interface,
 * so that callers (and tests) decide what time it is.
 */
#ifndef TLSCACHE_H
#define TLSCACHE_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define TLSCACHE_API __attribute__((visibility("default")))
#define TLSCACHE_MUST_CHECK __attribute__((warn_unused_result))
#else
#define TLSCACHE_API
#define TLSCACHE_MUST_CHECK
#endif

/* The longest session id (RFC 5246 7.4.1.2) and the largest entry. */
#define TLSCACHE_ID_MAX 32
#define TLSCACHE_DATA_MAX 16384
/* The smallest cache, in bytes of shared memory. */
#define TLSCACHE_SIZE_MIN (128u << 10)

enum {
	TLSCACHE_OK = 0,
	TLSCACHE_E_INVAL = -1,	  /* an argument is out of range */
	TLSCACHE_E_SYSTEM = -2,	  /* a system call failed; errno says why */
	TLSCACHE_E_NOMEM = -3,	  /* memory ran out */
	TLSCACHE_E_MISS = -4,	  /* no such entry */
	TLSCACHE_E_TOOBIG = -5,	  /* larger than TLSCACHE_DATA_MAX */
	TLSCACHE_E_SPACE = -6,	  /* the caller's buffer is too small */
	TLSCACHE_E_BUSY = -7,	  /* another process holds the lock too long */
	TLSCACHE_E_CLAIMED = -8,  /* somebody has claimed it before */
	TLSCACHE_E_FORMAT = -9,	  /* not a segment that can be adopted */
	TLSCACHE_E_OPENSSL = -10, /* OpenSSL failed; its error queue says why */
	TLSCACHE_E_RETIRED = -11, /* moved to another cache, see tlscache_move */
};

struct tlscache; /* a process's handle of the shared cache; kept over fork */

/*
 * Make a cache of about size bytes (at least TLSCACHE_SIZE_MIN) of shared
 * memory. *cp gets the handle, which the caller releases with
 * tlscache_close() in each process, or NULL on failure.
 */
TLSCACHE_API int tlscache_open(struct tlscache **cp, size_t size)
    TLSCACHE_MUST_CHECK;

/*
 * Adopt the segment behind a descriptor that another process got from
 * tlscache_fd(), over exec or a Unix socket. The segment is checked first;
 * what is not one, or is of another layout, is refused with
 * TLSCACHE_E_FORMAT. fd belongs to the cache after success, and stays the
 * caller's after failure.
 */
TLSCACHE_API int tlscache_adopt(struct tlscache **cp, int fd)
    TLSCACHE_MUST_CHECK;

/*
 * The descriptor of the segment, or -1 where the system has no memfd. It is
 * close-on-exec and stays the cache's: duplicate it to hand it over.
 */
TLSCACHE_API int tlscache_fd(const struct tlscache *);

/* Release the handle in this process. The last process frees the memory. */
TLSCACHE_API void tlscache_close(struct tlscache *);

/*
 * Have ctx keep its sessions in the cache: sets the session cache mode and
 * the new, get and remove callbacks. Works for TLS 1.2 session ids, and for
 * TLS 1.3 when SSL_OP_NO_TICKET makes its tickets stateful; stateless tickets
 * are left alone. The caller sets the session id context
 * (SSL_CTX_set_session_id_context) and the time-out (SSL_CTX_set_timeout): no
 * session resumes later than that after its full handshake, renewed or not.
 * A connection that a callback moves to another SSL_CTX (SSL_set_SSL_CTX)
 * uses that one's cache. OpenSSL looks sessions up before it calls a servername
 * callback, and tells the SSL_CTX of before when one is to be removed: attach
 * one cache to all that connections move between, or move them in the
 * ClientHello callback. What OpenSSL wants removed (after a fatal alert, by
 * SSL_CTX_remove_session()) is removed in TLS 1.2 only; tlscache_remove() does
 * it in both. The cache must outlive ctx.
 */
TLSCACHE_API int tlscache_attach(struct tlscache *, SSL_CTX *)
    TLSCACHE_MUST_CHECK;

/*
 * Have ctx, which tlscache_attach() was called for, accept early data (0-RTT,
 * RFC 8446 section 8), up to max bytes (2^31 - 1 at most: more counts as
 * that), and those of each session once in all processes together. Makes tickets stateful (SSL_OP_NO_TICKET), replaces
 * OpenSSL's own protection, which knows one process only
 * (SSL_OP_NO_ANTI_REPLAY), and sets the callback that claims
 * (SSL_CTX_set_allow_early_data_cb). Early data of a session that was made
 * under another server name, if it tells, are refused; so is all that is in
 * doubt. The handshake goes on without them. The server reads with
 * SSL_read_early_data(). An SSL that a callback moves to another SSL_CTX
 * keeps what it had: SSL_set_max_early_data() is for the callback to call.
 */
TLSCACHE_API int tlscache_early_data(SSL_CTX *, uint32_t max)
    TLSCACHE_MUST_CHECK;

/*
 * What is claimed there, for an allow_early_data callback of one's own: the
 * session that ssl resumes. 0 to the first caller of all processes; anything
 * else, TLSCACHE_E_CLAIMED or why it could not be claimed, must refuse.
 */
TLSCACHE_API int tlscache_claim_session(SSL *) TLSCACHE_MUST_CHECK;

/*
 * Store a copy of data under id until `expires`, in place of what was there.
 * When the cache is full the oldest entries go.
 */
TLSCACHE_API int tlscache_store(struct tlscache *, const void *id,
    size_t idlen, const void *data, size_t len, int64_t expires, int64_t now)
    TLSCACHE_MUST_CHECK;

/*
 * Copy the entry into buf (size bytes; TLSCACHE_DATA_MAX always suffices) and
 * its length into *lenp. Returns TLSCACHE_E_MISS when there is none or it has
 * expired, TLSCACHE_E_SPACE (and the length) when buf is too small.
 */
TLSCACHE_API int tlscache_fetch(struct tlscache *, const void *id,
    size_t idlen, void *buf, size_t size, size_t *lenp, int64_t now)
    TLSCACHE_MUST_CHECK;

/*
 * Claim the entry: returns 0 to the first caller of all processes and
 * TLSCACHE_E_CLAIMED to everybody after it, as long as the entry lives. What
 * is not there cannot be claimed (TLSCACHE_E_MISS). The entry stays and can
 * be fetched. For early data: RFC 8446 section 8.1.
 */
TLSCACHE_API int tlscache_claim(struct tlscache *, const void *id,
    size_t idlen, int64_t now) TLSCACHE_MUST_CHECK;

/*
 * Remove and wipe the entry. TLSCACHE_E_MISS when there was none. This and the
 * three above: TLSCACHE_E_BUSY when a stopped process holds the lock,
 * TLSCACHE_E_RETIRED after tlscache_move().
 */
TLSCACHE_API int tlscache_remove(struct tlscache *, const void *id,
    size_t idlen);

/*
 * Wipe entries that have expired; looks at no more than `work` places where an
 * entry may be (there is one for each hundred bytes or so; SIZE_MAX: at all of
 * them) and goes on from there at the next call. Returns how many were wiped. A server
 * that has nothing to do calls it now and then, so that no secret outlives
 * its time.
 */
TLSCACHE_API size_t tlscache_expire(struct tlscache *, size_t work,
    int64_t now);

/*
 * Move the entries of one cache, oldest first, to another one: for a new
 * size. `from` is retired: nothing is stored, fetched or claimed there any
 * more by any process (TLSCACHE_E_RETIRED), so that no claim is lost.
 */
TLSCACHE_API int tlscache_move(struct tlscache *to, struct tlscache *from,
    int64_t now) TLSCACHE_MUST_CHECK;

/*
 * Counters since tlscache_open(), all processes together. The list stands in
 * tlscache_stat.def: one row gives the field, its name and its meaning.
 */
struct tlscache_stat {
#define X(name, doc) uint64_t name;
#include "tlscache_stat.def"
#undef X
};

TLSCACHE_API void tlscache_stat(const struct tlscache *,
    struct tlscache_stat *);

/* What this process alone did through this handle since it was forked. */
TLSCACHE_API void tlscache_stat_process(const struct tlscache *,
    struct tlscache_stat *);

/*
 * Session-ticket keys (RFC 5077, RFC 8446 4.6.1) shared by all processes:
 * one encrypts, those before it go on decrypting until sessions made with
 * them have expired.
 */
struct tlscache_keys;

/* Room for that many keys at a time. */
#define TLSCACHE_KEYS_MAX 16

/*
 * Make a ring of keys in shared memory with one random key that is active
 * from now on. A key encrypts for `rotate` seconds and decrypts for `keep`
 * more (the session time-out). TLSCACHE_E_INVAL unless rotate > 0 and keep is
 * less than TLSCACHE_KEYS_MAX - 3 times as long.
 */
TLSCACHE_API int tlscache_keys_open(struct tlscache_keys **kp,
    int64_t rotate, int64_t keep, int64_t now) TLSCACHE_MUST_CHECK;
TLSCACHE_API int tlscache_keys_adopt(struct tlscache_keys **kp, int fd)
    TLSCACHE_MUST_CHECK;
TLSCACHE_API int tlscache_keys_fd(const struct tlscache_keys *);
TLSCACHE_API void tlscache_keys_close(struct tlscache_keys *);

/*
 * Change the times of a ring, from the next tlscache_keys_rotate() on. The key
 * that encrypts is replaced when the new `rotate` is over and decrypts for the
 * new `keep`, if that is longer; those before it keep their own times.
 */
TLSCACHE_API int tlscache_keys_set_times(struct tlscache_keys *,
    int64_t rotate, int64_t keep) TLSCACHE_MUST_CHECK;

/*
 * One process (the master) calls this every now and then: makes the next key
 * when it is time, wipes those that are over. The next key is there before
 * its time, so that all processes change to it in the same second, without
 * asking anybody. Returns the number of seconds until it has something to do
 * again, or a negative code: TLSCACHE_E_BUSY when another process is at it,
 * TLSCACHE_E_FORMAT when the ring was damaged: then set the times, and keys
 * from files, again; meanwhile new ones of its own may be in use. Does nothing
 * to keys from files.
 */
TLSCACHE_API int64_t tlscache_keys_rotate(struct tlscache_keys *,
    int64_t now) TLSCACHE_MUST_CHECK;

/*
 * Replace the ring by keys from outside, n of them (at most
 * TLSCACHE_KEYS_MAX): each 48 bytes (16 name, 16 AES key, 16 HMAC key: AES-128)
 * or 80 bytes (16 name, 32 HMAC key, 32 AES key: AES-256), as nginx has them
 * in its ssl_session_ticket_key files. The first encrypts, all decrypt. n = 0
 * goes back to keys of our own. One process at a time: TLSCACHE_E_BUSY.
 */
struct tlscache_key_bytes {
	const void *bytes;
	size_t len;
};
TLSCACHE_API int tlscache_keys_set(struct tlscache_keys *,
    const struct tlscache_key_bytes *, size_t n, int64_t now)
    TLSCACHE_MUST_CHECK;

/*
 * Have ctx encrypt and decrypt its tickets with the ring (sets
 * SSL_CTX_set_tlsext_ticket_key_evp_cb). The ring must outlive ctx.
 */
TLSCACHE_API int tlscache_keys_attach(struct tlscache_keys *, SSL_CTX *)
    TLSCACHE_MUST_CHECK;

struct tlscache_keys_stat {
	uint64_t keys;	    /* that decrypt now */
	uint64_t rotations; /* keys made since the ring was */
	uint64_t issued;    /* tickets encrypted */
	uint64_t accepted;  /* tickets that came with a key of the ring */
	uint64_t renewed;   /* of these, with one that no longer encrypts */
	uint64_t unknown;   /* tickets that came with another key */
	int64_t active_since; /* when the key that encrypts began to */
	uint64_t locked; /* bytes, as in struct tlscache_stat */
};
TLSCACHE_API void tlscache_keys_stat(const struct tlscache_keys *,
    struct tlscache_keys_stat *);

/* A short English text for a code. Never NULL, never freed. */
TLSCACHE_API const char *tlscache_strerror(int code);

#ifdef __cplusplus
}
#endif

#endif
