/* SPDX-License-Identifier: ISC */
/*
 * What stands behind the servers that are compared: plain TCP, one process.
 * A request is two big-endian 64-bit numbers, how many bytes follow and how
 * many it shall answer, and those bytes; connections live as long as the
 * other end likes. Listens on 127.0.0.1, at the port of its argument, and
 * ends when its standard input does.
 */
#include "config.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <endian.h>
#include <err.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEADER_SIZE 16
#define CHUNK (256 * 1024)
#define EVENTS 256

struct peer {
	int fd;
	unsigned char header[HEADER_SIZE];
	size_t got;	 /* of the header */
	uint64_t expect; /* bytes of the request that follow */
	uint64_t owe;	 /* bytes of the answer */
};

static unsigned char chunk[CHUNK];

static int listen_at(const char *);
static void watch(int, int, uint32_t, void *);
static void serve(int, int);
static void accept_all(int, int);
static bool peer_drive(struct peer *);
static void peer_read(struct peer *, size_t);
static void peer_header(struct peer *, const unsigned char *, size_t *,
    size_t);
static void peer_free(struct peer *);

int
main(int argc, char *argv[])
{
	int epfd, listener;

	if (argc != 2)
		errx(2, "usage: backend PORT");
	listener = listen_at(argv[1]);
	if ((epfd = epoll_create1(0)) == -1)
		err(1, "epoll_create1");
	watch(epfd, listener, EPOLLIN, NULL);
	watch(epfd, STDIN_FILENO, EPOLLIN, chunk);
	serve(epfd, listener);
	return 0;
}

static int
listen_at(const char *port)
{
	struct sockaddr_in sin;
	const int on = 1;
	int fd;

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_port = htons((uint16_t)atoi(port));
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if ((fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
	    bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    listen(fd, SOMAXCONN) == -1)
		err(1, "127.0.0.1:%s", port);
	return fd;
}

static void
watch(int epfd, int fd, uint32_t events, void *data)
{
	struct epoll_event event;

	memset(&event, 0, sizeof(event));
	event.events = events;
	event.data.ptr = data;
	if (epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event) == -1)
		err(1, "epoll_ctl");
}

static void
serve(int epfd, int listener)
{
	struct epoll_event events[EVENTS];
	void *what;
	int i, n;

	for (;;) {
		n = epoll_wait(epfd, events, EVENTS, -1);
		if (n == -1 && errno != EINTR)
			err(1, "epoll_wait");
		for (i = 0; i < n; i++) {
			what = events[i].data.ptr;
			if (what == chunk)
				return;
			if (what == NULL)
				accept_all(epfd, listener);
			else if (!peer_drive(what))
				peer_free(what);
		}
	}
}

static void
accept_all(int epfd, int listener)
{
	struct peer *peer;
	const int on = 1;
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) != -1) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		if ((peer = calloc(1, sizeof(*peer))) == NULL)
			err(1, NULL);
		peer->fd = fd;
		watch(epfd, fd, EPOLLIN | EPOLLOUT | EPOLLET, peer);
	}
	if (errno != EAGAIN && errno != ECONNABORTED)
		err(1, "accept4");
}

/* As far as possible; false when the connection is over. */
static bool
peer_drive(struct peer *peer)
{
	ssize_t n;

	for (;;) {
		if (peer->owe > 0 && peer->expect == 0) {
			n = send(peer->fd, chunk,
			    peer->owe < CHUNK ? peer->owe : CHUNK,
			    MSG_NOSIGNAL);
			if (n > 0)
				peer->owe -= (size_t)n;
		} else {
			n = recv(peer->fd, chunk, CHUNK, 0);
			if (n > 0)
				peer_read(peer, (size_t)n);
		}
		if (n == 0)
			return false;
		if (n == -1)
			return errno == EAGAIN;
	}
}

static void
peer_read(struct peer *peer, size_t len)
{
	uint64_t n;
	size_t off;

	off = 0;
	while (off < len) {
		if (peer->expect == 0)
			peer_header(peer, chunk, &off, len);
		n = len - off < peer->expect ? len - off : peer->expect;
		peer->expect -= n;
		off += n;
	}
}

static void
peer_header(struct peer *peer, const unsigned char *data, size_t *off,
    size_t len)
{
	uint64_t word[2];
	size_t n;

	n = HEADER_SIZE - peer->got;
	if (n > len - *off)
		n = len - *off;
	memcpy(peer->header + peer->got, data + *off, n);
	*off += n;
	if ((peer->got += n) < HEADER_SIZE)
		return;
	peer->got = 0;
	memcpy(word, peer->header, HEADER_SIZE);
	peer->expect = be64toh(word[0]);
	peer->owe += be64toh(word[1]);
}

static void
peer_free(struct peer *peer)
{
	close(peer->fd);
	free(peer);
}
