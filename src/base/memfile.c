/* SPDX-License-Identifier: ISC */
/* Memory files; see memfile.h. Any process of the daemon. */
#include "config.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/memfile.h"

#ifdef HAVE_MEMFD_CREATE
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x8U /* Linux 6.3; before, EINVAL */
#endif

/* With vm.memfd_noexec = 2, Linux makes no other kind. */
int
memfile_new(const char *name)
{
	const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd;

	fd = memfd_create(name, flags | MFD_NOEXEC_SEAL);
	if (fd == -1 && errno == EINVAL)
		fd = memfd_create(name, flags);
	return fd;
}

int
memfile_fix_size(int fd, size_t size)
{
	if (ftruncate(fd, (off_t)size) == -1)
		return -1;
	return fcntl(fd, F_ADD_SEALS,
	    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
}

bool
memfile_has_size(int fd, size_t size)
{
	struct stat st;
	int seals;

	seals = fcntl(fd, F_GET_SEALS);
	return seals != -1 && (seals & F_SEAL_SHRINK) != 0 &&
	    fstat(fd, &st) == 0 && st.st_size == (off_t)size;
}
#else
int
memfile_new(const char *name)
{
	errno = ENOSYS;
	return -1;
}

int
memfile_fix_size(int fd, size_t size)
{
	errno = ENOSYS;
	return -1;
}

bool
memfile_has_size(int fd, size_t size)
{
	return false;
}
#endif
