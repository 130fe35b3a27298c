/* SPDX-License-Identifier: ISC */
/*
 * Lines without waiting; see sink.h. Any process.
 *
 * Shared by all processes: how many lines are lost and not told of, and
 * whether the sink ends with a part of a line, since the one who goes on there
 * is seldom the one who left it so.
 */
#include "config.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sink.h"

/* A pipe of that size takes what comes while its reader has no processor. */
#define PIPE_SIZE (1 << 20)

struct tally {
	_Atomic uint64_t lost;
	atomic_int error; /* of the last one */
	/*
	 * How often a line was torn off, and of which time it is known that
	 * a newline came behind it. Not a flag: who ends one line would clear
	 * it behind the back of who has just torn another.
	 */
	atomic_uint torn, ended;
};

static struct tally own;
static struct tally *tally = &own;
static _Atomic uint64_t *counter; /* NULL: nobody asked */
static struct {
	int64_t since; /* clock_mono_us() */
	int64_t left;  /* microseconds, in the second after that */
	bool in_vain;  /* and no line was taken since */
} patience;

static ssize_t put(const struct sink *, const char *, size_t);
static bool writable(int, int);

void
sink_share(void)
{
	struct tally *t;

	if (tally != &own)
		return;
	t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (t == MAP_FAILED)
		return;
	atomic_init(&t->lost, atomic_load(&own.lost));
	atomic_init(&t->error, atomic_load(&own.error));
	atomic_init(&t->torn, atomic_load(&own.torn));
	atomic_init(&t->ended, atomic_load(&own.ended));
	tally = t;
}

void
sink_attach(struct sink *s, int fd)
{
	struct stat st;

	s->fd = fd;
	s->how = SINK_POLL;
	if (fstat(fd, &st) == -1)
		return;
	if (S_ISSOCK(st.st_mode))
		s->how = SINK_SEND;
	else if (S_ISREG(st.st_mode) ||
	    (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0)
		s->how = SINK_WRITE;
#ifdef F_SETPIPE_SZ
	if (S_ISFIFO(st.st_mode) && fcntl(fd, F_GETPIPE_SZ) < PIPE_SIZE)
		(void)fcntl(fd, F_SETPIPE_SZ, PIPE_SIZE);
#endif
}

/*
 * Opened anew, a regular file would have an offset of its own: what others
 * write to it would be overwritten.
 */
int
sink_borrow(struct sink *s, int fd)
{
	char path[32];
	struct stat st;
	int mine = -1;

	if (fstat(fd, &st) == -1)
		return -1;
	if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		mine = open(path, O_WRONLY | O_APPEND | O_NONBLOCK |
		    O_NOCTTY | O_CLOEXEC);
	}
	if (mine == -1)
		mine = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (mine == -1)
		return -1;
	sink_attach(s, mine);
	return 0;
}

void
sink_close(struct sink *s)
{
	if (s->fd != -1)
		close(s->fd);
	s->fd = -1;
}

bool
sink_write(const struct sink *s, const char *line, size_t n)
{
	unsigned torn = atomic_load(&tally->torn);
	bool open = torn != atomic_load(&tally->ended);
	ssize_t r;

	if (!open)
		line++;
	else
		n++;
	if (s->how == SINK_POLL && !writable(s->fd, 0) &&
	    !sink_patience(s->fd)) {
		errno = EAGAIN;
		return false;
	}
	r = put(s, line, n);
	if (r == -1 && (errno == EAGAIN || errno == EWOULDBLOCK) &&
	    sink_patience(s->fd))
		r = put(s, line, n);
	if (r <= 0)
		return false;
	if (open)
		atomic_store(&tally->ended, torn);
	/* A full disk, a terminal: a part of it stands there. */
	if (r < (ssize_t)n)
		atomic_fetch_add(&tally->torn, 1);
	if (r < (ssize_t)n - 1) {
		errno = s->how == SINK_WRITE ? ENOSPC : EAGAIN;
		return false;
	}
	sink_taken();
	return true; /* the newline comes with the next one */
}

static ssize_t
put(const struct sink *s, const char *text, size_t n)
{
	ssize_t r;

	do
		r = s->how == SINK_SEND ?
		    send(s->fd, text, n, MSG_DONTWAIT | MSG_NOSIGNAL) :
		    write(s->fd, text, n);
	while (r == -1 && errno == EINTR);
	return r;
}

bool
sink_patience(int fd)
{
	int64_t begin = clock_mono_us();
	bool ready;

	if (patience.in_vain)
		return false;
	if (begin - patience.since >= 1000000) {
		patience.since = begin;
		patience.left = SINK_PATIENCE_US;
	}
	if (patience.left <= 0)
		return false;
	ready = writable(fd, (int)((patience.left + 999) / 1000));
	patience.left -= clock_mono_us() - begin;
	patience.in_vain = !ready;
	return ready;
}

void
sink_taken(void)
{
	patience.in_vain = false;
}

static bool
writable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, ms) == 1;
}

void
sink_lost(int error)
{
	atomic_fetch_add(&tally->lost, 1);
	atomic_store(&tally->error, error);
	if (counter != NULL)
		atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

uint64_t
sink_lost_take(const char **why)
{
	int error = atomic_load(&tally->error);

	*why = error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS ?
	    "the reader of the log was too slow" : strerror(error);
	return atomic_exchange(&tally->lost, 0);
}

void
sink_lost_untold(uint64_t n)
{
	atomic_fetch_add(&tally->lost, n);
}

bool
sink_lost_any(void)
{
	return atomic_load_explicit(&tally->lost, memory_order_relaxed) != 0;
}

void
sink_count(_Atomic uint64_t *c)
{
	counter = c;
}
