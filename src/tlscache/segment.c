/* SPDX-License-Identifier: ISC */
/*
 * Shared memory; see segment_int.h. Made by the master, used by all.
 */
#include "config.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#include "segment_int.h"
#include "tlscache.h"

#ifdef HAVE_MEMFD_CREATE
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
#endif

static int segment_map(struct tlsc_segment *);

int
tlsc_segment_new(struct tlsc_segment *seg, size_t size, const char *name)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	seg->base = NULL;
	seg->fd = -1;
	seg->locked = false;
	if (size == 0 || size > SIZE_MAX / 2)
		return TLSCACHE_E_INVAL;
	seg->size = (size + page - 1) / page * page;
#ifdef HAVE_MEMFD_CREATE
	seg->fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (seg->fd == -1)
		return TLSCACHE_E_SYSTEM;
	if (ftruncate(seg->fd, (off_t)seg->size) == -1 ||
	    fcntl(seg->fd, F_ADD_SEALS, SEALS) == -1) {
		tlsc_segment_release(seg);
		return TLSCACHE_E_SYSTEM;
	}
#endif
	return segment_map(seg);
}

int
tlsc_segment_adopt(struct tlsc_segment *seg, int fd, size_t min)
{
#ifdef HAVE_MEMFD_CREATE
	struct stat st;
	int error, seals;

	seals = fcntl(fd, F_GET_SEALS);
	if (seals == -1 || (seals & F_SEAL_SHRINK) == 0 ||
	    fstat(fd, &st) == -1 || st.st_size <= 0 ||
	    (uintmax_t)st.st_size > SIZE_MAX / 2 || (size_t)st.st_size < min)
		return TLSCACHE_E_FORMAT;
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) == -1)
		return TLSCACHE_E_SYSTEM;
	seg->base = NULL;
	seg->size = (size_t)st.st_size;
	seg->fd = fd;
	seg->locked = false;
	error = segment_map(seg);
	return error;
#else
	return TLSCACHE_E_FORMAT;
#endif
}

/* On failure a descriptor of ours is closed by the caller's release. */
static int
segment_map(struct tlsc_segment *seg)
{
	int flags = MAP_SHARED;
	void *p;

	if (seg->fd == -1)
		flags |= MAP_ANONYMOUS;
	p = mmap(NULL, seg->size, PROT_READ | PROT_WRITE, flags, seg->fd, 0);
	if (p == MAP_FAILED) {
		tlsc_segment_release(seg);
		return TLSCACHE_E_SYSTEM;
	}
	seg->base = p;
#ifdef MADV_DONTDUMP
	(void)madvise(p, seg->size, MADV_DONTDUMP);
#endif
	seg->locked = mlock(p, seg->size) == 0;
	return TLSCACHE_OK;
}

void
tlsc_segment_release(struct tlsc_segment *seg)
{
	if (seg->base != NULL)
		(void)munmap(seg->base, seg->size);
	if (seg->fd != -1)
		(void)close(seg->fd);
	seg->base = NULL;
	seg->fd = -1;
}
