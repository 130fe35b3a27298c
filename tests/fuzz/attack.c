/* SPDX-License-Identifier: ISC */
/*
 * What the other process does in fuzz_segment: it writes to the segment, at
 * places that have a meaning, so that an input keeps its own when the layout
 * changes; and it dies with a lock.
 */
#include "config.h"

#include <pthread.h>
#include <string.h>

#include "segment.h"
#include "tlscache.h"

#define SHARDS_MAX 4 /* in a segment of TLSCACHE_SIZE_MIN */
#define DEATHS_MAX 4

/* Fields by number. */
struct field {
	size_t at, len;
};
#define FIELD(type, name)						\
	{ offsetof(struct type, name), sizeof(((struct type *)0)->name) }

static const struct field header_fields[] = {
	FIELD(tlsc_header, magic),
	FIELD(tlsc_header, layout),
	FIELD(tlsc_header, mutex_size),
	FIELD(tlsc_header, shard_head_size),
	FIELD(tlsc_header, shards),
	FIELD(tlsc_header, buckets),
	FIELD(tlsc_header, ring),
	FIELD(tlsc_header, size),
	FIELD(tlsc_header, counters),
	FIELD(tlsc_header, epoch),
	FIELD(tlsc_header, key),
	FIELD(tlsc_header, check),
};

static const struct field head_fields[] = {
	FIELD(tlsc_shard_head, seq),
	FIELD(tlsc_shard_head, retired),
	FIELD(tlsc_shard_head, counter),
	FIELD(tlsc_shard_head, head),
	FIELD(tlsc_shard_head, tail),
	FIELD(tlsc_shard_head, used),
};
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static bool header_too;
static unsigned deaths;

void
attack_begin(bool header)
{
	header_too = header;
	deaths = 0;
}

/* ---- the input ---- */

uint32_t
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

struct tlsc_id
id_number(unsigned number)
{
	static unsigned char bytes[TLSCACHE_ID_MAX];
	struct tlsc_id id = { bytes, 1 + number % TLSCACHE_ID_MAX };

	memset(bytes, (int)(number % IDS) + 1, sizeof(bytes));
	return id;
}

struct tlsc_id
take_id(struct input *in)
{
	return id_number(take(in, 1) % IDS);
}

static struct tlsc_shard
take_shard(const struct segment *s, struct input *in)
{
	return tlsc_shard_at(s->store, take(in, 1) %
	    s->store->geometry.shards);
}

/* ---- places ---- */

static unsigned char *
lock_at(const struct segment *s, uint32_t shard)
{
	return s->view + TLSC_HEADS_OFFSET +
	    shard * sizeof(struct tlsc_shard_head);
}

static size_t
offset_of(const struct segment *s, const void *p)
{
	const unsigned char *base = s->store->segment.base;

	return (size_t)((const unsigned char *)p - base);
}

/* Counted from the segment, or from a shard's ring or index. */
static size_t
take_offset(const struct segment *s, struct input *in)
{
	unsigned area = take(in, 1) % 3;
	struct tlsc_shard shard = take_shard(s, in);
	size_t offset = take(in, 3);

	if (area == 1)
		offset += offset_of(s, shard.ring);
	if (area == 2)
		offset += offset_of(s, shard.slots);
	return offset;
}

/* Write anywhere but to the locks and, without that mode, the header. */
static void
poke(struct segment *s, size_t offset, const void *bytes, size_t len)
{
	pthread_mutex_t locks[SHARDS_MAX];
	unsigned char header[sizeof(struct tlsc_header)];
	uint32_t i, shards = s->store->geometry.shards;

	REQUIRE(shards <= SHARDS_MAX);
	if (offset >= s->size)
		return;
	if (len > s->size - offset)
		len = s->size - offset;
	memcpy(header, s->view, sizeof(header));
	for (i = 0; i < shards; i++)
		memcpy(&locks[i], lock_at(s, i), sizeof(locks[i]));
	memmove(s->view + offset, bytes, len);
	for (i = 0; i < shards; i++)
		memcpy(lock_at(s, i), &locks[i], sizeof(locks[i]));
	if (header_too)
		s->header_spoilt = true;
	else
		memcpy(s->view, header, sizeof(header));
}

/* ---- attacks ---- */

/* Up to len bytes of the input. */
static void
poke_input(struct segment *s, struct input *in, size_t offset, size_t len)
{
	if (len > in->left)
		len = in->left;
	poke(s, offset, in->next, len);
	in->next += len;
	in->left -= len;
}

static void
poke_bytes(struct segment *s, struct input *in)
{
	size_t offset = take_offset(s, in);

	poke_input(s, in, offset, 1 + take(in, 1) % 32);
}

static void
poke_fill(struct segment *s, struct input *in)
{
	size_t offset = take_offset(s, in), len = take(in, 3) % (s->size + 1);
	unsigned char *bytes = malloc(len);

	REQUIRE(bytes != NULL || len == 0);
	if (len > 0)
		memset(bytes, (int)take(in, 1), len);
	poke(s, offset, bytes, len);
	free(bytes);
}

/* Bytes that were valid once, at another place. */
static void
poke_copy(struct segment *s, struct input *in)
{
	size_t from = take_offset(s, in) % s->size, to = take_offset(s, in);
	size_t len = take(in, 2);

	if (len > s->size - from)
		len = s->size - from;
	poke(s, to, s->view + from, len);
}

static void
poke_head(struct segment *s, struct input *in)
{
	size_t head = offset_of(s, take_shard(s, in).shared);
	const struct field *f = &head_fields[take(in, 1) % COUNT(head_fields)];

	poke_input(s, in, head + f->at, f->len);
}

/* The slot of an id, or some slot where there is none. */
static void
poke_slot(struct segment *s, struct input *in)
{
	struct tlsc_id id = take_id(in);
	uint64_t hash = tlsc_hash(&s->store->geometry.key, id.bytes, id.len);
	struct tlsc_shard shard = tlsc_shard_at(s->store,
	    tlsc_hash_shard(s->store, hash));
	_Atomic uint32_t *slot;
	struct tlsc_place place;

	tlsc_shard_hold(&shard, TLSC_LOCKED); /* who attacks takes no lock */
	slot = tlsc_shard_find(&shard, hash, id, &place);
	if (slot == NULL)
		slot = tlsc_shard_slot_free(&shard, hash);
	tlsc_slot_set(slot, hash, take(in, 2) * TLSC_UNIT);
}

/* Write over the header or the id of an entry; with a good check, if asked. */
static void
poke_entry(struct segment *s, struct input *in, bool seal)
{
	struct tlsc_id id = take_id(in);
	uint64_t hash = tlsc_hash(&s->store->geometry.key, id.bytes, id.len);
	struct tlsc_shard shard = tlsc_shard_at(s->store,
	    tlsc_hash_shard(s->store, hash));
	struct tlsc_place place;
	unsigned char *p;
	size_t at;

	tlsc_shard_hold(&shard, TLSC_LOCKED);
	if (tlsc_shard_find(&shard, hash, id, &place) == NULL)
		return;
	p = shard.ring + place.at;
	at = take(in, 1) % (sizeof(place.entry) + id.len);
	poke_input(s, in, offset_of(s, p) + at, 1 + take(in, 1) % 8);
	if (!seal || !tlsc_shard_place(&shard, place.at, &place))
		return;
	place.entry.check = tlsc_entry_check(s->store, &place.entry, hash,
	    p + sizeof(place.entry) + place.entry.idlen, place.len);
	memcpy(p + offsetof(struct tlsc_entry, check), &place.entry.check,
	    sizeof(place.entry.check));
}

static void
poke_header(struct segment *s, struct input *in)
{
	const struct field *f;

	f = &header_fields[take(in, 1) % COUNT(header_fields)];
	poke_input(s, in, f->at, f->len);
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
kill_holder(struct segment *s, struct input *in)
{
	struct death death;
	pthread_t thread;

	death.head = take_shard(s, in).shared;
	death.writing = take(in, 1) % 2 != 0;
	if (deaths++ >= DEATHS_MAX)
		return;
	REQUIRE(pthread_create(&thread, NULL, die_with_lock, &death) == 0);
	REQUIRE(pthread_join(thread, NULL) == 0);
}

void
attack(struct segment *s, struct input *in, unsigned what)
{
	switch (what) {
	case 0:
		poke_bytes(s, in);
		break;
	case 1:
		poke_fill(s, in);
		break;
	case 2:
		poke_copy(s, in);
		break;
	case 3:
		poke_head(s, in);
		break;
	case 4:
		poke_slot(s, in);
		break;
	case 5:
	case 6:
		poke_entry(s, in, what == 6);
		break;
	case 7:
		kill_holder(s, in);
		break;
	case 8:
		poke_header(s, in);
		break;
	case 9:
		if (header_too)
			segment_seal(s);
		break;
	}
}
