/* SPDX-License-Identifier: ISC */
/*
 * A piece of shared memory: made by one process, inherited over fork,
 * adopted by descriptor over exec. Kept out of core dumps, and of swap when
 * the limits allow.
 */
#ifndef TLSC_SEGMENT_INT_H
#define TLSC_SEGMENT_INT_H

#include <stdbool.h>
#include <stddef.h>

struct tlsc_segment {
	void *base;
	size_t size; /* bytes mapped; a multiple of the page size */
	int fd;	     /* memfd, close-on-exec; -1: anonymous mapping */
	bool locked; /* mlock(2) worked */
};

/*
 * Map at least size zeroed bytes. The memfd's size is sealed, so that nobody
 * who holds the descriptor can shorten the mapping under us. 0 or TLSCACHE_E_*.
 */
int tlsc_segment_new(struct tlsc_segment *, size_t size, const char *name);

/*
 * Map what fd holds. TLSCACHE_E_FORMAT when it is not a memory file of at
 * least min bytes whose size is sealed. Nothing is done to fd itself before
 * the caller, who has looked at the contents, says own or disown.
 */
int tlsc_segment_adopt(struct tlsc_segment *, int fd, size_t min);
void tlsc_segment_own(struct tlsc_segment *);
void tlsc_segment_disown(struct tlsc_segment *);

/* Unmap and close. The memory goes with its last mapping. */
void tlsc_segment_release(struct tlsc_segment *);

#endif
