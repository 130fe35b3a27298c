/* SPDX-License-Identifier: ISC */
/*
 * Directives that are lists of addresses. A name stands for all addresses that
 * it has when the file is read; one that is not known (base/names.h) has one
 * that is none (addr_is_unknown()), for the place of the backend. Addresses
 * that nobody can listen to, or call, are refused: they would fail each client.
 * Master.
 */
#include "config.h"

#include <netinet/in.h>

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/names.h"
#include "conf/conf_int.h"

static char *whole(const struct conf_given *);
static int addrs_add(const struct conf_given *, struct conf_addrs *);
static void leave_out(const struct conf_given *, struct conf_addrs *, size_t);
static bool not_found(const struct conf_given *, const struct conf_addr *,
    struct err *);
static int refuse(const struct conf_given *, const struct conf_addr *,
    const char *);
static const char *common_fault(const struct addr *);
static bool is_many(const struct addr *);
static bool is_any(const struct addr *);
static const struct in6_addr *in6(const struct addr *);
static uint32_t in4(const struct addr *);

/*
 * struct conf_addrs. A listener has the two members of one instead: the list,
 * and behind it their number.
 */
#define IS_ADDRS(list)							\
	(offsetof(struct conf_listen, n##list) ==			\
	    offsetof(struct conf_listen, list) +			\
	    offsetof(struct conf_addrs, n))
_Static_assert(IS_ADDRS(addresses) && IS_ADDRS(backends),
    "in struct conf_listen the number of a list does not follow the list");

static int
addresses_add(const struct conf_given *g, void *target)
{
	struct conf_addrs *list = conf_field(g->directive, target);
	const char *fault;
	size_t i = list->n;

	if (addrs_add(g, list) == -1)
		return -1;
	if (addr_is_unknown(&list->v[i].addr))
		return not_found(g, &list->v[i], g->err) ? -1 : 0;
	for (; i < list->n; i++) {
		fault = common_fault(&list->v[i].addr);
		/* Our IPv6 sockets are for IPv6 only. */
		if (fault == NULL && in6(&list->v[i].addr) != NULL &&
		    IN6_IS_ADDR_V4MAPPED(in6(&list->v[i].addr)))
			fault = "an IPv4 address without \"::ffff:\", such as "
			    "\"192.0.2.1:443\"";
		if (fault != NULL)
			return refuse(g, &list->v[i], fault);
	}
	return 0;
}

static int
backends_add(const struct conf_given *g, void *target)
{
	struct conf_addrs *list = conf_field(g->directive, target);
	struct err warning;
	const char *fault;
	size_t i = list->n;

	if (addrs_add(g, list) == -1)
		return -1;
	if (addr_is_unknown(&list->v[i].addr)) {
		/* The others serve meanwhile, and so may this one later. */
		if (not_found(g, &list->v[i], &warning))
			log_warnx("%s: it counts as failed", warning.text);
		return 0;
	}
	if (names_find(list->v[i].text) != NULL &&
	    !addr_any_port(&list->v[i].addr)) {
		leave_out(g, list, i);
		return 0;
	}
	for (; i < list->n; i++) {
		fault = conf_backend_fault(&list->v[i].addr);
		if (fault != NULL)
			return refuse(g, &list->v[i], fault);
	}
	return 0;
}

const char *
conf_backend_fault(const struct addr *addr)
{
	if (is_any(addr))
		return "the address of a host, such as \"127.0.0.1:8080\"";
	if (addr_any_port(addr))
		return "a port from 1 to 65535";
	return common_fault(addr);
}

/*
 * A name server may say anything, which costs this backend at the most: of the
 * addresses from `first` on those that are none of a host are left out, and
 * with them alone it is not found.
 */
static void
leave_out(const struct conf_given *g, struct conf_addrs *list, size_t first)
{
	size_t i, kept = first;
	struct conf_addr *one;
	struct err warning;

	for (i = first; i < list->n; i++) {
		one = &list->v[i];
		if (conf_backend_fault(&one->addr) != NULL) {
			err_set(&warning, &g->loc, "%s \"%s\": %s is not the "
			    "address of a host: it counts as not found",
			    g->directive->name, one->text, one->number);
			log_warnx("%s", warning.text);
			if (kept > first || i + 1 < list->n) {
				free(one->text);
				free(one->number);
				continue;
			}
			memset(&one->addr, 0, sizeof(one->addr));
			free(one->number);
			one->number = xstrdup(one->text);
		}
		one->again = kept > first;
		list->v[kept++] = *one;
	}
	list->n = kept;
}

static int
addrs_add(const struct conf_given *g, struct conf_addrs *list)
{
	char *text = whole(g), number[ADDR_TEXT_MAX];
	struct conf_addr *one;
	struct addr *found;
	struct err err;
	size_t i, nfound;

	if (addr_parse_all(text, &found, &nfound, NULL, &err) == -1) {
		free(text);
		return err_set(g->err, &g->loc, "%s %s", g->directive->name,
		    err.text);
	}
	list->v = xreallocarray(list->v, list->n + nfound, sizeof(*list->v));
	for (i = 0; i < nfound; i++) {
		one = &list->v[list->n++];
		addr_format((struct sockaddr *)&found[i].ss, found[i].len,
		    number, sizeof(number));
		one->addr = found[i];
		one->text = xstrdup(text);
		one->number = xstrdup(addr_is_unknown(&found[i]) ? text :
		    number);
		one->again = i > 0;
		one->loc = g->loc;
	}
	free(found);
	free(text);
	return 0;
}

/* The text is set when it has been asked for; otherwise that is to come. */
static bool
not_found(const struct conf_given *g, const struct conf_addr *address,
    struct err *err)
{
	const struct name *name = names_find(address->text);

	if (name == NULL || name->state != NAME_FAILED)
		return false;
	err_set(err, &g->loc, "%s \"%s\": %s", g->directive->name,
	    address->text, name->why);
	return true;
}

/* With the path of a Unix socket made absolute. */
static char *
whole(const struct conf_given *g)
{
	static const char prefix[] = "unix:";
	const size_t len = sizeof(prefix) - 1;
	char *path, *text;

	if (strncmp(g->text, prefix, len) != 0 || g->text[len] == '\0')
		return xstrdup(g->text);
	path = conf_path(g->folder, g->text + len);
	text = xasprintf("%s%s", prefix, path);
	free(path);
	return text;
}

/* A name does not show what it stands for. */
static int
refuse(const struct conf_given *g, const struct conf_addr *address,
    const char *expected)
{
	if (strcmp(address->text, address->number) == 0)
		return conf_expected(g, "%s", expected);
	return conf_expected(g, "%s; this is %s", expected, address->number);
}

/* What would be right, or NULL. */
static const char *
common_fault(const struct addr *addr)
{
	const struct sockaddr_in6 *sin6 = (const void *)&addr->ss;

	if (is_many(addr))
		return "the address of one host, not of many";
	if (in6(addr) != NULL && IN6_IS_ADDR_LINKLOCAL(in6(addr)) &&
	    sin6->sin6_scope_id == 0)
		return "a link-local address with its interface, such as "
		    "\"[fe80::1%eth0]:443\"";
	return NULL;
}

/* Multicast and broadcast. */
static bool
is_many(const struct addr *addr)
{
	uint32_t v4 = in4(addr);

	if (in6(addr) != NULL && IN6_IS_ADDR_MULTICAST(in6(addr)))
		return true;
	return IN_MULTICAST(v4) || v4 == INADDR_BROADCAST;
}

static bool
is_any(const struct addr *addr)
{
	if (addr_is_unix(addr))
		return false;
	if (in6(addr) != NULL && !IN6_IS_ADDR_V4MAPPED(in6(addr)))
		return IN6_IS_ADDR_UNSPECIFIED(in6(addr));
	return in4(addr) == INADDR_ANY;
}

static const struct in6_addr *
in6(const struct addr *addr)
{
	return addr->ss.ss_family != AF_INET6 ? NULL :
	    &((const struct sockaddr_in6 *)&addr->ss)->sin6_addr;
}

/* In host order, also when it is written as one of IPv6; 0 for others. */
static uint32_t
in4(const struct addr *addr)
{
	uint32_t v4 = 0;

	if (addr->ss.ss_family == AF_INET)
		v4 = ((const struct sockaddr_in *)&addr->ss)->sin_addr.s_addr;
	else if (in6(addr) != NULL && IN6_IS_ADDR_V4MAPPED(in6(addr)))
		memcpy(&v4, in6(addr)->s6_addr + 12, sizeof(v4));
	return ntohl(v4);
}

static void
addrs_print(const struct conf_directive *d, const void *target, FILE *fp)
{
	const struct conf_addrs *list = conf_const_field(d, target);
	size_t i;

	putc('{', fp);
	for (i = 0; i < list->n; i++) {
		if (list->v[i].again)
			continue;
		fputs(i == 0 ? " " : ", ", fp);
		conf_print_string(list->v[i].text, fp);
	}
	fputs(list->n == 0 ? "}" : " }", fp);
}

static void
addrs_clear(const struct conf_directive *d, void *target)
{
	struct conf_addrs *list = conf_field(d, target);
	size_t i;

	for (i = 0; i < list->n; i++) {
		free(list->v[i].text);
		free(list->v[i].number);
	}
	free(list->v);
	list->v = NULL;
	list->n = 0;
}

static void
addrs_copy(const struct conf_directive *d, void *to, const void *from)
{
	const struct conf_addrs *list = conf_const_field(d, from);
	struct conf_addrs *copy = conf_field(d, to);
	struct conf_addr *one;

	copy->v = xcalloc(list->n, sizeof(*copy->v));
	for (copy->n = 0; copy->n < list->n; copy->n++) {
		one = &copy->v[copy->n];
		*one = list->v[copy->n];
		one->text = xstrdup(one->text);
		one->number = xstrdup(one->number);
	}
}

const struct conf_kind conf_kind_addresses = {
	.add = addresses_add,
	.print = addrs_print,
	.clear = addrs_clear,
	.copy = addrs_copy,
};

const struct conf_kind conf_kind_backends = {
	.add = backends_add,
	.print = addrs_print,
	.clear = addrs_clear,
	.copy = addrs_copy,
};
