/* SPDX-License-Identifier: ISC */
/*
 * Sockets that a service manager has bound, and has passed to us at our start
 * (sd_listen_fds(3)): descriptors from 3 on, which belong to whom LISTEN_PID
 * names. They are the manager's, too, and serve the next start of ours: so they
 * are never closed for good here, nor is anything done to their files. Master.
 */
#include "config.h"

#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "listen/listen.h"

#define FIRST 3
#define FDS_MAX 1024

static int number(const char *);
static bool listens_at(int, const struct addr *);

/* Those that no address has. */
static int *spare;
static size_t nspare;

int
activated_begin(void)
{
	int i, n = 0;

	if (number("LISTEN_PID") == getpid())
		n = number("LISTEN_FDS");
	if (n < 0 || n > FDS_MAX)
		n = 0;
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	for (i = FIRST; i < FIRST + n; i++)
		if (fd_cloexec(i) == 0 && fd_nonblock(i) == 0)
			activated_return(i);
	return FIRST + n;
}

/* 0: it is none. */
static int
number(const char *name)
{
	const char *text = getenv(name);
	char *end;
	long n;

	if (text == NULL)
		return 0;
	n = strtol(text, &end, 10);
	return *end == '\0' && n > 0 && n == (int)n ? (int)n : 0;
}

size_t
activated_take(const struct addr *addr, int **fds)
{
	size_t i, kept = 0, n = 0;

	for (i = 0; i < nspare; i++) {
		if (!listens_at(spare[i], addr)) {
			spare[kept++] = spare[i];
			continue;
		}
		*fds = xreallocarray(*fds, n + 1, sizeof(**fds));
		(*fds)[n++] = spare[i];
	}
	nspare = kept;
	return n;
}

static bool
listens_at(int fd, const struct addr *addr)
{
	socklen_t len = sizeof(int);
	struct addr here;
	int type, on;

	memset(&here, 0, sizeof(here));
	here.len = sizeof(here.ss);
	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	    type == SOCK_STREAM &&
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == 0 && on &&
	    getsockname(fd, (struct sockaddr *)&here.ss, &here.len) == 0 &&
	    addr_equal(&here, addr);
}

void
activated_return(int fd)
{
	spare = xreallocarray(spare, nspare + 1, sizeof(*spare));
	spare[nspare++] = fd;
}

size_t
activated_spare(int **fds)
{
	*fds = spare;
	return nspare;
}

void
activated_tell(void)
{
	char text[ADDR_TEXT_MAX];
	struct addr here;
	size_t i;

	for (i = 0; i < nspare; i++) {
		memset(&here, 0, sizeof(here));
		here.len = sizeof(here.ss);
		if (getsockname(spare[i], (struct sockaddr *)&here.ss,
		    &here.len) == 0)
			addr_format((struct sockaddr *)&here.ss, here.len,
			    text, sizeof(text));
		else
			strcpy(text, "no socket");
		log_warnx("descriptor %d of the service manager (%s) is not "
		    "the address of any listener", spare[i], text);
	}
}

void
activated_forget(void)
{
	while (nspare > 0)
		close(spare[--nspare]);
	free(spare);
	spare = NULL;
}
