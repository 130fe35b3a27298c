/* SPDX-License-Identifier: ISC */
/* Lines to the system's logger; see syslogger.h. Any process. */
#include "config.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/syslogger.h"

#define NAME "tlsherd"
#define HEAD_SIZE 64
/* A line that waited so long is the last one to wait for a while. */
#define SLOW_US 10000
#define NO_WAIT_US 1000000

static struct {
	const char *path; /* NULL: not open */
	int facility;
	int fd;		    /* -1: not connected */
	unsigned long lost; /* lines since one was taken */
	int64_t no_wait;    /* until then, clock_mono_us() */
} state = { NULL, 0, -1, 0, 0 };

static bool deliver(int, const char *);
static bool connect_logger(void);
static bool send_line(int, const char *);
static int format_head(int, char *, size_t);

void
syslogger_open(const char *path, int facility)
{
	syslogger_close();
	tzset(); /* its files are out of reach in a chroot */
	openlog(NAME, LOG_PID, facility);
	state.path = path;
	state.facility = facility;
	(void)connect_logger();
}

void
syslogger_close(void)
{
	if (state.path == NULL)
		return;
	closelog();
	if (state.fd != -1)
		close(state.fd);
	state.fd = -1;
	state.path = NULL;
	state.lost = 0;
}

void
syslogger_write(int priority, const char *line)
{
	char text[96];

	if (!deliver(priority, line)) {
		state.lost++;
		return;
	}
	if (state.lost == 0)
		return;
	snprintf(text, sizeof(text), "%lu lines before this one are lost: "
	    "syslog was busy", state.lost);
	if (deliver(LOG_WARNING, text))
		state.lost = 0;
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
	if (connect_logger())
		return send_line(priority, line);
	syslog(priority, "%s", line);
	return true;
}

static bool
connect_logger(void)
{
	const struct timeval wait = { 0, SYSLOGGER_WAIT_MS * 1000 };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(state.path) >= sizeof(un.sun_path))
		return false;
	strcpy(un.sun_path, state.path);
	if ((fd = socket(AF_UNIX, SOCK_DGRAM, 0)) == -1)
		return false;
	if (fd_cloexec(fd) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) ==
	    -1 ||
	    connect(fd, (struct sockaddr *)&un, sizeof(un)) == -1) {
		close(fd);
		return false;
	}
	state.fd = fd;
	return true;
}

/* After a line that was lost, or had to wait, the next ones do not wait. */
static bool
send_line(int priority, const char *line)
{
	int64_t begin = clock_mono_us();
	char head[HEAD_SIZE], *text;
	struct iovec iov[2];
	struct msghdr msg;
	ssize_t n;
	int saved;

	memset(&msg, 0, sizeof(msg));
	msg.msg_iov = iov;
	msg.msg_iovlen = 2;
	iov[0].iov_base = head;
	iov[0].iov_len = (size_t)format_head(priority, head, sizeof(head));
	memcpy(&text, &line, sizeof(text)); /* sendmsg(2) does not write */
	iov[1].iov_base = text;
	iov[1].iov_len = strlen(line);
	do
		n = sendmsg(state.fd, &msg, MSG_NOSIGNAL |
		    (state.lost > 0 || begin < state.no_wait ? MSG_DONTWAIT :
		    0));
	while (n == -1 && errno == EINTR);
	saved = errno;
	if (clock_mono_us() - begin > SLOW_US)
		state.no_wait = begin + NO_WAIT_US;
	errno = saved;
	return n != -1;
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
