/* SPDX-License-Identifier: ISC */
/*
 * The listening sockets, all of them the master's: bound before any worker
 * is there, kept over reload. A worker that dies leaves its queue behind for
 * the next one.
 *
 * With SO_REUSEPORT an address has a socket per worker, and the kernel spreads
 * connections over them. Such a set never shrinks, because closing a socket
 * resets what is queued there: when there are fewer workers than before, some
 * serve two (heritage.h). Without it, for Unix sockets, and for those that a service
 * manager has bound, all workers share what there is.
 */
#include "config.h"

#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/door.h"
#include "base/fd.h"
#include "base/keepalive.h"
#include "base/log.h"
#include "base/mem.h"
#include "listen/listen.h"

static struct bound *bound_find(struct bound_list *, const struct addr *);
static int bound_name(struct bound *, int);
static void bound_shut(struct bound *);
static void bound_free(struct bound_list *, struct bound *);
static int bound_grow(struct bound *, size_t);
static int bound_activated(struct bound *);
static int set_error(const struct bound *, const struct conf_addr *,
    const char *, struct err *);
static int set_option(int, int, int);
static int set_keepalive(const struct bound *, int);
static int open_one(struct bound *, const struct addr *);
static int in_use(const struct addr *);

void
sockets_begin(struct bound_list *list)
{
	struct bound *b;

	TAILQ_FOREACH(b, list, entry)
		b->wanted_now = false;
}

struct bound *
sockets_get(struct bound_list *list, const struct conf *conf,
    const struct conf_listen *listen, const struct conf_addr *address,
    struct err *err)
{
	struct bound *b;
	size_t n;

	debug_assert(conf->workers > 0);
	b = bound_find(list, &address->addr);
	if (b == NULL) {
		b = xcalloc(1, sizeof(*b));
		b->wanted = b->actual = address->addr;
		b->shared = !conf->reuseport || addr_is_unix(&b->wanted);
		TAILQ_INSERT_TAIL(list, b, entry);
	}
	b->wanted_now = true;
	b->listen = listen;
	n = b->shared ? 1 : conf->workers;
	if (n > b->nfds && bound_grow(b, n) == -1) {
		(void)set_error(b, address, "bind", err);
		return NULL;
	}
	return b;
}

/*
 * Sockets that were added to a set listen only now that there is somebody to
 * serve them; those that were there get a new backlog and mode.
 */
int
sockets_listen(struct bound_list *list, struct err *err)
{
	struct bound *b;
	size_t i;

	TAILQ_FOREACH(b, list, entry) {
		if (!b->wanted_now)
			continue;
		debug_assert(b->listen != NULL && b->nfds > 0);
		if (addr_is_unix(&b->wanted) && !b->activated &&
		    socket_file_mode(&b->file, &b->wanted,
		    b->listen->unix_mode) == -1) {
			if (errno != ENOENT)
				return set_error(b, NULL, "chmod", err);
			log_warn("%s: nobody can connect before a restart",
			    b->text);
		}
		for (i = 0; i < b->nfds; i++)
			if (set_keepalive(b, b->fds[i]) == -1 ||
			    listen(b->fds[i], b->listen->backlog) == -1)
				return set_error(b, NULL, "listen", err);
	}
	return 0;
}

bool
sockets_shut(struct bound_list *list)
{
	struct bound *b;
	bool any = false;

	TAILQ_FOREACH(b, list, entry) {
		if (b->wanted_now)
			continue;
		bound_shut(b);
		any = true;
	}
	return any;
}

void
sockets_commit(struct bound_list *list)
{
	struct bound *b, *next;

	for (b = TAILQ_FIRST(list); b != NULL; b = next) {
		next = TAILQ_NEXT(b, entry);
		if (!b->wanted_now) {
			log_notice("no longer listening on %s", b->text);
			bound_free(list, b);
			continue;
		}
		debug_assert(b->listen != NULL && b->served <= b->nfds);
		if (b->served == 0)
			log_notice("listening on %s (listener \"%s\")",
			    b->text, b->listen->name);
		b->served = b->nfds;
		b->listen = NULL;
	}
	activated_tell();
}

void
sockets_abort(struct bound_list *list)
{
	struct bound *b, *next;

	for (b = TAILQ_FIRST(list); b != NULL; b = next) {
		next = TAILQ_NEXT(b, entry);
		b->listen = NULL;
		while (b->nfds > b->served && b->served > 0)
			close(b->fds[--b->nfds]);
		if (b->served == 0)
			bound_free(list, b);
	}
}

void
sockets_forget(struct bound *b, size_t keep)
{
	size_t i;

	debug_assert(keep <= b->nfds);
	for (i = keep; i < b->nfds; i++)
		close(b->fds[i]);
}

void
sockets_close(struct bound_list *list)
{
	struct bound *b, *next;

	for (b = TAILQ_FIRST(list); b != NULL; b = next) {
		next = TAILQ_NEXT(b, entry);
		bound_free(list, b);
	}
}

void
sockets_adopt(struct bound_list *list, const char *text,
    enum sockets_kind kind, const int *fds, size_t n)
{
	struct bound *b = xcalloc(1, sizeof(*b));
	struct err err;

	debug_assert(n > 0);
	(void)addr_parse(text, &b->wanted, NULL, &err);
	(void)bound_name(b, fds[0]);
	b->shared = kind != SOCKETS_EACH;
	b->activated = kind == SOCKETS_ACTIVATED;
	b->fds = xreallocarray(NULL, n, sizeof(*fds));
	memcpy(b->fds, fds, n * sizeof(*fds));
	b->nfds = b->served = n;
	if (addr_is_unix(&b->wanted) && !b->activated)
		socket_file_note(&b->file, &b->wanted);
	TAILQ_INSERT_TAIL(list, b, entry);
}

bool
sockets_fit(const char *text, int fd)
{
	struct bound b;
	struct err err;

	memset(&b, 0, sizeof(b));
	return addr_parse(text, &b.wanted, NULL, &err) == 0 &&
	    !addr_is_unknown(&b.wanted) && bound_name(&b, fd) == 0;
}

/* Where it is in fact. 0, or -1 and errno. */
static int
bound_name(struct bound *b, int fd)
{
	b->actual.len = sizeof(b->actual.ss);
	if (getsockname(fd, (struct sockaddr *)&b->actual.ss,
	    &b->actual.len) == -1)
		return -1;
	addr_format((struct sockaddr *)&b->actual.ss, b->actual.len, b->text,
	    sizeof(b->text));
	return 0;
}

static struct bound *
bound_find(struct bound_list *list, const struct addr *addr)
{
	struct bound *b;

	TAILQ_FOREACH(b, list, entry)
		if (!b->wanted_now && addr_equal(&b->wanted, addr))
			return b;
	return NULL;
}

static void
bound_shut(struct bound *b)
{
	size_t i;

	/* It is the manager's, who lets in whom the next start serves. */
	if (b->activated)
		return;
	if (addr_is_unix(&b->wanted) && b->nfds > 0)
		socket_file_remove(&b->file, &b->wanted);
	for (i = 0; i < b->nfds; i++)
		(void)door_shut(b->fds[i]);
}

/* Whoever has other copies, the workers above all, empties the queues. */
static void
bound_free(struct bound_list *list, struct bound *b)
{
	size_t i;

	bound_shut(b);
	for (i = 0; i < b->nfds; i++) {
		if (b->activated)
			activated_return(b->fds[i]);
		else
			close(b->fds[i]);
	}
	free(b->fds);
	TAILQ_REMOVE(list, b, entry);
	free(b);
}

/* -1 and errno. */
static int
bound_grow(struct bound *b, size_t n)
{
	int fd;

	if (b->nfds == 0 && (b->nfds = activated_take(&b->wanted,
	    &b->fds)) > 0)
		return bound_activated(b);
	/* SO_REUSEPORT would let us share the port of another program. */
	if (b->nfds == 0 && !b->shared && in_use(&b->wanted) == -1)
		return -1;
	b->fds = xreallocarray(b->fds, n, sizeof(*b->fds));
	if (b->nfds == 0) {
		fd = open_one(b, &b->wanted);
		if (fd == -1)
			return -1;
		b->fds[b->nfds++] = fd;
		/* A new address listens at once: now we see if we can. */
		if (listen(fd, b->listen->backlog) == -1 ||
		    bound_name(b, fd) == -1)
			return -1;
	}
	while (b->nfds < n) {
		fd = open_one(b, &b->actual);
		if (fd == -1)
			return -1;
		b->fds[b->nfds++] = fd;
	}
	return 0;
}

/* With what the service manager has bound. -1 and errno. */
static int
bound_activated(struct bound *b)
{
	size_t i;

	b->activated = b->shared = true;
	for (i = 0; i < b->nfds && !addr_is_unix(&b->wanted); i++)
		if (set_option(b->fds[i], IPPROTO_TCP, TCP_NODELAY) == -1)
			return -1;
	return bound_name(b, b->fds[0]);
}

/* From errno. Always -1. */
static int
set_error(const struct bound *b, const struct conf_addr *address,
    const char *call, struct err *err)
{
	const char *text = address != NULL ? address->text : b->text;
	const char *number = address != NULL ? address->number : text;
	bool name = strcmp(text, number) != 0;
	char holder[HOLDER_TEXT_MAX] = "";
	int error = errno;

	if (error == EADDRINUSE)
		holder_text(address != NULL ? &address->addr : &b->actual,
		    holder, sizeof(holder));
	return err_set(err, address != NULL ? &address->loc : &b->listen->loc,
	    "listener \"%s\", address %s%s%s%s: %s: %s%s", b->listen->name,
	    text, name ? " (" : "", name ? number : "", name ? ")" : "", call,
	    strerror(error), holder);
}

static int
set_option(int fd, int level, int name)
{
	int on = 1;

	return setsockopt(fd, level, name, &on, sizeof(on));
}

static int
set_keepalive(const struct bound *b, int fd)
{
	if (addr_is_unix(&b->wanted))
		return 0;
	return keepalive_set(fd, b->listen->client_keepalive);
}

static int
open_one(struct bound *b, const struct addr *addr)
{
	int fd, r, saved;

	fd = fd_socket(addr->ss.ss_family, SOCK_STREAM, 0);
	if (fd == -1)
		return -1;
	if (addr_is_unix(addr)) {
		r = socket_file_bind(&b->file, fd, addr, b->listen->unix_mode);
	} else {
		r = set_option(fd, SOL_SOCKET, SO_REUSEADDR);
		/* Accepted sockets have it from here, where systems do that. */
		if (r == 0)
			r = set_option(fd, IPPROTO_TCP, TCP_NODELAY);
		if (r == 0)
			r = set_keepalive(b, fd);
		if (r == 0 && addr->ss.ss_family == AF_INET6)
			r = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY);
#ifdef SO_REUSEPORT
		if (r == 0 && !b->shared)
			r = set_option(fd, SOL_SOCKET, SO_REUSEPORT);
#endif
		if (r == 0)
			r = bind(fd, (const struct sockaddr *)&addr->ss,
			    addr->len);
	}
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

bool
sockets_put(const struct bound_list *list, bool activated, size_t i,
    struct handed *h)
{
	const struct bound *b;

	TAILQ_FOREACH(b, list, entry)
		if (b->activated == activated && i-- == 0)
			break;
	if (b == NULL)
		return false;
	addr_format((const struct sockaddr *)&b->wanted.ss, b->wanted.len,
	    h->room, sizeof(h->room));
	h->flag = b->shared;
	h->text = h->room;
	h->fds = b->fds;
	h->nfds = b->nfds;
	return true;
}
