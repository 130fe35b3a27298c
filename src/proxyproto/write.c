/* SPDX-License-Identifier: ISC */
/*
 * Headers as we send them. Addresses are told where both are of IPv4 or both
 * of IPv6: Unix sockets have no names to speak of. Any process.
 */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "proxyproto/proxyproto_int.h"

/* One end: where its bytes stand. */
struct end {
	int family;
	const void *ip, *port;
};

static struct end end_of(const struct sockaddr *);
static bool both_inet(const struct end *, const struct end *);
static void append(struct proxyproto_out *, const void *, size_t);

size_t
proxyproto_write_v1(uint8_t buf[PROXYPROTO_V1_MAX],
    const struct sockaddr *from, const struct sockaddr *to)
{
	char line[PROXYPROTO_V1_MAX + 1], ips[2][INET6_ADDRSTRLEN];
	struct end ends[2] = { end_of(from), end_of(to) };
	uint16_t ports[2];
	int i, n;

	if (!both_inet(&ends[0], &ends[1])) {
		n = snprintf(line, sizeof(line), "PROXY UNKNOWN\r\n");
	} else {
		for (i = 0; i < 2; i++) {
			(void)inet_ntop(ends[i].family, ends[i].ip, ips[i],
			    sizeof(ips[i]));
			memcpy(&ports[i], ends[i].port, sizeof(ports[i]));
		}
		n = snprintf(line, sizeof(line), "PROXY TCP%d %s %s %u %u\r\n",
		    ends[0].family == AF_INET ? 4 : 6, ips[0], ips[1],
		    ntohs(ports[0]), ntohs(ports[1]));
	}
	assert(n > 0 && n <= PROXYPROTO_V1_MAX);
	memcpy(buf, line, (size_t)n);
	return (size_t)n;
}

static struct end
end_of(const struct sockaddr *sa)
{
	const struct sockaddr_in *in4 = (const void *)sa;
	const struct sockaddr_in6 *in6 = (const void *)sa;
	struct end end = { sa->sa_family, NULL, NULL };

	if (end.family == AF_INET) {
		end.ip = &in4->sin_addr;
		end.port = &in4->sin_port;
	} else if (end.family == AF_INET6) {
		end.ip = &in6->sin6_addr;
		end.port = &in6->sin6_port;
	}
	return end;
}

static bool
both_inet(const struct end *a, const struct end *b)
{
	return a->family == b->family && a->ip != NULL;
}

void
proxyproto_begin(struct proxyproto_out *out, uint8_t *buf, size_t size,
    const struct sockaddr *from, const struct sockaddr *to)
{
	struct end a = end_of(from), b = end_of(to);
	uint8_t prefix[PROXYPROTO_V2_PREFIX] = V2_SIGNATURE;
	size_t len = a.family == AF_INET ? 4 : 16;

	*out = (struct proxyproto_out) { .buf = buf, .size = size };
	prefix[12] = V2_VERSION | V2_PROXY;
	prefix[13] = !both_inet(&a, &b) ? V2_UNSPEC :
	    a.family == AF_INET ? V2_TCP4 : V2_TCP6;
	append(out, prefix, sizeof(prefix));
	if (prefix[13] == V2_UNSPEC)
		return;
	append(out, a.ip, len);
	append(out, b.ip, len);
	append(out, a.port, 2);
	append(out, b.port, 2);
}

/* Once something has not fitted, nothing is written any more. */
static void
append(struct proxyproto_out *out, const void *bytes, size_t len)
{
	if (out->full || len > out->size - out->len) {
		out->full = true;
		return;
	}
	if (len > 0)
		memcpy(out->buf + out->len, bytes, len);
	out->len += len;
}

void
proxyproto_put(struct proxyproto_out *out, uint8_t type, const void *value,
    size_t len)
{
	proxyproto_close(out, proxyproto_open(out, type, value, len));
}

size_t
proxyproto_open(struct proxyproto_out *out, uint8_t type, const void *head,
    size_t len)
{
	const uint8_t start[3] = { type, 0, 0 };
	size_t place = out->len;

	append(out, start, sizeof(start));
	append(out, head, len);
	return place;
}

void
proxyproto_close(struct proxyproto_out *out, size_t place)
{
	size_t len;

	if (out->full)
		return;
	len = out->len - place - 3;
	if (len > UINT16_MAX)
		out->full = true;
	else
		put_u16(out->buf + place + 1, len);
}

void
proxyproto_put_crc32c(struct proxyproto_out *out)
{
	static const uint8_t zeros[CRC32C_LEN];

	assert(out->crc == 0);
	proxyproto_put(out, PP2_CRC32C, zeros, CRC32C_LEN);
	out->crc = out->len - CRC32C_LEN;
}

size_t
proxyproto_end(struct proxyproto_out *out)
{
	uint32_t crc;

	if (out->full || out->len > PROXYPROTO_MAX)
		return 0;
	put_u16(out->buf + 14, out->len - PROXYPROTO_V2_PREFIX);
	if (out->crc != 0) {
		crc = proxyproto_crc32c_of(out->buf, out->len, out->crc);
		put_u16(out->buf + out->crc, crc >> 16);
		put_u16(out->buf + out->crc + 2, crc & UINT16_MAX);
	}
	return out->len;
}
