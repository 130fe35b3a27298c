/* SPDX-License-Identifier: ISC */
/*
 * The pid file; see pidfile.h. Master.
 *
 * Everybody may open it for reading, and whoever has it open can lock it with
 * flock(2). So the lock is one of fcntl(2)'s for writing, which takes the right
 * to write, and of those that belong to the open description and not to the
 * process: fork and exec pass them on as they do with flock(2). On a file that
 * no tlsherd has locked anybody can have a lock for reading still: such a file
 * is left to him and made anew.
 */
#include "config.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/pidfile.h"

/* Somebody may lock or remove the file each time that we have made it. */
#define TRIES 1000

struct pidfile {
	int fd;
	char path[];
};

enum locked {
	LOCK_TAKEN,
	LOCK_FAILED,   /* errno */
	LOCK_OWNED,    /* by another tlsherd */
	LOCK_HINDERED, /* by somebody who may only read */
	LOCK_AGAIN,
};

static int open_file(const char *, struct err *);
static struct pidfile *pidfile_new(int, const char *);
static enum locked take(int, const char *, struct err *);
static enum locked lock(int);
static bool same_file(int, const char *);
static long read_pid(int);

struct pidfile *
pidfile_open(const char *path, struct err *err)
{
	enum locked locked;
	struct pidfile *pf;
	int fd, left = TRIES;

	for (;;) {
		fd = open_file(path, err);
		if (fd == -1)
			return NULL;
		locked = take(fd, path, err);
		/* Its last owner may have removed it before we had the lock. */
		if (locked == LOCK_TAKEN && same_file(fd, path))
			break;
		close(fd);
		if (locked == LOCK_FAILED)
			return NULL;
		if (--left == 0) {
			err_set(err, NULL, "pid file %s: another process "
			    "locks or removes it again and again", path);
			return NULL;
		}
	}
	pf = pidfile_new(fd, path);
	if (pf == NULL) {
		err_set(err, NULL, "out of memory");
		close(fd);
	}
	return pf;
}

/* -1 and the error text. */
static int
open_file(const char *path, struct err *err)
{
	const char *why = NULL;
	struct stat st;
	int fd;

	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY |
	    O_NONBLOCK, 0644);
	if (fd == -1)
		why = errno == ELOOP ? "a symbolic link is not followed" :
		    errno == ENOENT ? "its folder does not exist" :
		    strerror(errno);
	else if (fstat(fd, &st) == -1)
		why = strerror(errno);
	else if (!S_ISREG(st.st_mode))
		why = "not a regular file";
	if (why == NULL)
		return fd;
	err_set(err, NULL, "pid file %s: %s", path, why);
	if (fd != -1)
		close(fd);
	return -1;
}

struct pidfile *
pidfile_adopt(int fd, const char *path)
{
	if (!same_file(fd, path)) {
		errno = ENOENT;
		return NULL;
	}
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) == -1)
		return NULL;
	/* The program before us may have had another kind of lock. */
	(void)lock(fd);
	return pidfile_new(fd, path);
}

static struct pidfile *
pidfile_new(int fd, const char *path)
{
	struct pidfile *pf;

	pf = malloc(sizeof(*pf) + strlen(path) + 1);
	if (pf == NULL)
		return NULL;
	pf->fd = fd;
	strcpy(pf->path, path);
	return pf;
}

int
pidfile_fd(const struct pidfile *pf)
{
	return pf->fd;
}

const char *
pidfile_path(const struct pidfile *pf)
{
	return pf->path;
}

/* LOCK_TAKEN, LOCK_AGAIN, or LOCK_FAILED and the error text. */
static enum locked
take(int fd, const char *path, struct err *err)
{
	enum locked locked = lock(fd);
	long pid = read_pid(fd);

	if (locked == LOCK_FAILED) {
		err_set(err, NULL, "pid file %s: %s", path, strerror(errno));
		return LOCK_FAILED;
	}
	if (locked == LOCK_OWNED) {
		if (pid > 0)
			err_set(err, NULL, "pid file %s: tlsherd is running "
			    "already, pid %ld", path, pid);
		else
			err_set(err, NULL, "pid file %s: tlsherd is starting "
			    "already", path);
		return LOCK_FAILED;
	}
	/* A wrong path in the configuration must not cost a file. */
	if (pid == -1) {
		err_set(err, NULL, "%s exists and is not a pid file", path);
		return LOCK_FAILED;
	}
	if (locked != LOCK_HINDERED)
		return locked;
	if (same_file(fd, path) && unlink(path) == -1 && errno != ENOENT) {
		err_set(err, NULL, "pid file %s: locked by another process, "
		    "and cannot be removed: %s", path, strerror(errno));
		return LOCK_FAILED;
	}
	return LOCK_AGAIN;
}

static enum locked
lock(int fd)
{
#ifdef F_OFD_SETLK
	struct flock all;

	memset(&all, 0, sizeof(all));
	all.l_type = F_WRLCK;
	all.l_whence = SEEK_SET;
	if (fcntl(fd, F_OFD_SETLK, &all) == 0)
		return LOCK_TAKEN;
	if (errno == EAGAIN || errno == EACCES) {
		if (fcntl(fd, F_OFD_GETLK, &all) == -1)
			return LOCK_FAILED;
		if (all.l_type == F_UNLCK)
			return LOCK_AGAIN;
		return all.l_type == F_WRLCK ? LOCK_OWNED : LOCK_HINDERED;
	}
	/* The system that runs is older than the one that built us. */
	if (errno != EINVAL)
		return LOCK_FAILED;
#endif
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return LOCK_TAKEN;
	return errno == EWOULDBLOCK ? LOCK_OWNED : LOCK_FAILED;
}

static bool
same_file(int fd, const char *path)
{
	struct stat open_st, path_st;

	return fstat(fd, &open_st) == 0 && stat(path, &path_st) == 0 &&
	    open_st.st_dev == path_st.st_dev &&
	    open_st.st_ino == path_st.st_ino;
}

/* The pid in the file, 0 when it is empty, -1 when that is no pid file. */
static long
read_pid(int fd)
{
	char buf[32], *end;
	ssize_t n;
	long pid;

	n = pread(fd, buf, sizeof(buf) - 1, 0);
	if (n <= 0)
		return n;
	buf[n] = '\0';
	pid = strtol(buf, &end, 10);
	if (end == buf || *end != '\n' || end[1] != '\0' || pid < 1)
		return -1;
	return pid;
}

int
pidfile_write(struct pidfile *pf)
{
	char buf[32];
	int n;

	n = snprintf(buf, sizeof(buf), "%ld\n", (long)getpid());
	if (ftruncate(pf->fd, 0) == -1)
		return -1;
	return pwrite(pf->fd, buf, (size_t)n, 0) == n ? 0 : -1;
}

void
pidfile_remove(struct pidfile *pf)
{
	long pid;

	if (pf == NULL)
		return;
	/* A start that failed has written nothing into somebody else's. */
	pid = read_pid(pf->fd);
	if ((pid == 0 || pid == (long)getpid()) && same_file(pf->fd, pf->path))
		(void)unlink(pf->path);
	pidfile_forget(pf);
}

void
pidfile_forget(struct pidfile *pf)
{
	if (pf == NULL)
		return;
	close(pf->fd);
	free(pf);
}
