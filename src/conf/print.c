/* SPDX-License-Identifier: ISC */
/* A configuration as text, and its end. Master, and tlsherd -T. */
#include "config.h"

#include <stdlib.h>

#include "conf/conf_int.h"

static void
print_section(enum conf_section section, const void *target,
    const char *indent, FILE *fp)
{
	const struct conf_directive *d;

	for (d = conf_directives; d < conf_directives + conf_ndirectives;
	    d++) {
		if (d->section != section)
			continue;
		fprintf(fp, "%s%s = ", indent, d->name);
		d->kind->print(d, target, fp);
		putc('\n', fp);
	}
}

static void
print_early(const struct conf_early_data *early, const char *indent,
    const char *more, FILE *fp)
{
	fprintf(fp, "\n%s%s {\n", indent,
	    conf_section_name(CONF_SECTION_EARLY_DATA));
	print_section(CONF_SECTION_EARLY_DATA, early, more, fp);
	fprintf(fp, "%s}\n", indent);
}

static void
print_named(enum conf_section section, const char *name, const char *indent,
    FILE *fp)
{
	fprintf(fp, "\n%s%s ", indent, conf_section_name(section));
	conf_print_string(name, fp);
	fputs(" {\n", fp);
}

void
conf_print(const struct conf *conf, FILE *fp)
{
	const struct conf_certificate *c;
	const struct conf_listen *l;
	size_t i, j;

	print_section(CONF_SECTION_ROOT, conf, "", fp);
	fputs("\nsession_cache {\n", fp);
	print_section(CONF_SECTION_SESSION_CACHE, conf, "\t", fp);
	fputs("}\n\ntickets {\n", fp);
	print_section(CONF_SECTION_TICKETS, conf, "\t", fp);
	fputs("}\n", fp);
	for (i = 0; i < conf->nlistens; i++) {
		l = &conf->listens[i];
		print_named(CONF_SECTION_LISTEN, l->name, "", fp);
		print_section(CONF_SECTION_LISTEN, l, "\t", fp);
		print_early(&l->early, "\t", "\t\t", fp);
		for (j = 0; j < l->ncertificates; j++) {
			c = &l->certificates[j];
			print_named(CONF_SECTION_CERTIFICATE, c->title, "\t",
			    fp);
			print_section(CONF_SECTION_CERTIFICATE, c, "\t\t",
			    fp);
			if (c->early.loc.file != NULL)
				print_early(&c->early, "\t\t", "\t\t\t",
				    fp);
			fputs("\t}\n", fp);
		}
		fputs("}\n", fp);
	}
}

static void
listen_clear(struct conf_listen *l)
{
	size_t i;

	for (i = 0; i < l->ncertificates; i++) {
		conf_section_clear(CONF_SECTION_CERTIFICATE,
		    &l->certificates[i]);
		free(l->certificates[i].title);
	}
	free(l->certificates);
	conf_section_clear(CONF_SECTION_LISTEN, l);
	free(l->name);
}

void
conf_free(struct conf *conf)
{
	size_t i;

	if (conf == NULL)
		return;
	for (i = 0; i < conf->nlistens; i++)
		listen_clear(&conf->listens[i]);
	free(conf->listens);
	conf_section_clear(CONF_SECTION_ROOT, conf);
	conf_section_clear(CONF_SECTION_SESSION_CACHE, conf);
	conf_section_clear(CONF_SECTION_TICKETS, conf);
	for (i = 0; i < conf->nfiles; i++)
		free(conf->files[i]);
	free(conf->files);
	free(conf);
}
