/* SPDX-License-Identifier: ISC */
/*
 * Fuzz target: a request of the control socket, while workers have left
 * anything in their slots of the scoreboard and texts of the configuration
 * stand in the report. Every request gets an answer whose first line tells
 * its status and length; one in JSON is JSON, in UTF-8.
 *
 *	input | length 8 | request | length 8 | a text | slots |
 */
#include "config.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl_int.h"
#include "ctl/protocol.h"
#include "stats/scoreboard.h"
#include "tlscache.h"

#define WORKERS 3
#define DEPTH_MAX 8
#define REQUIRE(x) do { if (!(x)) abort(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct tlscache *cache;
static struct tlscache_keys *keys;
static struct scoreboard *scoreboard;
static struct slot *slots[WORKERS];

static void
setup(void)
{
	unsigned i;

	REQUIRE(tlscache_open(&cache, TLSCACHE_SIZE_MIN) == TLSCACHE_OK);
	REQUIRE(tlscache_keys_open(&keys, 100, 250, 1000) == TLSCACHE_OK);
	scoreboard = scoreboard_new(WORKERS, WORKERS);
	REQUIRE(scoreboard != NULL);
	for (i = 0; i < WORKERS; i++) {
		slots[i] = scoreboard_take(scoreboard, i);
		REQUIRE(slots[i] != NULL);
	}
}

/* ---- is that JSON? (RFC 8259) ---- */

struct reader {
	const char *next, *end;
};

static bool
skip(struct reader *r, char c)
{
	if (r->next == r->end || *r->next != c)
		return false;
	r->next++;
	return true;
}

static void
blank(struct reader *r)
{
	while (skip(r, ' ') || skip(r, '\n'))
		;
}

/* One character behind another; RFC 3629 section 4. */
static void
tail(struct reader *r, unsigned char low, unsigned char high)
{
	REQUIRE(r->next < r->end && (unsigned char)*r->next >= low &&
	    (unsigned char)*r->next <= high);
	r->next++;
}

static void
character(struct reader *r)
{
	unsigned char c = (unsigned char)*r->next++;

	REQUIRE(c >= ' ' && c != 0x7f);
	if (c < 0x80)
		return;
	REQUIRE(c >= 0xc2 && c <= 0xf4);
	if (c >= 0xe0)
		tail(r, c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80,
		    c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf);
	if (c >= 0xf0)
		tail(r, 0x80, 0xbf);
	tail(r, 0x80, 0xbf);
}

static void
string(struct reader *r)
{
	int i;

	while (!skip(r, '"')) {
		REQUIRE(r->next < r->end);
		if (!skip(r, '\\')) {
			character(r);
			continue;
		}
		REQUIRE(r->next < r->end);
		REQUIRE(strchr("\"\\/bfnrtu", *r->next) != NULL);
		for (i = *r->next++ == 'u' ? 4 : 0; i > 0; i--)
			REQUIRE(r->next < r->end && strchr(
			    "0123456789abcdefABCDEF", *r->next++) != NULL);
	}
}

static void
word(struct reader *r)
{
	static const char *const words[] = { "true", "false", "null" };
	const char *begin = r->next;
	char *end;
	size_t i, len;

	while (r->next < r->end && strchr(",]} \n", *r->next) == NULL)
		r->next++;
	len = (size_t)(r->next - begin);
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (len == strlen(words[i]) &&
		    memcmp(begin, words[i], len) == 0)
			return;
	REQUIRE(len > 0 && strspn(begin, "-0123456789.") >= len);
	(void)strtod(begin, &end);
	REQUIRE(end == r->next);
}

static void
value(struct reader *r, int depth)
{
	bool object = skip(r, '{');

	REQUIRE(depth < DEPTH_MAX);
	if (!object && !skip(r, '[')) {
		if (skip(r, '"'))
			string(r);
		else
			word(r);
		return;
	}
	blank(r);
	if (skip(r, object ? '}' : ']'))
		return;
	do {
		blank(r);
		if (object) {
			REQUIRE(skip(r, '"'));
			string(r);
			blank(r);
			REQUIRE(skip(r, ':'));
			blank(r);
		}
		value(r, depth + 1);
		blank(r);
	} while (skip(r, ','));
	REQUIRE(skip(r, object ? '}' : ']'));
}

static void
check_json(const char *text, size_t len)
{
	struct reader r = { text, text + len };

	blank(&r);
	value(&r, 0);
	blank(&r);
	REQUIRE(r.next == r.end);
}

/* ---- one input ---- */

/* A number and so many bytes, as a string that the caller frees. */
static char *
take(const uint8_t **data, size_t *size, size_t *lenp)
{
	size_t len = 0;
	char *text;

	if (*size > 0) {
		len = *(*data)++;
		(*size)--;
	}
	if (len > *size)
		len = *size;
	text = calloc(1, len + 1);
	REQUIRE(text != NULL);
	if (len > 0)
		memcpy(text, *data, len);
	*data += len;
	*size -= len;
	*lenp = len;
	return text;
}

static void
view_cb(void *arg, struct ctl_view *v)
{
	static struct ctl_worker workers[WORKERS + 1];
	char *text = arg;
	unsigned i;

	for (i = 0; i < WORKERS; i++) {
		workers[i].number = i;
		workers[i].generation = 1;
		workers[i].pid = (pid_t)(i + 100);
		workers[i].state = i % WORKER_STATE_COUNT;
		workers[i].started = 1000;
		workers[i].slot = slots[i];
	}
	workers[WORKERS].number = WORKERS;
	v->now = 1800000000;
	v->version = "1";
	v->pid = 99;
	v->started = 1000;
	v->conf_path = text;
	v->reload = CTL_RELOAD_FAILED;
	v->reload_time = 2000;
	v->reload_error = text;
	v->workers = workers;
	v->nworkers = WORKERS + 1;
	v->scoreboard = scoreboard;
	/* The view is for one request: tell the forms apart by the text. */
	v->cache = text[0] != '\0' ? cache : NULL;
	v->keys = text[0] != '\0' ? keys : NULL;
}

static void
check_answer(const char *answer, size_t len, bool json)
{
	char line[CTL_ANSWER_LINE_MAX + 1] = "";
	const char *newline;
	size_t body;
	int status;

	newline = memchr(answer, '\n', len);
	REQUIRE(newline != NULL && newline - answer < CTL_ANSWER_LINE_MAX);
	memcpy(line, answer, (size_t)(newline - answer));
	REQUIRE(sscanf(line, CTL_ANSWER_TAG " %d %zu", &status, &body) == 2);
	REQUIRE(status == CTL_DONE || status == CTL_USAGE);
	REQUIRE(body > 0 && body <= CTL_ANSWER_MAX);
	REQUIRE(answer + len == newline + 1 + body);
	if (status == CTL_DONE && json)
		check_json(newline + 1, body);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t begin, end, i, len, n, textlen;
	char *answer, *request, *text;
	bool json;

	if (cache == NULL)
		setup();
	request = take(&data, &size, &len);
	text = take(&data, &size, &textlen);
	for (i = 0; i < WORKERS; i++) {
		n = size < sizeof(*slots[i]) ? size : sizeof(*slots[i]);
		memset(slots[i], 0, sizeof(*slots[i]));
		memcpy(slots[i], data, n);
		data += n;
		size -= n;
	}
	json = strstr(request, " " CTL_FORM_JSON "\n") != NULL;
	answer = ctl_answer(request, len, view_cb, text, &begin, &end);
	REQUIRE(answer != NULL && begin < end);
	check_answer(answer + begin, end - begin, json);
	free(answer);
	free(request);
	free(text);
	return 0;
}
