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

static int load_file(const char *, const struct loc *, void *);
static int load_source(cfg_t *, struct conf_source *);
static int load_assignment(cfg_t *, const char *, const char *);

struct conf *
conf_load(const char *path, char *const *overrides, size_t n, struct err *err)
{
	struct conf_loader l = { .err = err };
	cfg_t *cfg;
	size_t i;
	int rc;

	l.conf = xcalloc(1, sizeof(*l.conf));
	err->text[0] = '\0';
	conf_loader = &l;
	cfg = cfg_init(conf_options, CFGF_NONE);
	if (cfg == NULL)
		fatalx("out of memory");
	cfg_set_error_function(cfg, conf_complain_cb);
	rc = load_file(path, NULL, cfg);
	for (i = 0; i < n && rc == 0; i++)
		rc = load_assignment(cfg, overrides[i], path);
	cfg_free(cfg);
	l.conf->cache_size_loc = *conf_set_at(CONF_SECTION_SESSION_CACHE,
	    "size");
	if (rc == 0)
		rc = conf_check_whole(l.conf, path,
		    conf_later(conf_set_at(CONF_SECTION_SESSION_CACHE,
		    "timeout"), conf_set_at(CONF_SECTION_TICKETS, "rotate")),
		    err);
	conf_loader = NULL;
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

	if (conf_syntax(source, conf_loader->err) == -1)
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
load_assignment(cfg_t *cfg, const char *text, const char *path)
{
	struct conf_source source;
	char *folder;
	int rc;

	folder = conf_folder(path);
	rc = conf_source_assignment(&source, conf_loader->conf, text, folder,
	    conf_loader->err);
	free(folder);
	if (rc == 0)
		rc = load_source(cfg, &source);
	conf_source_release(&source);
	return rc;
}

int
conf_include_func(cfg_t *cfg, cfg_opt_t *opt, int argc, const char **argv)
{
	const struct conf_source *source = conf_loader->source;
	struct loc loc = conf_here(cfg);
	int i;

	if (argc == 0)
		return err_set(conf_loader->err, &loc, "include(): expected a "
		    "path or a pattern");
	for (i = 0; i < argc; i++)
		if (conf_include(argv[i], source->folder, &loc, load_file,
		    cfg, conf_loader->err) == -1)
			return -1;
	return 0;
}
