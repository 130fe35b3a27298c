/* SPDX-License-Identifier: ISC */
/* Socket addresses as text; see addr.h. Any process. */
#include "config.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <netinet/in.h>

#include <errno.h>
#include <netdb.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/mem.h"
#include "base/names.h"

#define UNIX_PREFIX "unix:"

static bool take_known(const char *, struct addr **, size_t *);
static const char *reason(int);
static int look_up(const char *, const char *, bool, struct addrinfo **);
static void add_found(const struct addrinfo *, struct addr **, size_t *);
static void add(const struct addr *, struct addr **, size_t *);
static int parse_unix(const char *, struct addr *, const struct loc *,
    struct err *);
static int split(const char *, char *, size_t, const char **);
static bool is_port(const char *);

int
addr_parse(const char *text, struct addr *addr, const struct loc *loc,
    struct err *err)
{
	struct addr *list;
	size_t n;

	if (addr_parse_all(text, &list, &n, loc, err) == -1)
		return -1;
	*addr = list[0];
	free(list);
	return 0;
}

int
addr_parse_all(const char *text, struct addr **list, size_t *n,
    const struct loc *loc, struct err *err)
{
	struct addrinfo *found;
	struct addr addr;
	const char *port;
	char host[256];
	int error;

	*list = NULL;
	*n = 0;
	memset(&addr, 0, sizeof(addr));
	if (strncmp(text, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0) {
		if (parse_unix(text, &addr, loc, err) == -1)
			return -1;
		add(&addr, list, n);
		return 0;
	}
	if (split(text, host, sizeof(host), &port) == -1 || !is_port(port))
		return err_set(err, loc, "\"%s\" is not an address; expected "
		    "HOST:PORT, [IPV6]:PORT or unix:/PATH", text);
	error = look_up(strcmp(host, "*") == 0 ? "0.0.0.0" : host, port,
	    true, &found);
	if (error == EAI_NONAME && take_known(text, list, n))
		return 0;
	if (error == EAI_NONAME)
		error = look_up(host, port, false, &found);
	if (error != 0)
		return err_set(err, loc, "\"%s\": %s", text, reason(error));
	add_found(found, list, n);
	freeaddrinfo(found);
	return 0;
}

/* False: names are looked up. */
static bool
take_known(const char *text, struct addr **list, size_t *n)
{
	const struct name *name = names_get(text);
	struct addr none;
	size_t i;

	if (name == NULL)
		return false;
	memset(&none, 0, sizeof(none));
	for (i = 0; i < name->n; i++)
		add(&name->list[i], list, n);
	if (*n == 0)
		add(&none, list, n);
	return true;
}

int
addr_look_up(const char *text, struct addr **list, const char **why)
{
	struct addrinfo *found;
	const char *port;
	char host[256];
	size_t n = 0;
	int error;

	*list = NULL;
	*why = "not a name";
	if (split(text, host, sizeof(host), &port) == -1)
		return -1;
	error = look_up(host, port, false, &found);
	if (error != 0) {
		*why = reason(error);
		return error == EAI_AGAIN ? -2 : -1;
	}
	add_found(found, list, &n);
	freeaddrinfo(found);
	return (int)n;
}

static const char *
reason(int error)
{
	return error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error);
}

/*
 * What is no number is a name. Of that, families that this machine has no
 * address of are left out: they could be neither bound nor called.
 */
static int
look_up(const char *host, const char *port, bool number,
    struct addrinfo **found)
{
	struct addrinfo hints;

	memset(&hints, 0, sizeof(hints));
	hints.ai_socktype = SOCK_STREAM;
	hints.ai_flags = (number ? AI_NUMERICHOST : AI_ADDRCONFIG) |
	    AI_NUMERICSERV;
	return getaddrinfo(host, port, &hints, found);
}

static void
add_found(const struct addrinfo *found, struct addr **list, size_t *n)
{
	const struct addrinfo *ai;
	struct addr addr;

	for (ai = found; ai != NULL; ai = ai->ai_next) {
		if (ai->ai_addrlen > sizeof(addr.ss))
			continue;
		memset(&addr, 0, sizeof(addr));
		memcpy(&addr.ss, ai->ai_addr, ai->ai_addrlen);
		addr.len = ai->ai_addrlen;
		add(&addr, list, n);
	}
}

/* Unless it is there. */
static void
add(const struct addr *addr, struct addr **list, size_t *n)
{
	size_t i;

	for (i = 0; i < *n; i++)
		if (addr_equal(&(*list)[i], addr))
			return;
	*list = xreallocarray(*list, *n + 1, sizeof(**list));
	(*list)[(*n)++] = *addr;
}

static int
parse_unix(const char *text, struct addr *addr, const struct loc *loc,
    struct err *err)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&addr->ss;
	const char *path = text + strlen(UNIX_PREFIX);

	if (path[0] != '/')
		return err_set(err, loc, "\"%s\": the path of a Unix socket "
		    "must be absolute", text);
	if (strlen(path) >= sizeof(un->sun_path))
		return err_set(err, loc, "\"%s\": the path of a Unix socket "
		    "has %zu characters at the most", text,
		    sizeof(un->sun_path) - 1);
	un->sun_family = AF_UNIX;
	strcpy(un->sun_path, path);
	addr->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
	    strlen(path) + 1);
	return 0;
}

/* "host:port" or "[host]:port" → host and port. */
static int
split(const char *text, char *host, size_t size, const char **port)
{
	const char *begin = text, *end;

	if (text[0] == '[') {
		begin++;
		end = strchr(text, ']');
		if (end == NULL || end[1] != ':')
			return -1;
		*port = end + 2;
	} else {
		end = strchr(text, ':');
		if (end == NULL || strchr(end + 1, ':') != NULL)
			return -1;
		*port = end + 1;
	}
	if (end == begin || (size_t)(end - begin) >= size)
		return -1;
	memcpy(host, begin, (size_t)(end - begin));
	host[end - begin] = '\0';
	return 0;
}

static bool
is_port(const char *text)
{
	unsigned long port = 0;

	if (*text == '\0' || strlen(text) > 5)
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return false;
		port = port * 10 + (unsigned long)(*text - '0');
	}
	return port <= 65535;
}

void
addr_format(const struct sockaddr *sa, socklen_t len, char *buf, size_t size)
{
	const struct sockaddr_un *un = (const struct sockaddr_un *)sa;
	char host[NI_MAXHOST], port[NI_MAXSERV];
	size_t off = offsetof(struct sockaddr_un, sun_path);

	if ((size_t)len < sizeof(sa->sa_family)) {
		snprintf(buf, size, "-");
	} else if (sa->sa_family == AF_UNIX) {
		snprintf(buf, size, UNIX_PREFIX "%.*s",
		    (size_t)len > off ? (int)((size_t)len - off) : 0,
		    un->sun_path);
	} else if (getnameinfo(sa, len, host, sizeof(host), port,
	    sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
		snprintf(buf, size, "-");
	} else {
		snprintf(buf, size,
		    sa->sa_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host,
		    port);
	}
}

bool
addr_any_port(const struct addr *addr)
{
	switch (addr->ss.ss_family) {
	case AF_INET:
		return ((const struct sockaddr_in *)&addr->ss)->sin_port == 0;
	case AF_INET6:
		return ((const struct sockaddr_in6 *)&addr->ss)->sin6_port ==
		    0;
	default:
		return false;
	}
}

bool
addr_equal(const struct addr *a, const struct addr *b)
{
	const struct sockaddr_in *a4, *b4;
	const struct sockaddr_in6 *a6, *b6;

	if (a->ss.ss_family != b->ss.ss_family)
		return false;
	switch (a->ss.ss_family) {
	case AF_INET:
		a4 = (const struct sockaddr_in *)&a->ss;
		b4 = (const struct sockaddr_in *)&b->ss;
		return a4->sin_port == b4->sin_port &&
		    a4->sin_addr.s_addr == b4->sin_addr.s_addr;
	case AF_INET6:
		a6 = (const struct sockaddr_in6 *)&a->ss;
		b6 = (const struct sockaddr_in6 *)&b->ss;
		return a6->sin6_port == b6->sin6_port &&
		    a6->sin6_scope_id == b6->sin6_scope_id &&
		    memcmp(&a6->sin6_addr, &b6->sin6_addr,
		    sizeof(a6->sin6_addr)) == 0;
	default:
		return a->len == b->len &&
		    memcmp(&a->ss, &b->ss, a->len) == 0;
	}
}

bool
addr_is_unknown(const struct addr *addr)
{
	return addr->len == 0;
}

bool
addr_is_unix(const struct addr *addr)
{
	return addr->ss.ss_family == AF_UNIX;
}
