/* SPDX-License-Identifier: ISC */
/* Lines to the system's logger; see syslogger.h. Any process. */
#include "config.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sink.h"
#include "base/syslogger.h"

#define NAME "tlsherd"
#define HEAD_SIZE 64

static struct {
	const char *path; /* NULL: not open */
	int facility;
	int fd;	     /* -1: not connected */
	bool stream; /* lines end with a NUL there */
} state = { NULL, 0, -1, false };

static bool deliver(int, const char *);
static bool tell_lost(void);
static bool connect_logger(void);
static int connect_as(int);
static bool send_line(int, const char *);
static int format_head(int, char *, size_t);

void
syslogger_open(const char *path, int facility)
{
	syslogger_close();
	sink_share();
	tzset(); /* its files are out of reach in a chroot */
	state.path = path;
	state.facility = facility;
	(void)connect_logger();
}

void
syslogger_close(void)
{
	if (state.fd != -1)
		close(state.fd);
	state.fd = -1;
	state.path = NULL;
}

void
syslogger_write(int priority, const char *line)
{
	if (!tell_lost() || !deliver(priority, line))
		sink_lost(errno);
}

static bool
tell_lost(void)
{
	const char *why;
	char text[128];
	uint64_t lost;

	if (!sink_lost_any() || (lost = sink_lost_take(&why)) == 0)
		return true;
	snprintf(text, sizeof(text), "%" PRIu64 " %s lost here: %s", lost,
	    lost == 1 ? "line was" : "lines were", why);
	if (deliver(LOG_WARNING, text))
		return true;
	sink_lost_untold(lost);
	return false;
}

/* False: it is lost. */
static bool
deliver(int priority, const char *line)
{
	if (state.fd != -1) {
		if (send_line(priority, line))
			return true;
		if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)
			return false;
		close(state.fd); /* a logger that has gone */
		state.fd = -1;
	}
	return connect_logger() && send_line(priority, line);
}

static bool
connect_logger(void)
{
	state.stream = false;
	state.fd = connect_as(SOCK_DGRAM);
	if (state.fd == -1 && errno == EPROTOTYPE) {
		state.stream = true;
		state.fd = connect_as(SOCK_STREAM);
	}
	return state.fd != -1;
}

static int
connect_as(int type)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int error, fd;

	if (strlen(state.path) >= sizeof(un.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(un.sun_path, state.path);
	if ((fd = fd_socket(AF_UNIX, type, 0)) == -1)
		return -1;
	if (connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

/* Of a stream that took a part, the rest of the line can only be dropped. */
static bool
send_line(int priority, const char *line)
{
	char head[HEAD_SIZE], *text;
	struct iovec iov[2];
	struct msghdr msg;
	ssize_t n, size;

	memset(&msg, 0, sizeof(msg));
	msg.msg_iov = iov;
	msg.msg_iovlen = 2;
	iov[0].iov_base = head;
	iov[0].iov_len = (size_t)format_head(priority, head, sizeof(head));
	memcpy(&text, &line, sizeof(text)); /* sendmsg(2) does not write */
	iov[1].iov_base = text;
	iov[1].iov_len = strlen(line) + (state.stream ? 1 : 0);
	size = (ssize_t)(iov[0].iov_len + iov[1].iov_len);
	do
		n = sendmsg(state.fd, &msg, MSG_NOSIGNAL);
	while (n == -1 && (errno == EINTR || ((errno == EAGAIN ||
	    errno == EWOULDBLOCK) && sink_patience(state.fd))));
	if (n == size) {
		sink_taken();
		return true;
	}
	if (n != -1)
		errno = EPIPE;
	return false;
}

static int
format_head(int priority, char *head, size_t size)
{
	char date[32];
	struct tm tm;
	time_t now;

	now = time(NULL);
	localtime_r(&now, &tm);
	strftime(date, sizeof(date), "%b %e %H:%M:%S", &tm);
	return snprintf(head, size, "<%d>%s " NAME "[%ld]: ",
	    state.facility | priority, date, (long)getpid());
}
