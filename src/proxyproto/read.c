/* SPDX-License-Identifier: ISC */
/*
 * Which version it is: 1 begins with a letter, 2 with a carriage return, and
 * everything else is none. Any process.
 */
#include "config.h"

#include <netinet/in.h>

#include <string.h>

#include "proxyproto/proxyproto_int.h"

static bool begins(const uint8_t *, size_t, const char *, size_t);

ssize_t
proxyproto_read(struct proxyproto *h, const uint8_t *buf, size_t len,
    const char **why)
{
	memset(h, 0, sizeof(*h));
	h->from.ss.ss_family = h->to.ss.ss_family = AF_UNSPEC;
	*why = NULL;
	if (begins(buf, len, V1_START, V1_START_LEN))
		return len < V1_START_LEN ? 0 :
		    proxyproto_read_v1(h, buf, len, why);
	if (begins(buf, len, V2_SIGNATURE, V2_SIGNATURE_LEN))
		return len < V2_SIGNATURE_LEN ? 0 :
		    proxyproto_read_v2(h, buf, len, why);
	*why = "not a PROXY header";
	return -1;
}

/* Whether buf begins with that, as far as it goes. */
static bool
begins(const uint8_t *buf, size_t len, const char *start, size_t n)
{
	return len == 0 || memcmp(buf, start, len < n ? len : n) == 0;
}

void
proxyproto_inet(struct addr *addr, int family, const void *ip, uint16_t port)
{
	struct sockaddr_in in4 = { .sin_family = AF_INET, .sin_port = port };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
		.sin6_port = port };

	if (family == AF_INET) {
		memcpy(&in4.sin_addr, ip, sizeof(in4.sin_addr));
		memcpy(&addr->ss, &in4, sizeof(in4));
		addr->len = sizeof(in4);
	} else {
		memcpy(&in6.sin6_addr, ip, sizeof(in6.sin6_addr));
		memcpy(&addr->ss, &in6, sizeof(in6));
		addr->len = sizeof(in6);
	}
}
