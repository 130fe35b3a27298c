/* SPDX-License-Identifier: ISC */
/*
 * A TLS client that offers any session to any server, under any name and with
 * any certificate: what an attacker can do, and what Python's ssl cannot (its
 * sessions stay with the SSLContext that made them, and so does the client's
 * certificate) nor openssl s_client (a process for each of thousands of
 * handshakes).
 *
 * Each line of standard input is one connection to the service `trace`, each
 * line of the output what became of it, in the same order:
 *
 *	in	to=PORT version=TLSv1.3 [sni=NAME] [cert=PATH] [session=HEX]
 *	out	served=yes reused=no id=HEX ticket=HEX hint=7200 session=HEX
 *		error=- trace: what the service said
 *
 * or a client's first flight, for somebody else to send:
 *
 *	in	early=TEXT version=TLSv1.3 session=HEX [sni=NAME]
 *	out	flight=HEX
 *
 * PORT is one of 127.0.0.1; PATH.pem and PATH.key are the certificate; a
 * session goes in as it came out (i2d_SSL_SESSION, or "-" for none), and
 * "last" is the one of the latest connection that got one. id, ticket and hint
 * are those of the session that the client would resume next.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <err.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#define DEADLINE 60 /* seconds without a byte */

struct request {
	char *to, *version, *sni, *cert, *session, *early;
};

/* The words of a line, and where they go. */
static const struct {
	const char *key;
	size_t offset;
} words[] = {
	{ "to", offsetof(struct request, to) },
	{ "version", offsetof(struct request, version) },
	{ "sni", offsetof(struct request, sni) },
	{ "cert", offsetof(struct request, cert) },
	{ "session", offsetof(struct request, session) },
	{ "early", offsetof(struct request, early) },
};

static const struct {
	const char *name;
	int version;
} versions[] = {
	{ "TLSv1.2", TLS1_2_VERSION },
	{ "TLSv1.3", TLS1_3_VERSION },
};

struct outcome {
	bool reused;
	char line[4096]; /* of the service; empty: not served */
	size_t len;
	const char *error;
	SSL_SESSION *session;
};

static void request_parse(struct request *, char *);
static void request_word(struct request *, char *);
static SSL_CTX *context_new(const struct request *);
static int version_number(const char *);
static SSL_SESSION *session_parse(const char *, SSL_SESSION *);
static SSL *ssl_new(SSL_CTX *, const struct request *, SSL_SESSION *);
static void flight_print(SSL *, const char *);
static void visit(SSL *, const char *, SSL_SESSION **);
static int connect_to(const char *);
static void converse(SSL *, struct outcome *);
static const char *reason(SSL *, int);
static void outcome_print(const struct outcome *);
static void hex_print(const char *, const unsigned char *, size_t);
static void session_print(SSL_SESSION *);

int
main(void)
{
	struct request req;
	SSL_SESSION *last, *offered;
	SSL_CTX *ctx;
	SSL *ssl;
	char *line;
	size_t size;

	line = NULL;
	size = 0;
	last = NULL;
	while (getline(&line, &size, stdin) > 0) {
		request_parse(&req, line);
		ctx = context_new(&req);
		offered = session_parse(req.session, last);
		ssl = ssl_new(ctx, &req, offered);
		if (req.early != NULL)
			flight_print(ssl, req.early);
		else
			visit(ssl, req.to, &last);
		SSL_SESSION_free(offered);
		SSL_free(ssl);
		SSL_CTX_free(ctx);
	}
	SSL_SESSION_free(last);
	free(line);
	if (ferror(stdin) || fflush(stdout) == EOF)
		err(1, "input or output");
	return 0;
}

static void
request_parse(struct request *req, char *line)
{
	char *word, *rest;

	memset(req, 0, sizeof(*req));
	for (word = strtok_r(line, " \n", &rest); word != NULL;
	    word = strtok_r(NULL, " \n", &rest))
		request_word(req, word);
	if ((req->to == NULL && req->early == NULL) || req->version == NULL)
		errx(2, "a line without to= or version=");
}

static void
request_word(struct request *req, char *word)
{
	char *value;
	size_t i;

	if ((value = strchr(word, '=')) == NULL)
		errx(2, "\"%s\" is not key=value", word);
	*value++ = '\0';
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(word, words[i].key) == 0) {
			*(char **)((char *)req + words[i].offset) = value;
			return;
		}
	errx(2, "unknown word \"%s\"", word);
}

/* A server must not get in by the client's caution: nothing is verified. */
static SSL_CTX *
context_new(const struct request *req)
{
	char path[1024];
	SSL_CTX *ctx;
	int version;

	version = version_number(req->version);
	if ((ctx = SSL_CTX_new(TLS_client_method())) == NULL ||
	    !SSL_CTX_set_min_proto_version(ctx, version) ||
	    !SSL_CTX_set_max_proto_version(ctx, version))
		errx(1, "SSL_CTX_new");
	if (req->cert == NULL)
		return ctx;
	snprintf(path, sizeof(path), "%s.pem", req->cert);
	if (SSL_CTX_use_certificate_chain_file(ctx, path) != 1)
		errx(1, "%s: not a certificate", path);
	snprintf(path, sizeof(path), "%s.key", req->cert);
	if (SSL_CTX_use_PrivateKey_file(ctx, path, SSL_FILETYPE_PEM) != 1)
		errx(1, "%s: not the key of the certificate", path);
	return ctx;
}

static int
version_number(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		if (strcmp(name, versions[i].name) == 0)
			return versions[i].version;
	errx(2, "unknown version \"%s\"", name);
}

/* NULL for none; the caller frees. */
static SSL_SESSION *
session_parse(const char *text, SSL_SESSION *last)
{
	const unsigned char *p;
	unsigned char *der;
	SSL_SESSION *session;
	long len;

	if (text == NULL || strcmp(text, "-") == 0)
		return NULL;
	if (strcmp(text, "last") == 0)
		return last == NULL ? NULL : SSL_SESSION_dup(last);
	if ((p = der = OPENSSL_hexstr2buf(text, &len)) == NULL ||
	    (session = d2i_SSL_SESSION(NULL, &p, len)) == NULL)
		errx(2, "not a session: %s", text);
	OPENSSL_free(der);
	return session;
}

static SSL *
ssl_new(SSL_CTX *ctx, const struct request *req, SSL_SESSION *offered)
{
	SSL *ssl;

	if ((ssl = SSL_new(ctx)) == NULL ||
	    (req->sni != NULL && !SSL_set_tlsext_host_name(ssl, req->sni)) ||
	    (offered != NULL && !SSL_set_session(ssl, offered)))
		errx(1, "the connection cannot be set up");
	return ssl;
}

static void
flight_print(SSL *ssl, const char *early)
{
	unsigned char *p;
	size_t n;
	BIO *bio;

	if ((bio = BIO_new(BIO_s_mem())) == NULL)
		errx(1, "BIO_new");
	SSL_set_bio(ssl, bio, bio);
	SSL_set_connect_state(ssl);
	if (SSL_write_early_data(ssl, early, strlen(early), &n) != 1)
		errx(1, "the session does not allow early data");
	n = (size_t)BIO_get_mem_data(bio, &p);
	hex_print("flight", p, n);
	putchar('\n');
}

/* *last is the session of this connection, if it got one. */
static void
visit(SSL *ssl, const char *port, SSL_SESSION **last)
{
	struct outcome out;
	int fd;

	fd = connect_to(port);
	if (!SSL_set_fd(ssl, fd))
		errx(1, "SSL_set_fd");
	converse(ssl, &out);
	outcome_print(&out);
	if (out.session != NULL) {
		SSL_SESSION_free(*last);
		*last = out.session;
	}
	close(fd);
}

static int
connect_to(const char *port)
{
	const struct timeval deadline = { .tv_sec = DEADLINE };
	struct sockaddr_in sin;
	const int on = 1;
	int fd;

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_port = htons((uint16_t)atoi(port));
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if ((fd = socket(AF_INET, SOCK_STREAM, 0)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline,
		sizeof(deadline)) == -1 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == -1)
		err(1, "socket");
	if (connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1)
		err(1, "127.0.0.1:%s", port);
	return fd;
}

/*
 * A TLS 1.3 server says only after the client's handshake whether it takes
 * the client's certificate, and sends its ticket then: what counts is what
 * the service says.
 */
static void
converse(SSL *ssl, struct outcome *out)
{
	int r;

	memset(out, 0, sizeof(*out));
	ERR_clear_error();
	if ((r = SSL_connect(ssl)) == 1)
		r = SSL_write(ssl, "\n", 1);
	while (r > 0 && out->len < sizeof(out->line) - 1) {
		r = SSL_read(ssl, out->line + out->len,
		    (int)(sizeof(out->line) - 1 - out->len));
		if (r > 0)
			out->len += (size_t)r;
	}
	out->error = reason(ssl, r);
	out->reused = SSL_session_reused(ssl);
	if (out->error == NULL)
		SSL_shutdown(ssl);
	if (out->len > 0 && SSL_SESSION_is_resumable(SSL_get0_session(ssl)))
		out->session = SSL_get1_session(ssl);
}

/* NULL after an orderly end. */
static const char *
reason(SSL *ssl, int result)
{
	const char *text;

	switch (SSL_get_error(ssl, result)) {
	case SSL_ERROR_ZERO_RETURN:
		return NULL;
	case SSL_ERROR_SSL:
		text = ERR_reason_error_string(ERR_peek_error());
		return text != NULL ? text : "unknown";
	case SSL_ERROR_WANT_READ:
		return "the server says nothing";
	default:
		return "the connection was cut";
	}
}

static void
outcome_print(const struct outcome *out)
{
	const char *p;

	printf("served=%s reused=%s", out->len > 0 ? "yes" : "no",
	    out->reused ? "yes" : "no");
	session_print(out->session);
	printf(" error=");
	for (p = out->error != NULL ? out->error : "-"; *p != '\0'; p++)
		putchar(*p == ' ' ? '_' : *p);
	printf(" trace: %.*s\n", (int)strcspn(out->line, "\n"), out->line);
}

static void
session_print(SSL_SESSION *session)
{
	const unsigned char *id, *ticket;
	unsigned char *der;
	unsigned idlen;
	size_t len;
	int n;

	if (session == NULL) {
		printf(" id=- ticket=- hint=0 session=-");
		return;
	}
	id = SSL_SESSION_get_id(session, &idlen);
	hex_print("id", id, idlen);
	SSL_SESSION_get0_ticket(session, &ticket, &len);
	hex_print("ticket", ticket, len);
	printf(" hint=%lu", SSL_SESSION_get_ticket_lifetime_hint(session));
	der = NULL;
	if ((n = i2d_SSL_SESSION(session, &der)) <= 0)
		errx(1, "i2d_SSL_SESSION");
	hex_print("session", der, (size_t)n);
	OPENSSL_free(der);
}

static void
hex_print(const char *key, const unsigned char *data, size_t len)
{
	size_t i;

	printf(" %s=%s", key, len > 0 ? "" : "-");
	for (i = 0; i < len; i++)
		printf("%02x", data[i]);
}
