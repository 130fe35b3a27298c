/* SPDX-License-Identifier: ISC */
/* What is written can be read, and what does not fit is not written. */
#include "config.h"

#include <string.h>

#include "feed.h"
#include "proxyproto/proxyproto_int.h"
#include "test_proxyproto.h"

#define MAPPED "[::ffff:192.0.2.1]:1"

static const struct {
	const char *from, *to; /* as addr_parse() reads them */
	const char *line;      /* of version 1 */
	uint8_t family;	       /* of version 2 */
} ends[] = {
	{ "192.0.2.1:56324", "192.0.2.2:443",
	    "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n", 0x11 },
	{ "255.255.255.255:65535", "255.255.255.255:65535",
	    "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
	    0x11 },
	{ "[2001:db8::1]:1", "[::1]:65535",
	    "PROXY TCP6 2001:db8::1 ::1 1 65535\r\n", 0x21 },
	{ MAPPED, MAPPED,
	    "PROXY TCP6 ::ffff:192.0.2.1 ::ffff:192.0.2.1 1 1\r\n", 0x21 },
	{ "192.0.2.1:1", "[::1]:1", "PROXY UNKNOWN\r\n", 0 },
	{ "unix:/x", "unix:/y", "PROXY UNKNOWN\r\n", 0 },
	{ "unix:/x", "192.0.2.1:1", "PROXY UNKNOWN\r\n", 0 },
};

static const struct sockaddr *
parse(const char *text, struct addr *addr)
{
	struct err err;

	ck_assert_int_eq(addr_parse(text, addr, NULL, &err), 0);
	return (const struct sockaddr *)&addr->ss;
}

static void
check_ends(const struct proxyproto *h, int i)
{
	bool told = ends[i].family != 0;

	ck_assert_str_eq(end_text(&h->from), told ? ends[i].from : "-");
	ck_assert_str_eq(end_text(&h->to), told ? ends[i].to : "-");
	ck_assert_int_eq(h->type, told ? SOCK_STREAM : 0);
	ck_assert(!h->local);
}

START_TEST(version_1)
{
	uint8_t buf[PROXYPROTO_V1_MAX];
	struct addr from, to;
	struct proxyproto h;
	const char *why;
	size_t n, at;

	n = proxyproto_write_v1(buf, parse(ends[_i].from, &from),
	    parse(ends[_i].to, &to));
	ck_assert_uint_eq(n, strlen(ends[_i].line));
	ck_assert_mem_eq(buf, ends[_i].line, n);
	ck_assert_int_eq(feed(&h, buf, n, &at, &why), (ssize_t)n);
	ck_assert_uint_eq(h.version, 1);
	check_ends(&h, _i);
}
END_TEST

/* A header with one of everything. */
static size_t
write_all(uint8_t *buf, size_t size, int i, bool crc)
{
	struct proxyproto_out out;
	struct addr from, to;
	size_t place;

	proxyproto_begin(&out, buf, size, parse(ends[i].from, &from),
	    parse(ends[i].to, &to));
	proxyproto_put(&out, PP2_ALPN, "h2", 2);
	if (crc)
		proxyproto_put_crc32c(&out);
	place = proxyproto_open(&out, PP2_SSL, "\1\0\0\0\1", PP2_SSL_HEAD);
	proxyproto_put(&out, PP2_SSL_VERSION, "TLSv1.3", 7);
	proxyproto_put(&out, PP2_SSL_CN, "", 0);
	proxyproto_close(&out, place);
	proxyproto_put(&out, PP2_CUSTOM, NULL, 0);
	return proxyproto_end(&out);
}

static void
check_values(const struct proxyproto *h, bool crc)
{
	static const uint8_t types[] = { PP2_ALPN, PP2_CRC32C, PP2_SSL,
		PP2_CUSTOM };
	struct proxyproto_tlvs tlvs = h->tlvs, inner = { NULL, 0 };
	struct proxyproto_tlv tlv;
	int i;

	for (i = 0; i < COUNT(types); i++) {
		if (types[i] == PP2_CRC32C && !crc)
			continue;
		ck_assert(proxyproto_next(&tlvs, &tlv));
		ck_assert_uint_eq(tlv.type, types[i]);
		if (tlv.type == PP2_SSL)
			inner = proxyproto_inner(&tlv);
	}
	ck_assert_uint_eq(tlvs.len, 0);
	ck_assert(proxyproto_next(&inner, &tlv));
	ck_assert_uint_eq(tlv.type, PP2_SSL_VERSION);
	ck_assert(tlv.len == 7 && memcmp(tlv.value, "TLSv1.3", 7) == 0);
	ck_assert(proxyproto_next(&inner, &tlv));
	ck_assert(tlv.type == PP2_SSL_CN && tlv.len == 0);
	ck_assert_uint_eq(inner.len, 0);
}

START_TEST(version_2)
{
	bool crc = _i >= COUNT(ends);
	struct proxyproto h;
	uint8_t buf[256];
	const char *why;
	size_t n, at;
	int i = _i % COUNT(ends);

	n = write_all(buf, sizeof(buf), i, crc);
	ck_assert_int_eq(feed(&h, buf, n, &at, &why), (ssize_t)n);
	ck_assert_uint_eq(h.version, 2);
	ck_assert_uint_eq(buf[13], ends[i].family);
	check_ends(&h, i);
	check_values(&h, crc);
	if (crc) {
		buf[n - 3] ^= 1; /* the type of the last value */
		ck_assert_int_eq(feed(&h, buf, n, &at, &why), -1);
		ck_assert_str_eq(why, "the checksum is wrong");
	}
}
END_TEST

/* In memory that is too small, by one byte or by all, nothing goes beyond. */
START_TEST(does_not_fit)
{
	uint8_t buf[256], whole[256];
	size_t n, size;
	bool crc = _i == 1;

	n = write_all(whole, sizeof(whole), 0, crc);
	for (size = 0; size < n; size++) {
		memset(buf, 0xee, sizeof(buf));
		ck_assert_uint_eq(write_all(buf, size, 0, crc), 0);
		ck_assert_uint_eq(buf[size], 0xee);
	}
	ck_assert_uint_eq(write_all(buf, n, 0, crc), n);
	ck_assert_mem_eq(buf, whole, n);
	ck_assert_uint_eq(buf[n], 0xee);
}
END_TEST

/* Nor what is too long for the numbers that tell lengths. */
START_TEST(too_long)
{
	static uint8_t buf[3 * 65536], value[65536];
	struct proxyproto_out out;
	struct proxyproto h;
	struct addr addr;
	const char *why;
	size_t n = _i == 0 ? 65536 : 65535 - 12 - 3 + (size_t)_i - 1;

	parse("192.0.2.1:1", &addr);
	proxyproto_begin(&out, buf, sizeof(buf),
	    (const struct sockaddr *)&addr.ss,
	    (const struct sockaddr *)&addr.ss);
	proxyproto_put(&out, PP2_CUSTOM, value, n);
	if (_i == 1) {
		ck_assert_uint_eq(proxyproto_end(&out), PROXYPROTO_MAX);
		ck_assert_int_eq(proxyproto_read(&h, buf, sizeof(buf), &why),
		    PROXYPROTO_MAX);
	} else {
		ck_assert_uint_eq(proxyproto_end(&out), 0);
	}
}
END_TEST

Suite *
write_suite(void)
{
	Suite *s;
	TCase *tc;

	s = suite_create("write");
	tc = tcase_create("write");
	tcase_add_loop_test(tc, version_1, 0, COUNT(ends));
	tcase_add_loop_test(tc, version_2, 0, 2 * COUNT(ends));
	tcase_add_loop_test(tc, does_not_fit, 0, 2);
	tcase_add_loop_test(tc, too_long, 0, 3);
	suite_add_tcase(s, tc);
	return s;
}
