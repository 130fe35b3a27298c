/* SPDX-License-Identifier: ISC */
/* File descriptors: flags, sockets accepted and connected, limits. */
#ifndef BASE_FD_H
#define BASE_FD_H

#include <sys/types.h>
#include <sys/socket.h>

/* Each returns 0, or -1 and errno. */
int fd_nonblock(int fd);
int fd_cloexec(int fd);

/*
 * accept4(2) with SOCK_NONBLOCK | SOCK_CLOEXEC, or its portable equivalent.
 * Returns the descriptor, or -1 and errno.
 */
int fd_accept(int fd, struct sockaddr *, socklen_t *);

/* socket(2), non-blocking and close-on-exec. -1 and errno on failure. */
int fd_socket(int family, int type, int protocol);

/*
 * bind(2) of a Unix socket whose file gets this mode: by the umask and not by
 * chmod(2) afterwards, so that nobody gets in between. 0, or -1 and errno.
 */
int fd_bind_unix(int fd, const struct sockaddr *, socklen_t, int mode);

/* socketpair(2) of AF_UNIX, SOCK_SEQPACKET, both ends as fd_socket's. */
int fd_pair(int sv[2]);
/* Close this one and all above. */
void fd_close_from(int first);

/*
 * Send len bytes and, when fd is not -1, the descriptor fd (SCM_RIGHTS) over
 * a Unix socket. Returns 0, or -1 and errno.
 */
int fd_send(int sock, const void *buf, size_t len, int fd);

/*
 * Receive what fd_send() sent over a pair of fd_pair(), len bytes. *fdp gets the
 * descriptor (close-on-exec), or -1 when none came. Returns 1, 0 at the end, or
 * -1 and errno: EBADMSG when there was a message of another size, which is gone
 * then, with its descriptor.
 */
int fd_recv(int sock, void *buf, size_t len, int *fdp);
/*
 * Nobody can send descriptors to this Unix socket any more, as far as the
 * system knows how (Linux 6.16). What cannot be refused is to be closed with
 * fd_discard(): a socket of somebody else's, that would linger, keeps nobody.
 */
void fd_refuse(int sock);
void fd_discard(int fd);

/*
 * Bytes sent to a connected socket that the other side's system has not taken;
 * of a Unix socket, that nobody has read. -1 where the kernel does not say.
 */
int fd_unsent(int fd);

/*
 * Raise the soft limit of open files to at least n, the hard one too when we
 * may. Returns the limit in force afterwards.
 */
size_t fd_limit_raise(size_t n);

#endif
