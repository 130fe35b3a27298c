/* SPDX-License-Identifier: ISC */
/* A configuration as text, by the tables. Master, and tlsherd -T. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "conf/conf_int.h"

struct printer {
	const struct conf_schema *schema;
	FILE *fp;
	int depth;
};

static void print_directives(const struct printer *, unsigned, void *);
static void print_below(struct printer *, unsigned, void *);
static void print_section(struct printer *, unsigned, void *);
static void print_indent(const struct printer *);

void
conf_print(const struct conf *conf, FILE *fp)
{
	conf_print_by(&conf_schema, conf, fp);
}

void
conf_print_by(const struct conf_schema *schema, const struct conf *conf,
    FILE *fp)
{
	struct printer p = { .schema = schema, .fp = fp };

	/* It is only read. */
	print_below(&p, CONF_SECTION_ROOT, (void *)(uintptr_t)conf);
}

bool
conf_same(const struct conf *a, const struct conf *b)
{
	char *text[2] = { NULL, NULL };
	size_t size;
	bool same;
	FILE *fp;
	int i;

	for (i = 0; i < 2; i++) {
		fp = open_memstream(&text[i], &size);
		if (fp == NULL)
			break;
		conf_print(i == 0 ? a : b, fp);
		(void)fclose(fp);
	}
	same = text[0] != NULL && text[1] != NULL &&
	    strcmp(text[0], text[1]) == 0;
	free(text[0]);
	free(text[1]);
	return same;
}

/* What stands in a section: its directives, and then other sections. */
static void
print_below(struct printer *p, unsigned section, void *target)
{
	const struct conf_section *row;
	unsigned i;
	size_t j;

	print_directives(p, section, target);
	for (i = section + 1; i < p->schema->nsections; i++) {
		row = &p->schema->sections[i];
		if (row->parent != section)
			continue;
		for (j = 0; j < conf_targets(row, target); j++)
			print_section(p, i, conf_target(row, target, j));
	}
}

static void
print_directives(const struct printer *p, unsigned section, void *target)
{
	const struct conf_directive *d = NULL;

	while ((d = conf_directive_next(p->schema, section, d)) != NULL) {
		print_indent(p);
		fprintf(p->fp, "%s = ", d->name);
		d->kind->print(d, target, p->fp);
		putc('\n', p->fp);
	}
}

static void
print_section(struct printer *p, unsigned section, void *target)
{
	const struct conf_section *row = &p->schema->sections[section];

	/* What is inherited would be printed as what stands here. */
	if (row->heir != CONF_SECTION_NONE &&
	    conf_target_loc(row, target)->file == NULL)
		return;
	putc('\n', p->fp);
	print_indent(p);
	fputs(row->name, p->fp);
	if (row->shape == CONF_TITLED) {
		putc(' ', p->fp);
		conf_print_string(conf_target_title(row, target), p->fp);
	}
	fputs(" {\n", p->fp);
	p->depth++;
	print_below(p, section, target);
	p->depth--;
	print_indent(p);
	fputs("}\n", p->fp);
}

static void
print_indent(const struct printer *p)
{
	int i;

	for (i = 0; i < p->depth; i++)
		putc('\t', p->fp);
}
