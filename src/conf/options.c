/* SPDX-License-Identifier: ISC */
/*
 * The tables as libConfuse wants them: an array of options for each section,
 * with those of the sections that stand in it. Master, and tlsherd -t.
 *
 * The values go to conf_value_cb(), and nobody asks libConfuse for them later;
 * the defaults are ours, too. But it tells nobody that a section begins: so
 * each has one option more, of a name that no text can have, whose default
 * comes at that moment. (Not a PART, which is there as soon as its parent is.)
 */
#include "config.h"

#include <stdlib.h>

#include "base/mem.h"
#include "conf/load_int.h"

static cfg_opt_t begin_option(void);
static cfg_opt_t directive_option(const struct conf_directive *);
static cfg_opt_t section_option(const struct conf_schema *, unsigned);
static cfg_flag_t section_flags(const struct conf_section *);

cfg_opt_t *
conf_options_new(const struct conf_schema *s, unsigned section)
{
	static const cfg_opt_t include = { .name = "include",
		.type = CFGT_FUNC, .func = conf_include_func };
	const struct conf_section *row = &s->sections[section];
	const struct conf_directive *d = NULL;
	cfg_opt_t *options, *next;
	unsigned i;

	/* One more than is needed: it ends with zeroes, as CFG_END() says. */
	next = options = xcalloc(s->ndirectives + s->nsections + 3,
	    sizeof(*options));
	if (row->shape != CONF_PART)
		*next++ = begin_option();
	while ((d = conf_directive_next(s, section, d)) != NULL)
		*next++ = directive_option(d);
	for (i = section + 1; i < s->nsections; i++)
		if (s->sections[i].parent == section)
			*next++ = section_option(s, i);
	if (row->include)
		*next++ = include;
	return options;
}

void
conf_options_free(cfg_opt_t *options)
{
	cfg_opt_t *o;

	for (o = options; o->name != NULL; o++)
		if (o->type == CFGT_SEC)
			conf_options_free(o->subopts);
	free(options);
}

static cfg_opt_t
begin_option(void)
{
	static char value[] = "begins";
	cfg_opt_t option = { .name = "{", .type = CFGT_PTR,
		.def = { .parsed = value }, .parsecb = conf_begin_cb };

	return option;
}

static cfg_opt_t
directive_option(const struct conf_directive *d)
{
	cfg_opt_t option = { .name = d->name, .type = CFGT_PTR,
		.flags = d->flags | CFGF_NODEFAULT,
		.parsecb = conf_value_cb };

	return option;
}

static cfg_opt_t
section_option(const struct conf_schema *s, unsigned section)
{
	const struct conf_section *row = &s->sections[section];
	cfg_opt_t option = { .name = row->name, .type = CFGT_SEC,
		.flags = section_flags(row),
		.subopts = conf_options_new(s, section),
		.validcb = conf_end_cb };

	return option;
}

/*
 * MULTI: it is another one each time that it is written, and is not created in
 * advance. What is there twice is ours to tell.
 */
static cfg_flag_t
section_flags(const struct conf_section *row)
{
	switch (row->shape) {
	case CONF_ONCE:
		return CFGF_MULTI;
	case CONF_TITLED:
		return CFGF_MULTI | CFGF_TITLE;
	default:
		return CFGF_NONE;
	}
}
