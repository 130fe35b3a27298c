/* SPDX-License-Identifier: ISC */
/* What the probe says, to people or (--json) to programs. */
#include "config.h"

#include <stdio.h>

#include "base/json.h"
#include "probe/probe.h"

static void number_or_dash(char *, size_t, int);
static void table(const struct probe_tally *, unsigned);
static void json_connection(unsigned, const struct probe_result *);
static void json_tally(const struct probe_options *,
    const struct probe_tally *);
static void replay_verdict(const struct probe_replay *);

/* The document under way; one per process, as is standard output. */
static struct json document;
static bool in_list;

void
report_begin(const struct probe_options *o)
{
	if (o->json) {
		json_init(&document, stdout);
		json_object_begin(&document, NULL);
		json_string(&document, "target", o->target);
		json_bool(&document, "verified", o->ca != NULL);
		json_array_begin(&document, "versions");
		return;
	}
	if (o->ca == NULL)
		printf("the server's certificate is not verified "
		    "(no --ca)\n");
}

void
report_connection(const struct probe_options *o, unsigned number,
    const struct probe_result *r)
{
	char answer[32] = "-", by[16], maker[16];

	if (o->json) {
		if (!in_list) {
			json_object_begin(&document, NULL);
			json_array_begin(&document, "connections");
			in_list = true;
		}
		json_connection(number, r);
		return;
	}
	if (!r->ok) {
		printf("%5u  failed: %s\n", number, r->error);
		return;
	}
	if (o->quiet)
		return;
	number_or_dash(by, sizeof(by), r->worker);
	number_or_dash(maker, sizeof(maker), r->maker);
	if (r->answer_ms > 0)
		snprintf(answer, sizeof(answer), "%.2f ms", r->answer_ms);
	printf("%5u  %-7s  %-11s  %-8s  worker %-4s  session of %-4s  "
	    "%7.2f ms  answer %10s%s\n", number, r->version,
	    r->resumed ? "resumed" : r->offered ? "NOT RESUMED" : "full",
	    r->kind, by, maker, r->handshake_ms, answer,
	    !r->early_sent ? "" : r->early_accepted ?
	    "  early data accepted" : "  early data refused");
}

static void
number_or_dash(char *buf, size_t size, int n)
{
	if (n < 0)
		snprintf(buf, size, "-");
	else
		snprintf(buf, size, "%d", n);
}

static void
json_connection(unsigned number, const struct probe_result *r)
{
	json_object_begin(&document, NULL);
	json_uint(&document, "number", number);
	json_bool(&document, "ok", r->ok);
	if (!r->ok) {
		json_string(&document, "error", r->error);
	} else {
		json_string(&document, "version", r->version);
		json_bool(&document, "offered", r->offered);
		json_bool(&document, "resumed", r->resumed);
		json_string(&document, "kind", r->kind);
		json_bool(&document, "early_sent", r->early_sent);
		json_bool(&document, "early_accepted", r->early_accepted);
		json_real(&document, "handshake_ms", r->handshake_ms, 3);
		if (r->answer_ms > 0)
			json_real(&document, "answer_ms", r->answer_ms, 3);
		else
			json_null(&document, "answer_ms");
		if (r->worker >= 0)
			json_int(&document, "worker", r->worker);
		if (r->maker >= 0)
			json_int(&document, "session_worker", r->maker);
	}
	json_object_end(&document);
}

void
report_tally(const struct probe_options *o, const struct probe_tally *t)
{
	unsigned n = o->workers > t->workers ? o->workers : t->workers;
	const char *missing = probe_tally_missing(t, o);

	if (o->json) {
		json_tally(o, t);
		return;
	}
	printf("\n%s: %u connections, %u offered a session, %u resumed it",
	    t->version, t->connections, t->offered, t->resumed);
	if (t->offered > 0)
		printf(" (%.1f %%)", 100.0 * t->resumed / t->offered);
	if (t->failed > 0)
		printf(", %u failed", t->failed);
	if (o->early != NULL)
		printf("; early data sent %u times, accepted %u times",
		    t->early_sent, t->early_accepted);
	printf("\n");
	if (missing != NULL)
		printf("%s\n", missing);
	if (n > 0)
		table(t, n);
	else if (t->connections > t->failed)
		printf("The server does not say which worker serves; the "
		    "trace service of tlsherd does.\n");
}

static void
table(const struct probe_tally *t, unsigned n)
{
	unsigned by, maker;

	printf("\n  session made by | resumed by worker\n");
	printf("           worker |");
	for (by = 0; by < n; by++)
		printf(" %5u", by);
	printf("\n  ----------------+");
	for (by = 0; by < n; by++)
		printf("------");
	printf("\n");
	for (maker = 0; maker < n; maker++) {
		printf("  %15u |", maker);
		for (by = 0; by < n; by++) {
			if (t->pairs[maker][by] > 0)
				printf(" %5u", t->pairs[maker][by]);
			else
				printf("     -");
		}
		printf("\n");
	}
	printf("\n  %u of %u pairs of workers: %s\n",
	    probe_tally_pairs(t, n), n * n,
	    probe_tally_pairs(t, n) == n * n ?
	    "every worker has resumed sessions of every worker" :
	    "a - has not been seen; --all-pairs goes on until all have");
}

static void
json_tally(const struct probe_options *o, const struct probe_tally *t)
{
	unsigned by, maker, n;

	n = o->workers > t->workers ? o->workers : t->workers;
	if (!in_list) {
		json_object_begin(&document, NULL);
		json_array_begin(&document, "connections");
	}
	in_list = false;
	json_array_end(&document);
	json_string(&document, "version", t->version);
	json_uint(&document, "connected", t->connections - t->failed);
	json_uint(&document, "failed", t->failed);
	json_uint(&document, "offered", t->offered);
	json_uint(&document, "resumed", t->resumed);
	json_uint(&document, "early_sent", t->early_sent);
	json_uint(&document, "early_accepted", t->early_accepted);
	json_uint(&document, "workers", n);
	json_array_begin(&document, "resumptions");
	for (maker = 0; maker < n; maker++) {
		json_array_begin(&document, NULL);
		for (by = 0; by < n; by++)
			json_uint(&document, NULL, t->pairs[maker][by]);
		json_array_end(&document);
	}
	json_array_end(&document);
	json_object_end(&document);
}

void
report_replay(const struct probe_options *o, const struct probe_replay *r)
{
	if (o->json) {
		json_array_end(&document);
		json_object_begin(&document, "replay");
		json_uint(&document, "sessions", r->sessions);
		json_uint(&document, "flight", r->flight);
		json_uint(&document, "sent", r->sent);
		json_uint(&document, "connected", r->connected);
		json_uint(&document, "answered", r->answered);
		json_uint(&document, "unanswered", r->unanswered);
		json_uint(&document, "accepted", r->accepted);
		json_uint(&document, "refused", r->refused);
		json_uint(&document, "acted_upon", r->acted);
		json_uint(&document, "by_original", r->original);
		json_uint(&document, "most_of_one_session", r->most);
		json_object_end(&document);
		return;
	}
	printf("%u sessions, for each a first flight (%zu bytes, %zu of early "
	    "data), sent %u times:\n", r->sessions, r->flight, o->early_len,
	    o->replay + 1);
	printf("  sent        %7u, each from a socket of its own, one for each "
	    "session the client's\n", r->sent);
	printf("  connected   %7u\n", r->connected);
	printf("  answered    %7u\n", r->answered);
	printf("  unanswered  %7u\n", r->unanswered);
	printf("  accepted    %7u, of which %u were the client's own\n",
	    r->accepted, r->original);
	printf("  refused     %7u\n", r->refused);
	printf("  acted upon  %7u: clear text came back before the handshake "
	    "was complete\n", r->acted);
	printf("  the most for one session: %u\n", r->most);
	replay_verdict(r);
}

static void
replay_verdict(const struct probe_replay *r)
{
	if (r->most > 1)
		printf("\nNOT GOOD: early data were accepted more than "
		    "once.\n");
	else if (r->unanswered > 0)
		printf("\nNOT GOOD: %u of %u copies had no answer: nothing "
		    "is proven.\n", r->unanswered, r->sent);
	else
		printf("\nGood: no early data were accepted more than "
		    "once.\n");
}

int
report_failure(const struct probe_options *o, const char *text)
{
	if (!o->json) {
		fprintf(stderr, "tlsherd-probe: %s\n", text);
		return fflush(stdout) == 0 ? 0 : -1;
	}
	json_array_end(&document);
	json_string(&document, "error", text);
	json_bool(&document, "good", false);
	json_object_end(&document);
	return json_finish(&document);
}

int
report_end(const struct probe_options *o, bool good)
{
	if (o->json) {
		if (o->replay == 0)
			json_array_end(&document);
		json_bool(&document, "good", good);
		json_object_end(&document);
		return json_finish(&document);
	}
	if (o->replay == 0)
		printf("\n%s\n", good ?
		    "Good: everything that should resume did." :
		    "NOT GOOD: see above for what failed or did not resume.");
	return fflush(stdout) == 0 ? 0 : -1;
}
