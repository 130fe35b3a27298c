/* SPDX-License-Identifier: ISC */
/*
 * SipHash, as its authors specify it; see hash_int.h. Every process, for each
 * operation on the cache, outside its locks.
 */
#include "config.h"

#include "hash_int.h"

#define ROTL(x, b) (((x) << (b)) | ((x) >> (64 - (b))))

struct sip {
	uint64_t v0, v1, v2, v3;
};

static inline void
sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v1 = ROTL(s->v1, 13) ^ s->v0;
	s->v0 = ROTL(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = ROTL(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = ROTL(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = ROTL(s->v1, 17) ^ s->v2;
	s->v2 = ROTL(s->v2, 32);
}

static inline void
sip_word(struct sip *s, uint64_t word, int rounds)
{
	s->v3 ^= word;
	while (rounds-- > 0)
		sip_round(s);
	s->v0 ^= word;
}

static inline void
sip_begin(struct sip *s, const struct tlsc_hash_key *key)
{
	s->v0 = key->word[0] ^ 0x736f6d6570736575ULL;
	s->v1 = key->word[1] ^ 0x646f72616e646f6dULL;
	s->v2 = key->word[0] ^ 0x6c7967656e657261ULL;
	s->v3 = key->word[1] ^ 0x7465646279746573ULL;
}

static inline uint64_t
load64(const unsigned char *p)
{
	return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 |
	    (uint64_t)p[3] << 24 | (uint64_t)p[4] << 32 |
	    (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 |
	    (uint64_t)p[7] << 56;
}

/* The bytes, the last word with the length of all, and the end. */
static inline uint64_t
sip_end(struct sip *s, const unsigned char *p, size_t len, size_t all,
    int rounds, int last_rounds)
{
	uint64_t last = (uint64_t)(all & 0xff) << 56;
	size_t i;

	for (; len >= 8; len -= 8, p += 8)
		sip_word(s, load64(p), rounds);
	for (i = 0; i < len; i++)
		last |= (uint64_t)p[i] << (8 * i);
	sip_word(s, last, rounds);
	s->v2 ^= 0xff;
	while (last_rounds-- > 0)
		sip_round(s);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

uint64_t
tlsc_hash(const struct tlsc_hash_key *key, const void *data, size_t len)
{
	struct sip s;

	sip_begin(&s, key);
	return sip_end(&s, data, len, len, 2, 4);
}

uint64_t
tlsc_hash_check(const struct tlsc_hash_key *key, uint64_t first,
    uint64_t second, const void *data, size_t len)
{
	struct sip s;

	sip_begin(&s, key);
	sip_word(&s, first, 1);
	sip_word(&s, second, 1);
	return sip_end(&s, data, len, len + 16, 1, 3);
}
