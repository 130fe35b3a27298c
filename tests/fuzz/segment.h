/* SPDX-License-Identifier: ISC */
/*
 * The parts of fuzz_segment:
 *	fuzz_segment.c  the input, and what the store does
 *	attack.c        what the other process does
 *	segment.c       segments that begin the same each time
 */
#ifndef FUZZ_SEGMENT_H
#define FUZZ_SEGMENT_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "shm_int.h"

#define NOW ((int64_t)1800000000) /* when the segments were made */
#define REQUIRE(x) do { if (!(x)) abort(); } while (0)

struct segment {
	int fd;
	size_t size;
	unsigned char *view;  /* the other process's mapping */
	unsigned char *image; /* how it is at first */
	struct tlsc_store *store;
	bool header_spoilt; /* may be refused by who adopts it */
};

/* segment.c */

/* A segment of about that size whose hash key is always the same; adopted. */
void segment_make(struct segment *, size_t size, uint64_t key);
/* It is to be like now at first. Releases the store. */
void segment_keep(struct segment *);
/* Begin with what was kept: the store is adopted. */
void segment_begin(struct segment *);
void segment_end(struct segment *);
/* Adopt once more, in place of the store that there is, if it can be. */
void segment_adopt(struct segment *);
/* Give the header the check that it should have. */
void segment_seal(struct segment *);

/* attack.c */

struct input {
	const uint8_t *next;
	size_t left;
};

/* A number of the input, high byte first; 0 where nothing is left. */
uint32_t take(struct input *, unsigned bytes);
/* An id of the input, one of IDS. */
#define IDS 32
struct tlsc_id take_id(struct input *);
/* The same, by number; valid until the next one. */
struct tlsc_id id_number(unsigned);

#define ATTACKS 10
/* Before each input; header: may it be written, too? */
void attack_begin(bool header);
void attack(struct segment *, struct input *, unsigned what);

#endif
