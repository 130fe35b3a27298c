/* SPDX-License-Identifier: ISC */
/*
 * What time does to a set of ticket keys. Plain functions of a set in the
 * caller's memory; the master calls those that change one.
 *
 * A set of our own keys, `now` between k2 and k3:
 *
 *	       k0            k1            k2     now     k3
 *	-------|-------------|-------------|-------|-------|-------> time
 *	               k1.from       k2.from         k3.from
 *	                                   k1.end = k2.from + keep
 *
 * k2 encrypts since its `from` and will until k3's. k3 is there already, so
 * that all processes change to it at the same second without asking anybody.
 * k0 and k1 decrypt until their end. There is always exactly one key that is
 * still to come, `rotate` ahead at most; so when it is further away than that
 * the clock has gone back, and all times are moved by as much.
 *
 * When the master comes late, k3 simply goes on encrypting, and decrypts as
 * long as it does, whatever its end says.
 */
#include "config.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "keys_int.h"

static bool keyset_shift(struct tlsc_keyset *, int64_t);
static bool keyset_replan(struct tlsc_keyset *, int64_t, int64_t, int64_t);
static bool keyset_drop(struct tlsc_keyset *, int64_t);
static int keyset_append(struct tlsc_keyset *, int64_t);
static void keyset_delete(struct tlsc_keyset *, size_t);
static size_t keyset_active(const struct tlsc_keyset *, int64_t);
static int64_t max64(int64_t, int64_t);

bool
tlsc_keyset_times_valid(int64_t rotate, int64_t keep)
{
	/*
	 * Room for the keys that decrypt, the one that encrypts, the next,
	 * and one more for a master that comes late.
	 */
	return rotate > 0 && keep >= 0 && rotate <= TLSC_KEYS_SPAN_MAX &&
	    keep <= TLSC_KEYS_SPAN_MAX &&
	    keep / rotate <= TLSCACHE_KEYS_MAX - 4;
}

bool
tlsc_keyset_valid(const struct tlsc_keyset *set)
{
	size_t i;

	if (set->n == 0 || set->n > TLSCACHE_KEYS_MAX || set->outside > 1)
		return false;
	if (set->outside == 0 &&
	    !tlsc_keyset_times_valid(set->rotate, set->keep))
		return false;
	for (i = 0; i < set->n; i++) {
		const struct tlsc_key *key = &set->key[i];

		if (key->len != TLSC_KEY_48 && key->len != TLSC_KEY_80)
			return false;
		if (key->from < 0 || key->from > TLSC_KEYS_TIME_MAX ||
		    key->end < 0 || key->end > TLSC_KEYS_TIME_MAX)
			return false;
	}
	return true;
}

int
tlsc_keyset_plan(struct tlsc_keyset *set, int64_t rotate, int64_t keep,
    int64_t now, unsigned *made)
{
	bool changed = false;

	*made = 0;
	if (set->n == 0) {
		set->rotate = rotate;
		set->keep = keep;
	}
	if (keyset_shift(set, now))
		changed = true;
	if (keyset_replan(set, rotate, keep, now))
		changed = true;
	while (set->n == 0 || set->key[set->n - 1].from <= now) {
		if (keyset_append(set, now) != 0)
			return TLSCACHE_E_OPENSSL;
		++*made;
		changed = true;
	}
	if (keyset_drop(set, now))
		changed = true;
	return changed ? 1 : 0;
}

/* The clock went back. */
static bool
keyset_shift(struct tlsc_keyset *set, int64_t now)
{
	int64_t delta;
	size_t i;

	if (set->n == 0)
		return false;
	delta = set->key[set->n - 1].from - (now + set->rotate);
	if (delta <= 0)
		return false;
	for (i = 0; i < set->n; i++) {
		set->key[i].from = max64(set->key[i].from - delta, 0);
		set->key[i].end = max64(set->key[i].end - delta, 0);
	}
	return true;
}

/*
 * Other times are wanted. The key that is still to come has encrypted nothing
 * yet and can be moved; tickets that the active one makes from now on live for
 * the new keep. Those before it keep their end.
 */
static bool
keyset_replan(struct tlsc_keyset *set, int64_t rotate, int64_t keep,
    int64_t now)
{
	struct tlsc_key *active, *next;

	if (set->rotate == rotate && set->keep == keep)
		return false;
	set->rotate = rotate;
	set->keep = keep;
	active = &set->key[keyset_active(set, now)];
	next = &set->key[set->n - 1];
	if (next == active)
		return true;
	next->from = max64(active->from + rotate, now);
	next->end = next->from + rotate + keep;
	active->end = max64(active->end, next->from + keep);
	return true;
}

/* Add the next key, or the first one. */
static int
keyset_append(struct tlsc_keyset *set, int64_t now)
{
	struct tlsc_key *key, *last;
	unsigned char secret[TLSC_KEY_80];

	if (RAND_priv_bytes(secret, sizeof(secret)) != 1)
		return -1;
	if (set->n == TLSCACHE_KEYS_MAX)
		keyset_delete(set, 0);
	key = &set->key[set->n];
	key->from = now;
	if (set->n > 0) {
		last = key - 1;
		key->from = max64(last->from + set->rotate, now);
		last->end = max64(last->end, key->from + set->keep);
	}
	key->end = key->from + set->rotate + set->keep;
	key->len = TLSC_KEY_80;
	memcpy(key->name, secret, 16);
	memcpy(key->hmac, secret + 16, 32);
	memcpy(key->aes, secret + 48, 32);
	OPENSSL_cleanse(secret, sizeof(secret));
	set->n++;
	return 0;
}

static bool
keyset_drop(struct tlsc_keyset *set, int64_t now)
{
	bool changed = false;
	size_t active, i;

	active = keyset_active(set, now);
	for (i = active; i-- > 0;) {
		if (set->key[i].end > now)
			continue;
		keyset_delete(set, i);
		changed = true;
	}
	return changed;
}

static void
keyset_delete(struct tlsc_keyset *set, size_t i)
{
	memmove(&set->key[i], &set->key[i + 1],
	    (set->n - i - 1) * sizeof(set->key[0]));
	set->n--;
	OPENSSL_cleanse(&set->key[set->n], sizeof(set->key[0]));
}

int64_t
tlsc_keyset_due(const struct tlsc_keyset *set, int64_t now)
{
	int64_t due;
	size_t active, i;

	due = set->key[set->n - 1].from;
	active = keyset_active(set, now);
	for (i = 0; i < active; i++)
		if (set->key[i].end < due)
			due = set->key[i].end;
	return max64(due, now + 1);
}

const struct tlsc_key *
tlsc_keyset_encrypts(const struct tlsc_keyset *set, int64_t now)
{
	if (set->n == 0)
		return NULL;
	return &set->key[set->outside != 0 ? 0 : keyset_active(set, now)];
}

const struct tlsc_key *
tlsc_keyset_decrypts(const struct tlsc_keyset *set,
    const unsigned char name[TLSC_KEY_NAME], int64_t now)
{
	const struct tlsc_key *key;
	size_t i;

	for (i = 0; i < set->n; i++) {
		key = &set->key[i];
		if (memcmp(key->name, name, TLSC_KEY_NAME) != 0)
			continue;
		if (key->end > now || key == tlsc_keyset_encrypts(set, now))
			return key;
	}
	return NULL;
}

/* The newest key whose time has come; the oldest when none has. */
static size_t
keyset_active(const struct tlsc_keyset *set, int64_t now)
{
	size_t i;

	for (i = set->n; i-- > 1;)
		if (set->key[i].from <= now)
			return i;
	return 0;
}

void
tlsc_keyset_wipe(struct tlsc_keyset *set)
{
	OPENSSL_cleanse(set, sizeof(*set));
}

static int64_t
max64(int64_t a, int64_t b)
{
	return a > b ? a : b;
}
