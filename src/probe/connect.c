/* SPDX-License-Identifier: ISC */
/*
 * One connection of the probe: TCP, handshake, a word with the trace service,
 * close. Nothing waits longer than the time-out, whatever the server does.
 */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/clock.h"
#include "base/fd.h"
#include "probe/probe.h"

#define ANSWER_MAX 2048
#define TICKET_WAIT_US 1000000

static bool wait_for(int, short, int64_t);
static bool again(SSL *, int, int64_t, struct probe_result *, const char *);
static const char *failure(SSL *);
static bool send_early(SSL *, const struct probe_options *, int64_t,
    struct probe_result *);
static bool handshake(SSL *, int64_t, struct probe_result *);
static void converse(SSL *, const struct probe_options *, int64_t, int64_t,
    struct probe_result *);
static bool more(SSL *, int, int64_t, struct probe_result *);
static void await_ticket(SSL *, int64_t, struct probe_result *);
static void say(SSL *, const struct probe_options *, int64_t);
static void read_answer(const char *, struct probe_result *);
static int answer_number(const char *, const char *);
static void describe(SSL *, struct probe_result *);

void
probe_connect(struct probe_client *client, SSL_SESSION *session,
    struct probe_result *result)
{
	const struct probe_options *o = client->options;
	int64_t begin = clock_mono_us(), deadline;
	SSL *ssl = NULL;
	int fd = -1;

	memset(result, 0, sizeof(*result));
	result->worker = result->maker = -1;
	deadline = begin + (int64_t)o->timeout_ms * 1000;
	if (!probe_tcp_connect(o, deadline, &fd, result))
		goto out;
	ssl = probe_client_ssl(client, session);
	if (ssl == NULL || SSL_set_fd(ssl, fd) != 1) {
		snprintf(result->error, sizeof(result->error), "OpenSSL: %s",
		    probe_ssl_reason());
		goto out;
	}
	result->offered = session != NULL;
	if (!send_early(ssl, o, deadline, result) ||
	    !handshake(ssl, deadline, result))
		goto out;
	describe(ssl, result);
	result->ok = true;
	converse(ssl, o, begin, deadline, result);
out:
	SSL_free(ssl);
	if (fd != -1)
		close(fd);
}

bool
probe_tcp_connect(const struct probe_options *o, int64_t deadline, int *fdp,
    struct probe_result *result)
{
	socklen_t len = sizeof(int);
	int error = 0, on = 1;

	*fdp = fd_socket(o->addr.ss.ss_family, SOCK_STREAM, 0);
	if (*fdp == -1 || (connect(*fdp, (const struct sockaddr *)&o->addr.ss,
	    o->addr.len) == -1 && errno != EINPROGRESS)) {
		error = errno;
	} else if (!wait_for(*fdp, POLLOUT, deadline)) {
		error = ETIMEDOUT;
	} else if (getsockopt(*fdp, SOL_SOCKET, SO_ERROR, &error, &len) == -1) {
		error = errno;
	}
	if (error == 0) {
		/* Or Nagle's algorithm holds what follows our Finished. */
		(void)setsockopt(*fdp, IPPROTO_TCP, TCP_NODELAY, &on,
		    sizeof(on));
		return true;
	}
	snprintf(result->error, sizeof(result->error),
	    "cannot connect to %s: %s", o->target, strerror(error));
	return false;
}

static bool
wait_for(int fd, short events, int64_t deadline)
{
	struct pollfd pfd = { .fd = fd, .events = events };
	int64_t left;
	int n;

	do {
		left = (deadline - clock_mono_us() + 999) / 1000;
		if (left <= 0)
			return false;
		n = poll(&pfd, 1, (int)left);
	} while (n == -1 && errno == EINTR);
	return n > 0;
}

/* After an SSL call returned r: wait and call it again, or it has failed. */
static bool
again(SSL *ssl, int r, int64_t deadline, struct probe_result *result,
    const char *what)
{
	int saved = errno;
	short events;

	switch (SSL_get_error(ssl, r)) {
	case SSL_ERROR_WANT_READ:
		events = POLLIN;
		break;
	case SSL_ERROR_WANT_WRITE:
		events = POLLOUT;
		break;
	case SSL_ERROR_SYSCALL:
		snprintf(result->error, sizeof(result->error), "%s: %s", what,
		    saved != 0 ? strerror(saved) :
		    "the server closed the connection");
		return false;
	case SSL_ERROR_ZERO_RETURN:
		snprintf(result->error, sizeof(result->error),
		    "%s: the server closed the connection", what);
		return false;
	default:
		snprintf(result->error, sizeof(result->error), "%s: %s", what,
		    failure(ssl));
		return false;
	}
	if (wait_for(SSL_get_fd(ssl), events, deadline))
		return true;
	snprintf(result->error, sizeof(result->error), "%s: no answer within "
	    "the time-out", what);
	return false;
}

/* probe_ssl_reason(), and of a certificate what is wrong with it. */
static const char *
failure(SSL *ssl)
{
	unsigned long e = ERR_peek_error();

	if (ERR_GET_LIB(e) != ERR_LIB_SSL ||
	    ERR_GET_REASON(e) != SSL_R_CERTIFICATE_VERIFY_FAILED)
		return probe_ssl_reason();
	ERR_clear_error();
	return X509_verify_cert_error_string(SSL_get_verify_result(ssl));
}

/* With --early-data, when the session in ssl allows as much. */
static bool
send_early(SSL *ssl, const struct probe_options *o, int64_t deadline,
    struct probe_result *result)
{
	const SSL_SESSION *session = SSL_get0_session(ssl);
	size_t n;
	int r;

	if (o->early == NULL || session == NULL ||
	    SSL_SESSION_get_max_early_data(session) < o->early_len)
		return true;
	do {
		ERR_clear_error();
		errno = 0;
		r = SSL_write_early_data(ssl, o->early, o->early_len, &n);
	} while (r != 1 && again(ssl, r, deadline, result, "early data"));
	result->early_sent = r == 1;
	return r == 1;
}

static bool
handshake(SSL *ssl, int64_t deadline, struct probe_result *result)
{
	int64_t begin = clock_mono_us();
	int r;

	for (;;) {
		ERR_clear_error();
		errno = 0;
		r = SSL_connect(ssl);
		if (r == 1)
			break;
		if (!again(ssl, r, deadline, result, "handshake"))
			return false;
	}
	result->handshake_ms = (double)(clock_mono_us() - begin) / 1000;
	return true;
}

/*
 * The trace service answers a line with a line about the connection. Any other
 * server may answer what it likes, or nothing: reading goes on until there is
 * a line, the end, or no time left. TLS 1.3 sessions arrive meanwhile, and
 * who is here for one does not wait for what may never be said. A refusal is
 * there to be read even where nothing can be said any more.
 */
static void
converse(SSL *ssl, const struct probe_options *o, int64_t begin,
    int64_t deadline, struct probe_result *result)
{
	struct probe_client *client = SSL_CTX_get_app_data(
	    SSL_get_SSL_CTX(ssl));
	uint64_t before = client->sessions;
	char answer[ANSWER_MAX];
	size_t n = 0;
	int r = 1;

	answer[0] = '\0';
	if (!result->early_accepted)
		say(ssl, o, deadline);
	while (r > 0 && n < sizeof(answer) - 1 &&
	    memchr(answer, '\n', n) == NULL) {
		do {
			ERR_clear_error();
			errno = 0;
			r = SSL_read(ssl, answer + n,
			    (int)(sizeof(answer) - 1 - n));
		} while (r <= 0 &&
		    !(client->session_only && client->sessions > before) &&
		    more(ssl, r, deadline, result));
		if (r > 0 && n == 0)
			result->answer_ms = (double)(clock_mono_us() - begin) /
			    1000;
		n += r > 0 ? (size_t)r : 0;
		answer[n] = '\0';
	}
	read_answer(answer, result);
	if (result->early_accepted && result->ok)
		await_ticket(ssl, deadline, result);
	/* Without this OpenSSL takes the session for a broken one. */
	ERR_clear_error();
	(void)SSL_shutdown(ssl);
	ERR_clear_error();
}

/*
 * again() for reading. That nothing more comes is no failure, but an alert is:
 * with TLS 1.3 the client's handshake is complete before the server looks at
 * its certificate.
 */
static bool
more(SSL *ssl, int r, int64_t deadline, struct probe_result *result)
{
	struct probe_result ignored;

	if (SSL_get_error(ssl, r) != SSL_ERROR_SSL)
		return again(ssl, r, deadline, &ignored, "");
	result->ok = false;
	return again(ssl, r, deadline, result, "after the handshake");
}

/*
 * An answer to early data overtakes the next session, which comes when the
 * server has got our Finished.
 */
static void
await_ticket(SSL *ssl, int64_t deadline, struct probe_result *result)
{
	struct probe_client *client;
	char answer[256];
	uint64_t before;
	int64_t soon;
	int r;

	client = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	before = client->sessions;
	soon = clock_mono_us() + TICKET_WAIT_US;
	if (soon > deadline)
		soon = deadline;
	do {
		ERR_clear_error();
		errno = 0;
		r = SSL_read(ssl, answer, sizeof(answer));
	} while (client->sessions == before &&
	    (r > 0 || more(ssl, r, soon, result)));
}

/* What was refused as early data is said again, as clients do. */
static void
say(SSL *ssl, const struct probe_options *o, int64_t deadline)
{
	struct probe_result ignored;
	const void *word = o->early != NULL ? o->early :
	    (const unsigned char *)"\n";
	size_t n;
	int r;

	do {
		ERR_clear_error();
		errno = 0;
		r = SSL_write_ex(ssl, word, o->early != NULL ? o->early_len :
		    1, &n);
	} while (r <= 0 && again(ssl, r, deadline, &ignored, ""));
}

static void
read_answer(const char *answer, struct probe_result *result)
{
	const char *p;
	size_t len;

	result->worker = answer_number(answer, "worker=");
	if (result->worker == -1)
		return;
	if (result->resumed)
		result->maker = answer_number(answer, "session_worker=");
	p = strstr(answer, " resumed=");
	if (p == NULL)
		return;
	p += strlen(" resumed=");
	len = strcspn(p, " \r\n");
	if (len > 0 && len < sizeof(result->kind))
		snprintf(result->kind, sizeof(result->kind), "%.*s", (int)len,
		    p);
}

/* The number behind a key at the beginning of a word; -1: there is none. */
static int
answer_number(const char *answer, const char *key)
{
	const char *p = answer;
	unsigned long value;
	char *end;

	while ((p = strstr(p, key)) != NULL) {
		if (p == answer || p[-1] == ' ') {
			p += strlen(key);
			if (*p < '0' || *p > '9')
				return -1;
			value = strtoul(p, &end, 10);
			return value < PROBE_WORKERS_MAX ? (int)value : -1;
		}
		p++;
	}
	return -1;
}

/* What the client itself knows of its connection. */
static void
describe(SSL *ssl, struct probe_result *result)
{
	const char *kind = "full";

	result->resumed = SSL_session_reused(ssl) == 1;
	result->early_accepted = SSL_get_early_data_status(ssl) ==
	    SSL_EARLY_DATA_ACCEPTED;
	snprintf(result->version, sizeof(result->version), "%s",
	    SSL_get_version(ssl));
	if (result->resumed)
		kind = SSL_version(ssl) >= TLS1_3_VERSION ||
		    SSL_SESSION_has_ticket(SSL_get_session(ssl)) ? "ticket" :
		    "id";
	snprintf(result->kind, sizeof(result->kind), "%s", kind);
}
