/* SPDX-License-Identifier: ISC */
/*
 * Version 2, binary (2.2), numbers with the high byte first:
 *
 *	signature 12 | version, command | family, protocol | length 16 |
 *	from | to | ports of both 16 | values: type, length 16, bytes |
 *
 * Any process.
 */
#include "config.h"

#include <sys/un.h>
#include <netinet/in.h>

#include <string.h>

#include "proxyproto/proxyproto_int.h"

/* The families that there are with the protocols that they go with. */
static const struct kind {
	uint8_t byte;
	int family, type;
	size_t size; /* of what is told of both ends */
} kinds[] = {
	{ V2_UNSPEC, AF_UNSPEC, 0, 0 },
	{ V2_TCP4, AF_INET, SOCK_STREAM, V2_INET_LEN },
	{ 0x12, AF_INET, SOCK_DGRAM, V2_INET_LEN },
	{ V2_TCP6, AF_INET6, SOCK_STREAM, V2_INET6_LEN },
	{ 0x22, AF_INET6, SOCK_DGRAM, V2_INET6_LEN },
	{ 0x31, AF_UNIX, SOCK_STREAM, 2 * V2_UNIX_PATH },
	{ 0x32, AF_UNIX, SOCK_DGRAM, 2 * V2_UNIX_PATH },
};
#define NKINDS (sizeof(kinds) / sizeof(kinds[0]))

static const char *check_prefix(const uint8_t *, size_t);
static const struct kind *kind_of(uint8_t);
static void read_ends(struct proxyproto *, const struct kind *,
    const uint8_t *);
static void read_port_pair(struct proxyproto *, int, const uint8_t *, size_t);
static void read_path(struct addr *, const uint8_t *);

ssize_t
proxyproto_read_v2(struct proxyproto *h, const uint8_t *buf, size_t len,
    const char **why)
{
	const struct kind *kind;
	size_t n;

	if ((*why = check_prefix(buf, len)) != NULL)
		return -1;
	if (len < PROXYPROTO_V2_PREFIX)
		return 0;
	n = proxyproto_v2_length(buf);
	if (len < n)
		return 0;
	h->version = 2;
	h->local = (buf[12] & 0xf) == V2_LOCAL;
	if (h->local)
		return (ssize_t)n;
	kind = kind_of(buf[13]);
	h->tlvs.p = buf + PROXYPROTO_V2_PREFIX + kind->size;
	h->tlvs.len = n - PROXYPROTO_V2_PREFIX - kind->size;
	if ((*why = proxyproto_check(h->tlvs, buf, n)) != NULL)
		return -1;
	read_ends(h, kind, buf + PROXYPROTO_V2_PREFIX);
	return (ssize_t)n;
}

/* What is behind the signature, as far as it goes. NULL: good. */
static const char *
check_prefix(const uint8_t *buf, size_t len)
{
	const struct kind *kind;

	if (len > 12 && (buf[12] & 0xf0) != V2_VERSION)
		return "not version 2";
	if (len > 12 && (buf[12] & 0xf) > V2_PROXY)
		return "neither LOCAL nor PROXY";
	/* A family beside LOCAL is to be ignored. */
	if (len <= 13 || (buf[12] & 0xf) == V2_LOCAL)
		return NULL;
	if ((kind = kind_of(buf[13])) == NULL)
		return "no such family and protocol";
	if (len >= PROXYPROTO_V2_PREFIX &&
	    proxyproto_v2_length(buf) < PROXYPROTO_V2_PREFIX + kind->size)
		return "too short for its addresses";
	return NULL;
}

size_t
proxyproto_v2_length(const uint8_t prefix[PROXYPROTO_V2_PREFIX])
{
	return PROXYPROTO_V2_PREFIX + (size_t)(prefix[14] << 8 | prefix[15]);
}

static const struct kind *
kind_of(uint8_t byte)
{
	size_t i;

	for (i = 0; i < NKINDS; i++)
		if (kinds[i].byte == byte)
			return &kinds[i];
	return NULL;
}

static void
read_ends(struct proxyproto *h, const struct kind *kind, const uint8_t *p)
{
	h->type = kind->type;
	switch (kind->family) {
	case AF_INET:
		read_port_pair(h, AF_INET, p, 4);
		break;
	case AF_INET6:
		read_port_pair(h, AF_INET6, p, 16);
		break;
	case AF_UNIX:
		read_path(&h->from, p);
		read_path(&h->to, p + V2_UNIX_PATH);
		break;
	default:
		break;
	}
}

/* Two addresses of this size, and the ports of both. */
static void
read_port_pair(struct proxyproto *h, int family, const uint8_t *p, size_t size)
{
	uint16_t ports[2];

	memcpy(ports, p + 2 * size, sizeof(ports));
	proxyproto_inet(&h->from, family, p, ports[0]);
	proxyproto_inet(&h->to, family, p + size, ports[1]);
}

/*
 * A path ends with a NUL unless it has all the bytes. One that begins with a
 * NUL is a name without a file (Linux), and nobody says how long it is: the
 * zeros at its end are taken for padding.
 */
static void
read_path(struct addr *addr, const uint8_t *p)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	size_t n = V2_UNIX_PATH;

	if (p[0] != '\0')
		n = strnlen((const char *)p, V2_UNIX_PATH);
	else
		while (n > 0 && p[n - 1] == '\0')
			n--;
	if (n > sizeof(un.sun_path))
		n = 0; /* other systems have shorter ones */
	memcpy(un.sun_path, p, n);
	if (n > 0 && p[0] != '\0' && n < sizeof(un.sun_path))
		n++;
	memcpy(&addr->ss, &un, sizeof(un));
	addr->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
}
