/* SPDX-License-Identifier: ISC */
/*
 * One connection of the load client, from connect() to its end. The epoll set
 * is edge-triggered: a connection goes on until OpenSSL wants to wait, and
 * never changes what it waits for.
 */
#include "config.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <netinet/tcp.h>

#include <endian.h>
#include <err.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>

#include "client.h"

#define CIPHERS "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"
#define CIPHERSUITES "TLS_AES_128_GCM_SHA256"
/* In TLS 1.2 the curve of the certificate must be among them. */
static char groups[] = "X25519:P-256"; /* not const: OpenSSL casts it */
#define CHUNK 65536

static unsigned char scratch[CHUNK];

static int session_new_cb(SSL *, SSL_SESSION *);
static void conn_connect(struct conn *);
static void conn_offer(struct conn *);
static void request_begin(struct conn *);
static enum outcome step_early(struct conn *);
static enum outcome step_handshake(struct conn *);
static enum outcome step_send(struct conn *);
static enum outcome step_read(struct conn *);
static enum outcome step_ticket(struct conn *);
static enum outcome request_done(struct conn *);
static enum outcome conn_stuck(struct conn *, int);
static enum outcome conn_fail(struct conn *, const char *);

static enum outcome (*const steps[])(struct conn *) = {
	[STEP_EARLY] = step_early,
	[STEP_HANDSHAKE] = step_handshake,
	[STEP_SEND] = step_send,
	[STEP_READ] = step_read,
	[STEP_TICKET] = step_ticket,
};

SSL_CTX *
conn_context(const struct options *o)
{
	SSL_CTX *ctx;

	if ((ctx = SSL_CTX_new(TLS_client_method())) == NULL ||
	    !SSL_CTX_set_min_proto_version(ctx, o->version) ||
	    !SSL_CTX_set_max_proto_version(ctx, o->version) ||
	    !SSL_CTX_set_cipher_list(ctx, CIPHERS) ||
	    !SSL_CTX_set_ciphersuites(ctx, CIPHERSUITES) ||
	    !SSL_CTX_set1_groups_list(ctx, groups))
		errx(1, "SSL_CTX_new");
	if (o->no_tickets)
		SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(ctx,
	    SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, session_new_cb);
	return ctx;
}

static int
session_new_cb(SSL *ssl, SSL_SESSION *session)
{
	struct conn *c = SSL_get_app_data(ssl);

	const struct options *o = &c->client->o;

	if (c->task != TASK_POOL && !o->early && !o->ticket)
		return 0;
	SSL_SESSION_free(c->session);
	c->session = session;
	return 1;
}

void
conn_begin(struct conn *c, enum task task, int64_t began)
{
	c->task = task;
	c->began = began;
	c->busy = true;
	c->requests_left = task == TASK_POOL ? 0 :
	    task == TASK_OPEN ? 1 : c->client->o.requests;
	request_begin(c);
	if (c->fd != -1) {
		c->step = STEP_SEND;
		return;
	}
	if (!c->client->o.early) {
		SSL_SESSION_free(c->session);
		c->session = NULL;
	}
	conn_connect(c);
	c->counted = task != TASK_WORK;
	c->step = STEP_HANDSHAKE;
	if (task != TASK_POOL && c->client->o.resume)
		conn_offer(c);
}

static void
conn_connect(struct conn *c)
{
	struct client *client = c->client;
	struct epoll_event event;
	const int on = 1;

	if ((c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)) == -1 ||
	    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on,
		sizeof(on)) == -1)
		err(1, "socket");
	if (connect(c->fd, (struct sockaddr *)&client->o.target,
		sizeof(client->o.target)) == -1 && errno != EINPROGRESS)
		err(1, "connect");
	memset(&event, 0, sizeof(event));
	event.events = EPOLLIN | EPOLLOUT | EPOLLET;
	event.data.ptr = c;
	if (epoll_ctl(client->epfd, EPOLL_CTL_ADD, c->fd, &event) == -1)
		err(1, "epoll_ctl");
	if ((c->ssl = SSL_new(client->ctx)) == NULL ||
	    !SSL_set_fd(c->ssl, c->fd) || !SSL_set_app_data(c->ssl, c))
		errx(1, "SSL_new");
}

/* A server takes early data of a session only once: each connection goes on
 * with the session that the one before it in the same place got. Of the pool,
 * only copies are offered: OpenSSL's client spoils a TLS 1.3 session when it
 * gets the next one. */
static void
conn_offer(struct conn *c)
{
	struct client *client = c->client;
	SSL_SESSION *session;

	session = c->session != NULL ? c->session :
	    SSL_SESSION_dup(client->pool[client->next++ % client->pooled]);
	c->session = NULL;
	if (session == NULL || !SSL_set_session(c->ssl, session))
		errx(1, "SSL_set_session");
	if (client->o.early && SSL_SESSION_get_max_early_data(session) > 0)
		c->step = STEP_EARLY;
	SSL_SESSION_free(session);
}

enum outcome
conn_drive(struct conn *c)
{
	enum outcome outcome;
	enum step step;

	ERR_clear_error();
	do {
		step = c->step;
		outcome = steps[step](c);
	} while (outcome == CONN_WAITS && c->step != step);
	return outcome;
}

static enum outcome
step_early(struct conn *c)
{
	size_t n;

	if (SSL_write_early_data(c->ssl, scratch, c->request, &n) != 1)
		return conn_stuck(c, 0);
	c->step = STEP_HANDSHAKE;
	return CONN_WAITS;
}

static enum outcome
step_handshake(struct conn *c)
{
	struct tally *t = &c->client->tally;
	int r;

	if ((r = SSL_connect(c->ssl)) != 1)
		return conn_stuck(c, r);
	if (!c->counted && SSL_session_reused(c->ssl))
		t->resumed++;
	c->step = STEP_SEND;
	if (SSL_get_early_data_status(c->ssl) == SSL_EARLY_DATA_ACCEPTED) {
		t->early++;
		c->step = STEP_READ;
	}
	c->counted = true;
	if (c->requests_left > 0)
		return CONN_WAITS;
	if (c->task == TASK_WORK && !c->client->o.ticket)
		return CONN_DONE;
	c->step = STEP_TICKET;
	return CONN_WAITS;
}

static void
request_begin(struct conn *c)
{
	const struct options *o = &c->client->o;
	uint64_t header[2];

	c->sent = c->received = 0;
	c->request = c->task == TASK_WORK ? o->request : HEADER_SIZE;
	c->answer = c->task == TASK_WORK ? o->answer : HEADER_SIZE;
	header[0] = htobe64(c->request - HEADER_SIZE);
	header[1] = htobe64(c->answer);
	memcpy(scratch, header, HEADER_SIZE);
}

/* All requests of a run are alike, so the header in the scratch buffer is
 * right for each of them, and does no harm as payload. */
static enum outcome
step_send(struct conn *c)
{
	uint64_t left;
	size_t n;

	while ((left = c->request - c->sent) > 0) {
		if (SSL_write_ex(c->ssl, scratch,
			left < CHUNK ? left : CHUNK, &n) != 1)
			return conn_stuck(c, 0);
		c->sent += n;
	}
	c->step = STEP_READ;
	return CONN_WAITS;
}

static enum outcome
step_read(struct conn *c)
{
	static unsigned char sink[CHUNK];
	size_t n;

	while (c->received < c->answer) {
		if (SSL_read_ex(c->ssl, sink, sizeof(sink), &n) != 1)
			return conn_stuck(c, 0);
		c->received += n;
	}
	if (c->received > c->answer)
		return conn_fail(c, "the answer is longer than asked for");
	return request_done(c);
}

static enum outcome
request_done(struct conn *c)
{
	if (c->task == TASK_WORK)
		c->client->tally.requests++;
	if (--c->requests_left > 0) {
		request_begin(c);
		c->step = STEP_SEND;
		return CONN_WAITS;
	}
	if (!c->client->o.early)
		return CONN_DONE;
	c->step = STEP_TICKET;
	return CONN_WAITS;
}

/* TLS 1.3: a session comes after the handshake, when the server likes. */
static enum outcome
step_ticket(struct conn *c)
{
	unsigned char byte;
	size_t n;

	if (c->session != NULL)
		return CONN_DONE;
	if (SSL_version(c->ssl) == TLS1_2_VERSION)
		return conn_fail(c, "the server gives no session");
	if (SSL_read_ex(c->ssl, &byte, 1, &n) == 1)
		return conn_fail(c, "the server says what nobody asked for");
	return c->session != NULL ? CONN_DONE : conn_stuck(c, 0);
}

/* Wait, or give up. */
static enum outcome
conn_stuck(struct conn *c, int r)
{
	const char *text;

	switch (SSL_get_error(c->ssl, r)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return CONN_WAITS;
	case SSL_ERROR_ZERO_RETURN:
		return conn_fail(c, "the server closed");
	case SSL_ERROR_SSL:
		text = ERR_reason_error_string(ERR_peek_error());
		return conn_fail(c, text != NULL ? text : "unknown");
	default:
		return conn_fail(c, errno != 0 ? strerrordesc_np(errno) :
						 "the connection was cut");
	}
}

static enum outcome
conn_fail(struct conn *c, const char *why)
{
	tally_fail(&c->client->tally, why);
	return CONN_FAILED;
}

/* The close_notify keeps the session alive on both sides: OpenSSL takes an
 * end without it for an attack. */
void
conn_close(struct conn *c)
{
	if (c->fd == -1)
		return;
	if (!SSL_in_init(c->ssl))
		SSL_shutdown(c->ssl);
	SSL_free(c->ssl);
	c->ssl = NULL;
	close(c->fd);
	c->fd = -1;
}
