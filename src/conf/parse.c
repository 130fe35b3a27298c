/* SPDX-License-Identifier: ISC */
/*
 * What becomes of the values that libConfuse finds: each is stored as it
 * comes, so that an error has the line of its word. Master, and tlsherd -t.
 */
#include "config.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "conf/load_int.h"

/* So many sections are small beside what is spared. */
#define SPARE_EACH 64

static unsigned search(cfg_t *, unsigned, const cfg_t *);
static int begin(const cfg_t *, unsigned);
static int twice(const char *, const char *, const struct loc *,
    const struct loc *);
static void forget(cfg_opt_t *, unsigned);
static int too_large(const cfg_t *);
static struct loc *set_of(unsigned, const struct conf_directive *);
static void clear_emptied(cfg_t *, unsigned);

/*
 * libConfuse aborts when a default is refused, and it is with one that a
 * section begins: what is wrong is told at its first value, or at its end.
 */
int
conf_begin_cb(cfg_t *cfg, cfg_opt_t *opt, const char *text, void *result)
{
	*(void **)result = NULL;
	conf_loader->cfg = NULL;
	if (conf_loader->err->text[0] == '\0')
		(void)begin(cfg, conf_section_of(cfg));
	return 0;
}

static int
begin(const cfg_t *cfg, unsigned section)
{
	const struct conf_section *row;
	struct loc here = conf_here(cfg);
	const struct loc *loc;
	void *parent, *target;

	assert(section < conf_loader->schema->nsections);
	row = &conf_loader->schema->sections[section];
	parent = conf_target_of(row->parent);
	if (row->shape == CONF_ONCE) {
		target = conf_target(row, parent, 0);
		loc = conf_target_loc(row, target);
		if (loc->file != NULL)
			return twice(row->name, "", loc, &here);
	} else {
		loc = conf_titles_note(section, cfg->title, &here);
		if (loc != NULL)
			return twice(cfg->title, "\"", loc, &here);
		target = conf_target_add(row, parent, cfg->title);
	}
	conf_default(section, target, &here);
	*conf_target_loc(row, target) = here;
	return 0;
}

static int
twice(const char *name, const char *quote, const struct loc *first,
    const struct loc *here)
{
	return err_set(conf_loader->err, here, "there are two sections "
	    "%s%.200s%s; the first is at %s:%d", quote, name, quote,
	    first->file, first->line);
}

int
conf_value_cb(cfg_t *cfg, cfg_opt_t *opt, const char *text, void *result)
{
	struct conf_given g = { .text = text, .loc = conf_here(cfg),
		.folder = conf_loader->source->folder,
		.err = conf_loader->err };
	unsigned section;
	struct loc *set;
	void *target;

	*(void **)result = NULL;
	if (g.err->text[0] != '\0')
		return -1;
	section = conf_section_of(cfg);
	target = conf_target_of(section);
	g.directive = conf_directive_find(conf_loader->schema, section,
	    opt->name);
	if (opt->nvalues == 1) { /* "=", or the first of a list */
		set = set_of(section, g.directive);
		if (conf_loader->source->has_lines && set->file != NULL)
			return err_set(g.err, &g.loc, "\"%s\" is set twice; "
			    "first at %s:%d", opt->name, set->file,
			    set->line);
		*set = g.loc;
		if (g.directive->kind->clear != NULL)
			g.directive->kind->clear(g.directive, target);
	}
	return g.directive->kind->add(&g, target);
}

int
conf_end_cb(cfg_t *parent, cfg_opt_t *opt)
{
	cfg_t *cfg = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);
	unsigned section = conf_section_of(cfg);
	int rc;

	if (conf_loader->err->text[0] != '\0')
		return -1;
	if (conf_loader->ended++ % SPARE_EACH == 0 && !mem_spare())
		return too_large(cfg);
	rc = conf_end(cfg, section);
	forget(opt, section);
	return rc;
}

/*
 * All that it says is ours by now. libConfuse would keep several KiB of each,
 * and compare the title of a new one with those of all before.
 */
static void
forget(cfg_opt_t *opt, unsigned section)
{
	if (conf_loader->schema->sections[section].shape != CONF_TITLED)
		return;
	conf_loader->cfg = NULL;
	(void)cfg_opt_rmnsec(opt, cfg_opt_size(opt) - 1);
	mem_flush();
}

/* There are tens of thousands of sections where somebody wants them. */
static int
too_large(const cfg_t *cfg)
{
	struct loc here = conf_here(cfg);

	return err_set(conf_loader->err, &here, "there is not enough memory "
	    "for more than what stands up to here");
}

int
conf_end(cfg_t *cfg, unsigned section)
{
	const struct conf_section *row = &conf_loader->schema->sections[section];
	void *target = conf_target_of(section);

	clear_emptied(cfg, section);
	conf_inherit(conf_loader->schema, section, target);
	return row->check == NULL ? 0 : row->check(target, conf_loader->err);
}

/* "x = {}" calls nobody back, but ends what x had before. */
static void
clear_emptied(cfg_t *cfg, unsigned section)
{
	const struct conf_directive *d = NULL;

	while ((d = conf_directive_next(conf_loader->schema, section, d)) !=
	    NULL)
		if ((d->flags & CFGF_LIST) && cfg_size(cfg, d->name) == 0)
			d->kind->clear(d, conf_target_of(section));
}

void
conf_default(unsigned section, void *target, const struct loc *loc)
{
	const struct conf_schema *s = conf_loader->schema;
	struct conf_given g = { .loc = *loc, .folder = "",
		.err = conf_loader->err };
	const struct conf_directive *d = NULL;
	unsigned i;
	int rc;

	while ((d = conf_directive_next(s, section, d)) != NULL) {
		memset(set_of(section, d), 0, sizeof(struct loc));
		if (d->kind->clear != NULL)
			d->kind->clear(d, target);
		if (d->flags & CFGF_LIST)
			continue;
		g.directive = d;
		g.text = d->fallback;
		rc = d->kind->add(&g, target);
		assert(rc == 0);
	}
	for (i = section + 1; i < s->nsections; i++)
		if (s->sections[i].parent == section &&
		    s->sections[i].shape != CONF_TITLED)
			conf_default(i, conf_target(&s->sections[i], target,
			    0), loc);
}

struct loc
conf_here(const cfg_t *cfg)
{
	const struct conf_source *source = conf_loader->source;
	struct loc loc = { NULL, 0 };

	if (source != NULL) {
		loc.file = source->name;
		loc.line = source->has_lines ? cfg->line : 0;
	}
	return loc;
}

unsigned
conf_section_of(const cfg_t *cfg)
{
	if (cfg != conf_loader->cfg) {
		conf_loader->section = cfg == conf_loader->root ?
		    CONF_SECTION_ROOT :
		    search(conf_loader->root, CONF_SECTION_ROOT, cfg);
		conf_loader->cfg = cfg;
	}
	return conf_loader->section;
}

/*
 * libConfuse does not tell in which section another one stands, and some have
 * the same name: so it is looked for from the top. What is being read is the
 * last one of its section.
 */
static unsigned
search(cfg_t *parent, unsigned section, const cfg_t *cfg)
{
	const struct conf_schema *s = conf_loader->schema;
	unsigned found, i, n;
	cfg_t *below;

	for (i = section + 1; i < s->nsections; i++) {
		if (s->sections[i].parent != section ||
		    (n = cfg_size(parent, s->sections[i].name)) == 0)
			continue;
		below = cfg_getnsec(parent, s->sections[i].name, n - 1);
		if (below == cfg)
			return i;
		found = search(below, i, cfg);
		if (found < s->nsections)
			return found;
	}
	return s->nsections;
}

void *
conf_target_of(unsigned section)
{
	const struct conf_section *row;
	void *parent;
	size_t n;

	assert(section < conf_loader->schema->nsections);
	if (section == CONF_SECTION_ROOT)
		return conf_loader->conf;
	row = &conf_loader->schema->sections[section];
	if ((parent = conf_target_of(row->parent)) == NULL ||
	    (n = conf_targets(row, parent)) == 0)
		return NULL;
	return conf_target(row, parent, n - 1);
}

const struct loc *
conf_set_at(unsigned section, const char *name)
{
	return set_of(section, conf_directive_find(conf_loader->schema,
	    section, name));
}

static struct loc *
set_of(unsigned section, const struct conf_directive *d)
{
	const struct conf_schema *s = conf_loader->schema;

	return &conf_loader->set[section * s->ndirectives +
	    (size_t)(d - s->directives)];
}

/* Line 0: an assignment, after all files. */
const struct loc *
conf_later(const struct loc *a, const struct loc *b)
{
	if (a->file == NULL || b->file == NULL)
		return a->file == NULL ? b : a;
	if (a->line == 0 || b->line == 0)
		return a->line == 0 ? a : b;
	return a->line > b->line ? a : b;
}
