/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "feed.h"
#include "test_proxyproto.h"

static uint8_t *memory; /* that the last result may point into */

/* One beginning. */
static ssize_t
read_some(struct proxyproto *h, const uint8_t *bytes, size_t len,
    const char **why)
{
	ssize_t n;

	free(memory);
	memory = malloc(len);
	ck_assert(memory != NULL || len == 0);
	if (len > 0)
		memcpy(memory, bytes, len);
	n = proxyproto_read(h, memory, len, why);
	ck_assert_int_eq(n == -1, *why != NULL);
	ck_assert_int_ge(n, -1);
	ck_assert_int_le(n, (ssize_t)len);
	return n;
}

ssize_t
feed(struct proxyproto *h, const void *bytes, size_t len, size_t *at,
    const char **why)
{
	const char *said = NULL;
	ssize_t n, first = 0;
	size_t i;

	*at = 0;
	for (i = 0; i <= len; i++) {
		n = read_some(h, bytes, i, why);
		if (first == 0) {
			first = n;
			said = *why;
			*at = i;
			ck_assert(n <= 0 || (size_t)n == i);
		}
		ck_assert_int_eq(n, first);
		ck_assert_ptr_eq(*why, said);
	}
	return first;
}

const char *
end_text(const struct addr *addr)
{
	static char texts[2][ADDR_TEXT_MAX];
	static int turn;
	char *text = texts[turn++ % 2];

	if (addr->len == 0) {
		ck_assert_int_eq(addr->ss.ss_family, AF_UNSPEC);
		return "-";
	}
	addr_format((const struct sockaddr *)&addr->ss, addr->len, text,
	    ADDR_TEXT_MAX);
	return text;
}
