/* SPDX-License-Identifier: ISC */
/*
 * Memory that has a descriptor: shared with children and handed on over an
 * exec, in no file system. (libtlscache has its own, src/tlscache/segment.c:
 * it uses nothing of the daemon's.)
 */
#ifndef BASE_MEMFILE_H
#define BASE_MEMFILE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * An empty one, close-on-exec, never executable where the system can say so.
 * name is for /proc only. A descriptor, or -1 and errno (ENOSYS: this system
 * has none).
 */
int memfile_new(const char *name) __attribute__((warn_unused_result));
/*
 * Give it its size, for good: nobody who has the descriptor can shorten the
 * mapping of another. 0, or -1 and errno.
 */
int memfile_fix_size(int fd, size_t size)
    __attribute__((warn_unused_result));
/* Whether memfile_fix_size() was called on it with that size. */
bool memfile_has_size(int fd, size_t size);

#endif
