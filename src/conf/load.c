/* SPDX-License-Identifier: ISC */
/*
 * conf_load(): the texts, one after the other or inside each other, on their
 * way to libConfuse. Master, and tlsherd -t.
 */
#include "config.h"

#include <stdlib.h>

#include "base/mem.h"
#include "conf/load_int.h"

struct conf_loader *conf_loader;

static int load(const char *, char *const *, size_t);
static int load_file(const char *, const struct loc *, void *);
static int load_source(cfg_t *, struct conf_source *);
static int load_assignment(const char *, const char *);

struct conf *
conf_load(const char *path, char *const *overrides, size_t n, struct err *err)
{
	return conf_load_by(&conf_schema, path, overrides, n, err);
}

struct conf *
conf_load_by(const struct conf_schema *schema, const char *path,
    char *const *overrides, size_t n, struct err *err)
{
	struct conf_loader l = { .schema = schema, .err = err };
	int rc;

	l.conf = xcalloc(1, schema->sections[CONF_SECTION_ROOT].size);
	l.set = xcalloc(schema->nsections * schema->ndirectives,
	    sizeof(*l.set));
	l.titles = xcalloc(schema->nsections, sizeof(*l.titles));
	err->text[0] = '\0';
	conf_loader = &l;
	rc = load(path, overrides, n);
	conf_titles_free();
	conf_loader = NULL;
	free(l.set);
	free(l.titles);
	if (rc == 0)
		return l.conf;
	conf_free_by(schema, l.conf);
	return NULL;
}

static int
load(const char *path, char *const *overrides, size_t n)
{
	static const struct loc nowhere;
	struct conf_loader *l = conf_loader;
	cfg_opt_t *options;
	size_t i;
	int rc;

	conf_default(CONF_SECTION_ROOT, l->conf, &nowhere);
	options = conf_options_new(l->schema, CONF_SECTION_ROOT);
	l->root = cfg_init(options, CFGF_NONE);
	if (l->root == NULL)
		fatalx("out of memory");
	cfg_set_error_function(l->root, conf_complain_cb);
	rc = load_file(path, NULL, l->root);
	for (i = 0; i < n && rc == 0; i++)
		rc = load_assignment(overrides[i], path);
	if (rc == 0)
		rc = conf_end(l->root, CONF_SECTION_ROOT);
	cfg_free(l->root);
	conf_options_free(options);
	return rc;
}

static int
load_file(const char *path, const struct loc *from, void *arg)
{
	struct conf_source source;
	int rc;

	rc = conf_source_file(&source, conf_loader->conf, path, from,
	    conf_loader->source, conf_loader->err);
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

	if (conf_syntax(conf_loader->schema, source, conf_loader->err) == -1)
		return -1;
	source->parent = conf_loader->source;
	conf_loader->source = source;
	rc = cfg_parse_buf(cfg, source->text);
	conf_loader->source = source->parent;
	cfg->line = line;
	if (rc == CFG_SUCCESS)
		return 0;
	if (conf_loader->err->text[0] == '\0')
		err_set(conf_loader->err, &start, "cannot be read");
	return -1;
}

static int
load_assignment(const char *text, const char *path)
{
	struct conf_source source;
	char *folder;
	int rc;

	folder = conf_folder(path);
	rc = conf_assignment(conf_loader->schema, &source, conf_loader->conf,
	    text, folder, conf_loader->err);
	free(folder);
	if (rc == 0)
		rc = load_source(conf_loader->root, &source);
	conf_source_release(&source);
	return rc;
}

int
conf_include_func(cfg_t *cfg, cfg_opt_t *opt, int argc, const char **argv)
{
	const struct conf_source *source = conf_loader->source;
	struct loc loc = conf_here(cfg);
	int i;

	/* The section that it stands in may be wrong. */
	if (conf_loader->err->text[0] != '\0')
		return -1;
	if (argc == 0)
		return err_set(conf_loader->err, &loc, "include(): expected a "
		    "path or a pattern");
	for (i = 0; i < argc; i++)
		if (conf_include(argv[i], source->folder, &loc, load_file,
		    cfg, conf_loader->err) == -1)
			return -1;
	return 0;
}

const char *
conf_confuse_version(void)
{
	return confuse_version;
}
