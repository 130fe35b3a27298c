/* SPDX-License-Identifier: ISC */
/*
 * Which titles sections have so far, so that none is there twice: there may be
 * tens of thousands. One set for each kind of section, which begins anew with
 * each section that such ones stand in. Master, and tlsherd -t.
 */
#include "config.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "conf/load_int.h"

struct titled {
	char *title;
	struct loc loc;
};

static void empty(void **);
static int compare(const void *, const void *);

const struct loc *
conf_titles_note(unsigned section, const char *title, const struct loc *loc)
{
	const struct conf_schema *s = conf_loader->schema;
	struct titled key = { .title = xstrdup(title) }, *one, **found;
	unsigned i;

	found = tfind(&key, &conf_loader->titles[section], compare);
	if (found != NULL) {
		free(key.title);
		return &(*found)->loc;
	}
	one = xcalloc(1, sizeof(*one));
	one->title = key.title;
	one->loc = *loc;
	if (tsearch(one, &conf_loader->titles[section], compare) == NULL)
		fatalx("out of memory");
	for (i = section + 1; i < s->nsections; i++)
		if (s->sections[i].parent == section)
			empty(&conf_loader->titles[i]);
	return NULL;
}

void
conf_titles_free(void)
{
	unsigned i;

	for (i = 0; i < conf_loader->schema->nsections; i++)
		empty(&conf_loader->titles[i]);
}

static void
empty(void **set)
{
	struct titled *one;

	while (*set != NULL) {
		one = **(struct titled ***)set;
		(void)tdelete(one, set, compare);
		free(one->title);
		free(one);
	}
}

static int
compare(const void *a, const void *b)
{
	const struct titled *x = a, *y = b;

	return strcmp(x->title, y->title);
}
