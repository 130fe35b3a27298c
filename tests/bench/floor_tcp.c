/* SPDX-License-Identifier: ISC */
/*
 * TCP alone: what clients and server send each other, as so many bytes, without
 * TLS. A child serves, and tells its CPU time through a pipe. With a backend it
 * is the least that a proxy does: it calls the backend when the client's part
 * of the handshake is there, passes requests on, and closes when the client
 * has closed. Connections go in step, so many at a time that it seldom has to
 * wait.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <netinet/in.h>

#include <endian.h>
#include <err.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "floor.h"

#define AT_ONCE 32
#define ROUNDS 150
#define REQUESTS 10	/* on a kept connection */
#define REQUEST 16	/* see backend.c; and its answer */
#define CALL 3		/* before this message the backend is called */

enum side { CLIENT = 1, SERVER = -1 };

static unsigned char data[1024];

static struct sockaddr_in loopback(uint16_t);
static int listen_any(struct sockaddr_in *);
static int call(const struct sockaddr_in *);
static void serve(const struct row *, int, int, const struct sockaddr_in *);
static void exchange(const struct row *, const int *, int *,
    const struct sockaddr_in *);
static void ask(const struct row *, const struct sockaddr_in *);
static bool talk(const struct row *, enum side, const int *, int *,
    const struct sockaddr_in *);
static void to_backend(const struct row *, int *, const struct sockaddr_in *);
static bool message(int, int);

double
floor_tcp(const struct row *row, const char *port)
{
	struct sockaddr_in here, backend;
	int fd, i, pipefd[2];
	double seconds;
	pid_t pid;

	if (row->messages[0] == 0)
		errx(2, "row %s has no messages", row->name);
	backend = loopback(port != NULL ? (uint16_t)atoi(port) : 0);
	fd = listen_any(&here);
	if (pipe(pipefd) == -1 || (pid = fork()) == -1)
		err(1, "fork");
	if (pid == 0) {
		close(pipefd[0]);
		serve(row, fd, pipefd[1], port != NULL ? &backend : NULL);
		_exit(0);
	}
	close(pipefd[1]);
	close(fd);
	for (i = 0; i < ROUNDS; i++)
		ask(row, &here);
	if (read(pipefd[0], &seconds, sizeof(seconds)) != sizeof(seconds) ||
	    waitpid(pid, NULL, 0) == -1)
		errx(1, "the serving process said nothing");
	return seconds * 1e6 / (ROUNDS * AT_ONCE);
}

static struct sockaddr_in
loopback(uint16_t port)
{
	struct sockaddr_in sin;

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_port = htons(port);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return sin;
}

static int
listen_any(struct sockaddr_in *here)
{
	socklen_t len = sizeof(*here);
	int fd;

	*here = loopback(0);
	if ((fd = socket(AF_INET, SOCK_STREAM, 0)) == -1 ||
	    bind(fd, (struct sockaddr *)here, len) == -1 ||
	    listen(fd, SOMAXCONN) == -1 ||
	    getsockname(fd, (struct sockaddr *)here, &len) == -1)
		err(1, "socket");
	return fd;
}

static int
call(const struct sockaddr_in *to)
{
	int fd;

	if ((fd = socket(AF_INET, SOCK_STREAM, 0)) == -1 ||
	    connect(fd, (const struct sockaddr *)to, sizeof(*to)) == -1)
		err(1, "connect");
	return fd;
}

static void
serve(const struct row *row, int listener, int report,
    const struct sockaddr_in *backend)
{
	const bool kept = row->work == WORK_KEPT;
	int fds[AT_ONCE], legs[AT_ONCE], i, n;
	double before, spent;

	for (n = 0, spent = 0; n < ROUNDS; n++) {
		before = floor_cpu();
		for (i = 0; i < AT_ONCE; i++) {
			if ((fds[i] = accept(listener, NULL, NULL)) == -1)
				err(1, "accept");
			legs[i] = kept && backend != NULL ? call(backend) : -1;
		}
		if (kept) {
			exchange(row, fds, legs, backend); /* slow start */
			before = floor_cpu();
			for (i = 0; i < REQUESTS; i++)
				exchange(row, fds, legs, backend);
			spent += (floor_cpu() - before) / REQUESTS;
		} else
			exchange(row, fds, legs, backend);
		for (i = 0; i < AT_ONCE; i++) {
			if (backend != NULL)
				close(legs[i]);
			close(fds[i]);
		}
		if (!kept)
			spent += floor_cpu() - before;
	}
	if (write(report, &spent, sizeof(spent)) != sizeof(spent))
		err(1, "write");
}

static void
exchange(const struct row *row, const int *fds, int *legs,
    const struct sockaddr_in *backend)
{
	if (!talk(row, SERVER, fds, legs, backend))
		errx(1, "a client got lost");
}

static void
ask(const struct row *row, const struct sockaddr_in *server)
{
	const int times = row->work == WORK_KEPT ? REQUESTS + 1 : 1;
	int fds[AT_ONCE], i;

	for (i = 0; i < AT_ONCE; i++)
		fds[i] = call(server);
	for (i = 0; i < times; i++)
		if (!talk(row, CLIENT, fds, NULL, NULL))
			errx(1, "a message got lost");
	for (i = 0; i < AT_ONCE; i++)
		close(fds[i]);
}

/*
 * One exchange on each connection; false: something did not come. The client
 * waits for no answer to its close, as that of the benchmark, so that sending
 * it may fail.
 */
static bool
talk(const struct row *row, enum side side, const int *fds, int *legs,
    const struct sockaddr_in *backend)
{
	const bool kept = row->work == WORK_KEPT;
	bool good = true;
	int i, k;

	for (k = 0; k < FLOOR_MESSAGES && row->messages[k] != 0; k++) {
		if (side == CLIENT && !kept && (k + 1 == FLOOR_MESSAGES ||
		    row->messages[k + 1] == 0))
			break;
		if (backend != NULL && k == (kept ? 1 : CALL))
			to_backend(row, legs, backend);
		for (i = 0; i < AT_ONCE; i++)
			if (!message(fds[i], side * row->messages[k]))
				good = good && side * row->messages[k] > 0;
	}
	return good;
}

/* Call it, and give it the request, for all connections. */
static void
to_backend(const struct row *row, int *legs, const struct sockaddr_in *backend)
{
	const uint64_t request[2] = { 0, htobe64(REQUEST) };
	int i;

	for (i = 0; i < AT_ONCE; i++) {
		if (row->work != WORK_KEPT)
			legs[i] = call(backend);
		if (row->work != WORK_HANDSHAKE &&
		    send(legs[i], request, REQUEST, MSG_NOSIGNAL) != REQUEST)
			err(1, "the backend's request");
	}
	for (i = 0; row->work != WORK_HANDSHAKE && i < AT_ONCE; i++)
		if (!message(legs[i], -REQUEST))
			errx(1, "the backend does not answer");
}

/* Send so much, or receive so much where it is negative. */
static bool
message(int fd, int size)
{
	const size_t len = (size_t)abs(size);

	if (size > 0)
		return send(fd, data, len, MSG_NOSIGNAL) == (ssize_t)len;
	return recv(fd, data, len, MSG_WAITALL) == (ssize_t)len;
}
