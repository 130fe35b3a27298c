/* SPDX-License-Identifier: ISC */
/* The pid file; see pidfile.h. Master. */
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

struct pidfile {
	int fd;
	char path[];
};

static struct pidfile *pidfile_new(int, const char *);
static int lock(int, const char *, struct err *);
static bool same_file(int, const char *);
static long read_pid(int);

struct pidfile *
pidfile_open(const char *path, struct err *err)
{
	struct pidfile *pf;
	int fd;

	for (;;) {
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
		    0644);
		if (fd == -1) {
			err_set(err, NULL, "pid file %s: %s", path,
			    strerror(errno));
			return NULL;
		}
		if (lock(fd, path, err) == -1) {
			close(fd);
			return NULL;
		}
		/* Its last owner may have removed it before we had the lock. */
		if (same_file(fd, path))
			break;
		close(fd);
	}
	pf = pidfile_new(fd, path);
	if (pf == NULL) {
		err_set(err, NULL, "out of memory");
		close(fd);
	}
	return pf;
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

static int
lock(int fd, const char *path, struct err *err)
{
	long pid;

	if (flock(fd, LOCK_EX | LOCK_NB) == -1) {
		if (errno != EWOULDBLOCK)
			return err_set(err, NULL, "pid file %s: %s", path,
			    strerror(errno));
		pid = read_pid(fd);
		if (pid > 0)
			return err_set(err, NULL, "pid file %s: tlsherd is "
			    "running already, pid %ld", path, pid);
		return err_set(err, NULL,
		    "pid file %s: tlsherd is starting already", path);
	}
	/* A wrong path in the configuration must not cost a file. */
	if (read_pid(fd) == -1)
		return err_set(err, NULL, "%s exists and is not a pid file",
		    path);
	return 0;
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
	if (pf == NULL)
		return;
	if (same_file(pf->fd, pf->path))
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
