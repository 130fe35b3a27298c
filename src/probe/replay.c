/* SPDX-License-Identifier: ISC */
/*
 * --replay: what somebody does who has recorded a client's first flight with
 * early data, and sends it again. Each session's flight goes out many times,
 * from sockets of its own, all at once; one of these, somewhere in the middle,
 * is the client itself and completes its handshake.
 *
 * How a copy is read: the answer to each copy has keys of its own, which need
 * the client's key share and all it remembers of its flight. OpenSSL cannot
 * copy an SSL in that state, but fork() can: a child reads each answer with
 * its copy of the client.
 */
#include "config.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "probe/probe.h"

#define WAVE_MAX 20000	    /* sockets at once, if we may have so many */
#define CONNECT_TRIES 5
#define ANSWER_STEP 4096
#define ANSWER_MAX 65536    /* more is of no interest */
/* Nothing more comes when nothing came for so long: all have been answered, */
#define QUIET_ALL_US 200000
/* … or some have not, whose workers may have been killed. */
#define QUIET_SOME_US 3000000

/* The rank of the copy that completes its handshake. */
#define ORIGINAL 0

/* What a child found. */
#define SAW_ANSWER 1	/* that tells: a flight, an alert, a retry */
#define SAW_ACCEPTED 2
#define SAW_ACTED 4	/* clear text, before the client's Finished */

struct flight {
	SSL *ssl; /* as it is when the flight has been written */
	uint8_t *data;
	size_t len;
	unsigned accepted;
};

struct copy {
	struct flight *flight;
	unsigned rank; /* the how-manieth of its flight */
	int fd; /* -1: not connected, or over */
	size_t sent;
	uint8_t *answer;
	size_t len;
};

static bool flight_make(struct probe_client *, struct flight *, struct err *);
static SSL_SESSION *new_session(struct probe_client *, struct err *);
static void flight_free(struct flight *);
static struct copy *shuffled(struct flight *, const struct probe_options *,
    size_t *);
static void wave(const struct probe_options *, struct copy *, size_t,
    struct probe_replay *);
static void wave_judge(struct copy *, size_t, struct probe_replay *);
static int by_rank(const void *, const void *);
static void judge_in_child(const struct copy *, size_t, uint8_t *);
static void tell(struct copy *, unsigned, struct probe_replay *);
static void wave_connect(const struct probe_options *, struct copy *, size_t);
static void wave_talk(const struct probe_options *, struct copy *, size_t);
static void copy_event(struct copy *, short);
static bool copy_send(struct copy *);
static bool copy_read(struct copy *);
static void copy_over(struct copy *);
static uint8_t judge(const struct copy *);
static bool refuses(SSL *, int);
static void complete(const struct copy *, SSL *);

bool
probe_replay(struct probe_client *client, struct probe_replay *r,
    struct err *err)
{
	const struct probe_options *o = client->options;
	struct flight *flights;
	struct copy *copies;
	size_t i, most, n;
	bool good;

	memset(r, 0, sizeof(*r));
	client->session_only = true;
	flights = xcalloc(o->sessions, sizeof(*flights));
	for (good = true; good && r->sessions < o->sessions; r->sessions++)
		good = flight_make(client, &flights[r->sessions], err);
	if (good) {
		r->flight = flights[0].len;
		copies = shuffled(flights, o, &n);
		most = fd_limit_raise(n < WAVE_MAX ? n + 64 : WAVE_MAX) - 64;
		for (i = 0; i < n; i += most)
			wave(o, copies + i, n - i < most ? n - i : most, r);
		for (i = 0; i < o->sessions; i++)
			if (flights[i].accepted > r->most)
				r->most = flights[i].accepted;
		free(copies);
	}
	for (i = 0; i < o->sessions; i++)
		flight_free(&flights[i]);
	free(flights);
	return good;
}

bool
probe_replay_good(const struct probe_replay *r)
{
	return r->most <= 1 && r->unanswered == 0;
}

/* A session of its own for each flight; memory in place of a socket. */
static bool
flight_make(struct probe_client *client, struct flight *f, struct err *err)
{
	const struct probe_options *o = client->options;
	SSL_SESSION *session;
	unsigned char *p;
	size_t n;
	long len;

	session = new_session(client, err);
	if (session == NULL)
		return false;
	if (SSL_SESSION_get_max_early_data(session) < o->early_len) {
		err_set(err, NULL, "the server's sessions do not allow %zu "
		    "bytes of early data", o->early_len);
		return false;
	}
	f->ssl = probe_client_ssl(client, session);
	if (f->ssl != NULL)
		SSL_set_bio(f->ssl, BIO_new(BIO_s_mem()),
		    BIO_new(BIO_s_mem()));
	if (f->ssl == NULL || SSL_write_early_data(f->ssl, o->early,
	    o->early_len, &n) != 1) {
		err_set(err, NULL, "OpenSSL: there is no first flight");
		return false;
	}
	len = BIO_get_mem_data(SSL_get_wbio(f->ssl), &p);
	f->len = (size_t)len;
	f->data = xcalloc(1, f->len);
	memcpy(f->data, p, f->len);
	(void)BIO_reset(SSL_get_wbio(f->ssl));
	return true;
}

/* The server may be reloading, or losing workers, just now. */
static SSL_SESSION *
new_session(struct probe_client *client, struct err *err)
{
	struct probe_result result;
	uint64_t before = client->sessions;
	int tries;

	for (tries = 0; tries < CONNECT_TRIES; tries++) {
		probe_connect(client, NULL, &result);
		if (result.ok && client->sessions > before)
			return client->latest;
	}
	err_set(err, NULL, "%s", result.ok ? "the server gave no session" :
	    result.error);
	return NULL;
}

static void
flight_free(struct flight *f)
{
	SSL_free(f->ssl);
	free(f->data);
}

/*
 * Every flight replay + 1 times, in an order that nobody can foresee, so that
 * copies come before and after the original.
 */
static struct copy *
shuffled(struct flight *flights, const struct probe_options *o, size_t *np)
{
	size_t i, j, n = (size_t)o->sessions * (o->replay + 1);
	struct copy *copies, swap;

	copies = xcalloc(n, sizeof(*copies));
	for (i = 0; i < n; i++) {
		copies[i].flight = &flights[i % o->sessions];
		copies[i].rank = (unsigned)(i / o->sessions);
		copies[i].fd = -1;
	}
	srandom((unsigned)clock_mono_us());
	for (i = n; i > 1; i--) {
		j = (size_t)random() % i;
		swap = copies[i - 1];
		copies[i - 1] = copies[j];
		copies[j] = swap;
	}
	*np = n;
	return copies;
}

static void
wave(const struct probe_options *o, struct copy *copies, size_t n,
    struct probe_replay *r)
{
	size_t i;

	wave_connect(o, copies, n);
	for (i = 0; i < n; i++)
		r->connected += copies[i].fd != -1;
	wave_talk(o, copies, n);
	for (i = 0; i < n; i++)
		if (copies[i].rank != ORIGINAL)
			copy_over(&copies[i]); /* fork() would copy them */
	wave_judge(copies, n, r);
}

/*
 * One child reads an answer to each flight: the first one those of the
 * originals, whom the server does not wait for forever.
 */
static void
wave_judge(struct copy *copies, size_t n, struct probe_replay *r)
{
	uint8_t *saw;
	size_t i, end;

	qsort(copies, n, sizeof(*copies), by_rank);
	saw = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
	    -1, 0);
	if (saw == MAP_FAILED)
		fatal("memory for %zu answers", n);
	for (i = 0; i < n; i = end) {
		for (end = i; end < n && copies[end].rank == copies[i].rank;)
			end++;
		judge_in_child(copies + i, end - i, saw + i);
	}
	for (i = 0; i < n; i++)
		tell(&copies[i], saw[i], r);
	munmap(saw, n);
}

static int
by_rank(const void *a, const void *b)
{
	const struct copy *x = a, *y = b;

	return x->rank < y->rank ? -1 : x->rank > y->rank;
}

static void
judge_in_child(const struct copy *copies, size_t n, uint8_t *saw)
{
	size_t i;
	pid_t pid;

	if ((pid = fork()) == -1)
		fatal("fork");
	if (pid == 0) {
		for (i = 0; i < n; i++)
			saw[i] = judge(&copies[i]);
		_exit(0);
	}
	while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
		;
}

static void
tell(struct copy *c, unsigned saw, struct probe_replay *r)
{
	r->sent++;
	if (saw & (SAW_ACCEPTED | SAW_ANSWER))
		r->answered++;
	else
		r->unanswered++;
	if (saw & SAW_ACCEPTED) {
		c->flight->accepted++;
		r->accepted++;
		r->original += c->rank == ORIGINAL;
	} else if (saw & SAW_ANSWER)
		r->refused++;
	if (saw & SAW_ACTED)
		r->acted++;
	copy_over(c);
	free(c->answer);
}

/* All are connected before the first one sends. */
static void
wave_connect(const struct probe_options *o, struct copy *copies, size_t n)
{
	struct probe_result ignored;
	int64_t deadline;
	size_t i;

	deadline = clock_mono_us() + (int64_t)o->timeout_ms * 1000;
	for (i = 0; i < n; i++)
		if (!probe_tcp_connect(o, deadline, &copies[i].fd, &ignored))
			copy_over(&copies[i]);
}

static void
wave_talk(const struct probe_options *o, struct copy *copies, size_t n)
{
	int64_t deadline, last, now;
	struct pollfd *fds;
	size_t i, waiting;

	fds = xcalloc(n, sizeof(*fds));
	last = now = clock_mono_us();
	deadline = now + (int64_t)o->timeout_ms * 1000;
	for (;;) {
		for (i = waiting = 0; i < n; i++) {
			fds[i].fd = copies[i].fd;
			fds[i].events = copies[i].sent <
			    copies[i].flight->len ? POLLOUT : POLLIN;
			waiting += copies[i].fd != -1 && copies[i].len == 0;
		}
		if (now >= deadline || now - last >=
		    (waiting > 0 ? QUIET_SOME_US : QUIET_ALL_US))
			break;
		if (poll(fds, n, QUIET_ALL_US / 4000) > 0)
			last = clock_mono_us();
		for (i = 0; i < n; i++)
			copy_event(&copies[i], fds[i].revents);
		now = clock_mono_us();
	}
	free(fds);
}

static void
copy_event(struct copy *c, short revents)
{
	bool good;

	if (c->fd == -1 || revents == 0)
		return;
	good = c->sent < c->flight->len ? copy_send(c) : copy_read(c);
	if (!good)
		copy_over(c);
}

static bool
copy_send(struct copy *c)
{
	ssize_t n;

	n = send(c->fd, c->flight->data + c->sent, c->flight->len - c->sent,
	    MSG_NOSIGNAL);
	if (n == -1)
		return errno == EAGAIN || errno == EINTR;
	c->sent += (size_t)n;
	return true;
}

static bool
copy_read(struct copy *c)
{
	ssize_t n;

	if (c->len == ANSWER_MAX)
		return false;
	if (c->len % ANSWER_STEP == 0)
		c->answer = xreallocarray(c->answer, c->len + ANSWER_STEP, 1);
	n = recv(c->fd, c->answer + c->len,
	    ANSWER_STEP - c->len % ANSWER_STEP, 0);
	if (n == -1)
		return errno == EAGAIN || errno == EINTR;
	c->len += (size_t)n;
	return n > 0;
}

static void
copy_over(struct copy *c)
{
	if (c->fd != -1)
		close(c->fd);
	c->fd = -1;
}

/* In a child, with a copy of the client. */
static uint8_t
judge(const struct copy *c)
{
	SSL *ssl = c->flight->ssl;
	uint8_t saw = 0;
	char byte;
	int r;

	if (c->len == 0 || BIO_write(SSL_get_rbio(ssl), c->answer,
	    (int)c->len) != (int)c->len)
		return 0;
	ERR_clear_error();
	r = SSL_connect(ssl);
	/* That may be in a flight which the end of its worker cut short. */
	if (SSL_get_early_data_status(ssl) == SSL_EARLY_DATA_ACCEPTED)
		saw |= SAW_ACCEPTED;
	if (r == 1 || refuses(ssl, r))
		saw |= SAW_ANSWER;
	if (r != 1)
		return saw;
	if (SSL_read(ssl, &byte, 1) == 1)
		saw |= SAW_ACTED;
	if (c->rank == ORIGINAL && c->fd != -1)
		complete(c, ssl);
	return saw;
}

/* Without a handshake: an alert has come, or a wish for another ClientHello. */
static bool
refuses(SSL *ssl, int r)
{
	int reason;

	if (SSL_get_error(ssl, r) == SSL_ERROR_SSL) {
		reason = ERR_GET_REASON(ERR_peek_error());
		return reason > SSL_AD_REASON_OFFSET &&
		    reason <= SSL_AD_REASON_OFFSET + 255;
	}
	return BIO_pending(SSL_get_wbio(ssl)) > 0;
}

/* Send the client's Finished, and wait for the server to have read it. */
static void
complete(const struct copy *c, SSL *ssl)
{
	struct pollfd pfd = { .fd = c->fd, .events = POLLIN };
	unsigned char *p;
	long len;

	len = BIO_get_mem_data(SSL_get_wbio(ssl), &p);
	if (len > 0 && send(c->fd, p, (size_t)len, MSG_NOSIGNAL) == len)
		(void)poll(&pfd, 1, QUIET_ALL_US / 1000);
}
