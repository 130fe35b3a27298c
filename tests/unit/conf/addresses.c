/* SPDX-License-Identifier: ISC */
/* Addresses: what a name stands for, and what can be bound or called. */
#include "config.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>

#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/names.h"
#include "test_conf.h"

/* The names that this program knows; everything else is a number. */
static const struct {
	const char *name, *addresses[4];
} hosts[] = {
	{ "one.test", { "192.0.2.1" } },
	{ "three.test", { "2001:db8::1", "192.0.2.1", "192.0.2.2" } },
	{ "twice.test", { "192.0.2.1", "192.0.2.1", "192.0.2.2" } },
	{ "nowhere.test", { "192.0.2.1", "0.0.0.0" } },
};

static void add_number(const char *, const char *, struct addrinfo **);
static bool number(const char *, const char *, struct addr *);

/* Ours instead of libc's. */
int
getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
    struct addrinfo **found)
{
	size_t i, j;

	*found = NULL;
	add_number(host, port, found);
	if (*found != NULL)
		return 0;
	if (hints->ai_flags & AI_NUMERICHOST)
		return EAI_NONAME;
	for (i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
		for (j = 0; strcmp(hosts[i].name, host) == 0 && j < 4 &&
		    hosts[i].addresses[j] != NULL; j++)
			add_number(hosts[i].addresses[j], port, found);
	return *found != NULL ? 0 : EAI_NONAME;
}

void
freeaddrinfo(struct addrinfo *found)
{
	struct addrinfo *next;

	for (; found != NULL; found = next) {
		next = found->ai_next;
		free(found->ai_addr);
		free(found);
	}
}

static void
add_number(const char *host, const char *port, struct addrinfo **found)
{
	struct addrinfo *one = calloc(1, sizeof(*one));
	struct addr *addr = calloc(1, sizeof(*addr));

	if (!number(host, port, addr)) {
		free(one);
		free(addr);
		return;
	}
	one->ai_addr = (struct sockaddr *)addr; /* ss stands first */
	one->ai_addrlen = addr->len;
	while (*found != NULL)
		found = &(*found)->ai_next;
	*found = one;
}

static bool
number(const char *host, const char *port, struct addr *addr)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&addr->ss;
	struct sockaddr_in *in4 = (struct sockaddr_in *)&addr->ss;
	const char *zone = strchr(host, '%');
	char text[64];

	snprintf(text, sizeof(text), "%.*s", (int)strcspn(host, "%"), host);
	if (inet_pton(AF_INET, text, &in4->sin_addr) == 1) {
		in4->sin_family = AF_INET;
		in4->sin_port = htons((uint16_t)atoi(port));
		addr->len = sizeof(*in4);
	} else if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)atoi(port));
		in6->sin6_scope_id = zone != NULL ? if_nametoindex(zone + 1) :
		    0;
		addr->len = sizeof(*in6);
	} else {
		return false;
	}
	return true;
}

static void
assert_numbers(const struct conf_addr *list, size_t n, const char *text,
    const char *const *numbers)
{
	size_t i;

	for (i = 0; i < n; i++) {
		ck_assert_str_eq(list[i].text, text);
		ck_assert_ptr_nonnull(numbers[i]);
		ck_assert_str_eq(list[i].number, numbers[i]);
		ck_assert_int_eq(list[i].again, i > 0);
	}
	ck_assert_ptr_null(numbers[n]);
}

static const struct {
	const char *text, *numbers[4];
} names[] = {
	{ "one.test:1", { "192.0.2.1:1" } },
	{ "three.test:65535", { "[2001:db8::1]:65535", "192.0.2.1:65535",
	    "192.0.2.2:65535" } },
	{ "twice.test:80", { "192.0.2.1:80", "192.0.2.2:80" } },
	{ "[::0:1]:80", { "[::1]:80" } },
};

/* All addresses of a name are bound and called; -T has the name, once. */
START_TEST(name)
{
	const struct conf_listen *l;
	struct conf *conf;
	char text[256], *printed;

	snprintf(text, sizeof(text), "listen x { address = \"%s\" service = "
	    "proxy backend = \"%s\" certificate c { chain = c } }",
	    names[_i].text, names[_i].text);
	conf = test_load(text);
	l = &conf->listens[0];
	assert_numbers(l->addresses, l->naddresses, names[_i].text,
	    names[_i].numbers);
	assert_numbers(l->backends, l->nbackends, names[_i].text,
	    names[_i].numbers);
	printed = test_printed(conf);
	snprintf(text, sizeof(text), "\taddress = { \"%s\" }\n",
	    names[_i].text);
	ck_assert_ptr_nonnull(strstr(printed, text));
	snprintf(text, sizeof(text), "\tbackend = { \"%s\" }\n",
	    names[_i].text);
	ck_assert_ptr_nonnull(strstr(printed, text));
	free(printed);
	conf_free(conf);
}
END_TEST

#define HOST "expected the address of a host, such as \"127.0.0.1:8080\""
#define PORT "expected a port from 1 to 65535"
#define ONE "expected the address of one host, not of many"
#define ZONE "expected a link-local address with its interface, such as " \
	"\"[fe80::1%eth0]:443\""
#define IPV4 "expected an IPv4 address without \"::ffff:\", such as " \
	"\"192.0.2.1:443\""

/* NULL: this is good. */
static const struct {
	const char *text, *address, *backend;
} rows[] = {
	{ "*:80", NULL, HOST "; this is 0.0.0.0:80" },
	{ "0.0.0.0:80", NULL, HOST },
	{ "[::]:80", NULL, HOST },
	{ "127.0.0.1:0", NULL, PORT },
	{ "[::1]:0", NULL, PORT },
	{ "[::ffff:0.0.0.0]:80", IPV4, HOST },
	{ "[::ffff:192.0.2.1]:80", IPV4, NULL },
	{ "[::ffff:224.0.0.1]:80", ONE, ONE },
	{ "224.0.0.1:80", ONE, ONE },
	{ "239.255.255.255:80", ONE, ONE },
	{ "240.0.0.1:80", NULL, NULL },
	{ "255.255.255.255:80", ONE, ONE },
	{ "[ff02::1]:80", ONE, ONE },
	{ "[ff02::1%lo]:80", ONE, ONE },
	{ "[fe80::1]:80", ZONE, ZONE },
	{ "[febf::1]:80", ZONE, ZONE },
	{ "[fe80::1%lo]:80", NULL, NULL },
	{ "[fec0::1]:80", NULL, NULL },
	{ "unix:/s", NULL, NULL },
	{ "nowhere.test:80", NULL, HOST "; this is 0.0.0.0:80" },
	{ "none.test:80", "Name or service not known",
	    "Name or service not known" },
	{ "443", "", "" },
	{ "unix:/" "12345678901234567890123456789012345678901234567890"
	    "12345678901234567890123456789012345678901234567890"
	    "12345678901234567890", "", "" },
};

static void
expect(const char *directive, const char *text, const char *error)
{
	char conf[512], expected[512];

	if (error == NULL)
		return;
	snprintf(conf, sizeof(conf), "listen x {\n%s = \"%s\"\n}\n",
	    directive, text);
	if (strchr(text, ':') == NULL)
		error = "is not an address; expected HOST:PORT, [IPV6]:PORT "
		    "or unix:/PATH";
	snprintf(expected, sizeof(expected), "t.conf:2: %s \"%s\"%s%s",
	    directive, text, *error == 'i' ? " " : ": ", *error == '\0' ?
	    "the path of a Unix socket has 107 characters at the most" :
	    error);
	test_refused(conf, expected);
}

/* The directive is named, and what would be right. */
START_TEST(refused)
{
	struct conf *conf;
	char text[512];

	expect("address", rows[_i].text, rows[_i].address);
	expect("backend", rows[_i].text, rows[_i].backend);
	snprintf(text, sizeof(text), "listen x { address = \"%s\" service = "
	    "proxy backend = \"%s\" certificate c { chain = c } }",
	    rows[_i].address == NULL ? rows[_i].text : "127.0.0.1:1",
	    rows[_i].backend == NULL ? rows[_i].text : "127.0.0.1:1");
	conf = test_load(text);
	conf_free(conf);
}
END_TEST

/* What a name server says of a backend; and what is left of that. */
static const struct {
	const char *said[3], *left[3];
} answers[] = {
	{ { "192.0.2.1:80", "[2001:db8::1]:80" },
	    { "192.0.2.1:80", "[2001:db8::1]:80" } },
	{ { "0.0.0.0:80", "192.0.2.1:80" }, { "192.0.2.1:80" } },
	{ { "192.0.2.1:80", "[::]:80" }, { "192.0.2.1:80" } },
	{ { "0.0.0.0:80" }, { NULL } },
	{ { "[::]:80", "0.0.0.0:80" }, { NULL } },
	{ { "[::ffff:0.0.0.0]:80" }, { NULL } },
	{ { "224.0.0.1:80", "255.255.255.255:80" }, { NULL } },
	{ { "[fe80::1]:80" }, { NULL } },
};

START_TEST(answered)
{
	const bool found = answers[_i].left[0] != NULL;
	const struct conf_listen *l;
	struct conf *conf;
	struct name *one;
	struct addr addr;
	struct err err;
	size_t i;

	names_begin();
	one = names_get("said.test:80");
	for (i = 0; answers[_i].said[i] != NULL; i++) {
		ck_assert_int_eq(addr_parse(answers[_i].said[i], &addr, NULL,
		    &err), 0);
		name_add(one, &addr);
	}
	conf = test_load("listen x { address = \"127.0.0.1:1\" service = "
	    "proxy backend = \"said.test:80\" certificate c { chain = c } }");
	l = &conf->listens[0];
	if (found) {
		assert_numbers(l->backends, l->nbackends, "said.test:80",
		    answers[_i].left);
	} else {
		ck_assert_uint_eq(l->nbackends, 1);
		ck_assert(addr_is_unknown(&l->backends[0].addr));
		ck_assert_str_eq(l->backends[0].number, "said.test:80");
		ck_assert(!l->backends[0].again);
	}
	/* It is no news before it has another one, and is asked for again. */
	ck_assert(!conf_names_found(conf));
	ck_assert(conf_names_ask(conf) == !found);
	ck_assert_int_eq((int)one->state, found ? NAME_FOUND : NAME_ASKED);
	ck_assert_int_eq(addr_parse("192.0.2.9:80", &addr, NULL, &err), 0);
	name_add(one, &addr);
	ck_assert(conf_names_found(conf) == !found);
	conf_free(conf);
}
END_TEST

/* That is not the name server's fault. */
START_TEST(port_of_a_name)
{
	struct addr addr;
	struct err err;

	names_begin();
	ck_assert_int_eq(addr_parse("192.0.2.1:0", &addr, NULL, &err), 0);
	name_add(names_get("said.test:0"), &addr);
	expect("backend", "said.test:0", PORT "; this is 192.0.2.1:0");
}
END_TEST

Suite *
addresses_suite(void)
{
	Suite *suite = suite_create("addresses");
	TCase *tc = test_case("addresses"), *own;

	tcase_add_loop_test(tc, name, 0, COUNT(names));
	tcase_add_loop_test(tc, refused, 0, COUNT(rows));
	/* Names are looked up no more from then on. */
	own = test_case("answers");
	tcase_set_tags(own, "fork");
	tcase_add_loop_test(own, answered, 0, COUNT(answers));
	tcase_add_test(own, port_of_a_name);
	suite_add_tcase(suite, own);
	suite_add_tcase(suite, tc);
	return suite;
}
