/* SPDX-License-Identifier: ISC */
/*
 * Words for the service manager; see notify.h. The environment is asked each
 * time: it passes exec(2), as does our pid. Master.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/notify.h"

/* In it are error texts, which have up to 1,023 bytes. */
#define MESSAGE_MAX 1400

static int address(const char *, struct sockaddr_un *, socklen_t *);
static int send_to(const struct sockaddr_un *, socklen_t, const char *);

int
notify_send(const char *fmt, ...)
{
	const char *name = getenv("NOTIFY_SOCKET");
	char message[MESSAGE_MAX];
	struct sockaddr_un un;
	socklen_t len;
	va_list ap;

	if (name == NULL)
		return 0;
	if (address(name, &un, &len) == -1)
		return -1;
	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	return send_to(&un, len, message);
}

/* A path, or with "@" before it a name in Linux's abstract space. */
static int
address(const char *name, struct sockaddr_un *un, socklen_t *len)
{
	size_t n = strlen(name);

	memset(un, 0, sizeof(*un));
	un->sun_family = AF_UNIX;
	if ((name[0] != '/' && name[0] != '@') || n < 2) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	if (n >= sizeof(un->sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(un->sun_path, name, n);
	if (name[0] == '@')
		un->sun_path[0] = '\0';
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	return 0;
}

/* One that has kept us waiting once does not do so again until it reads. */
static int
send_to(const struct sockaddr_un *un, socklen_t len, const char *message)
{
	static const struct timeval second = { 1, 0 };
	static bool deaf;
	int fd, saved;
	ssize_t n;

	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	if (fd == -1)
		return -1;
	(void)fd_cloexec(fd);
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof(second));
	n = sendto(fd, message, strlen(message), deaf ? MSG_DONTWAIT : 0,
	    (const struct sockaddr *)un, len);
	saved = errno;
	deaf = n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK);
	close(fd);
	errno = saved;
	return n == -1 ? -1 : 0;
}

int64_t
notify_watchdog_us(void)
{
	const char *text = getenv("WATCHDOG_USEC"), *pid;
	char *end;
	long long us;

	pid = getenv("WATCHDOG_PID");
	if (getenv("NOTIFY_SOCKET") == NULL || text == NULL)
		return 0;
	if (pid != NULL && strtoll(pid, NULL, 10) != getpid())
		return 0;
	errno = 0;
	us = strtoll(text, &end, 10);
	return *end == '\0' && errno == 0 && us > 0 ? us : 0;
}
