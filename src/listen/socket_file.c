/* SPDX-License-Identifier: ISC */
/*
 * The file of a Unix listening socket. Its folder may be somebody else's, who
 * can put anything in its place: so we remember which one we made, and touch
 * no other. Master.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "listen/listen.h"

static const char *path_of(const struct addr *);
static int remove_left_over(const struct addr *);
static int change_mode(const struct socket_file *, const struct addr *,
    mode_t);
static bool is_ours(const struct socket_file *, const struct stat *);

int
socket_file_bind(struct socket_file *f, int fd, const struct addr *addr,
    int mode)
{
	if (remove_left_over(addr) == -1)
		return -1;
	if (fd_bind_unix(fd, (const struct sockaddr *)&addr->ss, addr->len,
		mode) == -1)
		return -1;
	socket_file_note(f, addr);
	return 0;
}

void
socket_file_note(struct socket_file *f, const struct addr *addr)
{
	struct stat st;

	f->known = lstat(path_of(addr), &st) == 0 && S_ISSOCK(st.st_mode);
	if (!f->known)
		return;
	f->dev = st.st_dev;
	f->ino = st.st_ino;
}

int
socket_file_mode(const struct socket_file *f, const struct addr *addr,
    int mode)
{
	struct stat st;

	if (lstat(path_of(addr), &st) == -1)
		return -1;
	if (!is_ours(f, &st)) {
		errno = ENOENT;
		return -1;
	}
	if ((st.st_mode & 0777) == (mode_t)mode)
		return 0;
	return change_mode(f, addr, (mode_t)mode);
}

/* By a descriptor, where there is one that opens no socket: not another file. */
static int
change_mode(const struct socket_file *f, const struct addr *addr, mode_t mode)
{
#if defined(O_PATH) && defined(__linux__)
	char path[64];
	struct stat st;
	int error, fd;

	fd = open(path_of(addr), O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	error = 0;
	if (fstat(fd, &st) == -1 || !is_ours(f, &st))
		error = ENOENT;
	else if (chmod(path, mode) == -1)
		error = errno != ENOENT ? errno : ENOTSUP; /* no /proc */
	close(fd);
	errno = error;
	return error == 0 ? 0 : -1;
#else
	return chmod(path_of(addr), mode);
#endif
}

void
socket_file_remove(const struct socket_file *f, const struct addr *addr)
{
	struct stat st;

	if (lstat(path_of(addr), &st) == 0 && is_ours(f, &st))
		(void)unlink(path_of(addr));
}

static const char *
path_of(const struct addr *addr)
{
	return ((const struct sockaddr_un *)&addr->ss)->sun_path;
}

/*
 * A socket that nobody listens to is left over from a crash; any other file
 * stays, and nothing can be bound there. 0, or -1 and errno.
 */
static int
remove_left_over(const struct addr *addr)
{
	const struct sockaddr *sa = (const struct sockaddr *)&addr->ss;
	struct stat st;
	int fd;

	if (lstat(path_of(addr), &st) == -1)
		return 0;
	if (!S_ISSOCK(st.st_mode)) {
		errno = EEXIST;
		return -1;
	}
	if ((fd = fd_socket(AF_UNIX, SOCK_STREAM, 0)) == -1)
		return -1;
	if (connect(fd, sa, addr->len) == -1 && errno == ECONNREFUSED)
		(void)unlink(path_of(addr));
	close(fd);
	return 0;
}

static bool
is_ours(const struct socket_file *f, const struct stat *st)
{
	return f->known && S_ISSOCK(st->st_mode) && st->st_dev == f->dev &&
	    st->st_ino == f->ino;
}
