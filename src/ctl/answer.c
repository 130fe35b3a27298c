/* SPDX-License-Identifier: ISC */
/*
 * Requests of the control socket and their answers: the protocol and the
 * table of commands. What an answer says is report.c's. Runs in the master;
 * the request comes from whoever may open the socket.
 */
#include "config.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ctl/ctl_int.h"
#include "ctl/protocol.h"
#include "report/report.h"

struct verb {
	const char *name;
	int (*report)(FILE *, enum report_form, const struct ctl_view *);
};

static const struct verb verbs[] = {
#define X(ID, verb, doc) { #verb, report_##verb },
#include "ctl/verbs.def"
#undef X
};
#define NVERBS (sizeof(verbs) / sizeof(verbs[0]))

static bool request_terminate(char *, size_t);
static enum ctl_status answer_write(FILE *, char *, ctl_view_cb *, void *);
static const struct verb *verb_find(const char *);

/*
 * The answer is written behind a gap for its first line, which tells how long
 * the rest is.
 */
char *
ctl_answer(char *request, size_t reqlen, ctl_view_cb *view_fill, void *arg,
    size_t *begin, size_t *end)
{
	char line[CTL_ANSWER_LINE_MAX], *answer;
	enum ctl_status status;
	int failed, len;
	FILE *out;

	if ((out = open_memstream(&answer, end)) == NULL)
		return NULL;
	fprintf(out, "%*s", CTL_ANSWER_LINE_MAX, "");
	status = CTL_USAGE;
	if (request_terminate(request, reqlen))
		status = answer_write(out, request, view_fill, arg);
	else
		fprintf(out, "the request is not one line of text");
	failed = ferror(out);
	if (fclose(out) != 0 || failed) {
		free(answer);
		return NULL;
	}
	len = snprintf(line, sizeof(line), "%s %d %zu\n", CTL_ANSWER_TAG,
	    status, *end - CTL_ANSWER_LINE_MAX);
	*begin = CTL_ANSWER_LINE_MAX - (size_t)len;
	memcpy(answer + *begin, line, (size_t)len);
	return answer;
}

/* Put a NUL in place of the newline, which must be the last byte. */
static bool
request_terminate(char *request, size_t len)
{
	char *newline;

	newline = memchr(request, '\n', len);
	if (newline == NULL || newline + 1 != request + len ||
	    memchr(request, '\0', len) != NULL)
		return false;
	*newline = '\0';
	return true;
}

static enum ctl_status
answer_write(FILE *out, char *request, ctl_view_cb *view_fill, void *arg)
{
	const char *tag, *name, *form;
	const struct verb *verb;
	struct ctl_view view;
	enum report_form rf;

	tag = strsep(&request, " ");
	name = strsep(&request, " ");
	form = strsep(&request, " ");
	if (form == NULL || request != NULL ||
	    strcmp(tag, CTL_REQUEST_TAG) != 0) {
		fprintf(out, "this tlsherd understands %s VERB FORM",
		    CTL_REQUEST_TAG);
		return CTL_USAGE;
	}
	if ((verb = verb_find(name)) == NULL) {
		if (ctl_order_named(name) != CTL_ORDER_COUNT)
			fprintf(out, "the answer to an order is always plain");
		else
			fprintf(out, "this tlsherd does not know that command");
		return CTL_USAGE;
	}
	if (strcmp(form, CTL_FORM_JSON) == 0)
		rf = REPORT_JSON;
	else if (strcmp(form, CTL_FORM_PLAIN) == 0)
		rf = REPORT_PLAIN;
	else {
		fprintf(out, "this tlsherd does not know that form");
		return CTL_USAGE;
	}
	if (rf == REPORT_JSON && (verb->report == report_metrics ||
		verb->report == report_config)) {
		fprintf(out, "this has a form of its own, which is no JSON");
		return CTL_USAGE;
	}
	memset(&view, 0, sizeof(view));
	view.now = clock_wall();
	view_fill(arg, &view);
	return verb->report(out, rf, &view) == 0 ? CTL_DONE : CTL_FAILED;
}

static const struct verb *
verb_find(const char *name)
{
	size_t i;

	for (i = 0; i < NVERBS; i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}
