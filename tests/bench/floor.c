/* SPDX-License-Identifier: ISC */
/*
 * What no server can do without: OpenSSL's own work on the server's side, both
 * ends in memory in one process, and TCP's, accept and close in a process of
 * its own. Prints CPU microseconds per operation (bulk: per GiB) of the row
 * that its argument names.
 *
 *	floor ROW CERTIFICATE KEY SECONDS
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <netinet/in.h>

#include <err.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/ssl.h>

#define TCP_CONNECTIONS 5000
#define ROUNDS 10 /* of a handshake, at most */
#define MESSAGE 16
#define RECORD 16384
/* In TLS 1.2 the curve of the certificate must be among them. */
static char groups[] = "X25519:P-256"; /* not const: OpenSSL casts it */
#define GIB ((double)(1 << 30))

enum work { WORK_HANDSHAKE, WORK_REQUEST, WORK_KEPT, WORK_DOWN, WORK_UP };

static const struct row {
	const char *name;
	int version;
	bool stateless, resume;
	enum work work;
} rows[] = {
	{ "full13", TLS1_3_VERSION, true, false, WORK_HANDSHAKE },
	{ "full13-stateful", TLS1_3_VERSION, false, false, WORK_HANDSHAKE },
	{ "full12", TLS1_2_VERSION, true, false, WORK_HANDSHAKE },
	{ "full12-id", TLS1_2_VERSION, false, false, WORK_HANDSHAKE },
	{ "id12", TLS1_2_VERSION, false, true, WORK_HANDSHAKE },
	{ "ticket12", TLS1_2_VERSION, true, true, WORK_HANDSHAKE },
	{ "ticket13", TLS1_3_VERSION, true, true, WORK_HANDSHAKE },
	{ "stateful13", TLS1_3_VERSION, false, true, WORK_HANDSHAKE },
	{ "req13", TLS1_3_VERSION, false, false, WORK_REQUEST },
	{ "req13-resumed", TLS1_3_VERSION, false, true, WORK_REQUEST },
	{ "ka1", TLS1_3_VERSION, false, false, WORK_KEPT },
	{ "ka64", TLS1_3_VERSION, false, false, WORK_KEPT },
	{ "down", TLS1_3_VERSION, false, false, WORK_DOWN },
	{ "up", TLS1_3_VERSION, false, false, WORK_UP },
};

/* Both ends; `cpu` is the server's, in seconds. */
struct pair {
	SSL_CTX *server_ctx, *client_ctx;
	SSL *server, *client;
	double cpu;
};

static SSL_SESSION *latest;
static unsigned char data[RECORD];

static void measure(const struct row *, const char *, const char *, double);
static SSL_CTX *context(const SSL_METHOD *, const struct row *);
static int session_new_cb(SSL *, SSL_SESSION *);
static void pair_open(struct pair *, SSL_SESSION *);
static void pair_close(struct pair *);
static void talk(struct pair *, const struct row *);
static void pass(struct pair *, SSL *, SSL *, size_t);
static double cpu(void);
static void tcp(void);
static void tcp_accept(int, int);

int
main(int argc, char *argv[])
{
	size_t i;

	if (argc != 5)
		errx(2, "usage: floor ROW CERTIFICATE KEY SECONDS");
	if (strcmp(argv[1], "tcp") == 0) {
		tcp();
		return 0;
	}
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].name, argv[1]) == 0) {
			measure(&rows[i], argv[2], argv[3], atof(argv[4]));
			return 0;
		}
	errx(2, "unknown row %s", argv[1]);
}

static void
measure(const struct row *row, const char *cert, const char *key,
    double seconds)
{
	const bool bulk = row->work == WORK_DOWN || row->work == WORK_UP;
	const bool kept = bulk || row->work == WORK_KEPT;
	struct pair p;
	double end;
	uint64_t n;

	memset(&p, 0, sizeof(p));
	p.server_ctx = context(TLS_server_method(), row);
	p.client_ctx = context(TLS_client_method(), row);
	if (SSL_CTX_use_certificate_chain_file(p.server_ctx, cert) != 1 ||
	    SSL_CTX_use_PrivateKey_file(p.server_ctx, key,
		SSL_FILETYPE_PEM) != 1)
		errx(1, "%s: no certificate", cert);
	SSL_CTX_sess_set_new_cb(p.client_ctx, session_new_cb);
	SSL_CTX_set_session_cache_mode(p.client_ctx,
	    SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	pair_open(&p, NULL);
	if (!kept)
		pair_close(&p);
	p.cpu = 0;
	end = cpu() + seconds;
	for (n = 0; cpu() < end; n++) {
		if (!kept)
			pair_open(&p, row->resume ? latest : NULL);
		if (row->work != WORK_HANDSHAKE)
			talk(&p, row);
		if (!kept)
			pair_close(&p);
	}
	printf("%.3f\n", p.cpu * 1e6 / (double)n *
	    (bulk ? GIB / RECORD : 1));
	if (kept)
		pair_close(&p);
	SSL_SESSION_free(latest);
	SSL_CTX_free(p.server_ctx);
	SSL_CTX_free(p.client_ctx);
}

static SSL_CTX *
context(const SSL_METHOD *method, const struct row *row)
{
	static const unsigned char name[] = "floor";
	SSL_CTX *ctx;

	if ((ctx = SSL_CTX_new(method)) == NULL ||
	    !SSL_CTX_set_min_proto_version(ctx, row->version) ||
	    !SSL_CTX_set_max_proto_version(ctx, row->version) ||
	    !SSL_CTX_set_cipher_list(ctx, "ECDHE-ECDSA-AES128-GCM-SHA256") ||
	    !SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256") ||
	    !SSL_CTX_set1_groups_list(ctx, groups) ||
	    !SSL_CTX_set_num_tickets(ctx, 1) ||
	    !SSL_CTX_set_session_id_context(ctx, name, sizeof(name)))
		errx(1, "SSL_CTX_new");
	if (!row->stateless)
		SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	return ctx;
}

static int
session_new_cb(SSL *ssl, SSL_SESSION *session)
{
	(void)ssl;
	SSL_SESSION_free(latest);
	latest = session;
	return 1;
}

static void
pair_open(struct pair *p, SSL_SESSION *offer)
{
	BIO *near, *far;
	double before;
	int rounds;
	bool done;

	if (BIO_new_bio_pair(&near, 4 * RECORD, &far, 4 * RECORD) != 1 ||
	    (p->client = SSL_new(p->client_ctx)) == NULL ||
	    (offer != NULL && !SSL_set_session(p->client, offer)))
		errx(1, "SSL_new");
	before = cpu();
	if ((p->server = SSL_new(p->server_ctx)) == NULL)
		errx(1, "SSL_new");
	p->cpu += cpu() - before;
	SSL_set_bio(p->client, near, near);
	SSL_set_bio(p->server, far, far);
	for (rounds = 0, done = false; !done; rounds++) {
		if (rounds == ROUNDS)
			errx(1, "the handshake fails");
		done = SSL_connect(p->client) == 1;
		before = cpu();
		done = SSL_accept(p->server) == 1 && done;
		p->cpu += cpu() - before;
	}
	SSL_read(p->client, data, 1); /* the ticket */
	if (offer != NULL && !SSL_session_reused(p->client))
		errx(1, "not resumed");
}

static void
pair_close(struct pair *p)
{
	double before;

	SSL_shutdown(p->client);
	before = cpu();
	SSL_read(p->server, data, 1);
	SSL_shutdown(p->server);
	SSL_free(p->server);
	p->cpu += cpu() - before;
	SSL_free(p->client);
}

static void
talk(struct pair *p, const struct row *row)
{
	switch (row->work) {
	case WORK_HANDSHAKE:
		break;
	case WORK_REQUEST:
	case WORK_KEPT:
		pass(p, p->client, p->server, MESSAGE);
		pass(p, p->server, p->client, MESSAGE);
		break;
	case WORK_DOWN:
		pass(p, p->server, p->client, RECORD);
		break;
	case WORK_UP:
		pass(p, p->client, p->server, RECORD);
		break;
	}
}

/* One message, one record. */
static void
pass(struct pair *p, SSL *from, SSL *to, size_t len)
{
	double before, between;
	size_t n;

	before = cpu();
	if (SSL_write_ex(from, data, len, &n) != 1)
		errx(1, "SSL_write");
	between = cpu();
	if (SSL_read_ex(to, data, len, &n) != 1 || n != len)
		errx(1, "SSL_read");
	p->cpu += from == p->server ? between - before : cpu() - between;
}

static double
cpu(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* A child that only accepts, and tells its CPU time through a pipe. */
static void
tcp(void)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);
	int fd, i, pipefd[2];
	double seconds;
	pid_t pid;

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if ((fd = socket(AF_INET, SOCK_STREAM, 0)) == -1 ||
	    bind(fd, (struct sockaddr *)&sin, len) == -1 ||
	    listen(fd, SOMAXCONN) == -1 ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) == -1 ||
	    pipe(pipefd) == -1 || (pid = fork()) == -1)
		err(1, "socket");
	if (pid == 0)
		tcp_accept(fd, pipefd[1]);
	close(fd);
	for (i = 0; i < TCP_CONNECTIONS; i++) {
		if ((fd = socket(AF_INET, SOCK_STREAM, 0)) == -1 ||
		    connect(fd, (struct sockaddr *)&sin, len) == -1)
			err(1, "connect");
		close(fd);
	}
	if (read(pipefd[0], &seconds, sizeof(seconds)) != sizeof(seconds) ||
	    waitpid(pid, NULL, 0) == -1)
		errx(1, "the accepting process said nothing");
	printf("%.3f\n", seconds * 1e6 / TCP_CONNECTIONS);
}

static void
tcp_accept(int listener, int report)
{
	double seconds;
	char byte;
	int fd, i;

	for (i = 0; i < TCP_CONNECTIONS; i++) {
		if ((fd = accept(listener, NULL, NULL)) == -1)
			err(1, "accept");
		if (read(fd, &byte, 1) == -1)
			warn("read");
		close(fd);
	}
	seconds = cpu();
	if (write(report, &seconds, sizeof(seconds)) != sizeof(seconds))
		err(1, "write");
	_exit(0);
}
