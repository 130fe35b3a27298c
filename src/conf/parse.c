/* SPDX-License-Identifier: ISC */
/*
 * What libConfuse gets to know of our directives, and what becomes of the
 * values that it finds: each is stored as it comes, so that an error has the
 * line of its word. libConfuse itself keeps nothing for us; its defaults come
 * in the same way when a section begins, which is also how we learn that one
 * does. Master, and tlsherd -t.
 */
#include "config.h"

#include <string.h>

#include "base/keepalive.h"
#include "base/mem.h"
#include "conf/load_int.h"

static int value_cb(cfg_t *, cfg_opt_t *, const char *, void *);
static int early_value_cb(cfg_t *, cfg_opt_t *, const char *, void *);
static int certificate_early_value_cb(cfg_t *, cfg_opt_t *, const char *,
    void *);
static int take(cfg_t *, cfg_opt_t *, const char *, enum conf_section,
    void *);
static int section_end_cb(cfg_t *, cfg_opt_t *);
static void *target_of(cfg_t *, enum conf_section);
static struct conf_listen *this_listen(void);
static struct conf_certificate *this_certificate(void);
static void default_early(struct conf_early_data *);
static void begin_early(cfg_t *, struct conf_early_data *);
static int end_early(void);
static void begin(enum conf_section);
static void clear_emptied(cfg_t *);

#if HAVE_DECL_SO_REUSEPORT
#define REUSEPORT_DEFAULT "yes"
#else
#define REUSEPORT_DEFAULT "no"
#endif

#define OPTION(word, option_flags, fallback, callback)			\
	{ .name = #word, .type = CFGT_PTR, .flags = option_flags,	\
	    .def = { .parsed = (char[]){ fallback } },			\
	    .parsecb = callback },
#define DIRECTIVE(word, option_flags, kind, field, fallback, min, max)	\
	OPTION(word, option_flags, fallback, value_cb)
#define SECTION(word, option_flags, options)				\
	{ .name = word, .type = CFGT_SEC, .flags = option_flags,	\
	    .subopts = options, .validcb = section_end_cb }
#define TITLED (CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES)
#define INCLUDE								\
	{ .name = "include", .type = CFGT_FUNC, .func = conf_include_func }

static cfg_opt_t session_cache_options[] = {
#define SESSION_CACHE DIRECTIVE
#include "conf/directives.def"
	CFG_END()
};

static cfg_opt_t tickets_options[] = {
#define TICKETS DIRECTIVE
#include "conf/directives.def"
	CFG_END()
};

/*
 * libConfuse does not tell in which section a section stands, hence two. MULTI
 * keeps it from making one in every section that has none: a certificate
 * without one has the listener's.
 */
static cfg_opt_t early_options[] = {
#define EARLY_DATA(word, option_flags, kind, field, fallback, min, max)	\
	OPTION(word, option_flags, fallback, early_value_cb)
#include "conf/directives.def"
	CFG_END()
};

static cfg_opt_t certificate_early_options[] = {
#define EARLY_DATA(word, option_flags, kind, field, fallback, min, max)	\
	OPTION(word, option_flags, fallback, certificate_early_value_cb)
#include "conf/directives.def"
	CFG_END()
};

static cfg_opt_t certificate_options[] = {
#define CERTIFICATE DIRECTIVE
#include "conf/directives.def"
	SECTION("early_data", CFGF_MULTI, certificate_early_options),
	CFG_END()
};

static cfg_opt_t listen_options[] = {
#define LISTEN DIRECTIVE
#include "conf/directives.def"
	SECTION("certificate", TITLED, certificate_options),
	SECTION("early_data", CFGF_MULTI, early_options),
	INCLUDE,
	CFG_END()
};

cfg_opt_t conf_options[] = {
#define ROOT DIRECTIVE
#include "conf/directives.def"
	SECTION("session_cache", CFGF_NONE, session_cache_options),
	SECTION("tickets", CFGF_NONE, tickets_options),
	SECTION("listen", TITLED, listen_options),
	INCLUDE,
	CFG_END()
};

static int
value_cb(cfg_t *cfg, cfg_opt_t *opt, const char *text, void *result)
{
	enum conf_section section = conf_section_find(cfg->name);

	*(void **)result = NULL;
	return take(cfg, opt, text, section, target_of(cfg, section));
}

static int
early_value_cb(cfg_t *cfg, cfg_opt_t *opt, const char *text, void *result)
{
	struct conf_early_data *early = &this_listen()->early;

	*(void **)result = NULL;
	begin_early(cfg, early);
	return take(cfg, opt, text, CONF_SECTION_EARLY_DATA, early);
}

static int
certificate_early_value_cb(cfg_t *cfg, cfg_opt_t *opt, const char *text,
    void *result)
{
	struct conf_early_data *early = &this_certificate()->early;

	*(void **)result = NULL;
	begin_early(cfg, early);
	return take(cfg, opt, text, CONF_SECTION_EARLY_DATA, early);
}

/* libConfuse has a value, from the text or a default of ours. */
static int
take(cfg_t *cfg, cfg_opt_t *opt, const char *text, enum conf_section section,
    void *target)
{
	struct conf_given g = { .text = text, .loc = conf_here(cfg),
		.folder = "", .err = conf_loader->err };
	const struct conf_directive *d;
	size_t i;

	d = conf_directive_find(section, opt->name);
	g.directive = d;
	if (conf_loader->source != NULL)
		g.folder = conf_loader->source->folder;
	i = (size_t)(d - conf_directives);
	if (!(d->flags & CFGF_LIST) && !conf_loader->set[i].defaulted) {
		conf_loader->set[i].defaulted = true;
	} else if (opt->nvalues == 1) { /* "=", or the first of a list */
		if (conf_loader->source->has_lines &&
		    conf_loader->set[i].loc.file != NULL)
			return err_set(g.err, &g.loc, "\"%s\" is set twice; "
			    "first at %s:%d", d->name,
			    conf_loader->set[i].loc.file,
			    conf_loader->set[i].loc.line);
		conf_loader->set[i].loc = g.loc;
		if (d->kind->clear != NULL)
			d->kind->clear(d, target);
	}
	return d->kind->add(&g, target);
}

/* The struct that the values of cfg go to; a new one when a section begins. */
static void *
target_of(cfg_t *cfg, enum conf_section section)
{
	struct conf *conf = conf_loader->conf;
	struct conf_certificate *c;
	struct conf_listen *l;

	if (section != CONF_SECTION_LISTEN &&
	    section != CONF_SECTION_CERTIFICATE)
		return conf;
	if (section == CONF_SECTION_LISTEN && cfg != conf_loader->listen) {
		conf_loader->listen = cfg;
		begin(section);
		conf->listens = xreallocarray(conf->listens,
		    conf->nlistens + 1, sizeof(*l));
		l = &conf->listens[conf->nlistens++];
		memset(l, 0, sizeof(*l));
		l->name = xstrdup(cfg->title);
		l->loc = conf_here(cfg);
		default_early(&l->early);
	}
	l = this_listen();
	if (section == CONF_SECTION_LISTEN)
		return l;
	if (cfg != conf_loader->certificate) {
		conf_loader->certificate = cfg;
		begin(section);
		l->certificates = xreallocarray(l->certificates,
		    l->ncertificates + 1, sizeof(*c));
		c = &l->certificates[l->ncertificates++];
		memset(c, 0, sizeof(*c));
		c->title = xstrdup(cfg->title);
		c->loc = conf_here(cfg);
	}
	return this_certificate();
}

static struct conf_listen *
this_listen(void)
{
	return &conf_loader->conf->listens[conf_loader->conf->nlistens - 1];
}

static struct conf_certificate *
this_certificate(void)
{
	return &this_listen()->certificates[this_listen()->ncertificates - 1];
}

/* What holds for a listener without the section. */
static void
default_early(struct conf_early_data *early)
{
	static const char *const texts[][2] = {
#define EARLY_DATA(word, option_flags, kind, field, fallback, min, max)	\
		{ #word, fallback },
#include "conf/directives.def"
	};
	struct conf_given g = { .folder = "", .err = conf_loader->err };
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		g.directive = conf_directive_find(CONF_SECTION_EARLY_DATA,
		    texts[i][0]);
		g.text = texts[i][1];
		(void)g.directive->kind->add(&g, early);
	}
}

/*
 * libConfuse aborts when a default is refused, and it is with defaults that a
 * section begins. A second one is refused at its end.
 */
static void
begin_early(cfg_t *cfg, struct conf_early_data *early)
{
	if (cfg == conf_loader->early)
		return;
	conf_loader->early = cfg;
	conf_loader->early_first = early->loc;
	conf_loader->early_loc = early->loc = conf_here(cfg);
	begin(CONF_SECTION_EARLY_DATA);
}

static int
end_early(void)
{
	const struct loc *first = &conf_loader->early_first;

	if (first->file == NULL)
		return 0;
	return err_set(conf_loader->err, &conf_loader->early_loc, "there are "
	    "two sections early_data; the first is at %s:%d", first->file,
	    first->line);
}

/* Nothing is set in a new section. */
static void
begin(enum conf_section section)
{
	size_t i;

	for (i = 0; i < conf_ndirectives; i++)
		if (conf_directives[i].section == section)
			memset(&conf_loader->set[i], 0,
			    sizeof(conf_loader->set[i]));
}

/* "x = {}" calls nobody back, but ends what x had before. */
static void
clear_emptied(cfg_t *cfg)
{
	enum conf_section section = conf_section_find(cfg->name);
	const struct conf_directive *d;

	for (d = conf_directives; d < conf_directives + conf_ndirectives; d++)
		if (d->section == section && (d->flags & CFGF_LIST) &&
		    cfg_size(cfg, d->name) == 0)
			d->kind->clear(d, target_of(cfg, section));
}

/* "}" of a section */
static int
section_end_cb(cfg_t *cfg, cfg_opt_t *opt)
{
	enum conf_section section = conf_section_find(opt->name);

	if (section != CONF_SECTION_EARLY_DATA)
		clear_emptied(cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1));
	switch (section) {
	case CONF_SECTION_LISTEN:
		return conf_check_listen(this_listen(), conf_later(
		    conf_set_at(CONF_SECTION_LISTEN, "minimum_version"),
		    conf_set_at(CONF_SECTION_LISTEN, "maximum_version")),
		    conf_loader->err);
	case CONF_SECTION_CERTIFICATE:
		return conf_check_certificate(this_certificate(),
		    conf_loader->err);
	case CONF_SECTION_EARLY_DATA:
		return end_early();
	default:
		return 0;
	}
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

const struct loc *
conf_set_at(enum conf_section section, const char *name)
{
	return &conf_loader->set[conf_directive_find(section, name) -
	    conf_directives].loc;
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

const char *
conf_confuse_version(void)
{
	return confuse_version;
}
