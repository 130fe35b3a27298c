/* SPDX-License-Identifier: ISC */
/*
 * Fuzz target: headers of the PROXY protocol. The input is what a connection
 * begins with. What the reader says of it must not depend on what came in one
 * piece, nor on what follows; and a header that it has understood, written
 * again from that, is the same.
 */
#include "config.h"

#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "proxyproto/proxyproto.h"

#define PREFIXES_MAX 512
#define REQUIRE(x) do { if (!(x)) abort(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* A beginning, in memory that ends where it does. */
static ssize_t
read_prefix(const uint8_t *data, size_t len, const char **why)
{
	uint8_t *copy = malloc(len);
	struct proxyproto h;
	ssize_t n;

	REQUIRE(copy != NULL || len == 0);
	if (len > 0)
		memcpy(copy, data, len);
	n = proxyproto_read(&h, copy, len, why);
	REQUIRE(n >= -1 && n <= (ssize_t)len);
	REQUIRE((n == -1) == (*why != NULL));
	free(copy);
	return n;
}

/* What is said first is said of all that is longer. */
static void
try_prefixes(const uint8_t *data, size_t size)
{
	const char *why, *first_why = NULL;
	ssize_t n, first = 0;
	size_t len;

	for (len = 0; len <= size && len <= PREFIXES_MAX; len++) {
		n = read_prefix(data, len, &why);
		if (first == 0) {
			REQUIRE(n <= 0 || (size_t)n == len);
			first = n;
			first_why = why;
		}
		REQUIRE(n == first && why == first_why);
	}
	if (first != 0)
		REQUIRE(read_prefix(data, size, &why) == first);
}

static void
check_ends(const struct proxyproto *h)
{
	char text[ADDR_TEXT_MAX];

	REQUIRE(h->from.ss.ss_family == h->to.ss.ss_family);
	REQUIRE((h->from.ss.ss_family == AF_UNSPEC) == (h->type == 0));
	REQUIRE((h->from.len == 0) == (h->type == 0));
	REQUIRE(h->from.len <= sizeof(h->from.ss));
	if (h->type == 0)
		return;
	REQUIRE(!h->local);
	addr_format((const struct sockaddr *)&h->from.ss, h->from.len, text,
	    sizeof(text));
	addr_format((const struct sockaddr *)&h->to.ss, h->to.len, text,
	    sizeof(text));
}

/* The values, in their order, are all there is behind the addresses. */
static void
write_v2(const struct proxyproto *h, const uint8_t *data, size_t len)
{
	static uint8_t buf[PROXYPROTO_MAX];
	struct proxyproto_tlvs tlvs = h->tlvs, inner;
	struct proxyproto_out out;
	struct proxyproto_tlv tlv, within;

	if (h->local || h->from.ss.ss_family == AF_UNIX ||
	    h->type == SOCK_DGRAM)
		return; /* are only read */
	proxyproto_begin(&out, buf, sizeof(buf),
	    (const struct sockaddr *)&h->from.ss,
	    (const struct sockaddr *)&h->to.ss);
	while (proxyproto_next(&tlvs, &tlv)) {
		proxyproto_put(&out, tlv.type, tlv.value, tlv.len);
		if (tlv.type != PP2_SSL)
			continue;
		inner = proxyproto_inner(&tlv);
		while (proxyproto_next(&inner, &within))
			REQUIRE(within.value + within.len <=
			    tlv.value + tlv.len);
		REQUIRE(inner.len == 0);
	}
	REQUIRE(tlvs.len == 0);
	REQUIRE(proxyproto_end(&out) == len);
	REQUIRE(memcmp(buf, data, len) == 0);
}

/* There are several ways to write an address, so it is read again. */
static void
write_v1(const struct proxyproto *h)
{
	uint8_t buf[PROXYPROTO_V1_MAX];
	struct proxyproto again;
	const char *why;
	size_t n;

	n = proxyproto_write_v1(buf, (const struct sockaddr *)&h->from.ss,
	    (const struct sockaddr *)&h->to.ss);
	REQUIRE(proxyproto_read(&again, buf, n, &why) == (ssize_t)n);
	REQUIRE(again.version == 1 && again.type == h->type);
	REQUIRE(memcmp(&again.from, &h->from, sizeof(h->from)) == 0);
	REQUIRE(memcmp(&again.to, &h->to, sizeof(h->to)) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxyproto h;
	const char *why;
	ssize_t n;

	try_prefixes(data, size);
	n = proxyproto_read(&h, data, size, &why);
	if (n <= 0)
		return 0;
	check_ends(&h);
	if (h.version == 1)
		write_v1(&h);
	else
		write_v2(&h, data, (size_t)n);
	return 0;
}
