/* SPDX-License-Identifier: ISC */
/*
 * The service `trace`: tells a client about its own connection in one line of
 * key=value, and closes. A client that begins with "GET " or "HEAD " gets the
 * line as an HTTP page, so that curl and browsers can ask.
 *
 * Which of the two it is can be known only from the client's first bytes, so
 * the answer waits for them: any other byte, or the end of the client's side,
 * brings the plain line. Somebody who only wants the line sends a newline. No
 * timer: a client that says nothing at all has the idle time-out. Worker.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "conn/kv.h"
#include "service/service_int.h"

#define LINE_SIZE 3072

/* What the client began with, as long as that may become an HTTP method. */
struct trace {
	char start[8];
	size_t len;
};

enum verdict { PLAIN, UNDECIDED, HTTP_GET, HTTP_HEAD };

static void trace_data(struct conn *, const uint8_t *, size_t);
static void trace_eof(struct conn *, bool);
static enum verdict judge(const struct trace *);
static void answer(struct conn *, enum verdict);
static void describe(struct conn *, char *, size_t);

const struct conn_ops trace_ops = {
	.name = "trace",
	.state_size = sizeof(struct trace),
	.takes_early = true,
	.data = trace_data,
	.eof = trace_eof,
};

static void
trace_data(struct conn *c, const uint8_t *buf, size_t len)
{
	struct trace *t = conn_state(c);
	enum verdict v;
	size_t i;

	v = UNDECIDED;
	for (i = 0; i < len && v == UNDECIDED; i++) {
		t->start[t->len++] = (char)buf[i];
		v = judge(t);
	}
	if (v != UNDECIDED)
		answer(c, v);
}

static void
trace_eof(struct conn *c, bool orderly)
{
	answer(c, PLAIN);
}

static enum verdict
judge(const struct trace *t)
{
	static const struct {
		const char *word;
		enum verdict verdict;
	} methods[] = { { "GET ", HTTP_GET }, { "HEAD ", HTTP_HEAD } };
	size_t i, len;

	for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		len = strlen(methods[i].word);
		if (t->len <= len &&
		    memcmp(t->start, methods[i].word, t->len) == 0)
			return t->len == len ? methods[i].verdict : UNDECIDED;
	}
	return PLAIN;
}

static void
answer(struct conn *c, enum verdict v)
{
	char line[LINE_SIZE], head[256];
	int len;

	describe(c, line, sizeof(line));
	if (v != PLAIN) {
		len = snprintf(head, sizeof(head),
		    "HTTP/1.1 200 OK\r\n"
		    "Content-Type: text/plain; charset=us-ascii\r\n"
		    "Content-Length: %zu\r\n"
		    "Cache-Control: no-store\r\n"
		    "Connection: close\r\n"
		    "\r\n", strlen(line));
		(void)conn_write(c, head, (size_t)len);
	}
	if (v != HTTP_HEAD)
		(void)conn_write(c, line, strlen(line));
	conn_end(c);
}

static void
describe(struct conn *c, char *line, size_t size)
{
	struct conn_info info;
	struct kv kv;

	conn_info(c, &info);
	kv_init(&kv, line, size - 1); /* room for the newline */
	kv_number(&kv, "worker", conn_hub_worker(conn_hub(c)));
	kv_number(&kv, "pid", (uint64_t)getpid());
	kv_text(&kv, "version", info.version);
	kv_text(&kv, "cipher", info.cipher);
	kv_text(&kv, "group", info.group);
	kv_text(&kv, "sni", info.sni);
	kv_text(&kv, "alpn", info.alpn);
	kv_text(&kv, "resumed", info.resumed);
	if (info.session_worker >= 0)
		kv_number(&kv, "session_worker",
		    (uint64_t)info.session_worker);
	else
		kv_text(&kv, "session_worker", NULL);
	kv_text(&kv, "early", info.early);
	kv_number(&kv, "early_in", info.early_in);
	kv_text(&kv, "certificate", info.certificate);
	kv_text(&kv, "client_certificate", info.client_certificate);
	kv_number(&kv, "connection", info.id);
	line[kv.len] = '\n';
	line[kv.len + 1] = '\0';
}
