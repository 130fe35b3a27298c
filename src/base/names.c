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

static void put_address(FILE *, const struct addr *);
static void name_clear(struct name *);

void
names_begin(void)
{
	names.begun = true;
}

void
names_ask_again(void)
{
	struct name *name;

	for (name = names.list; name < names.list + names.n; name++) {
		if (name->state == NAME_FOUND) {
			free(name->before);
			name->before = name->list;
			name->nbefore = name->n;
			name->list = NULL;
		}
		name_clear(name);
		name->state = NAME_UNUSED;
	}
}

void
names_tidy(void)
{
	size_t i, kept = 0;

	for (i = 0; i < names.n; i++) {
		if (names.list[i].state != NAME_UNUSED) {
			names.list[kept++] = names.list[i];
			continue;
		}
		name_clear(&names.list[i]);
		free(names.list[i].before);
		free(names.list[i].text);
	}
	names.n = kept;
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
	if (known != NULL) {
		one = &names.list[known - names.list];
		if (one->state == NAME_UNUSED)
			one->state = NAME_ASKED;
		return one;
	}
	names.list = xreallocarray(names.list, names.n + 1,
	    sizeof(*names.list));
	one = &names.list[names.n++];
	memset(one, 0, sizeof(*one));
	one->text = xstrdup(text);
	return one;
}

void
names_remember(const char *text, const struct addr *addr)
{
	const bool known = names_find(text) != NULL;
	struct name *name = names_get(text);

	if (name == NULL)
		return;
	if (!known)
		name->state = NAME_UNUSED;
	name->before = xreallocarray(name->before, name->nbefore + 1,
	    sizeof(*name->before));
	name->before[name->nbefore++] = *addr;
}

void
names_put(FILE *fp, const char *keyword)
{
	const struct name *name;
	size_t i;

	for (name = names.list; name < names.list + names.n; name++) {
		if (name->state != NAME_FOUND)
			continue;
		fputs(keyword, fp);
		words_put_text(fp, name->text);
		for (i = 0; i < name->n; i++)
			put_address(fp, &name->list[i]);
		fputc('\n', fp);
	}
}

static void
put_address(FILE *fp, const struct addr *addr)
{
	char text[ADDR_TEXT_MAX];

	addr_format((const struct sockaddr *)&addr->ss, addr->len, text,
	    sizeof(text));
	words_put_text(fp, text);
}

bool
names_take(struct words *w)
{
	char *name = NULL, *text = NULL;
	struct addr addr;
	struct err err;

	if (!words_text(w, &name))
		return false;
	while (words_text(w, &text)) {
		if (addr_parse(text, &addr, NULL, &err) == 0 &&
		    !addr_is_unknown(&addr))
			names_remember(name, &addr);
		free(text);
		text = NULL;
	}
	free(text);
	free(name);
	return true;
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

bool
name_restore(struct name *name)
{
	if (name->nbefore == 0)
		return false;
	name_clear(name);
	name->list = name->before;
	name->n = name->nbefore;
	name->before = NULL;
	name->nbefore = 0;
	name->state = NAME_FOUND;
	return true;
}

void
name_fail(struct name *name, const char *why)
{
	name_clear(name);
	free(name->before);
	name->before = NULL;
	name->nbefore = 0;
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
