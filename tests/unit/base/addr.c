/* SPDX-License-Identifier: ISC */
/* Addresses: what parses to what, what is refused and why, equality. */
#include "config.h"

#include <sys/un.h>

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "test_base.h"

#define PATH_10 "/123456789"
#define PATH_100 PATH_10 PATH_10 PATH_10 PATH_10 PATH_10 \
	PATH_10 PATH_10 PATH_10 PATH_10 PATH_10
#define WHAT "expected HOST:PORT, [IPV6]:PORT or unix:/PATH"

static const struct {
	const char *text;
	int family;
	const char *formatted; /* NULL: as text */
} good[] = {
	{ "127.0.0.1:443", AF_INET, NULL },
	{ "0.0.0.0:0", AF_INET, NULL },
	{ "*:65535", AF_INET, "0.0.0.0:65535" },
	{ "[::]:443", AF_INET6, NULL },
	{ "[::1]:00443", AF_INET6, "[::1]:443" },
	{ "[2001:db8:0:0::0001]:8443", AF_INET6, "[2001:db8::1]:8443" },
	{ "[::ffff:192.0.2.1]:1", AF_INET6, NULL },
	{ "unix:/run/tlsherd/a b.sock", AF_UNIX, NULL },
	{ "unix:" PATH_100 "/123456", AF_UNIX, NULL },
};

START_TEST(parses)
{
	char text[ADDR_TEXT_MAX];
	struct addr addr;
	struct err err;

	ck_assert_msg(addr_parse(good[_i].text, &addr, NULL, &err) == 0,
	    "%s", err.text);
	ck_assert_int_eq(addr.ss.ss_family, good[_i].family);
	ck_assert_int_eq(addr_is_unix(&addr), good[_i].family == AF_UNIX);
	addr_format((struct sockaddr *)&addr.ss, addr.len, text,
	    sizeof(text));
	ck_assert_str_eq(text, good[_i].formatted != NULL ?
	    good[_i].formatted : good[_i].text);
}
END_TEST

static const struct {
	const char *text, *error;
} bad[] = {
	{ "", "\"\" is not an address; " WHAT },
	{ "443", "\"443\" is not an address; " WHAT },
	{ ":443", "\":443\" is not an address; " WHAT },
	{ "127.0.0.1", "\"127.0.0.1\" is not an address; " WHAT },
	{ "127.0.0.1:", "\"127.0.0.1:\" is not an address; " WHAT },
	{ "127.0.0.1:65536", "\"127.0.0.1:65536\" is not an address; " WHAT },
	{ "127.0.0.1:-1", "\"127.0.0.1:-1\" is not an address; " WHAT },
	{ "127.0.0.1:https", "\"127.0.0.1:https\" is not an address; " WHAT },
	{ "::1:443", "\"::1:443\" is not an address; " WHAT },
	{ "[::1]443", "\"[::1]443\" is not an address; " WHAT },
	{ "[::1:443", "\"[::1:443\" is not an address; " WHAT },
	{ "[]:443", "\"[]:443\" is not an address; " WHAT },
	{ "x\ny:1:2", "\"x?y:1:2\" is not an address; " WHAT },
	{ "unix:", "\"unix:\": the path of a Unix socket must be absolute" },
	{ "unix:run/x", "\"unix:run/x\": the path of a Unix socket must be "
	    "absolute" },
	{ "unix:" PATH_100 "/1234567", "\"unix:" PATH_100 "/1234567\": the "
	    "path of a Unix socket has 107 characters at the most" },
};

START_TEST(refuses)
{
	static const struct loc loc = { "t.conf", 7 };
	char expected[512];
	struct addr addr;
	struct err err;

	ck_assert_int_eq(addr_parse(bad[_i].text, &addr, NULL, &err), -1);
	ck_assert_str_eq(err.text, bad[_i].error);
	ck_assert_int_eq(addr_parse(bad[_i].text, &addr, &loc, &err), -1);
	snprintf(expected, sizeof(expected), "t.conf:7: %s", bad[_i].error);
	ck_assert_str_eq(err.text, expected);
}
END_TEST

/* The name is longer than any resolver takes: refused without asking one. */
START_TEST(long_name)
{
	struct addr addr;
	char text[400];
	struct err err;

	memset(text, 'x', sizeof(text));
	strcpy(text + sizeof(text) - 5, ":443");
	ck_assert_int_eq(addr_parse(text, &addr, NULL, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "is not an address"));
}
END_TEST

static const struct {
	const char *a, *b;
	bool equal;
} pairs[] = {
	{ "127.0.0.1:443", "127.0.0.1:443", true },
	{ "*:443", "0.0.0.0:443", true },
	{ "127.0.0.1:443", "127.0.0.1:444", false },
	{ "127.0.0.1:443", "127.0.0.2:443", false },
	{ "[::1]:443", "[0:0::1]:443", true },
	{ "[::1]:443", "[::2]:443", false },
	{ "[::]:443", "0.0.0.0:443", false },
	{ "unix:/a", "unix:/a", true },
	{ "unix:/a", "unix:/ab", false },
};

START_TEST(equal)
{
	struct addr a, b;
	struct err err;

	ck_assert_int_eq(addr_parse(pairs[_i].a, &a, NULL, &err), 0);
	ck_assert_int_eq(addr_parse(pairs[_i].b, &b, NULL, &err), 0);
	ck_assert_int_eq(addr_equal(&a, &b), pairs[_i].equal);
	ck_assert_int_eq(addr_equal(&b, &a), pairs[_i].equal);
}
END_TEST

/* What accept(2) gives for an unbound Unix socket, and nothing at all. */
START_TEST(odd)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct sockaddr sa = { .sa_family = AF_UNSPEC };
	char text[ADDR_TEXT_MAX];

	addr_format((struct sockaddr *)&un,
	    offsetof(struct sockaddr_un, sun_path), text, sizeof(text));
	ck_assert_str_eq(text, "unix:");
	memset(un.sun_path, 'x', sizeof(un.sun_path)); /* no NUL */
	addr_format((struct sockaddr *)&un, sizeof(un), text, sizeof(text));
	ck_assert_uint_eq(strlen(text), 5 + sizeof(un.sun_path));
	addr_format(&sa, sizeof(sa), text, sizeof(text));
	ck_assert_str_eq(text, "-");
	addr_format(&sa, 0, text, sizeof(text));
	ck_assert_str_eq(text, "-");
}
END_TEST

Suite *
addr_suite(void)
{
	Suite *suite = suite_create("addr");
	TCase *tc = tcase_create("addr");

	tcase_add_loop_test(tc, parses, 0, COUNT(good));
	tcase_add_loop_test(tc, refuses, 0, COUNT(bad));
	tcase_add_test(tc, long_name);
	tcase_add_loop_test(tc, equal, 0, COUNT(pairs));
	tcase_add_test(tc, odd);
	suite_add_tcase(suite, tc);
	return suite;
}
