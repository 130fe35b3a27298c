/* SPDX-License-Identifier: ISC */
/*
 * conf_load(): has libConfuse take the text apart and stores each value as it
 * comes, so that every error has the line of its word. libConfuse itself keeps
 * nothing for us; its defaults come in the same way when a section begins,
 * which is also how we learn that one does.
 *
 * libConfuse passes no argument to its callbacks and has one lexer for the
 * whole process, so there is one loader at a time. Master, and tlsherd -t.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "conf/conf_int.h"

struct loader {
	struct conf *conf;
	struct err *err; /* text "": no error so far */
	struct conf_source *source;
	const cfg_t *listen, *certificate; /* the ones being read */
	struct {
		bool defaulted;
		struct loc loc; /* file NULL: not set by the file */
	} set[CONF_DIRECTIVES_MAX];
};

static struct loader *loader;

static int value_cb(cfg_t *, cfg_opt_t *, const char *, void *);
static int section_end_cb(cfg_t *, cfg_opt_t *);
static int include_cb(cfg_t *, cfg_opt_t *, int, const char **);
static void error_cb(cfg_t *, const char *, va_list)
    __attribute__((format(printf, 2, 0)));
static int load_file(const char *, const struct loc *, void *);
static int load_source(cfg_t *, struct conf_source *);
static int load_assignment(cfg_t *, const char *, const char *);
static void *target_of(cfg_t *, enum conf_section);
static void begin(enum conf_section);
static void clear_emptied(cfg_t *);
static int set_twice(const struct conf_given *, const struct loc *);
static const struct loc *version_loc(void);
static struct loc here(const cfg_t *);

#if HAVE_DECL_SO_REUSEPORT
#define REUSEPORT_DEFAULT "yes"
#else
#define REUSEPORT_DEFAULT "no"
#endif

#define DIRECTIVE(word, option_flags, kind, field, fallback, min, max)	\
	{ .name = #word, .type = CFGT_PTR, .flags = option_flags,	\
	    .def = { .parsed = (char[]){ fallback } },			\
	    .parsecb = value_cb },
#define SECTION(word, option_flags, options)				\
	{ .name = word, .type = CFGT_SEC, .flags = option_flags,	\
	    .subopts = options, .validcb = section_end_cb }
#define TITLED (CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES)
#define INCLUDE { .name = "include", .type = CFGT_FUNC, .func = include_cb }

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

static cfg_opt_t certificate_options[] = {
#define CERTIFICATE DIRECTIVE
#include "conf/directives.def"
	CFG_END()
};

static cfg_opt_t listen_options[] = {
#define LISTEN DIRECTIVE
#include "conf/directives.def"
	SECTION("certificate", TITLED, certificate_options),
	INCLUDE,
	CFG_END()
};

static cfg_opt_t root_options[] = {
#define ROOT DIRECTIVE
#include "conf/directives.def"
	SECTION("session_cache", CFGF_NONE, session_cache_options),
	SECTION("tickets", CFGF_NONE, tickets_options),
	SECTION("listen", TITLED, listen_options),
	INCLUDE,
	CFG_END()
};

struct conf *
conf_load(const char *path, char *const *overrides, size_t n, struct err *err)
{
	struct loader l = { .conf = xcalloc(1, sizeof(*l.conf)), .err = err };
	const struct conf_directive *size;
	cfg_t *cfg;
	size_t i;
	int rc;

	err->text[0] = '\0';
	loader = &l;
	cfg = cfg_init(root_options, CFGF_NONE);
	if (cfg == NULL) {
		conf_free(l.conf);
		err_set(err, NULL, "out of memory");
		return NULL;
	}
	cfg_set_error_function(cfg, error_cb);
	rc = load_file(path, NULL, cfg);
	for (i = 0; i < n && rc == 0; i++)
		rc = load_assignment(cfg, overrides[i], path);
	cfg_free(cfg);
	loader = NULL;
	size = conf_directive_find(CONF_SECTION_SESSION_CACHE, "size");
	l.conf->cache_size_loc = l.set[size - conf_directives].loc;
	if (rc == 0)
		rc = conf_check_whole(l.conf, path, err);
	if (rc == 0)
		return l.conf;
	conf_free(l.conf);
	return NULL;
}

static int
load_file(const char *path, const struct loc *from, void *arg)
{
	struct conf_source source;
	int rc;

	rc = conf_source_file(&source, loader->conf, path, from,
	    loader->source, loader->err);
	if (rc == 0)
		rc = load_source(arg, &source);
	conf_source_release(&source);
	return rc;
}

/* Read a text into cfg, which may be in the middle of reading another. */
static int
load_source(cfg_t *cfg, struct conf_source *source)
{
	struct loc start = { source->name, 0 };
	int line = cfg->line, rc;

	if (conf_syntax(source, loader->err) == -1)
		return -1;
	source->parent = loader->source;
	loader->source = source;
	rc = cfg_parse_buf(cfg, source->text);
	loader->source = source->parent;
	cfg->line = line;
	if (rc == CFG_SUCCESS)
		return 0;
	if (loader->err->text[0] == '\0')
		err_set(loader->err, &start, "cannot be read");
	return -1;
}

static int
load_assignment(cfg_t *cfg, const char *text, const char *path)
{
	struct conf_source source;
	char *folder;
	int rc;

	folder = conf_folder(path);
	rc = conf_source_assignment(&source, loader->conf, text, folder,
	    loader->err);
	free(folder);
	if (rc == 0)
		rc = load_source(cfg, &source);
	conf_source_release(&source);
	return rc;
}

/* libConfuse has a value, from the text or a default of ours. */
static int
value_cb(cfg_t *cfg, cfg_opt_t *opt, const char *text, void *result)
{
	struct conf_given g = { .text = text, .loc = here(cfg),
		.folder = "", .err = loader->err };
	const struct conf_directive *d;
	void *target;
	size_t i;

	*(void **)result = NULL;
	d = conf_directive_find(conf_section_find(cfg->name), opt->name);
	g.directive = d;
	if (loader->source != NULL)
		g.folder = loader->source->folder;
	target = target_of(cfg, d->section);
	i = (size_t)(d - conf_directives);
	if (!(d->flags & CFGF_LIST) && !loader->set[i].defaulted) {
		loader->set[i].defaulted = true;
	} else if (opt->nvalues == 1) { /* "=", or the first of a list */
		if (loader->source->has_lines &&
		    loader->set[i].loc.file != NULL)
			return set_twice(&g, &loader->set[i].loc);
		loader->set[i].loc = g.loc;
		if (d->kind->clear != NULL)
			d->kind->clear(d, target);
	}
	return d->kind->add(&g, target);
}

/* The struct that the values of cfg go to; a new one when a section begins. */
static void *
target_of(cfg_t *cfg, enum conf_section section)
{
	struct conf *conf = loader->conf;
	struct conf_certificate *c;
	struct conf_listen *l;

	if (section != CONF_SECTION_LISTEN &&
	    section != CONF_SECTION_CERTIFICATE)
		return conf;
	if (section == CONF_SECTION_LISTEN && cfg != loader->listen) {
		loader->listen = cfg;
		begin(section);
		conf->listens = xreallocarray(conf->listens,
		    conf->nlistens + 1, sizeof(*l));
		l = &conf->listens[conf->nlistens++];
		memset(l, 0, sizeof(*l));
		l->name = xstrdup(cfg->title);
		l->loc = here(cfg);
	}
	l = &conf->listens[conf->nlistens - 1];
	if (section == CONF_SECTION_LISTEN)
		return l;
	if (cfg != loader->certificate) {
		loader->certificate = cfg;
		begin(section);
		l->certificates = xreallocarray(l->certificates,
		    l->ncertificates + 1, sizeof(*c));
		c = &l->certificates[l->ncertificates++];
		memset(c, 0, sizeof(*c));
		c->title = xstrdup(cfg->title);
		c->loc = here(cfg);
	}
	return &l->certificates[l->ncertificates - 1];
}

/* Nothing is set in a new section. */
static void
begin(enum conf_section section)
{
	size_t i;

	for (i = 0; i < conf_ndirectives; i++)
		if (conf_directives[i].section == section)
			memset(&loader->set[i], 0, sizeof(loader->set[i]));
}

static int
set_twice(const struct conf_given *g, const struct loc *first)
{
	return err_set(g->err, &g->loc, "\"%s\" is set twice; first at %s:%d",
	    g->directive->name, first->file, first->line);
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
	struct conf_listen *l;

	clear_emptied(cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1));
	if (loader->conf->nlistens == 0)
		return 0;
	l = &loader->conf->listens[loader->conf->nlistens - 1];
	switch (conf_section_find(opt->name)) {
	case CONF_SECTION_LISTEN:
		return conf_check_listen(l, version_loc(), loader->err);
	case CONF_SECTION_CERTIFICATE:
		return conf_check_certificate(
		    &l->certificates[l->ncertificates - 1], loader->err);
	default:
		return 0;
	}
}

/* Where the later of minimum_version and maximum_version stands. */
static const struct loc *
version_loc(void)
{
	const struct loc *a, *b;

	a = &loader->set[conf_directive_find(CONF_SECTION_LISTEN,
	    "minimum_version") - conf_directives].loc;
	b = &loader->set[conf_directive_find(CONF_SECTION_LISTEN,
	    "maximum_version") - conf_directives].loc;
	return b->file == NULL || (a->file != NULL && a->line > b->line) ? a :
	    b;
}

static int
include_cb(cfg_t *cfg, cfg_opt_t *opt, int argc, const char **argv)
{
	const struct conf_source *source = loader->source;
	struct loc loc = here(cfg);
	int i;

	if (argc == 0)
		return err_set(loader->err, &loc, "include(): expected a path "
		    "or a pattern");
	for (i = 0; i < argc; i++)
		if (conf_include(argv[i], source->folder, &loc, load_file,
		    cfg, loader->err) == -1)
			return -1;
	return 0;
}

static struct loc
here(const cfg_t *cfg)
{
	const struct conf_source *source = loader->source;
	struct loc loc = { NULL, 0 };

	if (source != NULL) {
		loc.file = source->name;
		loc.line = source->has_lines ? cfg->line : 0;
	}
	return loc;
}

/* The first section of that title below cfg. */
static const struct loc *
first_titled(const cfg_t *cfg, const char *title)
{
	const struct conf *conf = loader->conf;
	const struct conf_listen *l = conf->listens;
	size_t i;

	if (conf_section_find(cfg->name) == CONF_SECTION_ROOT) {
		for (i = 0; strcmp(l[i].name, title) != 0; i++)
			;
		return &l[i].loc;
	}
	l += conf->nlistens - 1;
	for (i = 0; strcmp(l->certificates[i].title, title) != 0; i++)
		;
	return &l->certificates[i].loc;
}

/*
 * What libConfuse finds wrong: the syntax is good by now, so a word is unknown
 * or of another shape. What it says is told apart by its format; words of
 * another version of libConfuse come out as they are.
 */
static void
error_cb(cfg_t *cfg, const char *fmt, va_list ap)
{
	struct loc loc = here(cfg);
	const struct loc *first;
	const char *word;
	char text[512];

	if (loader->err->text[0] != '\0')
		return;
	if (strncmp(fmt, "no such option", 14) == 0) {
		word = va_arg(ap, const char *);
		conf_unknown(conf_section_find(cfg->name), word, &loc,
		    loader->err);
	} else if (strncmp(fmt, "found duplicate title", 21) == 0) {
		word = va_arg(ap, const char *);
		first = first_titled(cfg, word);
		err_set(loader->err, &loc, "there are two sections \"%.200s\";"
		    " the first is at %s:%d", word, first->file, first->line);
	} else if (strncmp(fmt, "missing equal sign", 18) == 0) {
		word = va_arg(ap, const char *);
		err_set(loader->err, &loc, "\"%s\" is a directive: expected "
		    "\"%s = VALUE\"", word, word);
	} else if (strncmp(fmt, "missing opening brace", 21) == 0) {
		word = va_arg(ap, const char *);
		err_set(loader->err, &loc, "\"%s\" is a section: expected "
		    "\"%s { ... }\"", word, word);
	} else if (strncmp(fmt, "missing title", 13) == 0) {
		word = va_arg(ap, const char *);
		err_set(loader->err, &loc, "\"%s\" is a section with a name: "
		    "expected '%s \"NAME\" { ... }'", word, word);
	} else if (strncmp(fmt, "missing parenthesis", 19) == 0) {
		word = va_arg(ap, const char *);
		err_set(loader->err, &loc, "expected '%s(\"FILE\")'", word);
	} else if (strncmp(fmt, "attempt to append", 17) == 0) {
		word = va_arg(ap, const char *);
		err_set(loader->err, &loc, "\"%s\" takes one value; \"+=\" "
		    "is for lists", word);
	} else {
		vsnprintf(text, sizeof(text), fmt, ap);
		err_set(loader->err, &loc, "%s", text);
	}
}
