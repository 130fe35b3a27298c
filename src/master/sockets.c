/* SPDX-License-Identifier: ISC */
/*
 * The listening sockets, all of them the master's: bound before any worker
 * is there, kept over reload. A worker that dies leaves its queue behind for
 * the next one.
 *
 * With SO_REUSEPORT an address has a socket per worker, and the kernel spreads
 * connections over them. Such a set never shrinks, because closing a socket
 * resets what is queued there: when there are fewer workers than before, some
 * serve two (heritage.h). Without it, and for Unix sockets, all workers share
 * one.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <netinet/in.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "master/master_int.h"

static struct bound *bound_find(struct master *, const struct addr *);
static void bound_free(struct master *, struct bound *, bool);
static int bound_grow(struct bound *, size_t, const struct conf_listen *,
    const struct conf_addr *, struct err *);
static int set_option(int, int, int);
static int open_one(const struct addr *, const struct conf_listen *, bool);
static int in_use(const struct addr *);
static int bind_unix(int, const struct addr *, int);

struct bound *
sockets_get(struct master *m, const struct conf *conf,
    const struct conf_listen *listen, const struct conf_addr *address,
    struct err *err)
{
	struct bound *b;
	size_t n;

	b = bound_find(m, &address->addr);
	if (b == NULL) {
		b = xcalloc(1, sizeof(*b));
		b->wanted = b->actual = address->addr;
		b->shared = !conf->reuseport || addr_is_unix(&b->wanted);
		TAILQ_INSERT_TAIL(&m->sockets, b, entry);
	}
	b->wanted_now = true;
	n = b->shared ? 1 : conf->workers;
	if (n > b->nfds && bound_grow(b, n, listen, address, err) == -1)
		return NULL;
	return b;
}

void
sockets_begin(struct master *m)
{
	struct bound *b;

	TAILQ_FOREACH(b, &m->sockets, entry)
		b->wanted_now = false;
}

void
sockets_commit(struct master *m)
{
	struct bound *b, *next;

	for (b = TAILQ_FIRST(&m->sockets); b != NULL; b = next) {
		next = TAILQ_NEXT(b, entry);
		b->served = b->nfds;
		if (!b->wanted_now)
			bound_free(m, b, true);
	}
}

void
sockets_abort(struct master *m)
{
	struct bound *b, *next;

	for (b = TAILQ_FIRST(&m->sockets); b != NULL; b = next) {
		next = TAILQ_NEXT(b, entry);
		if (b->served == 0)
			bound_free(m, b, true);
		else
			while (b->nfds > b->served)
				close(b->fds[--b->nfds]);
	}
}

void
sockets_close(struct master *m, bool unlink_paths)
{
	struct bound *b;

	while ((b = TAILQ_FIRST(&m->sockets)) != NULL)
		bound_free(m, b, unlink_paths);
}

static struct bound *
bound_find(struct master *m, const struct addr *addr)
{
	struct bound *b;

	TAILQ_FOREACH(b, &m->sockets, entry)
		if (!b->wanted_now && addr_equal(&b->wanted, addr))
			return b;
	return NULL;
}

static void
bound_free(struct master *m, struct bound *b, bool unlink_path)
{
	size_t i;

	if (unlink_path && addr_is_unix(&b->wanted) && b->nfds > 0)
		(void)unlink(((struct sockaddr_un *)&b->wanted.ss)->sun_path);
	for (i = 0; i < b->nfds; i++)
		close(b->fds[i]);
	free(b->fds);
	TAILQ_REMOVE(&m->sockets, b, entry);
	free(b);
}

static int
bound_grow(struct bound *b, size_t n, const struct conf_listen *listen,
    const struct conf_addr *address, struct err *err)
{
	const char *what = "bind";
	bool first = b->nfds == 0;
	int fd;

	/* SO_REUSEPORT would let us share the port of another program. */
	if (first && !b->shared && in_use(&b->wanted) == -1)
		goto fail;
	b->fds = xreallocarray(b->fds, n, sizeof(*b->fds));
	while (b->nfds < n) {
		fd = open_one(&b->actual, listen, !b->shared);
		if (fd == -1)
			goto fail;
		b->fds[b->nfds++] = fd;
		if (b->nfds > 1 || !first)
			continue;
		b->actual.len = sizeof(b->actual.ss);
		if (getsockname(fd, (struct sockaddr *)&b->actual.ss,
		    &b->actual.len) == -1) {
			what = "getsockname";
			goto fail;
		}
		addr_format((struct sockaddr *)&b->actual.ss, b->actual.len,
		    b->text, sizeof(b->text));
		log_notice("listening on %s (listener \"%s\")", b->text,
		    listen->name);
	}
	return 0;
fail:
	return err_set(err, &address->loc, "listener \"%s\", address %s: "
	    "%s: %s", listen->name, address->text, what, strerror(errno));
}

static int
set_option(int fd, int level, int name)
{
	int on = 1;

	return setsockopt(fd, level, name, &on, sizeof(on));
}

static int
open_one(const struct addr *addr, const struct conf_listen *conf,
    bool reuseport)
{
	int fd, r, saved;

	fd = fd_socket(addr->ss.ss_family, SOCK_STREAM, 0);
	if (fd == -1)
		return -1;
	if (addr_is_unix(addr)) {
		r = bind_unix(fd, addr, conf->unix_mode);
	} else {
		r = set_option(fd, SOL_SOCKET, SO_REUSEADDR);
		if (r == 0 && addr->ss.ss_family == AF_INET6)
			r = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY);
#ifdef SO_REUSEPORT
		if (r == 0 && reuseport)
			r = set_option(fd, SOL_SOCKET, SO_REUSEPORT);
#endif
		if (r == 0)
			r = bind(fd, (const struct sockaddr *)&addr->ss,
			    addr->len);
	}
	if (r == 0)
		r = listen(fd, conf->backlog);
	if (r == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* 0 when nobody has the address, or -1 and errno. */
static int
in_use(const struct addr *addr)
{
	int fd, r, saved;

	fd = fd_socket(addr->ss.ss_family, SOCK_STREAM, 0);
	if (fd == -1)
		return -1;
	r = set_option(fd, SOL_SOCKET, SO_REUSEADDR);
	if (r == 0 && addr->ss.ss_family == AF_INET6)
		r = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY);
	if (r == 0)
		r = bind(fd, (const struct sockaddr *)&addr->ss, addr->len);
	saved = errno;
	close(fd);
	errno = saved;
	return r;
}

/* A socket file that nobody listens to is left over from a crash. */
static int
bind_unix(int fd, const struct addr *addr, int mode)
{
	const struct sockaddr *sa = (const struct sockaddr *)&addr->ss;
	const char *path = ((const struct sockaddr_un *)sa)->sun_path;
	struct stat st;
	int probe;

	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode)) {
		probe = fd_socket(AF_UNIX, SOCK_STREAM, 0);
		if (probe == -1)
			return -1;
		if (connect(probe, sa, addr->len) == -1 &&
		    errno == ECONNREFUSED)
			(void)unlink(path);
		close(probe);
	}
	if (bind(fd, sa, addr->len) == -1)
		return -1;
	return chmod(path, (mode_t)mode);
}
