/* SPDX-License-Identifier: ISC */
/* Version 2: addresses, lengths, values. */
#include "config.h"

#include <sys/un.h>

#include <string.h>

#include "feed.h"
#include "proxyproto/proxyproto_int.h"
#include "test_proxyproto.h"

#define IN4 "\300\0\2\1" "\300\0\2\2" "\333\374" "\1\273"
#define IN4_FROM "192.0.2.1:56316"
#define IN4_TO "192.0.2.2:443"
#define IN6 "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1" \
	"\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\2" "\333\374" "\1\273"

/* A header whose length says what body has. Returns its length. */
static size_t
header(uint8_t *buf, uint8_t command, uint8_t family, const void *body,
    size_t len)
{
	memcpy(buf, V2_SIGNATURE, V2_SIGNATURE_LEN);
	buf[12] = command;
	buf[13] = family;
	put_u16(buf + 14, len);
	if (len > 0)
		memcpy(buf + 16, body, len);
	return 16 + len;
}

#define BODY(text) text, sizeof(text) - 1

static const struct {
	uint8_t command, family;
	const char *body;
	size_t len;
	const char *from, *to;
	int type;
	size_t tlvs; /* bytes of them */
} good[] = {
	{ 0x21, 0x11, BODY(IN4), IN4_FROM, IN4_TO, SOCK_STREAM, 0 },
	{ 0x21, 0x12, BODY(IN4), IN4_FROM, IN4_TO, SOCK_DGRAM, 0 },
	{ 0x21, 0x21, BODY(IN6), "[2001:db8::1]:56316", "[2001:db8::2]:443",
	    SOCK_STREAM, 0 },
	{ 0x21, 0x22, BODY(IN6), "[2001:db8::1]:56316", "[2001:db8::2]:443",
	    SOCK_DGRAM, 0 },
	{ 0x21, 0x00, BODY(""), "-", "-", 0, 0 },
	{ 0x21, 0x00, BODY("\4\0\0"), "-", "-", 0, 3 },
	{ 0x21, 0x11, BODY(IN4 "\4\0\0"), IN4_FROM, IN4_TO, SOCK_STREAM, 3 },
	{ 0x21, 0x11, BODY(IN4 "\1\0\2h2\356\0\1x"), IN4_FROM, IN4_TO,
	    SOCK_STREAM, 9 },
	{ 0x21, 0x11, BODY(IN4 "\x20\0\5\1\0\0\0\1"), IN4_FROM, IN4_TO,
	    SOCK_STREAM, 8 },
	{ 0x21, 0x11, BODY(IN4 "\x20\0\x8\1\0\0\0\1\x21\0\0"), IN4_FROM,
	    IN4_TO, SOCK_STREAM, 11 },
	/* A connection of the sender's own: the rest is to be skipped. */
	{ 0x20, 0x00, BODY(""), "-", "-", 0, 0 },
	{ 0x20, 0x11, BODY(IN4), "-", "-", 0, 0 },
	{ 0x20, 0x11, BODY("x"), "-", "-", 0, 0 },
	{ 0x20, 0xff, BODY("no values"), "-", "-", 0, 0 },
};

START_TEST(told)
{
	uint8_t buf[256], more[300];
	struct proxyproto h;
	const char *why;
	size_t len, at;

	len = header(buf, good[_i].command, good[_i].family, good[_i].body,
	    good[_i].len);
	memcpy(more, buf, len);
	memcpy(more + len, "\x16\x03\x01", 3); /* the client's first bytes */
	ck_assert_int_eq(feed(&h, more, len + 3, &at, &why), (ssize_t)len);
	ck_assert_uint_eq(h.version, 2);
	ck_assert_int_eq(h.local, good[_i].command == 0x20);
	ck_assert_int_eq(h.type, good[_i].type);
	ck_assert_str_eq(end_text(&h.from), good[_i].from);
	ck_assert_str_eq(end_text(&h.to), good[_i].to);
	ck_assert_uint_eq(h.tlvs.len, good[_i].tlvs);
	ck_assert_uint_eq(proxyproto_v2_length(buf), len);
}
END_TEST

/* Paths of Unix sockets: with a NUL, without, names of Linux, none. */
static const struct {
	const char *path;
	size_t len; /* of the bytes, others are zeros */
	size_t name; /* bytes of sun_path that count */
} paths[] = {
	{ BODY("/run/x"), 7 },
	{ BODY("/run/x\0rest"), 7 },
	{ BODY("\0name"), 5 },
	{ BODY("\0na\0me"), 6 },
	{ BODY(""), 0 },
	{ BODY("/23456789/23456789/23456789/23456789/23456789/23456789"
	    "/23456789/23456789/23456789/23456789/234567"), 108 },
};

START_TEST(unix_path)
{
	uint8_t buf[300], body[2 * V2_UNIX_PATH] = { 0 };
	const struct sockaddr_un *un;
	struct proxyproto h;
	const char *why;
	size_t len, at, name = paths[_i].name;

	memcpy(body, "/here", 5);
	memcpy(body + V2_UNIX_PATH, paths[_i].path, paths[_i].len);
	if (name == 108)
		memset(body + V2_UNIX_PATH + paths[_i].len, 'x',
		    V2_UNIX_PATH - paths[_i].len);
	len = header(buf, 0x21, 0x31, body, sizeof(body));
	ck_assert_int_eq(feed(&h, buf, len, &at, &why), (ssize_t)len);
	ck_assert_str_eq(end_text(&h.from), "unix:/here");
	ck_assert_int_eq(h.to.ss.ss_family, AF_UNIX);
	un = (const struct sockaddr_un *)&h.to.ss;
	if (name > sizeof(un->sun_path))
		name = 0; /* such a path is none here */
	ck_assert_uint_eq(h.to.len, offsetof(struct sockaddr_un, sun_path) +
	    name);
	ck_assert_int_eq(memcmp(un->sun_path, body + V2_UNIX_PATH,
	    name < V2_UNIX_PATH ? name : V2_UNIX_PATH), 0);
}
END_TEST

static const struct {
	uint8_t command, family;
	const char *body;
	size_t len;
	size_t at; /* 0: when it is complete */
	const char *why;
} bad[] = {
	{ 0x11, 0x11, BODY(IN4), 13, "version 2" },
	{ 0x31, 0x11, BODY(IN4), 13, "version 2" },
	{ 0x01, 0x11, BODY(IN4), 13, "version 2" },
	{ 0x22, 0x11, BODY(IN4), 13, "neither LOCAL" },
	{ 0x2f, 0x11, BODY(IN4), 13, "neither LOCAL" },
	{ 0x21, 0x10, BODY(IN4), 14, "family" },
	{ 0x21, 0x01, BODY(IN4), 14, "family" },
	{ 0x21, 0x13, BODY(IN4), 14, "family" },
	{ 0x21, 0x41, BODY(IN4), 14, "family" },
	{ 0x21, 0xff, BODY(IN4), 14, "family" },
	{ 0x21, 0x11, BODY(""), 16, "too short" },
	{ 0x21, 0x11, IN4, 11, 16, "too short" },
	{ 0x21, 0x21, IN6, 35, 16, "too short" },
	{ 0x21, 0x21, BODY(IN4), 16, "too short" },
	{ 0x21, 0x31, BODY(IN6), 16, "too short" },
	{ 0x21, 0x11, BODY(IN4 "\4"), 0, "longer than the header" },
	{ 0x21, 0x11, BODY(IN4 "\4\0"), 0, "longer than the header" },
	{ 0x21, 0x11, BODY(IN4 "\4\0\1"), 0, "longer than the header" },
	{ 0x21, 0x11, BODY(IN4 "\4\0\0\1\1\0x"), 0, "longer than the header" },
	{ 0x21, 0x00, BODY("\0"), 0, "longer than the header" },
	{ 0x21, 0x11, BODY(IN4 "\3\0\3abc"), 0, "not four bytes" },
	{ 0x21, 0x11, BODY(IN4 "\3\0\5abcde"), 0, "not four bytes" },
	{ 0x21, 0x11, BODY(IN4 "\3\0\4abcd"), 0, "checksum is wrong" },
	{ 0x21, 0x11, BODY(IN4 "\3\0\4abcd\3\0\4abcd"), 0, "two checksums" },
	{ 0x21, 0x11, BODY(IN4 "\x20\0\0"), 0, "less than five" },
	{ 0x21, 0x11, BODY(IN4 "\x20\0\4\1\0\0\0"), 0, "less than five" },
	{ 0x21, 0x11, BODY(IN4 "\x20\0\6\1\0\0\0\1\x21"), 0,
	    "longer than the SSL" },
	{ 0x21, 0x11, BODY(IN4 "\x20\0\x8\1\0\0\0\1\x21\0\1x"), 0,
	    "longer than the SSL" },
};

START_TEST(malformed)
{
	struct proxyproto h;
	const char *why;
	uint8_t buf[256];
	size_t len, at;

	len = header(buf, bad[_i].command, bad[_i].family, bad[_i].body,
	    bad[_i].len);
	ck_assert_int_eq(feed(&h, buf, len, &at, &why), -1);
	ck_assert_msg(strstr(why, bad[_i].why) != NULL, "%s", why);
	ck_assert_uint_eq(at, bad[_i].at != 0 ? bad[_i].at : len);
}
END_TEST

/* Each byte of the signature counts. */
START_TEST(signature)
{
	struct proxyproto h;
	const char *why;
	uint8_t buf[64];
	size_t len, at;

	len = header(buf, 0x21, 0x11, BODY(IN4));
	buf[_i] ^= 0x20;
	ck_assert_int_eq(feed(&h, buf, len, &at, &why), -1);
	ck_assert_str_eq(why, "not a PROXY header");
	ck_assert_uint_eq(at, (size_t)_i + 1);
}
END_TEST

/* The longest that there is, with one value that fills it. */
START_TEST(longest)
{
	static uint8_t buf[PROXYPROTO_MAX], body[65535];
	struct proxyproto_tlv tlv;
	struct proxyproto h;
	const char *why;

	memcpy(body, IN4, 12);
	body[12] = 0xe1;
	put_u16(body + 13, sizeof(body) - 15);
	ck_assert_uint_eq(header(buf, 0x21, 0x11, body, sizeof(body)),
	    PROXYPROTO_MAX);
	ck_assert_int_eq(proxyproto_read(&h, buf, PROXYPROTO_MAX - 1, &why),
	    0);
	ck_assert_int_eq(proxyproto_read(&h, buf, PROXYPROTO_MAX, &why),
	    PROXYPROTO_MAX);
	ck_assert(proxyproto_find(h.tlvs, 0xe1, &tlv));
	ck_assert_uint_eq(tlv.len, sizeof(body) - 15);
	ck_assert_int_eq(proxyproto_read(&h, buf, PROXYPROTO_MAX - 1, &why),
	    0);
}
END_TEST

/* What Amazon's load balancers send, from their documentation. */
START_TEST(checksum)
{
	uint8_t buf[100] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x54"
	    "\xac\x1f\x07\x71\xac\x1f\x0a\x1f\xc8\xf2\0\x50"
	    "\3\0\4\xe8\xd6\x89\x2d\xea\0\x17\1vpce-08d2bf15fac5001c9\4\0\x24";
	struct proxyproto_tlv tlv;
	struct proxyproto h;
	const char *why;
	ssize_t n;
	size_t at;

	ck_assert_int_eq(feed(&h, buf, sizeof(buf), &at, &why), 100);
	ck_assert_str_eq(end_text(&h.from), "172.31.7.113:51442");
	ck_assert_str_eq(end_text(&h.to), "172.31.10.31:80");
	ck_assert(proxyproto_find(h.tlvs, 0xea, &tlv));
	ck_assert_uint_eq(tlv.len, 23);
	/* A bit of anything, and it is wrong, but for these. */
	buf[_i] ^= 1;
	n = feed(&h, buf, sizeof(buf), &at, &why);
	if (_i == 14 || _i == 15)
		ck_assert_int_eq(n, 0); /* longer */
	else if (_i == 12 || _i == 28)
		ck_assert_int_eq(n, 100); /* LOCAL; not a checksum */
	else
		ck_assert_int_eq(n, -1);
}
END_TEST

/* A unique ID has 128 bytes at the most. */
START_TEST(unique_id)
{
	uint8_t buf[300], body[160] = { 5, 0, (uint8_t)(127 + _i) };
	struct proxyproto_tlv tlv;
	struct proxyproto h;
	const char *why;
	size_t at, len = 127 + (size_t)_i;
	ssize_t n;

	n = feed(&h, buf, header(buf, 0x21, 0, body, 3 + len), &at, &why);
	if (len > PP2_UNIQUE_ID_MAX) {
		ck_assert_int_eq(n, -1);
		ck_assert_ptr_nonnull(strstr(why, "unique ID"));
	} else {
		ck_assert(proxyproto_find(h.tlvs, PP2_UNIQUE_ID, &tlv));
		ck_assert_uint_eq(tlv.len, len);
	}
}
END_TEST

/* Walking: in their order, also those of length 0 and of one type. */
START_TEST(values)
{
	static const char body[] = "\1\0\2h2\4\0\0\4\0\1x"
	    "\x20\0\xf\1\0\0\0\1\x21\0\0\x23\0\4AEAD";
	static const struct proxyproto_tlv want[] = {
		{ 1, (const uint8_t *)"h2", 2 }, { 4, NULL, 0 },
		{ 4, (const uint8_t *)"x", 1 },
		{ 0x20, (const uint8_t *)body + 15, 15 },
	};
	struct proxyproto_tlvs tlvs, inner;
	struct proxyproto_tlv tlv;
	struct proxyproto h;
	const char *why;
	uint8_t buf[100];
	size_t at;
	int i;

	ck_assert_int_gt(feed(&h, buf, header(buf, 0x21, 0, body,
	    sizeof(body) - 1), &at, &why), 0);
	tlvs = h.tlvs;
	for (i = 0; i < COUNT(want); i++) {
		ck_assert(proxyproto_next(&tlvs, &tlv));
		ck_assert_uint_eq(tlv.type, want[i].type);
		ck_assert_uint_eq(tlv.len, want[i].len);
		if (tlv.len > 0)
			ck_assert_mem_eq(tlv.value, want[i].value, tlv.len);
	}
	ck_assert(!proxyproto_next(&tlvs, &tlv) && tlvs.len == 0);
	ck_assert(!proxyproto_find(h.tlvs, 0x21, &tlv));
	ck_assert(proxyproto_find(h.tlvs, 4, &tlv) && tlv.len == 0);
	ck_assert(proxyproto_find(h.tlvs, PP2_SSL, &tlv));
	inner = proxyproto_inner(&tlv);
	ck_assert(proxyproto_find(inner, PP2_SSL_CIPHER, &tlv));
	ck_assert_mem_eq(tlv.value, "AEAD", 4);
	inner = proxyproto_inner(&tlv); /* of a value that has none */
	ck_assert(!proxyproto_next(&inner, &tlv));
}
END_TEST

Suite *
read_v2_suite(void)
{
	Suite *s;
	TCase *tc;

	s = suite_create("read_v2");
	tc = tcase_create("read_v2");
	tcase_add_loop_test(tc, told, 0, COUNT(good));
	tcase_add_loop_test(tc, unix_path, 0, COUNT(paths));
	tcase_add_loop_test(tc, malformed, 0, COUNT(bad));
	tcase_add_loop_test(tc, signature, 0, V2_SIGNATURE_LEN);
	tcase_add_test(tc, longest);
	tcase_add_loop_test(tc, checksum, 0, 100);
	tcase_add_loop_test(tc, unique_id, 0, 4);
	tcase_add_test(tc, values);
	suite_add_tcase(s, tc);
	return s;
}
