/* SPDX-License-Identifier: ISC */
/* Version 1: the line, and what is none. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "feed.h"
#include "test_proxyproto.h"

#define LONG6 "fedc:ba98:7654:3210:fedc:ba98:7654:3210"
#define FILL72 "01234567890123456789012345678901234567890123456789012345678" \
	"9012345678901"

static const struct {
	const char *line, *from, *to;
} good[] = {
	{ "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n",
	    "192.168.0.1:56324", "192.168.0.11:443" },
	{ "PROXY TCP4 0.0.0.0 1.2.3.4 0 65535\r\n", "0.0.0.0:0",
	    "1.2.3.4:65535" },
	{ "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
	    "255.255.255.255:65535", "255.255.255.255:65535" },
	{ "PROXY TCP6 2001:db8::1 ::1 56324 443\r\n", "[2001:db8::1]:56324",
	    "[::1]:443" },
	{ "PROXY TCP6 :: 2001:DB8:0:0:0:00a:B:0001 1 2\r\n", "[::]:1",
	    "[2001:db8::a:b:1]:2" },
	{ "PROXY TCP6 " LONG6 " " LONG6 " 65535 65535\r\n",
	    "[" LONG6 "]:65535", "[" LONG6 "]:65535" },
	{ "PROXY TCP6 ::ffff:192.0.2.1 ::ffff:192.0.2.2 1 2\r\n",
	    "[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.2]:2" },
	{ "PROXY UNKNOWN\r\n", "-", "-" },
	{ "PROXY UNKNOWN \r\n", "-", "-" },
	{ "PROXY UNKNOWN " LONG6 " " LONG6 " 65535 65535\r\n", "-", "-" },
	{ "PROXY UNKNOWN anything\r at\n all\r\n", "-", "-" },
	{ "PROXY UNKNOWN 0123456789 01234567" FILL72 "\r\n", "-", "-" },
};

START_TEST(line)
{
	const char *text = good[_i].line, *why;
	struct proxyproto h;
	char more[200];
	ssize_t n;
	size_t at;

	ck_assert_uint_le(strlen(text), PROXYPROTO_V1_MAX);
	snprintf(more, sizeof(more), "%sGET / HTTP/1.1\r\n", text);
	n = feed(&h, more, strlen(more), &at, &why);
	ck_assert_int_eq(n, (ssize_t)strlen(text));
	ck_assert_uint_eq(h.version, 1);
	ck_assert(!h.local && h.tlvs.len == 0);
	ck_assert_str_eq(end_text(&h.from), good[_i].from);
	ck_assert_str_eq(end_text(&h.to), good[_i].to);
	ck_assert_int_eq(h.type, good[_i].from[0] == '-' ? 0 : SOCK_STREAM);
}
END_TEST

/* Each with the number of bytes after which there is no hope. */
static const struct {
	const char *line;
	size_t at; /* 0: when it is complete */
	const char *why;
} bad[] = {
	{ "GET / HTTP/1.1\r\n", 1, "not a PROXY header" },
	{ "\x16\x03\x01", 1, "not a PROXY header" },
	{ " PROXY UNKNOWN\r\n", 1, "not a PROXY header" },
	{ "proxy UNKNOWN\r\n", 1, "not a PROXY header" },
	{ "POST / HTTP/1.1\r\n", 2, "not a PROXY header" },
	{ "PROXY\tUNKNOWN\r\n", 6, "not a PROXY header" },
	{ "PROXY\r\n", 6, "not a PROXY header" },
	{ "PROXY \r\n", 0, "neither TCP4" },
	{ "PROXY  UNKNOWN\r\n", 0, "neither TCP4" },
	{ "PROXY UNKNOWNS\r\n", 0, "neither TCP4" },
	{ "PROXY UNKNOW\r\n", 0, "neither TCP4" },
	{ "PROXY unknown\r\n", 0, "neither TCP4" },
	{ "PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n", 0, "neither TCP4" },
	{ "PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n", 0, "neither TCP4" },
	{ "PROXY TCP4\r\n", 0, "neither TCP4" },
	{ "PROXY TCP4 \r\n", 0, "two ports" },
	{ "PROXY TCP4 1.2.3.4\r\n", 0, "two ports" },
	{ "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", 0, "two ports" },
	{ "PROXY TCP4 1.2.3.4 1.2.3.4 1 \r\n", 0, "two ports" },
	{ "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n", 0, "two ports" },
	{ "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n", 0, "two ports" },
	{ "PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n", 0, "two ports" },
	{ "PROXY TCP4 1.2.3.4  1.2.3.4 1 2\r\n", 0, "two ports" },
	{ "PROXY TCP4 1.2.3.4 1.2.3.4 1  2\r\n", 0, "two ports" },
	{ "PROXY TCP6 " FILL72 " ::1 1 2\r\n", 0, "two ports" },
	{ "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n\r\n", 0, "not a port" },
	{ "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\r\n", 0, "not a port" },
	{ "PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n", 0, "IPv4" },
	{ "PROXY TCP4 1.2.3.4.5 1.2.3.4 1 2\r\n", 0, "IPv4" },
	{ "PROXY TCP4 1.2.3.256 1.2.3.4 1 2\r\n", 0, "IPv4" },
	{ "PROXY TCP4 01.2.3.4 1.2.3.4 1 2\r\n", 0, "IPv4" },
	{ "PROXY TCP4 1.2.3.4 1.2.3.04 1 2\r\n", 0, "IPv4" },
	{ "PROXY TCP4 1.00.3.4 1.2.3.4 1 2\r\n", 0, "IPv4" },
	{ "PROXY TCP4 1..3.4 1.2.3.4 1 2\r\n", 0, "IPv4" },
	{ "PROXY TCP4 0x1.2.3.4 1.2.3.4 1 2\r\n", 0, "IPv4" },
	{ "PROXY TCP4 localhost 1.2.3.4 1 2\r\n", 0, "IPv4" },
	{ "PROXY TCP4 ::1 ::1 1 2\r\n", 0, "IPv4" },
	{ "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n", 0, "IPv6" },
	{ "PROXY TCP6 ::1 1.2.3.4 1 2\r\n", 0, "IPv6" },
	{ "PROXY TCP6 1::2::3 ::1 1 2\r\n", 0, "IPv6" },
	{ "PROXY TCP6 12345::1 ::1 1 2\r\n", 0, "IPv6" },
	{ "PROXY TCP6 1:2:3:4:5:6:7 ::1 1 2\r\n", 0, "IPv6" },
	{ "PROXY TCP6 1:2:3:4:5:6:7:8:9 ::1 1 2\r\n", 0, "IPv6" },
	{ "PROXY TCP6 fe80::1%lo ::1 1 2\r\n", 0, "IPv6" },
	{ "PROXY TCP6 [::1] ::1 1 2\r\n", 0, "IPv6" },
	{ "PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n", 0, "not a port" },
	{ "PROXY TCP4 1.2.3.4 1.2.3.4 00 2\r\n", 0, "not a port" },
	{ "PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n", 0, "not a port" },
	{ "PROXY TCP4 1.2.3.4 1.2.3.4 1 99999\r\n", 0, "not a port" },
	{ "PROXY TCP4 1.2.3.4 1.2.3.4 1 4294967297\r\n", 0, "not a port" },
	{ "PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n", 0, "not a port" },
	{ "PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n", 0, "not a port" },
	{ "PROXY TCP4 1.2.3.4 1.2.3.4 0x1 2\r\n", 0, "not a port" },
	{ "PROXY TCP4 1.2.3.4 1.2.3.4 1a 2\r\n", 0, "not a port" },
	{ "PROXY UNKNOWN 0123456789 012345678" FILL72 "\r\n", 107,
	    "no end of the line" },
	{ "PROXY TCP4 1.2.3.4 1.2.3.4 1 2" FILL72 FILL72 "\n", 107,
	    "no end of the line" },
};

START_TEST(malformed)
{
	const char *text = bad[_i].line, *why;
	struct proxyproto h;
	size_t at;

	ck_assert_int_eq(feed(&h, text, strlen(text), &at, &why), -1);
	ck_assert_msg(strstr(why, bad[_i].why) != NULL, "%s: %s", text, why);
	ck_assert_uint_eq(at, bad[_i].at != 0 ? bad[_i].at : strlen(text));
}
END_TEST

/* A NUL is no end of a word. */
START_TEST(with_nul)
{
	static const char text[] = "PROXY TCP4 1.2.3.4\0 1.2.3.4 1 2\r\n";
	struct proxyproto h;
	const char *why;
	size_t at;

	ck_assert_int_eq(feed(&h, text, sizeof(text) - 1, &at, &why), -1);
	ck_assert_ptr_nonnull(strstr(why, "two ports"));
}
END_TEST

Suite *
read_v1_suite(void)
{
	Suite *s;
	TCase *tc;

	s = suite_create("read_v1");
	tc = tcase_create("read_v1");
	tcase_add_loop_test(tc, line, 0, COUNT(good));
	tcase_add_loop_test(tc, malformed, 0, COUNT(bad));
	tcase_add_test(tc, with_nul);
	suite_add_tcase(s, tc);
	return s;
}
