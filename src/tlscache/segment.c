/* SPDX-License-Identifier: ISC */
/*
 * Shared memory; see segment_int.h. Made by the master, inherited or adopted
 * by all. What is in it is the business of others.
 */
#include "config.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#include "segment_int.h"
#include "tlscache.h"

static int segment_file(struct tlsc_segment *, const char *);
static int segment_map(struct tlsc_segment *);

int
tlsc_segment_new(struct tlsc_segment *seg, size_t size, const char *name)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int error;

	seg->base = NULL;
	seg->fd = -1;
	seg->locked = false;
	if (size == 0 || size > SIZE_MAX / 2)
		return TLSCACHE_E_INVAL;
	seg->size = (size + page - 1) / page * page;
	error = segment_file(seg, name);
	if (error == TLSCACHE_OK)
		error = segment_map(seg);
	if (error != TLSCACHE_OK)
		tlsc_segment_release(seg);
	return error;
}

#ifdef HAVE_MEMFD_CREATE
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x8U /* Linux 6.3; before, EINVAL */
#endif

/* With vm.memfd_noexec = 2, Linux makes no other kind. */
static int
memory_file(const char *name)
{
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd;

	fd = memfd_create(name, flags | MFD_NOEXEC_SEAL);
	if (fd == -1 && errno == EINVAL)
		fd = memfd_create(name, flags);
	return fd;
}

/*
 * All of its memory is asked for now: later, when there is none, the system
 * has no other answer than SIGBUS.
 */
static int
segment_file(struct tlsc_segment *seg, const char *name)
{
	long pages = sysconf(_SC_PHYS_PAGES);
	int error;

	if (pages > 0 && seg->size / (size_t)sysconf(_SC_PAGESIZE) >
	    (size_t)pages)
		return TLSCACHE_E_NOMEM;
	seg->fd = memory_file(name);
	if (seg->fd == -1)
		return errno == ENOSYS ? TLSCACHE_OK : TLSCACHE_E_SYSTEM;
	if (ftruncate(seg->fd, (off_t)seg->size) == -1)
		return TLSCACHE_E_SYSTEM;
	do {
		error = posix_fallocate(seg->fd, 0, (off_t)seg->size);
	} while (error == EINTR);
	if (error != 0) {
		errno = error;
		return TLSCACHE_E_SYSTEM;
	}
	if (fcntl(seg->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW |
	    F_SEAL_SEAL) == -1)
		return TLSCACHE_E_SYSTEM;
	return TLSCACHE_OK;
}

int
tlsc_segment_adopt(struct tlsc_segment *seg, int fd, size_t min)
{
	struct stat st;
	int error, seals;

	seg->base = NULL;
	seg->fd = -1;
	seg->locked = false;
	seals = fcntl(fd, F_GET_SEALS);
	if (seals == -1 || (seals & F_SEAL_SHRINK) == 0 ||
	    fstat(fd, &st) == -1 || st.st_size <= 0 ||
	    (uintmax_t)st.st_size > SIZE_MAX / 2 || (size_t)st.st_size < min)
		return TLSCACHE_E_FORMAT;
	seg->size = (size_t)st.st_size;
	seg->fd = fd;
	error = segment_map(seg);
	if (error != TLSCACHE_OK)
		seg->fd = -1;
	return error;
}

void
tlsc_segment_own(struct tlsc_segment *seg)
{
	(void)fcntl(seg->fd, F_SETFD, FD_CLOEXEC);
}

void
tlsc_segment_disown(struct tlsc_segment *seg)
{
	seg->fd = -1;
	tlsc_segment_release(seg);
}
#else
static int
segment_file(struct tlsc_segment *seg, const char *name)
{
	return TLSCACHE_OK;
}

int
tlsc_segment_adopt(struct tlsc_segment *seg, int fd, size_t min)
{
	return TLSCACHE_E_FORMAT;
}

void
tlsc_segment_own(struct tlsc_segment *seg)
{
}

void
tlsc_segment_disown(struct tlsc_segment *seg)
{
}
#endif

static int
segment_map(struct tlsc_segment *seg)
{
	int flags = MAP_SHARED;
	void *p;

	if (seg->fd == -1)
		flags |= MAP_ANONYMOUS;
	p = mmap(NULL, seg->size, PROT_READ | PROT_WRITE, flags, seg->fd, 0);
	if (p == MAP_FAILED)
		return TLSCACHE_E_SYSTEM;
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
