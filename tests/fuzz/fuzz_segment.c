/* SPDX-License-Identifier: ISC */
/*
 * Fuzz target: the session store while somebody else writes its segment.
 *
 * The threat is the one at the head of store_shm.c: a process that maps the
 * segment writes to it whatever and whenever it likes. That process is the
 * target itself, with a mapping of its own; the input is what it does between
 * the operations of the store. No operation may read or write outside the
 * segment (pages that cannot be touched lie on both sides of it) nor, if asked
 * to look, write outside its shard; each comes to an end; what a fetch returns
 * is as long as it says, and nothing can be claimed twice in a row.
 *
 * What is trusted there is trusted here: the mutexes. They are the C
 * library's, which hangs or crashes by design if their bytes are garbage, so
 * these are left alone. A lock whose holder has died belongs to the threat; a
 * thread that ends while it holds the lock makes one. The header is written
 * only in one mode, where it may also get a valid check: it matters to who
 * adopts the segment, and must not to who has.
 *
 *	input   | mode | command | command | …
 *	command | what | arguments; those that are missing are 0 |
 */
#include "config.h"

#include <string.h>

#include "segment.h"
#include "tlscache.h"

#define INPUT_MAX 4096
#define COMMANDS_MAX 48
#define FILLED 20 /* of the ids are there at first */
#define TTL 3600
#define WORK_MAX 2048 /* slots: all of them, and once more */

enum { MODE_HEADER = 1, MODE_ISOLATION = 2 };

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct segment victim, other;
static unsigned char *before; /* the operation */
static unsigned mode;
static int64_t now;

static bool
same(size_t from, size_t to)
{
	return from >= to || memcmp(before + from, victim.view + from,
	    to - from) == 0;
}

static size_t
offset_of(const void *p)
{
	const unsigned char *base = victim.store->segment.base;

	return (size_t)((const unsigned char *)p - base);
}

static void
isolation_begin(void)
{
	if ((mode & MODE_ISOLATION) != 0)
		memcpy(before, victim.view, victim.size);
}

/* All is as it was but the shard of that id, and counters. */
static void
isolation_end(struct tlsc_id id)
{
	struct tlsc_store *store = victim.store;
	uint64_t hash = tlsc_hash(&store->geometry.key, id.bytes, id.len);
	struct tlsc_shard shard = tlsc_shard_at(store,
	    tlsc_hash_shard(store, hash));
	size_t head = offset_of(shard.shared);

	if ((mode & MODE_ISOLATION) == 0)
		return;
	REQUIRE(same(0, TLSC_COUNTERS_OFFSET));
	REQUIRE(same(TLSC_COUNTERS_OFFSET + TLSC_COUNTERS * sizeof(uint64_t),
	    head));
	REQUIRE(same(head + sizeof(*shard.shared), offset_of(shard.slots)));
	REQUIRE(same(offset_of(shard.ring) + store->geometry.ring,
	    victim.size));
}

static void
store(struct segment *s, struct tlsc_id id, size_t len, int64_t ttl, bool once)
{
	unsigned char *data = malloc(len);
	int error;

	REQUIRE(data != NULL || len == 0);
	if (len > 0)
		memset(data, id.bytes[0], len);
	error = (once ? tlsc_store_put_once : tlsc_store_put)(s->store, id,
	    data, len, now + ttl, now);
	REQUIRE(error == TLSCACHE_OK || error == TLSCACHE_E_RETIRED);
	free(data);
}

static void
fetch(struct segment *s, struct tlsc_id id, size_t size)
{
	unsigned char *buf = malloc(size);
	size_t len;
	int error;

	REQUIRE(buf != NULL || size == 0);
	error = tlsc_store_get(s->store, id, buf, size, &len, now);
	if (error == TLSCACHE_OK)
		REQUIRE(len <= size && len <= TLSCACHE_DATA_MAX);
	else if (error == TLSCACHE_E_SPACE)
		REQUIRE(len > size && len <= TLSCACHE_DATA_MAX);
	else
		REQUIRE(len == 0 && (error == TLSCACHE_E_MISS ||
		    error == TLSCACHE_E_RETIRED));
	free(buf);
}

static void
claim(struct segment *s, struct tlsc_id id)
{
	int error;

	error = tlsc_store_claim(s->store, id, now);
	REQUIRE(error == TLSCACHE_OK || error == TLSCACHE_E_CLAIMED ||
	    error == TLSCACHE_E_MISS || error == TLSCACHE_E_RETIRED);
	if (error == TLSCACHE_OK)
		REQUIRE(tlsc_store_claim(s->store, id, now) ==
		    TLSCACHE_E_CLAIMED);
}

static void
drop(struct segment *s, struct tlsc_id id)
{
	int error;

	error = tlsc_store_remove(s->store, id);
	REQUIRE(error == TLSCACHE_OK || error == TLSCACHE_E_MISS ||
	    error == TLSCACHE_E_RETIRED);
}

static void
expire(struct segment *s, size_t work)
{
	REQUIRE(tlsc_store_expire(s->store, work, now) <= work);
}

static void
stat(const struct segment *s)
{
	struct tlscache_stat st;

	tlsc_store_stat(s->store, &st);
	REQUIRE(st.entries <= st.capacity && st.bytes <= st.capacity);
	tlsc_store_stat_process(s->store, &st);
}

static void
move(struct segment *to, struct segment *from)
{
	int error;

	error = tlsc_store_move(to->store, from->store, now);
	REQUIRE(error == TLSCACHE_OK || error == TLSCACHE_E_RETIRED ||
	    (error == TLSCACHE_E_INVAL && (mode & MODE_HEADER) != 0));
}

static void
operate(struct input *in, unsigned what)
{
	struct tlsc_id id = take_id(in);
	size_t len;

	isolation_begin();
	switch (what) {
	case 0:
	case 1:
		len = take(in, 2) % (TLSCACHE_DATA_MAX + 1);
		store(&victim, id, len, 1 + take(in, 2), what == 1);
		isolation_end(id);
		break;
	case 2:
		fetch(&victim, id, take(in, 2) % (TLSCACHE_DATA_MAX + 1));
		isolation_end(id);
		break;
	case 3:
		claim(&victim, id);
		isolation_end(id);
		break;
	case 4:
		drop(&victim, id);
		isolation_end(id);
		break;
	case 5:
		expire(&victim, take(in, 2) % WORK_MAX);
		break;
	case 6:
		move(&other, &victim);
		break;
	case 7:
		move(&victim, &other);
		break;
	case 8:
		segment_adopt(&victim);
		break;
	case 9:
		now = NOW + (int16_t)take(in, 2);
		break;
	}
}

/* Whatever the input did, every operation is tried on what it has left. */
static void
operate_all(void)
{
	unsigned i;

	stat(&victim);
	for (i = 0; i < IDS; i++) {
		fetch(&victim, id_number(i), TLSCACHE_DATA_MAX);
		claim(&victim, id_number(i));
	}
	segment_adopt(&victim);
	for (i = 0; i < IDS; i += 2)
		store(&victim, id_number(i), i * 64, TTL, i % 4 == 0);
	for (i = 0; i < IDS; i += 3)
		drop(&victim, id_number(i));
	expire(&victim, WORK_MAX);
	move(&other, &victim);
	for (i = 0; i < IDS; i++)
		fetch(&other, id_number(i), TLSCACHE_DATA_MAX);
	expire(&other, WORK_MAX);
	stat(&other);
}

static void
setup(void)
{
	unsigned i;

	now = NOW;
	segment_make(&victim, TLSCACHE_SIZE_MIN, 1);
	segment_make(&other, TLSCACHE_SIZE_MIN * 3 / 2, 2);
	for (i = 0; i < FILLED; i++)
		store(&victim, id_number(i), i < FILLED - 1 ? i * i * 3 :
		    TLSCACHE_DATA_MAX, TTL, i % 3 == 0);
	for (i = 0; i < FILLED / 2; i++)
		store(&other, id_number(IDS - 1 - i), i * 100, TTL, false);
	segment_keep(&victim);
	segment_keep(&other);
	before = malloc(victim.size);
	REQUIRE(before != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	unsigned n, what;

	if (before == NULL)
		setup();
	if (size > INPUT_MAX)
		return 0;
	now = NOW;
	segment_begin(&victim);
	segment_begin(&other);
	mode = take(&in, 1);
	attack_begin((mode & MODE_HEADER) != 0);
	for (n = 0; n < COMMANDS_MAX && in.left > 0; n++) {
		what = take(&in, 1) % (2 * ATTACKS);
		if (what < ATTACKS)
			attack(&victim, &in, what);
		else
			operate(&in, what - ATTACKS);
	}
	operate_all();
	segment_end(&victim);
	segment_end(&other);
	return 0;
}
