/* SPDX-License-Identifier: ISC */
/* Tables for people, or one JSON document for programs. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cache_bench.h"

#define LABEL 40
#define GOALS_MAX 16

struct goal {
	const char *what;
	double measured, wanted;
	bool at_least;
};

/* One per process, as is standard output. */
static struct json document;
static bool in_json;
static const char *label_head;
static const struct column *columns;
static struct goal goals[GOALS_MAX];
static size_t goals_n;

static int
width(const struct column *c)
{
	int n = (int)strlen(c->head);

	return n < 8 ? 8 : n;
}

void
report_begin(bool json)
{
	in_json = json;
	if (!json)
		return;
	json_init(&document, stdout);
	json_object_begin(&document, NULL);
}

void
report_text(const char *key, const char *text)
{
	if (in_json)
		json_string(&document, key, text);
	else
		printf("%s\n", text);
}

void
table_begin(const char *key, const char *title, const char *first,
    const struct column *c)
{
	columns = c;
	label_head = first;
	if (in_json) {
		json_array_begin(&document, key);
		return;
	}
	printf("\n%s\n%-*s", title, LABEL, first);
	for (; c->key != NULL; c++)
		printf(" %*s", width(c), c->head);
	printf("\n");
	(void)fflush(stdout);
}

void
table_row(const char *label, const double *values)
{
	const struct column *c;

	if (in_json) {
		json_object_begin(&document, NULL);
		json_string(&document, "what", label);
		for (c = columns; c->key != NULL; c++)
			json_real(&document, c->key, *values++, c->decimals);
		json_object_end(&document);
		return;
	}
	printf("%-*s", LABEL, label);
	for (c = columns; c->key != NULL; c++, values++) {
		if (isnan(*values))
			printf(" %*s", width(c), "-");
		else
			printf(" %*.*f", width(c), c->decimals, *values);
	}
	printf("\n");
	(void)fflush(stdout);
}

void
table_end(void)
{
	if (in_json)
		json_array_end(&document);
}

void
report_goal(const char *what, double measured, double wanted, bool at_least)
{
	if (goals_n == GOALS_MAX)
		bench_fail(what, "there are too many goals");
	goals[goals_n++] = (struct goal){ what, measured, wanted, at_least };
}

static bool
goal_met(const struct goal *g)
{
	return g->at_least ? g->measured >= g->wanted :
	    g->measured <= g->wanted;
}

int
report_end(void)
{
	const struct goal *g;

	if (in_json)
		json_array_begin(&document, "goals");
	else if (goals_n > 0)
		printf("\n%-*s %12s %12s\n", LABEL + 16, "goals", "wanted",
		    "measured");
	for (g = goals; g < goals + goals_n; g++) {
		if (!in_json) {
			printf("%-*s %s %9.2f %12.2f  %s\n", LABEL + 16,
			    g->what, g->at_least ? ">=" : "<=", g->wanted,
			    g->measured, goal_met(g) ? "met" : "MISSED");
			continue;
		}
		json_object_begin(&document, NULL);
		json_string(&document, "goal", g->what);
		json_string(&document, "compare", g->at_least ? ">=" : "<=");
		json_real(&document, "wanted", g->wanted, 2);
		json_real(&document, "measured", g->measured, 2);
		json_bool(&document, "met", goal_met(g));
		json_object_end(&document);
	}
	if (!in_json)
		return fflush(stdout) == 0 && !ferror(stdout) ? 0 : -1;
	json_array_end(&document);
	json_object_end(&document);
	return json_finish(&document);
}
