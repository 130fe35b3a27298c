/* SPDX-License-Identifier: ISC */
/*
 * What to say when a word is no directive of its section: where it belongs, or
 * which one it resembles. Master.
 */
#include "config.h"

#include <string.h>

#include "conf/conf_int.h"

static bool belongs(const struct conf_schema *, unsigned, const char *);
static bool is_first(const struct conf_schema *, unsigned, const char *);
static const char *suggest(const struct conf_schema *, unsigned,
    const char *);
static void consider(const char *, const char *, const char **, size_t *);
static size_t distance(const char *, const char *);

int
conf_unknown(const struct conf_schema *s, unsigned section, const char *name,
    const struct loc *loc, struct err *err)
{
	const char *similar;
	char places[512] = "";
	size_t len = 0;
	unsigned i;

	for (i = 1; i < s->nsections; i++)
		if (len < sizeof(places) && is_first(s, i, name))
			len += (size_t)snprintf(places + len,
			    sizeof(places) - len, "%s%s", len == 0 ?
			    " " : " or ", s->sections[i].name);
	if (belongs(s, CONF_SECTION_ROOT, name) && len == 0)
		return err_set(err, loc, "\"%s\" belongs at the top level, "
		    "not in a %s section", name, s->sections[section].name);
	if (len > 0)
		return err_set(err, loc, "\"%s\" belongs %sin a%s section",
		    name, belongs(s, CONF_SECTION_ROOT, name) ?
		    "at the top level or " : "", places);
	similar = suggest(s, section, name);
	if (similar != NULL)
		return err_set(err, loc, "unknown directive \"%.200s\"; did "
		    "you mean \"%s\"?", name, similar);
	return err_set(err, loc, "unknown directive \"%.200s\"", name);
}

/* Whether a section has a directive or another section of that name. */
static bool
belongs(const struct conf_schema *s, unsigned section, const char *name)
{
	if (strcmp(name, "include") == 0)
		return s->sections[section].include;
	return conf_directive_find(s, section, name) != NULL ||
	    conf_section_find(s, section, name, strlen(name)) < s->nsections;
}

/* A section that has it, and none before it has the same name. */
static bool
is_first(const struct conf_schema *s, unsigned section, const char *name)
{
	unsigned i;

	for (i = 1; i < section; i++)
		if (strcmp(s->sections[i].name, s->sections[section].name) ==
		    0 && belongs(s, i, name))
			return false;
	return belongs(s, section, name);
}

/* The nearest word of the section, if it is near. */
static const char *
suggest(const struct conf_schema *s, unsigned section, const char *name)
{
	const struct conf_directive *d = NULL;
	size_t best = strlen(name) / 3 + 1;
	const char *found = NULL;
	unsigned i;

	if (strlen(name) > 64)
		return NULL;
	while ((d = conf_directive_next(s, section, d)) != NULL)
		consider(d->name, name, &found, &best);
	for (i = 1; i < s->nsections; i++)
		if (s->sections[i].parent == section)
			consider(s->sections[i].name, name, &found, &best);
	if (s->sections[section].include)
		consider("include", name, &found, &best);
	return found;
}

/* Take candidate if it is nearer than what was found before. */
static void
consider(const char *candidate, const char *name, const char **found,
    size_t *best)
{
	size_t d = distance(candidate, name);

	if (d < *best || (d == *best && *found == NULL)) {
		*found = candidate;
		*best = d;
	}
}

/* Edits between a and b (64 at most): add, drop, change, swap neighbours. */
static size_t
distance(const char *a, const char *b)
{
	size_t rows[3][66], *above, *row, *above2;
	size_t i, j, least, n = strlen(b);

	for (j = 0; j <= n; j++)
		rows[0][j] = j;
	for (i = 1; a[i - 1] != '\0'; i++) {
		above2 = rows[(i + 1) % 3];
		above = rows[(i + 2) % 3];
		row = rows[i % 3];
		row[0] = i;
		for (j = 1; j <= n; j++) {
			least = above[j - 1] + (a[i - 1] != b[j - 1]);
			if (above[j] + 1 < least)
				least = above[j] + 1;
			if (row[j - 1] + 1 < least)
				least = row[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] && above2[j - 2] + 1 < least)
				least = above2[j - 2] + 1;
			row[j] = least;
		}
	}
	return rows[(i - 1) % 3][n];
}
