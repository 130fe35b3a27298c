/* SPDX-License-Identifier: ISC */
/*
 * What no server can do without: OpenSSL's own work on the server's side, both
 * ends in memory in one process; and TCP's, the same exchange of messages
 * between two processes, without TLS. Prints CPU microseconds per operation
 * (bulk: per GiB) of the row that its argument names. The row "storm" has
 * clients, too: both ends of so many handshakes with a request, shared by two
 * processes; seconds by the clock. The row "idle": bytes of heap that the
 * server's end of a connection keeps after a request.
 *
 *	floor ROW CERTIFICATE KEY SECONDS|xOPERATIONS
 *	floor tcp ROW [BACKEND-PORT]
 *
 * All that is the server's own happens in functions server_*(), so that
 * callgrind can count those alone (--toggle-collect).
 */
#include "config.h"

#include <sys/wait.h>

#include <err.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "floor.h"

#define STORM 2000 /* as the row of the benchmark */
#define STORM_PROCESSES 2
#define ROUNDS 10 /* of a handshake, at most */
#define MESSAGE 16
#define RECORD 16384
/* In TLS 1.2 the curve of the certificate must be among them. */
static char groups[] = "X25519:P-256"; /* not const: OpenSSL casts it */
#define GIB ((double)(1 << 30))

/* Messages; see floor_tcp.c. */
#define FULL13 { 205, -760, 80, -255, 24, -24 }
#define FULL12 { 205, -700, 126, -226, 31, -31 }
#define RESUMED12 { 430, -140, 82, -31 }
#define RESUMED13 { 470, -220, 80, -255, 24, -24 }
#define REQUEST13 { 205, -760, 118, -293, 24, -24 }
#define REQUEST13_RESUMED { 470, -220, 118, -293, 24, -24 }
#define KEPT { 38, -38 }
#define NONE { 0 }

static const struct row rows[] = {
	{ "full13", TLS1_3_VERSION, true, false, WORK_HANDSHAKE, FULL13 },
	{ "full13-stateful", TLS1_3_VERSION, false, false, WORK_HANDSHAKE,
	    FULL13 },
	{ "full12", TLS1_2_VERSION, true, false, WORK_HANDSHAKE, FULL12 },
	{ "full12-id", TLS1_2_VERSION, false, false, WORK_HANDSHAKE, FULL12 },
	{ "id12", TLS1_2_VERSION, false, true, WORK_HANDSHAKE, RESUMED12 },
	{ "ticket12", TLS1_2_VERSION, true, true, WORK_HANDSHAKE, RESUMED12 },
	{ "ticket13", TLS1_3_VERSION, true, true, WORK_HANDSHAKE, RESUMED13 },
	{ "stateful13", TLS1_3_VERSION, false, true, WORK_HANDSHAKE,
	    RESUMED13 },
	{ "req13", TLS1_3_VERSION, false, false, WORK_REQUEST, REQUEST13 },
	{ "req13-resumed", TLS1_3_VERSION, false, true, WORK_REQUEST,
	    REQUEST13_RESUMED },
	{ "ka1", TLS1_3_VERSION, false, false, WORK_KEPT, KEPT },
	{ "ka64", TLS1_3_VERSION, false, false, WORK_KEPT, KEPT },
	{ "down", TLS1_3_VERSION, false, false, WORK_DOWN, NONE },
	{ "up", TLS1_3_VERSION, false, false, WORK_UP, NONE },
	{ "storm", TLS1_3_VERSION, true, false, WORK_STORM, NONE },
	{ "idle", TLS1_3_VERSION, true, false, WORK_IDLE, NONE },
};

/* How long to work: one of both. */
struct budget {
	double seconds;
	uint64_t operations;
};

/* Both ends; `cpu` is the server's, in seconds. */
struct pair {
	SSL_CTX *server_ctx, *client_ctx;
	SSL *server, *client;
	double cpu, started;
};

/* What the server's end has on the heap, malloc()'s own part included. */
static struct {
	size_t bytes;
	bool counting;
} heap;

static SSL_SESSION *latest;
static unsigned char data[RECORD];

static struct budget budget_parse(const char *);
static void measure(const struct row *, const char *, const char *,
    struct budget);
static void contexts_open(struct pair *, const struct row *, const char *,
    const char *);
static void contexts_close(struct pair *);
static void operation(struct pair *, const struct row *);
static void storm(const struct row *, const char *, const char *);
static void idle(const struct row *, const char *, const char *);
static void *heap_malloc(size_t, const char *, int);
static void *heap_realloc(void *, size_t, const char *, int);
static void heap_free(void *, const char *, int);
static size_t heap_size(void *);
static SSL_CTX *context(const SSL_METHOD *, const struct row *);
static int session_new_cb(SSL *, SSL_SESSION *);
static void pair_open(struct pair *, SSL_SESSION *);
static void pair_close(struct pair *);
static void talk(struct pair *, const struct row *);
static void pass(struct pair *, SSL *, SSL *, size_t);
static void server_open(struct pair *) __attribute__((noinline));
static bool server_accept(SSL *) __attribute__((noinline));
static void server_close(SSL *) __attribute__((noinline));
static bool server_write(SSL *, size_t) __attribute__((noinline));
static bool server_read(SSL *, size_t) __attribute__((noinline));
static bool receive(SSL *, size_t);
static void meter_start(struct pair *);
static void meter_stop(struct pair *);
static double now(void);
static const struct row *row_find(const char *);

int
main(int argc, char *argv[])
{
	const struct row *row;

	if ((argc == 3 || argc == 4) && strcmp(argv[1], "tcp") == 0) {
		printf("%.3f\n", floor_tcp(row_find(argv[2]), argv[3]));
		return 0;
	}
	if (argc != 5)
		errx(2, "usage: floor ROW CERTIFICATE KEY "
		    "SECONDS|xOPERATIONS, floor tcp ROW [BACKEND-PORT]");
	row = row_find(argv[1]);
	if (row->work == WORK_STORM)
		storm(row, argv[2], argv[3]);
	else if (row->work == WORK_IDLE)
		idle(row, argv[2], argv[3]);
	else
		measure(row, argv[2], argv[3], budget_parse(argv[4]));
	return 0;
}

static const struct row *
row_find(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	errx(2, "unknown row %s", name);
}

static struct budget
budget_parse(const char *text)
{
	struct budget b;

	b.seconds = text[0] == 'x' ? 0 : atof(text);
	b.operations = text[0] == 'x' ? strtoull(text + 1, NULL, 10) : 0;
	if (b.seconds <= 0 && b.operations == 0)
		errx(2, "how long is %s?", text);
	return b;
}

static void
measure(const struct row *row, const char *cert, const char *key,
    struct budget budget)
{
	const bool bulk = row->work == WORK_DOWN || row->work == WORK_UP;
	const bool kept = bulk || row->work == WORK_KEPT;
	struct pair p;
	double end;
	uint64_t n;

	contexts_open(&p, row, cert, key);
	pair_open(&p, NULL);
	if (!kept)
		pair_close(&p);
	p.cpu = 0;
	end = floor_cpu() + budget.seconds;
	for (n = 0; budget.operations > 0 ? n < budget.operations :
	    floor_cpu() < end; n++)
		if (kept)
			talk(&p, row);
		else
			operation(&p, row);
	printf("%.3f\n", p.cpu * 1e6 / (double)n *
	    (bulk ? GIB / RECORD : 1));
	if (kept)
		pair_close(&p);
	contexts_close(&p);
}

static void
operation(struct pair *p, const struct row *row)
{
	pair_open(p, row->resume ? latest : NULL);
	talk(p, row);
	pair_close(p);
}

/* All processes begin when the pipe ends. */
static void
storm(const struct row *row, const char *cert, const char *key)
{
	int i, n, pipefd[2], status;
	pid_t pid[STORM_PROCESSES];
	struct pair p;
	double begin;
	char byte;

	contexts_open(&p, row, cert, key);
	if (pipe(pipefd) == -1)
		err(1, "pipe");
	for (i = 0; i < STORM_PROCESSES; i++) {
		if ((pid[i] = fork()) == -1)
			err(1, "fork");
		if (pid[i] > 0)
			continue;
		close(pipefd[1]);
		if (read(pipefd[0], &byte, 1) != 0)
			errx(1, "the pipe has something to say");
		for (n = 0; n < STORM / STORM_PROCESSES; n++)
			operation(&p, row);
		_exit(0);
	}
	begin = now();
	close(pipefd[1]);
	for (i = 0; i < STORM_PROCESSES; i++)
		if (waitpid(pid[i], &status, 0) == -1 || status != 0)
			errx(1, "a process of the storm has failed");
	printf("%.6f\n", now() - begin);
	close(pipefd[0]);
	contexts_close(&p);
}

static void
idle(const struct row *row, const char *cert, const char *key)
{
	size_t before;
	struct pair p;

	if (!CRYPTO_set_mem_functions(heap_malloc, heap_realloc, heap_free))
		errx(1, "OpenSSL has allocated before");
	contexts_open(&p, row, cert, key);
	SSL_CTX_set_mode(p.server_ctx, SSL_MODE_RELEASE_BUFFERS);
	operation(&p, row); /* what is allocated once is there */
	before = heap.bytes;
	pair_open(&p, NULL);
	talk(&p, row);
	printf("%zu\n", heap.bytes - before);
	pair_close(&p);
	contexts_close(&p);
}

static void *
heap_malloc(size_t size, const char *file, int line)
{
	void *p = malloc(size);

	(void)file;
	(void)line;
	heap.bytes += heap_size(p);
	return p;
}

static void *
heap_realloc(void *old, size_t size, const char *file, int line)
{
	void *p;

	(void)file;
	(void)line;
	heap.bytes -= heap_size(old);
	p = realloc(old, size);
	heap.bytes += heap_size(p);
	return p;
}

static void
heap_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	heap.bytes -= heap_size(p);
	free(p);
}

static size_t
heap_size(void *p)
{
	return heap.counting && p != NULL ? malloc_usable_size(p) +
		sizeof(size_t) : 0;
}

static void
contexts_open(struct pair *p, const struct row *row, const char *cert,
    const char *key)
{
	memset(p, 0, sizeof(*p));
	p->server_ctx = context(TLS_server_method(), row);
	p->client_ctx = context(TLS_client_method(), row);
	if (SSL_CTX_use_certificate_chain_file(p->server_ctx, cert) != 1 ||
	    SSL_CTX_use_PrivateKey_file(p->server_ctx, key,
		SSL_FILETYPE_PEM) != 1)
		errx(1, "%s: no certificate", cert);
	SSL_CTX_sess_set_new_cb(p->client_ctx, session_new_cb);
	SSL_CTX_set_session_cache_mode(p->client_ctx,
	    SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
}

static void
contexts_close(struct pair *p)
{
	SSL_SESSION_free(latest);
	SSL_CTX_free(p->server_ctx);
	SSL_CTX_free(p->client_ctx);
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
	int rounds;
	bool done;

	meter_start(p);
	server_open(p);
	meter_stop(p);
	if (BIO_new_bio_pair(&near, 4 * RECORD, &far, 4 * RECORD) != 1 ||
	    (p->client = SSL_new(p->client_ctx)) == NULL ||
	    p->server == NULL ||
	    (offer != NULL && !SSL_set_session(p->client, offer)))
		errx(1, "SSL_new");
	SSL_set_bio(p->client, near, near);
	SSL_set_bio(p->server, far, far);
	for (rounds = 0, done = false; !done; rounds++) {
		if (rounds == ROUNDS)
			errx(1, "the handshake fails");
		done = SSL_connect(p->client) == 1;
		meter_start(p);
		done = server_accept(p->server) && done;
		meter_stop(p);
	}
	SSL_read(p->client, data, 1); /* the ticket */
	if (offer != NULL && !SSL_session_reused(p->client))
		errx(1, "not resumed");
}

static void
pair_close(struct pair *p)
{
	SSL_shutdown(p->client);
	meter_start(p);
	server_close(p->server);
	meter_stop(p);
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
	case WORK_STORM:
	case WORK_IDLE:
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
	bool done;

	if (from == p->server) {
		meter_start(p);
		done = server_write(from, len);
		meter_stop(p);
		done = done && receive(to, len);
	} else {
		done = SSL_write(from, data, (int)len) == (int)len;
		meter_start(p);
		done = done && server_read(to, len);
		meter_stop(p);
	}
	if (!done)
		errx(1, "a message got lost");
}

static bool
receive(SSL *ssl, size_t len)
{
	return SSL_read(ssl, data, (int)len) == (int)len;
}

static void
server_open(struct pair *p)
{
	p->server = SSL_new(p->server_ctx);
}

static bool
server_accept(SSL *ssl)
{
	return SSL_accept(ssl) == 1;
}

static void
server_close(SSL *ssl)
{
	SSL_read(ssl, data, 1);
	SSL_shutdown(ssl);
	SSL_free(ssl);
}

static bool
server_write(SSL *ssl, size_t len)
{
	return SSL_write(ssl, data, (int)len) == (int)len;
}

static bool
server_read(SSL *ssl, size_t len)
{
	return receive(ssl, len);
}

/* From here to meter_stop() it is the server that works. */
static void
meter_start(struct pair *p)
{
	heap.counting = true;
	p->started = floor_cpu();
}

static void
meter_stop(struct pair *p)
{
	p->cpu += floor_cpu() - p->started;
	heap.counting = false;
}

double
floor_cpu(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}
