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

#include <sys/mman.h>

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shm_int.h"
#include "tlscache.h"

#define INPUT_MAX 4096
#define COMMANDS_MAX 64
#define DEATHS_MAX 4
#define IDS 32	 /* that are used … */
#define FILLED 20 /* … and those that are there at first */
#define NOW ((int64_t)1800000000)
#define TTL 3600
#define REQUIRE(x) do { if (!(x)) abort(); } while (0)

enum { MODE_HEADER = 1, MODE_ISOLATION = 2 };

struct input {
	const uint8_t *next;
	size_t left;
};

/* A segment, how it was at first, and our own mapping of it. */
struct segment {
	int fd;
	size_t size;
	unsigned char *view;
	unsigned char *image;
	unsigned char *before; /* the operation */
	struct tlsc_store *store;
};

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct segment victim, other;
static unsigned mode, deaths;
static int64_t now;

/* ---- reading the input ---- */

static uint32_t
take(struct input *in, unsigned bytes)
{
	uint32_t value = 0;

	for (; bytes > 0; bytes--) {
		value <<= 8;
		if (in->left > 0) {
			value |= *in->next++;
			in->left--;
		}
	}
	return value;
}

static struct tlsc_id
id_number(unsigned number)
{
	static unsigned char bytes[TLSCACHE_ID_MAX];
	struct tlsc_id id = { bytes, 1 + number % TLSCACHE_ID_MAX };

	memset(bytes, (int)(number % IDS) + 1, sizeof(bytes));
	return id;
}

static struct tlsc_id
take_id(struct input *in)
{
	return id_number(take(in, 1) % IDS);
}

/* ---- the segment between its guards ---- */

static size_t
page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* The store is somewhere else now: what store_map() did is done again. */
static void
guard(struct tlsc_store *store)
{
	size_t page = page_size(), size = store->segment.size;
	unsigned char *region, *base;

	region = mmap(NULL, size + 2 * page, PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	REQUIRE(region != MAP_FAILED);
	base = mremap(store->segment.base, size, size,
	    MREMAP_MAYMOVE | MREMAP_FIXED, region + page);
	REQUIRE(base == region + page);
	store->segment.base = base;
	store->counter = (_Atomic uint64_t *)(void *)(base +
	    TLSC_COUNTERS_OFFSET);
}

static void
release(struct segment *s)
{
	size_t page = page_size(), size = s->store->segment.size;
	unsigned char *region = (unsigned char *)s->store->segment.base - page;

	tlsc_store_free(s->store);
	s->store = NULL;
	REQUIRE(munmap(region, size + 2 * page) == 0);
}

static void
init_locks(struct tlsc_store *store)
{
	pthread_mutexattr_t attr;
	uint32_t i;

	REQUIRE(pthread_mutexattr_init(&attr) == 0);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	for (i = 0; i < store->geometry.shards; i++)
		pthread_mutex_init(&tlsc_shard_at(store, i).shared->lock,
		    &attr);
	pthread_mutexattr_destroy(&attr);
}

/*
 * Adopt the segment in place of what we had of it. Another geometry has its
 * mutexes elsewhere, where no trusted bytes are.
 */
static void
adopt(struct segment *s)
{
	struct tlsc_store *store;
	int error, fd = dup(s->fd);

	REQUIRE(fd != -1);
	error = tlsc_store_adopt(&store, fd);
	if (error != TLSCACHE_OK) {
		REQUIRE(error == TLSCACHE_E_FORMAT && store == NULL);
		REQUIRE((mode & MODE_HEADER) != 0 && close(fd) == 0);
		return;
	}
	guard(store);
	if (s->store != NULL) {
		if (memcmp(&s->store->geometry, &store->geometry,
		    sizeof(store->geometry)) != 0)
			init_locks(store);
		release(s);
	}
	s->store = store;
}

static void
header_seal(struct segment *s)
{
	struct tlsc_header *header = (struct tlsc_header *)(void *)s->view;

	header->check = tlsc_hash(&header->key, header,
	    offsetof(struct tlsc_header, check));
}

/* ---- what the other process does ---- */

static bool
is_lock(const struct tlsc_store *store, size_t offset)
{
	size_t head = sizeof(struct tlsc_shard_head);

	if (offset < TLSC_HEADS_OFFSET)
		return false;
	offset -= TLSC_HEADS_OFFSET;
	return offset / head < store->geometry.shards &&
	    offset % head < sizeof(pthread_mutex_t);
}

static size_t
offset_of(const void *p)
{
	const unsigned char *base = victim.store->segment.base;

	return (size_t)((const unsigned char *)p - base);
}

static void
poke(size_t offset, unsigned byte)
{
	if (offset < victim.size && !is_lock(victim.store, offset) &&
	    (offset >= sizeof(struct tlsc_header) ||
	    (mode & MODE_HEADER) != 0))
		victim.view[offset] = (unsigned char)byte;
}

static void
poke_input(struct input *in, size_t offset, size_t len)
{
	for (; len > 0 && in->left > 0; len--)
		poke(offset++, take(in, 1));
}

static void
poke_fill(struct input *in)
{
	size_t offset = take(in, 3), len = take(in, 3) % (victim.size + 1);
	unsigned byte = take(in, 1);

	for (; len > 0; len--)
		poke(offset++, byte);
}

/* Bytes that were valid once, at another place. */
static void
poke_copy(struct input *in)
{
	size_t from = take(in, 3), to = take(in, 3), len = take(in, 2);

	for (; len > 0 && from < victim.size; len--)
		poke(to++, victim.view[from++]);
}

static void
poke_head(struct input *in)
{
	size_t words = (sizeof(struct tlsc_shard_head) -
	    sizeof(pthread_mutex_t)) / 4, offset;

	offset = TLSC_HEADS_OFFSET + take(in, 1) %
	    victim.store->geometry.shards * sizeof(struct tlsc_shard_head);
	offset += sizeof(pthread_mutex_t) + take(in, 1) % words * 4;
	poke_input(in, offset, 4);
}

/* The slot of an id, or some slot where there is none. */
static void
poke_slot(struct input *in)
{
	struct tlsc_id id = take_id(in);
	uint64_t hash = tlsc_hash(&victim.store->geometry.key, id.bytes,
	    id.len);
	struct tlsc_shard shard = tlsc_shard_at(victim.store,
	    tlsc_hash_shard(victim.store, hash));
	_Atomic uint32_t *slot;
	struct tlsc_place place;

	slot = tlsc_shard_find(&shard, hash, id, &place);
	if (slot == NULL)
		slot = tlsc_shard_slot_free(&shard, hash);
	tlsc_slot_set(slot, hash, take(in, 2) * TLSC_UNIT);
}

/* Write over the header or the id of an entry; with a good check, if asked. */
static void
poke_entry(struct input *in, bool seal)
{
	struct tlsc_id id = take_id(in);
	uint64_t hash = tlsc_hash(&victim.store->geometry.key, id.bytes,
	    id.len);
	struct tlsc_shard shard = tlsc_shard_at(victim.store,
	    tlsc_hash_shard(victim.store, hash));
	struct tlsc_place place;
	unsigned char *p;
	uint32_t at;

	if (tlsc_shard_find(&shard, hash, id, &place) == NULL)
		return;
	p = shard.ring + place.at;
	at = place.at + take(in, 1) % (sizeof(place.entry) + id.len);
	poke_input(in, offset_of(shard.ring + at), 1 + take(in, 1) % 8);
	if (!seal || !tlsc_shard_place(&shard, place.at, &place))
		return;
	place.entry.check = tlsc_entry_check(victim.store, &place.entry, hash,
	    p + sizeof(place.entry) + place.entry.idlen, place.len);
	memcpy(p + offsetof(struct tlsc_entry, check), &place.entry.check,
	    sizeof(place.entry.check));
}

struct death {
	struct tlsc_shard_head *head;
	bool writing;
};

static void *
die_with_lock(void *arg)
{
	struct death *death = arg;

	(void)pthread_mutex_trylock(&death->head->lock);
	if (death->writing)
		death->head->seq |= 1;
	return NULL;
}

static void
kill_holder(struct input *in)
{
	struct death death;
	pthread_t thread;

	death.head = tlsc_shard_at(victim.store, take(in, 1) %
	    victim.store->geometry.shards).shared;
	death.writing = take(in, 1) % 2 != 0;
	if (deaths++ >= DEATHS_MAX)
		return;
	REQUIRE(pthread_create(&thread, NULL, die_with_lock, &death) == 0);
	REQUIRE(pthread_join(thread, NULL) == 0);
}

/* ---- what the store does ---- */

static bool
same(size_t from, size_t to)
{
	return from >= to || memcmp(victim.before + from, victim.view + from,
	    to - from) == 0;
}

static void
isolation_begin(void)
{
	if ((mode & MODE_ISOLATION) != 0)
		memcpy(victim.before, victim.view, victim.size);
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
store(struct segment *s, struct tlsc_id id, size_t len, int64_t ttl)
{
	unsigned char *data = malloc(len);
	int error;

	REQUIRE(data != NULL || len == 0);
	if (len > 0)
		memset(data, id.bytes[0], len);
	isolation_begin();
	error = tlsc_store_put(s->store, id, data, len, now + ttl, now);
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
	isolation_begin();
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

	isolation_begin();
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

	isolation_begin();
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

/* ---- the input as a program ---- */

static void
attack(struct input *in, unsigned what)
{
	size_t offset;

	switch (what) {
	case 0:
		offset = take(in, 3);
		poke_input(in, offset, 1 + take(in, 1) % 32);
		break;
	case 1:
		poke_fill(in);
		break;
	case 2:
		poke_copy(in);
		break;
	case 3:
		poke_head(in);
		break;
	case 4:
		poke_slot(in);
		break;
	case 5:
		poke_entry(in, false);
		break;
	case 6:
		poke_entry(in, true);
		break;
	case 7:
		kill_holder(in);
		break;
	case 8:
		offset = take(in, 1) % sizeof(struct tlsc_header);
		poke_input(in, offset, 1 + take(in, 1) % 8);
		break;
	case 9:
		if ((mode & MODE_HEADER) != 0)
			header_seal(&victim);
		break;
	}
}

static void
operate(struct input *in, unsigned what)
{
	struct tlsc_id id = take_id(in);
	size_t len;

	switch (what) {
	case 0:
		len = take(in, 2) % (TLSCACHE_DATA_MAX + 1);
		store(&victim, id, len, 1 + take(in, 2));
		isolation_end(id);
		break;
	case 1:
		fetch(&victim, id, take(in, 2) % (TLSCACHE_DATA_MAX + 1));
		isolation_end(id);
		break;
	case 2:
		claim(&victim, id);
		isolation_end(id);
		break;
	case 3:
		drop(&victim, id);
		isolation_end(id);
		break;
	case 4:
		expire(&victim, take(in, 2));
		break;
	case 5:
		move(&other, &victim);
		break;
	case 6:
		move(&victim, &other);
		break;
	case 7:
		adopt(&victim);
		break;
	case 8:
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
	adopt(&victim);
	for (i = 0; i < IDS; i += 2)
		store(&victim, id_number(i), i * 64, TTL);
	for (i = 0; i < IDS; i += 3)
		drop(&victim, id_number(i));
	expire(&victim, 1024);
	move(&other, &victim);
	for (i = 0; i < IDS; i++)
		fetch(&other, id_number(i), TLSCACHE_DATA_MAX);
	expire(&other, 1024);
	stat(&other);
}

/* ---- one input ---- */

/* The same bytes each time: what is random, the key, is replaced. */
static void
segment_make(struct segment *s, size_t size, uint64_t key)
{
	struct tlsc_header *header;

	REQUIRE(tlsc_store_new(&s->store, size, NOW) == TLSCACHE_OK);
	s->size = s->store->segment.size;
	s->fd = dup(tlsc_store_fd(s->store));
	s->view = mmap(NULL, s->size, PROT_READ | PROT_WRITE, MAP_SHARED,
	    s->fd, 0);
	REQUIRE(s->fd != -1 && s->view != MAP_FAILED);
	tlsc_store_free(s->store);
	s->store = NULL;
	header = (struct tlsc_header *)(void *)s->view;
	header->key.word[0] = key;
	header->key.word[1] = ~key;
	header_seal(s);
	adopt(s);
}

/* How the segment is at the beginning of each input. */
static void
segment_keep(struct segment *s)
{
	release(s);
	s->image = malloc(s->size);
	s->before = malloc(s->size);
	REQUIRE(s->image != NULL && s->before != NULL);
	memcpy(s->image, s->view, s->size);
}

static void
setup(void)
{
	unsigned i;

	now = NOW;
	segment_make(&victim, TLSCACHE_SIZE_MIN, 1);
	segment_make(&other, TLSCACHE_SIZE_MIN * 3 / 2, 2);
	for (i = 0; i < FILLED; i++)
		store(&victim, id_number(i), i < 19 ? i * i * 3 :
		    TLSCACHE_DATA_MAX, TTL);
	for (i = 0; i < FILLED / 2; i++)
		store(&other, id_number(IDS - 1 - i), i * 100, TTL);
	segment_keep(&victim);
	segment_keep(&other);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	unsigned n, what;

	if (victim.image == NULL)
		setup();
	if (size > INPUT_MAX)
		return 0;
	memcpy(victim.view, victim.image, victim.size);
	memcpy(other.view, other.image, other.size);
	mode = 0;
	deaths = 0;
	now = NOW;
	adopt(&victim);
	adopt(&other);

	mode = take(&in, 1);
	for (n = 0; n < COMMANDS_MAX && in.left > 0; n++) {
		what = take(&in, 1) % 20;
		if (what < 10)
			attack(&in, what);
		else
			operate(&in, what - 10);
	}
	operate_all();
	release(&victim);
	release(&other);
	return 0;
}
