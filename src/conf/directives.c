/* SPDX-License-Identifier: ISC */
/* The table of directives, and what to say when a word is none. Master. */
#include "config.h"

#include <stddef.h>
#include <string.h>

#include "base/keepalive.h"
#include "conf/conf_int.h"

#define ROW(section, type, name, flags, kind, field, min, max)		\
	{ section, #name, flags, &conf_kind_##kind,			\
	    offsetof(struct type, field), min, max },
#define ROOT(name, flags, kind, field, fallback, min, max)		\
	ROW(CONF_SECTION_ROOT, conf, name, flags, kind, field, min, max)
#define SESSION_CACHE(name, flags, kind, field, fallback, min, max)	\
	ROW(CONF_SECTION_SESSION_CACHE, conf, name, flags, kind, field,	\
	    min, max)
#define TICKETS(name, flags, kind, field, fallback, min, max)		\
	ROW(CONF_SECTION_TICKETS, conf, name, flags, kind, field, min, max)
#define LISTEN(name, flags, kind, field, fallback, min, max)		\
	ROW(CONF_SECTION_LISTEN, conf_listen, name, flags, kind, field,	\
	    min, max)
#define CERTIFICATE(name, flags, kind, field, fallback, min, max)	\
	ROW(CONF_SECTION_CERTIFICATE, conf_certificate, name, flags,	\
	    kind, field, min, max)
#define EARLY_DATA(name, flags, kind, field, fallback, min, max)	\
	ROW(CONF_SECTION_EARLY_DATA, conf_early_data, name, flags, kind, \
	    field, min, max)

const struct conf_directive conf_directives[] = {
#include "conf/directives.def"
};

const size_t conf_ndirectives =
    sizeof(conf_directives) / sizeof(conf_directives[0]);

_Static_assert(sizeof(conf_directives) / sizeof(conf_directives[0]) <=
    CONF_DIRECTIVES_MAX, "CONF_DIRECTIVES_MAX is too small");

static const struct {
	const char *name;
	enum conf_section parent;
} sections[] = {
	[CONF_SECTION_ROOT] = { "root", CONF_SECTION_COUNT },
	[CONF_SECTION_SESSION_CACHE] = { "session_cache", CONF_SECTION_ROOT },
	[CONF_SECTION_TICKETS] = { "tickets", CONF_SECTION_ROOT },
	[CONF_SECTION_LISTEN] = { "listen", CONF_SECTION_ROOT },
	[CONF_SECTION_CERTIFICATE] = { "certificate", CONF_SECTION_LISTEN },
	[CONF_SECTION_EARLY_DATA] = { "early_data", CONF_SECTION_LISTEN },
};

static int misplaced(const char *, enum conf_section, enum conf_section,
    const struct loc *, struct err *);
static const char *suggest(enum conf_section, const char *);
static void consider(const char *, const char *, const char **, size_t *);
static size_t distance(const char *, const char *);

const char *
conf_section_name(enum conf_section section)
{
	return sections[section].name;
}

enum conf_section
conf_section_find(const char *name)
{
	unsigned i;

	for (i = 0; i < CONF_SECTION_COUNT; i++)
		if (strcmp(sections[i].name, name) == 0)
			break;
	return (enum conf_section)i;
}

const struct conf_directive *
conf_directive_find(enum conf_section section, const char *name)
{
	size_t i;

	for (i = 0; i < conf_ndirectives; i++)
		if (conf_directives[i].section == section &&
		    strcmp(conf_directives[i].name, name) == 0)
			return &conf_directives[i];
	return NULL;
}

bool
conf_directive_is_single(const char *name)
{
	bool known = false;
	size_t i;

	for (i = 0; i < conf_ndirectives; i++) {
		if (strcmp(conf_directives[i].name, name) != 0)
			continue;
		if (conf_directives[i].flags & CFGF_LIST)
			return false;
		known = true;
	}
	return known;
}

int
conf_unknown(enum conf_section section, const char *name,
    const struct loc *loc, struct err *err)
{
	const char *similar;
	unsigned i;

	for (i = 0; i < CONF_SECTION_COUNT; i++) {
		if (i != CONF_SECTION_ROOT && strcmp(sections[i].name,
		    name) == 0)
			return misplaced(name, sections[i].parent, section,
			    loc, err);
		if (conf_directive_find((enum conf_section)i, name) != NULL)
			return misplaced(name, (enum conf_section)i, section,
			    loc, err);
	}
	if (strcmp(name, "include") == 0)
		return err_set(err, loc, "\"include\" belongs at the top level "
		    "or in a listen section");
	similar = suggest(section, name);
	if (similar != NULL)
		return err_set(err, loc, "unknown directive \"%.200s\"; did "
		    "you mean \"%s\"?", name, similar);
	return err_set(err, loc, "unknown directive \"%.200s\"", name);
}

static int
misplaced(const char *name, enum conf_section right, enum conf_section here,
    const struct loc *loc, struct err *err)
{
	if (right == CONF_SECTION_ROOT)
		return err_set(err, loc, "\"%s\" belongs at the top level, "
		    "not in a %s section", name, sections[here].name);
	return err_set(err, loc, "\"%s\" belongs in a %s section", name,
	    sections[right].name);
}

/* The nearest word of the section, if it is near. */
static const char *
suggest(enum conf_section section, const char *name)
{
	size_t best = strlen(name) / 3 + 1, i;
	const char *found = NULL;

	if (strlen(name) > 64)
		return NULL;
	for (i = 0; i < conf_ndirectives; i++)
		if (conf_directives[i].section == section)
			consider(conf_directives[i].name, name, &found,
			    &best);
	for (i = 0; i < CONF_SECTION_COUNT; i++)
		if (sections[i].parent == section)
			consider(sections[i].name, name, &found, &best);
	if (section == CONF_SECTION_ROOT || section == CONF_SECTION_LISTEN)
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

void
conf_section_clear(enum conf_section section, void *target)
{
	const struct conf_directive *d;

	for (d = conf_directives; d < conf_directives + conf_ndirectives; d++)
		if (d->section == section && d->kind->clear != NULL)
			d->kind->clear(d, target);
}
