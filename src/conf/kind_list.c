/* SPDX-License-Identifier: ISC */
/* Directives that are lists: names, paths, protocols. Master. */
#include "config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "conf/conf_int.h"

static bool is_server_name(const char *);
static bool is_label(const char *, size_t);

/* struct conf_strs */

/* Takes value over. */
static int
strs_add(const struct conf_given *g, void *target, char *value)
{
	struct conf_strs *list = conf_field(g->directive, target);

	list->v = xreallocarray(list->v, list->n + 1, sizeof(*list->v));
	list->v[list->n].value = value;
	list->v[list->n].loc = g->loc;
	list->n++;
	return 0;
}

static void
strs_print(const struct conf_directive *d, const void *target, FILE *fp)
{
	const struct conf_strs *list = conf_const_field(d, target);
	size_t i;

	putc('{', fp);
	for (i = 0; i < list->n; i++) {
		fputs(i == 0 ? " " : ", ", fp);
		conf_print_string(list->v[i].value, fp);
	}
	fputs(list->n == 0 ? "}" : " }", fp);
}

static void
strs_clear(const struct conf_directive *d, void *target)
{
	struct conf_strs *list = conf_field(d, target);
	size_t i;

	for (i = 0; i < list->n; i++)
		free(list->v[i].value);
	free(list->v);
	list->v = NULL;
	list->n = 0;
}

static void
strs_copy(const struct conf_directive *d, void *to, const void *from)
{
	const struct conf_strs *list = conf_const_field(d, from);
	struct conf_strs *copy = conf_field(d, to);

	copy->v = xcalloc(list->n, sizeof(*copy->v));
	for (copy->n = 0; copy->n < list->n; copy->n++) {
		copy->v[copy->n] = list->v[copy->n];
		copy->v[copy->n].value = xstrdup(list->v[copy->n].value);
	}
}

static int
paths_add(const struct conf_given *g, void *target)
{
	if (g->text[0] == '\0')
		return conf_expected(g, "a path");
	return strs_add(g, target, conf_path(g->folder, g->text));
}

const struct conf_kind conf_kind_paths = {
	.add = paths_add,
	.print = strs_print,
	.clear = strs_clear,
	.copy = strs_copy,
};

/* RFC 7301 3.1 */
static int
protocols_add(const struct conf_given *g, void *target)
{
	size_t len = strlen(g->text);

	if (len < 1 || len > 255)
		return conf_expected(g, "a protocol name of 1 to 255 bytes, "
		    "such as \"http/1.1\"");
	if (strchr(g->text, ',') != NULL)
		return conf_expected(g, "a protocol name without a comma; "
		    "several are a list, such as { \"h2\", \"http/1.1\" }");
	return strs_add(g, target, xstrdup(g->text));
}

const struct conf_kind conf_kind_protocols = {
	.add = protocols_add,
	.print = strs_print,
	.clear = strs_clear,
	.copy = strs_copy,
};

static int
names_add(const struct conf_given *g, void *target)
{
	char *name, *p;

	if (!is_server_name(g->text))
		return conf_expected(g, "a server name, such as "
		    "\"www.example.com\" or \"*.example.com\"");
	name = xstrdup(g->text);
	for (p = name; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	return strs_add(g, target, name);
}

const struct conf_kind conf_kind_names = {
	.add = names_add,
	.print = strs_print,
	.clear = strs_clear,
	.copy = strs_copy,
};

/* Labels with dots between them; the first may be a lone "*". */
static bool
is_server_name(const char *name)
{
	size_t len;

	if (strlen(name) > 253)
		return false;
	if (strncmp(name, "*.", 2) == 0)
		name += 2;
	for (;;) {
		len = strcspn(name, ".");
		if (!is_label(name, len))
			return false;
		if (name[len] == '\0')
			return true;
		name += len + 1;
	}
}

static bool
is_label(const char *label, size_t len)
{
	size_t i;

	if (len < 1 || len > 63 || label[0] == '-' || label[len - 1] == '-')
		return false;
	for (i = 0; i < len; i++)
		if (!isalnum((unsigned char)label[i]) && label[i] != '-' &&
		    label[i] != '_')
			return false;
	return true;
}
