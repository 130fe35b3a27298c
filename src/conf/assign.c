/* SPDX-License-Identifier: ISC */
/*
 * Assignments of the command line (-o KEY=VALUE) as texts of one line. The key
 * of a directive that does not stand at the top level begins with the names of
 * its sections: those that may be written in parts, of which this is one more.
 * Master.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "conf/conf_int.h"

#define NAME_SHOWN 80 /* of an assignment, before what is wrong with it */

static void init(struct conf_source *, struct conf *, const char *,
    const char *);
static bool in_parts(const struct conf_schema *, const char *);
static int fail_expected(const struct conf_schema *, const char *,
    struct err *);
static void print_key(const struct conf_schema *, unsigned, FILE *);
static void print_text(const char *, FILE *);
static void print_value(const char *, FILE *);

int
conf_assignment(const struct conf_schema *s, struct conf_source *source,
    struct conf *conf, const char *text, const char *folder, struct err *err)
{
	size_t key = strcspn(text, "="), size;
	struct loc here = { NULL, 0 };
	FILE *fp;

	init(source, conf, text, folder);
	if (key == 0 || text[key] == '\0' || !in_parts(s, text))
		return fail_expected(s, source->name, err);
	here.file = source->name;
	fp = open_memstream(&source->text, &size);
	if (fp == NULL)
		return err_set(err, &here, "out of memory");
	print_text(text, fp);
	if (fclose(fp) == 0)
		return 0;
	return err_set(err, &here, "out of memory");
}

static void
init(struct conf_source *source, struct conf *conf, const char *text,
    const char *folder)
{
	char *name;

	if (strlen(text) > NAME_SHOWN)
		name = xasprintf("-o %.*s...", NAME_SHOWN, text);
	else
		name = xasprintf("-o %s", text);
	conf_source_init(source, conf, name, folder);
	free(name);
}

/* Whether all names before the last dot of the key are sections like that. */
static bool
in_parts(const struct conf_schema *s, const char *text)
{
	unsigned section = CONF_SECTION_ROOT;
	size_t len;

	while (text[len = strcspn(text, ".=")] == '.') {
		section = conf_section_find(s, section, text, len);
		if (section == s->nsections ||
		    s->sections[section].shape != CONF_PART)
			return false;
		text += len + 1;
	}
	return true;
}

static int
fail_expected(const struct conf_schema *s, const char *name, struct err *err)
{
	struct loc here = { name, 0 };
	unsigned i, last = 0;
	size_t size;
	char *keys;
	FILE *fp;
	int rc;

	if ((fp = open_memstream(&keys, &size)) == NULL)
		return err_set(err, &here, "out of memory");
	for (i = 1; i < s->nsections; i++)
		if (s->sections[i].shape == CONF_PART)
			last = i;
	for (i = 0; i <= last; i++) {
		if (s->sections[i].shape != CONF_PART)
			continue;
		if (i > 0)
			fputs(i == last ? " or " : ", ", fp);
		print_key(s, i, fp);
		fputs("KEY=VALUE", fp);
	}
	fclose(fp);
	rc = err_set(err, &here, "expected %s", keys);
	free(keys);
	return rc;
}

static void
print_key(const struct conf_schema *s, unsigned section, FILE *fp)
{
	if (section == CONF_SECTION_ROOT)
		return;
	print_key(s, s->sections[section].parent, fp);
	fprintf(fp, "%s.", s->sections[section].name);
}

/* "a.b.key=value" as "a { b { key = value } }" */
static void
print_text(const char *text, FILE *fp)
{
	size_t depth = 0, len;

	while (text[len = strcspn(text, ".=")] == '.') {
		fprintf(fp, "%.*s { ", (int)len, text);
		text += len + 1;
		depth++;
	}
	fprintf(fp, "%.*s = ", (int)len, text);
	text += len + 1;
	print_value(text + strspn(text, " "), fp);
	for (; depth > 0; depth--)
		fputs(" }", fp);
}

/*
 * The shell has taken the quotes away: put them back, unless the value comes
 * with quotes, or braces, of its own.
 */
static void
print_value(const char *value, FILE *fp)
{
	if (value[0] == '"' || value[0] == '\'' || value[0] == '{')
		fputs(value, fp);
	else
		conf_print_string(value, fp);
}
