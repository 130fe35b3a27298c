/* SPDX-License-Identifier: ISC */
/* The proxy: the header that tells a backend about a connection. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/socket.h>

#include "peer.h"
#include "proxyproto/proxyproto.h"
#include "site_proxy.h"
#include "test_service.h"
#include "world.h"

#define PP2_EARLY PP2_CUSTOM

static struct peer *client, *server;
static struct proxyproto header;
static size_t header_len;

/* What the server has got by now begins with a header: read it. */
static bool
got_header(void)
{
	const char *why;
	ssize_t n;

	n = proxyproto_read(&header, server->in.data, server->in.len, &why);
	ck_assert_msg(n != -1, "%s", why);
	header_len = (size_t)n;
	return n > 0;
}

/* Whether it has this value, or none (NULL). */
static bool
has(struct proxyproto_tlvs tlvs, uint8_t type, const char *text)
{
	struct proxyproto_tlv tlv;

	if (!proxyproto_find(tlvs, type, &tlv))
		return text == NULL;
	return text != NULL && tlv.len == strlen(text) &&
	    memcmp(tlv.value, text, tlv.len) == 0;
}

static void
check_end(const struct addr *told, int (*ask)(int, struct sockaddr *,
    socklen_t *))
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	ck_assert_int_eq(ask(client->fd, (struct sockaddr *)&ss, &len), 0);
	if (ss.ss_family == AF_INET) {
		ck_assert_uint_eq(told->len, len);
		ck_assert_mem_eq(&told->ss, &ss, len);
	} else {
		ck_assert_int_eq(told->ss.ss_family, AF_UNSPEC);
	}
}

static const struct {
	bool local;
	int version;
	const char *sni, *alpn; /* alpn: behind its length */
	const char *says;
	bool authority; /* the name is told */
} headers[] = {
	{ false, TLS1_3_VERSION, "a.example", "\2h2", "hello", true },
	{ false, TLS1_2_VERSION, "a.example", "\2h2", "hello", true },
	{ false, TLS1_3_VERSION, NULL, NULL, "", false },
	{ false, TLS1_3_VERSION, "a b", NULL, "hello", false },
	{ true, TLS1_3_VERSION, "a.example", NULL, "hello", true },
};

/* Everything in it, and nothing else, before the client's first byte. */
START_TEST(values)
{
	static char h2[] = "h2";
	struct client_how how = { .local = headers[_i].local,
		.version = headers[_i].version, .sni = headers[_i].sni,
		.alpn = headers[_i].alpn };
	const char *says = headers[_i].says;
	struct proxyproto_tlvs inner;
	struct proxyproto_tlv ssl;

	site_add_alpn(&world.site, h2);
	world.site.listen.proxy_protocol = true;
	site_proxy(1, false);
	client = client_new(&how);
	peer_send_text(client, says);
	wait_for((server = backend_accept(&backends[0])) != NULL);
	wait_for(got_header() && server->in.len == header_len + strlen(says));
	ck_assert_mem_eq(server->in.data + header_len, says, strlen(says));
	ck_assert_uint_eq(header.version, 2);
	ck_assert(!header.local);
	check_end(&header.from, getsockname);
	check_end(&header.to, getpeername);
	ck_assert(has(header.tlvs, PP2_ALPN, headers[_i].alpn != NULL ?
	    headers[_i].alpn + 1 : NULL));
	ck_assert(has(header.tlvs, PP2_AUTHORITY, headers[_i].authority ?
	    headers[_i].sni : NULL));
	ck_assert(has(header.tlvs, PP2_EARLY, NULL));
	ck_assert(proxyproto_find(header.tlvs, PP2_SSL, &ssl));
	ck_assert_mem_eq(ssl.value, "\1\0\0\0\1", PP2_SSL_HEAD);
	inner = proxyproto_inner(&ssl);
	ck_assert(has(inner, PP2_SSL_VERSION, SSL_get_version(client->ssl)));
	ck_assert(has(inner, PP2_SSL_CIPHER,
	    SSL_get_cipher_name(client->ssl)));
	ck_assert(has(inner, PP2_SSL_CN, NULL));
}
END_TEST

/* A client that has a session, and has gone again. */
static SSL_SESSION *
get_session(void)
{
	SSL_SESSION *session;

	client = client_connect(NULL);
	wait_for(client->session != NULL);
	session = client->session;
	client->session = NULL;
	client->finish = true;
	wait_for((server = backend_accept(&backends[0])) != NULL);
	server->finish = true;
	wait_for(conn_hub_count(world.hub) == 0);
	return session;
}

/*
 * Early data: how many follow, and whether the handshake was complete when the
 * header went out; where it was not at first, the backend's queue was full
 * meanwhile (_i == 1).
 */
START_TEST(early)
{
	struct client_how how = { .early = "so early" };
	struct proxyproto_tlv tlv;
	struct addr addr;
	struct err err;
	int fd = -1;

	world.site.certs[0].early.mode = CONF_EARLY_ACCEPT;
	world.site.certs[0].early.maximum = 16384;
	world.site.listen.proxy_protocol = true;
	site_proxy_backlog(1, true, 0);
	how.session = get_session();
	ck_assert_int_eq(addr_parse(backends[0].text, &addr, NULL, &err), 0);
	if (_i == 1)
		fd = fill_one(&addr);
	client = client_new(&how);
	if (_i == 1) {
		client->early = false;
		wait_for(client->connected);
		ck_assert_ptr_nonnull(backend_accept(&backends[0]));
	}
	wait_for((server = backend_accept(&backends[0])) != NULL);
	wait_for(got_header() && server->in.len == header_len + 8);
	ck_assert_mem_eq(server->in.data + header_len, "so early", 8);
	ck_assert(proxyproto_find(header.tlvs, PP2_EARLY, &tlv));
	ck_assert_uint_eq(tlv.len, 5);
	ck_assert_mem_eq(tlv.value + 1, "\0\0\0\x08", 4);
	ck_assert_int_eq(tlv.value[0], _i);
	SSL_SESSION_free(how.session);
	if (fd != -1)
		close_fd(fd);
}
END_TEST

Suite *
proxy_header_suite(void)
{
	Suite *s;
	TCase *tc;

	s = suite_create("proxy_header");
	tc = world_tcase("proxy_header");
	tcase_add_checked_fixture(tc, NULL, site_proxy_close);
	tcase_add_loop_test(tc, values, 0, COUNT(headers));
	tcase_add_loop_test(tc, early, 0, 2);
	suite_add_tcase(s, tc);
	return s;
}
