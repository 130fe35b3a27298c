/* SPDX-License-Identifier: ISC */
/* Names of hosts; see names.h. Master and tlsherd -t. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/names.h"

static struct {
	bool begun;
	struct name *list;
	size_t n;
} names;

static void name_clear(struct name *);

void
names_begin(void)
{
	names.begun = true;
}

void
names_forget(void)
{
	size_t i;

	for (i = 0; i < names.n; i++) {
		name_clear(&names.list[i]);
		free(names.list[i].text);
	}
	free(names.list);
	names.list = NULL;
	names.n = 0;
}

struct name *
names_all(size_t *n)
{
	*n = names.n;
	return names.list;
}

const struct name *
names_find(const char *text)
{
	size_t i;

	for (i = 0; i < names.n; i++)
		if (strcmp(names.list[i].text, text) == 0)
			return &names.list[i];
	return NULL;
}

struct name *
names_get(const char *text)
{
	const struct name *known = names_find(text);
	struct name *one;

	if (!names.begun)
		return NULL;
	if (known != NULL)
		return &names.list[known - names.list];
	names.list = xreallocarray(names.list, names.n + 1,
	    sizeof(*names.list));
	one = &names.list[names.n++];
	memset(one, 0, sizeof(*one));
	one->text = xstrdup(text);
	return one;
}

void
name_add(struct name *name, const struct addr *addr)
{
	if (name->state != NAME_FOUND)
		name_clear(name);
	name->list = xreallocarray(name->list, name->n + 1,
	    sizeof(*name->list));
	name->list[name->n++] = *addr;
	name->state = NAME_FOUND;
}

void
name_fail(struct name *name, const char *why)
{
	name_clear(name);
	name->why = xstrdup(why);
	name->state = NAME_FAILED;
}

static void
name_clear(struct name *name)
{
	free(name->list);
	free(name->why);
	name->list = NULL;
	name->n = 0;
	name->why = NULL;
}
