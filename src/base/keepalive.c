/* SPDX-License-Identifier: ISC */
/*
 * TCP keepalive; see keepalive.h. Any process.
 *
 * There is no TCP_USER_TIMEOUT: it would also cut off peers that are there and
 * do not read for so long. What a dead peer does not acknowledge the kernel
 * gives up by itself, after a quarter of an hour.
 */
#include "config.h"

#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "base/keepalive.h"

#define PROBES 5

#if !defined(TCP_KEEPIDLE) && defined(TCP_KEEPALIVE)
#define TCP_KEEPIDLE TCP_KEEPALIVE /* macOS */
#endif

static int set(int, int, int, int);

int
keepalive_set(int fd, int64_t ms)
{
	int on = ms > 0;
	int r = 0;

#if defined(TCP_KEEPIDLE) && defined(TCP_KEEPINTVL) && defined(TCP_KEEPCNT)
	int idle = (int)(ms / 1000);

	/* First the times: the option itself starts the clock. */
	if (on && (set(fd, IPPROTO_TCP, TCP_KEEPIDLE, idle) == -1 ||
	    set(fd, IPPROTO_TCP, TCP_KEEPINTVL, idle < 10 ? 1 : idle / 10) ==
	    -1 || set(fd, IPPROTO_TCP, TCP_KEEPCNT, PROBES) == -1))
		r = -1;
#endif
	if (r == 0)
		r = set(fd, SOL_SOCKET, SO_KEEPALIVE, on);
	return r;
}

static int
set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

bool
keepalive_is_on(int fd)
{
	socklen_t len;
	int on;

	len = sizeof(on);
	return getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, &len) == 0 &&
	    on != 0;
}
