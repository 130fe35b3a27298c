/* SPDX-License-Identifier: ISC */
/* File descriptors; see fd.h. Any process. */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef HAVE_LINUX_SOCKIOS_H
#include <linux/sockios.h>
#endif

#include "base/fd.h"

static ssize_t receive(int, void *, size_t, int *, bool *);
static bool hung_up(int);
static void take_descriptor(struct cmsghdr *, int *);

int
fd_nonblock(int fd)
{
	int flags;

	flags = fcntl(fd, F_GETFL);
	return flags == -1 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

int
fd_cloexec(int fd)
{
	int flags;

	flags = fcntl(fd, F_GETFD);
	return flags == -1 ? -1 : fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
}

static int
fd_prepare(int fd)
{
	int saved;

	if (fd == -1 || (fd_nonblock(fd) == 0 && fd_cloexec(fd) == 0))
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

int
fd_accept(int fd, struct sockaddr *sa, socklen_t *len)
{
#ifdef HAVE_ACCEPT4
	return accept4(fd, sa, len, SOCK_NONBLOCK | SOCK_CLOEXEC);
#else
	return fd_prepare(accept(fd, sa, len));
#endif
}

int
fd_socket(int family, int type, int protocol)
{
#ifdef SOCK_NONBLOCK
	/* A connection to a backend begins here: one call, not five. */
	return socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
#else
	return fd_prepare(socket(family, type, protocol));
#endif
}

void
fd_close_from(int first)
{
#ifdef HAVE_CLOSEFROM
	closefrom(first);
#else
	/* Each is listed by its number; the list has one of its own. */
	struct dirent *entry;
	DIR *list;
	int fd;

	if ((list = opendir("/dev/fd")) == NULL)
		return;
	while ((entry = readdir(list)) != NULL) {
		fd = atoi(entry->d_name);
		if (fd >= first && fd != dirfd(list))
			(void)close(fd);
	}
	closedir(list);
#endif
}

int
fd_bind_unix(int fd, const struct sockaddr *sa, socklen_t len, int mode)
{
	mode_t before;
	int error, rc;

	before = umask(~(mode_t)mode & 0777);
	rc = bind(fd, sa, len);
	error = errno;
	umask(before);
	errno = error;
	return rc;
}

int
fd_pair(int sv[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv) == -1)
		return -1;
	sv[0] = fd_prepare(sv[0]);
	sv[1] = fd_prepare(sv[1]);
	if (sv[0] != -1 && sv[1] != -1)
		return 0;
	if (sv[0] != -1)
		close(sv[0]);
	if (sv[1] != -1)
		close(sv[1]);
	return -1;
}

int
fd_send(int sock, const void *buf, size_t len, int fd)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct cmsghdr *cmsg;
	struct msghdr msg;
	struct iovec iov;
	char *data;
	ssize_t n;

	memset(&msg, 0, sizeof(msg));
	memset(&control, 0, sizeof(control));
	memcpy(&data, &buf, sizeof(data)); /* sendmsg(2) does not write */
	iov.iov_base = data;
	iov.iov_len = len;
	msg.msg_iov = &iov;
	msg.msg_iovlen = 1;
	if (fd != -1) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control.space);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	}
	do {
		n = sendmsg(sock, &msg, MSG_NOSIGNAL);
	} while (n == -1 && errno == EINTR);
	if (n == -1)
		return -1;
	if ((size_t)n != len) {
		errno = EMSGSIZE;
		return -1;
	}
	return 0;
}

int
fd_recv(int sock, void *buf, size_t len, int *fdp)
{
	bool whole;
	ssize_t n;

	n = receive(sock, buf, len, fdp, &whole);
	/* Of an end that left something unread; what it said is there yet. */
	if (n == -1 && errno == ECONNRESET)
		n = receive(sock, buf, len, fdp, &whole);
	if (n == -1)
		return -1;
	if ((size_t)n == len && whole)
		return 1;
	if (*fdp != -1)
		fd_discard(*fdp);
	*fdp = -1;
	if (n == 0 && hung_up(sock))
		return 0;
	errno = EBADMSG;
	return -1;
}

/* An empty message looks like the end. */
static bool
hung_up(int sock)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };
	int gone = POLLHUP;

#ifdef POLLRDHUP
	p.events |= POLLRDHUP;
	gone |= POLLRDHUP;
#endif
	return poll(&p, 1, 0) == 1 && (p.revents & gone) != 0;
}

static ssize_t
receive(int sock, void *buf, size_t len, int *fdp, bool *whole)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct cmsghdr *cmsg;
	struct msghdr msg;
	struct iovec iov = { .iov_base = buf, .iov_len = len };
	ssize_t n;
	int flags = 0;

	*fdp = -1;
	memset(&msg, 0, sizeof(msg));
	msg.msg_iov = &iov;
	msg.msg_iovlen = 1;
	msg.msg_control = &control;
	msg.msg_controllen = sizeof(control.space);
#ifdef MSG_CMSG_CLOEXEC
	flags = MSG_CMSG_CLOEXEC;
#endif
	do {
		n = recvmsg(sock, &msg, flags);
	} while (n == -1 && errno == EINTR);
	if (n == -1)
		return -1;
	*whole = (msg.msg_flags & MSG_TRUNC) == 0;
	for (cmsg = CMSG_FIRSTHDR(&msg); cmsg != NULL;
	    cmsg = CMSG_NXTHDR(&msg, cmsg))
		if (cmsg->cmsg_level == SOL_SOCKET &&
		    cmsg->cmsg_type == SCM_RIGHTS)
			take_descriptor(cmsg, fdp);
	return n;
}

void
fd_refuse(int sock)
{
#ifdef SO_PASSRIGHTS
	int off = 0;

	(void)setsockopt(sock, SOL_SOCKET, SO_PASSRIGHTS, &off, sizeof(off));
#else
	(void)sock;
#endif
}

void
fd_discard(int fd)
{
	struct linger none = { .l_onoff = 0 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	close(fd);
}

/* Keep the first; CMSG_SPACE() may leave room for more, which must not leak. */
static void
take_descriptor(struct cmsghdr *cmsg, int *fdp)
{
	const unsigned char *p = CMSG_DATA(cmsg);
	size_t i, n;
	int fd;

	n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(fd);
	for (i = 0; i < n; i++) {
		memcpy(&fd, p + i * sizeof(fd), sizeof(fd));
		if (*fdp != -1) {
			fd_discard(fd);
			continue;
		}
		(void)fd_cloexec(fd);
		*fdp = fd;
	}
}

int
fd_unsent(int fd)
{
#if defined(SIOCOUTQ)
	const unsigned long request = SIOCOUTQ;
#elif defined(FIONWRITE)
	const unsigned long request = FIONWRITE;
#endif
#if defined(SIOCOUTQ) || defined(FIONWRITE)
	int n;

	if (ioctl(fd, request, &n) == 0)
		return n;
#elif defined(SO_NWRITE)
	socklen_t len;
	int n;

	len = sizeof(n);
	if (getsockopt(fd, SOL_SOCKET, SO_NWRITE, &n, &len) == 0)
		return n;
#endif
	return -1;
}

size_t
fd_limit_raise(size_t n)
{
	struct rlimit limit, wanted;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return 0;
	if (limit.rlim_cur >= n)
		return limit.rlim_cur;
	wanted = limit;
	wanted.rlim_cur = n;
	if (wanted.rlim_max < n)
		wanted.rlim_max = n;
	if (setrlimit(RLIMIT_NOFILE, &wanted) == 0)
		return wanted.rlim_cur;
	wanted = limit;
	wanted.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &wanted) == 0)
		return wanted.rlim_cur;
	return limit.rlim_cur;
}
