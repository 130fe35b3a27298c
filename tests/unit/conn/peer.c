/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <check.h>
#include <openssl/err.h>

#include "base/fd.h"
#include "peer.h"
#include "world.h"

#define PEERS_MAX 64
#define WIRE_MAX 65536

static struct peer *peers[PEERS_MAX];
static size_t npeers;
static SSL_CTX *ctx;

static void
bytes_add(struct bytes *b, const void *data, size_t len)
{
	if (len == 0)
		return;
	if (b->len + len > b->size) {
		b->size = 2 * (b->len + len);
		b->data = realloc(b->data, b->size);
		ck_assert_ptr_nonnull(b->data);
	}
	memcpy(b->data + b->len, data, len);
	b->len += len;
}

static struct peer *
peer_new(int fd)
{
	struct peer *p;

	ck_assert_uint_lt(npeers, PEERS_MAX);
	p = calloc(1, sizeof(*p));
	ck_assert_ptr_nonnull(p);
	p->fd = fd;
	p->alert = -1;
	ck_assert_int_eq(fd_nonblock(fd), 0);
	peers[npeers++] = p;
	return p;
}

static int
new_session_cb(SSL *ssl, SSL_SESSION *session)
{
	struct peer *p = SSL_get_app_data(ssl);

	SSL_SESSION_free(p->session);
	p->session = session;
	return 1;
}

static void
info_cb(const SSL *ssl, int where, int ret)
{
	struct peer *p = SSL_get_app_data(ssl);

	if ((where & SSL_CB_ALERT) && (where & SSL_CB_READ))
		p->alert = ret & 0xff;
}

static void
client_tls(struct peer *p, const struct client_how *how)
{
	int version = how->version != 0 ? how->version : TLS1_3_VERSION;
	char name[256]; /* the macro casts const away */

	if (ctx == NULL) {
		ctx = SSL_CTX_new(TLS_client_method());
		ck_assert_ptr_nonnull(ctx);
		SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT |
		    SSL_SESS_CACHE_NO_INTERNAL);
		SSL_CTX_sess_set_new_cb(ctx, new_session_cb);
		SSL_CTX_set_info_callback(ctx, info_cb);
		SSL_CTX_set_security_level(ctx, 0);
	}
	p->ssl = SSL_new(ctx);
	ck_assert_ptr_nonnull(p->ssl);
	SSL_set_app_data(p->ssl, p);
	SSL_set_connect_state(p->ssl);
	ck_assert(SSL_set_min_proto_version(p->ssl, version));
	ck_assert(SSL_set_max_proto_version(p->ssl, version));
	if (how->session != NULL)
		ck_assert(SSL_set_session(p->ssl, how->session));
	if (how->sni != NULL) {
		snprintf(name, sizeof(name), "%s", how->sni);
		ck_assert(SSL_set_tlsext_host_name(p->ssl, name));
	}
	if (how->alpn != NULL)
		ck_assert_int_eq(SSL_set_alpn_protos(p->ssl,
		    (const unsigned char *)how->alpn,
		    (unsigned)strlen(how->alpn)), 0);
	if (how->ciphers != NULL)
		ck_assert(SSL_set_cipher_list(p->ssl, how->ciphers));
	p->from_wire = BIO_new(BIO_s_mem());
	p->to_wire = BIO_new(BIO_s_mem());
	BIO_set_mem_eof_return(p->from_wire, -1);
	SSL_set_bio(p->ssl, p->from_wire, p->to_wire);
}

static void
small_buffer(int fd, int option, int size)
{
	if (size != 0)
		ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, option, &size,
		    sizeof(size)), 0);
}

/*
 * Two ends of a TCP connection over the loopback interface. What the client
 * can receive is settled when it connects.
 */
static void
tcp_pair(const struct client_how *how, int sv[2])
{
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);
	int fd;

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	sv[1] = socket(AF_INET, SOCK_STREAM, 0);
	small_buffer(sv[1], SO_RCVBUF, how->client_buffer);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sin, len), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	ck_assert_int_eq(connect(sv[1], (struct sockaddr *)&sin, len), 0);
	sv[0] = accept(fd, NULL, NULL);
	ck_assert_int_ne(sv[0], -1);
	close(fd);
}

struct peer *
client_new(const struct client_how *how)
{
	static const struct client_how plain;
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct peer *p;
	int sv[2];

	if (how == NULL)
		how = &plain;
	memset(&ss, 0, sizeof(ss));
	ss.ss_family = AF_UNIX;
	if (how->local)
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	else {
		tcp_pair(how, sv);
		ck_assert_int_eq(getsockname(sv[1], (struct sockaddr *)&ss,
		    &len), 0);
	}
	small_buffer(sv[0], SO_SNDBUF, how->server_buffer);
	ck_assert_int_eq(fd_nonblock(sv[0]), 0);
	p = peer_new(sv[1]);
	p->step = how->step;
	if (!how->raw)
		client_tls(p, how);
	if (how->early != NULL) {
		p->early = true;
		peer_send_early(p, how->early);
	}
	ck_assert_int_eq(conn_new(world.hub, &world.listener, sv[0],
	    (struct sockaddr *)&ss, len), 0);
	return p;
}

struct peer *
client_connect(const struct client_how *how)
{
	struct peer *p;

	p = client_new(how);
	wait_for(p->connected);
	return p;
}

void
peer_send(struct peer *p, const void *data, size_t len)
{
	bytes_add(p->ssl != NULL ? &p->out : &p->wire, data, len);
}

void
peer_send_plain(struct peer *p, const void *data, size_t len)
{
	bytes_add(&p->wire, data, len);
}

void
peer_send_text(struct peer *p, const char *text)
{
	peer_send(p, text, strlen(text));
}

void
peer_send_early(struct peer *p, const char *text)
{
	size_t n;

	ck_assert(p->early);
	ck_assert_int_eq(SSL_write_early_data(p->ssl, text, strlen(text), &n),
	    1);
	ck_assert_uint_eq(n, strlen(text));
}

static uint8_t *
noise(size_t len, unsigned seed)
{
	uint64_t x = 0x9e3779b97f4a7c15u ^ ((uint64_t)seed << 20);
	uint8_t *data;
	size_t i;

	data = malloc(len + 1);
	ck_assert_ptr_nonnull(data);
	for (i = 0; i < len; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		data[i] = (uint8_t)(x >> 32);
	}
	return data;
}

void
peer_send_noise(struct peer *p, size_t len, unsigned seed)
{
	uint8_t *data;

	data = noise(len, seed);
	peer_send(p, data, len);
	free(data);
}

bool
is_noise(const uint8_t *bytes, size_t len, unsigned seed)
{
	uint8_t *data;
	bool same;

	data = noise(len, seed);
	same = len == 0 || memcmp(bytes, data, len) == 0;
	free(data);
	return same;
}

bool
peer_got_noise(const struct peer *p, size_t len, unsigned seed)
{
	return p->in.len >= len && is_noise(p->in.data, len, seed);
}

bool
peer_got(const struct peer *p, const char *text)
{
	return p->in.len == strlen(text) &&
	    (p->in.len == 0 || memcmp(p->in.data, text, p->in.len) == 0);
}

void
peer_drop(struct peer *p)
{
	close(p->fd);
	p->fd = -1;
}

void
peer_reset(struct peer *p)
{
	const struct linger l = { 1, 0 };

	ck_assert_int_eq(setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &l,
	    sizeof(l)), 0);
	peer_drop(p);
}

static void
take_in(struct peer *p)
{
	uint8_t buf[WIRE_MAX];
	size_t want;
	ssize_t n;

	if (p->deaf || p->eof || p->reset)
		return;
	want = p->sip != 0 ? p->sip : sizeof(buf);
	n = recv(p->fd, buf, want, 0);
	if (n == 0)
		p->eof = true;
	else if (n == -1)
		p->reset = errno == ECONNRESET;
	else if (p->ssl != NULL)
		ck_assert_int_eq(BIO_write(p->from_wire, buf, (int)n), n);
	else
		bytes_add(&p->in, buf, (size_t)n);
}

static void
talk_tls(struct peer *p)
{
	uint8_t buf[16384];
	size_t n;

	ERR_clear_error();
	if (!p->connected && !p->early)
		p->connected = SSL_do_handshake(p->ssl) == 1;
	if (p->connected && p->out.pos < p->out.len &&
	    SSL_write_ex(p->ssl, p->out.data + p->out.pos,
		p->out.len - p->out.pos, &n) == 1)
		p->out.pos += n;
	if (p->finish && !p->finished && p->connected &&
	    p->out.pos == p->out.len) {
		SSL_shutdown(p->ssl);
		p->finished = true;
	}
	while (p->connected && SSL_read_ex(p->ssl, buf, sizeof(buf), &n) == 1)
		bytes_add(&p->in, buf, n);
	p->closed = SSL_get_shutdown(p->ssl) & SSL_RECEIVED_SHUTDOWN;
	while ((n = BIO_ctrl_pending(p->to_wire)) > 0) {
		n = (size_t)BIO_read(p->to_wire, buf, sizeof(buf));
		bytes_add(&p->wire, buf, n);
	}
}

static void
put_out(struct peer *p)
{
	size_t want;
	ssize_t n;

	want = p->wire.len - p->wire.pos;
	if (p->step != 0 && want > p->step)
		want = p->step;
	if (want > 0 && !p->mute) {
		n = send(p->fd, p->wire.data + p->wire.pos, want,
		    MSG_NOSIGNAL);
		if (n > 0)
			p->wire.pos += (size_t)n;
	}
	if (p->finish && !p->finished && p->ssl == NULL &&
	    p->wire.pos == p->wire.len) {
		shutdown(p->fd, SHUT_WR);
		p->finished = true;
	}
}

void
peers_turn(void)
{
	struct peer *p;
	size_t i;

	for (i = 0; i < npeers; i++) {
		p = peers[i];
		if (p->fd == -1)
			continue;
		take_in(p);
		if (p->ssl != NULL)
			talk_tls(p);
		put_out(p);
	}
}

void
peers_free(void)
{
	struct peer *p;

	while (npeers > 0) {
		p = peers[--npeers];
		if (p->fd != -1)
			close(p->fd);
		SSL_free(p->ssl);
		SSL_SESSION_free(p->session);
		free(p->wire.data);
		free(p->out.data);
		free(p->in.data);
		free(p);
	}
	SSL_CTX_free(ctx);
	ctx = NULL;
}

static void
backend_bind(struct backend *b, bool local)
{
	static unsigned number;
	struct sockaddr_in *sin;
	struct addr addr;
	struct err err;

	if (local)
		snprintf(b->text, sizeof(b->text),
		    "unix:/tmp/test_conn.%ld.%u", (long)getpid(), number++);
	else
		snprintf(b->text, sizeof(b->text), "127.0.0.1:1");
	ck_assert_int_eq(addr_parse(b->text, &addr, NULL, &err), 0);
	if (local) /* a test that died may have had our pid */
		(void)unlink(b->text + strlen("unix:"));
	b->fd = fd_socket(addr.ss.ss_family, SOCK_STREAM, 0);
	sin = (struct sockaddr_in *)&addr.ss;
	if (!local)
		sin->sin_port = 0;
	ck_assert_int_eq(bind(b->fd, (struct sockaddr *)&addr.ss, addr.len),
	    0);
	if (local)
		return;
	ck_assert_int_eq(getsockname(b->fd, (struct sockaddr *)&addr.ss,
	    &addr.len), 0);
	addr_format((struct sockaddr *)&addr.ss, addr.len, b->text,
	    sizeof(b->text));
}

void
backend_open(struct backend *b, bool local, int backlog)
{
	backend_bind(b, local);
	ck_assert_int_eq(listen(b->fd, backlog), 0);
}

void
backend_close(struct backend *b)
{
	close(b->fd);
	if (strncmp(b->text, "unix:", 5) == 0)
		unlink(b->text + 5);
}

struct peer *
backend_accept(struct backend *b)
{
	int fd;

	fd = accept(b->fd, NULL, NULL);
	return fd != -1 ? peer_new(fd) : NULL;
}
