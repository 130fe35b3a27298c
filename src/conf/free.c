/* SPDX-License-Identifier: ISC */
/* The end of a configuration, by the tables. Master, and tlsherdctl. */
#include "config.h"

#include <stdlib.h>

#include "base/mem.h"
#include "conf/conf_int.h"

static void clear_below(const struct conf_schema *, unsigned, void *);

void
conf_free(struct conf *conf)
{
	conf_free_by(&conf_schema, conf);
}

void
conf_free_by(const struct conf_schema *s, struct conf *conf)
{
	size_t i;

	if (conf == NULL)
		return;
	clear_below(s, CONF_SECTION_ROOT, conf);
	for (i = 0; i < conf->nfiles; i++)
		free(conf->files[i]);
	free(conf->files);
	free(conf);
}

void
conf_clear(const struct conf_schema *s, unsigned section, void *target)
{
	const struct conf_directive *d = NULL;

	while ((d = conf_directive_next(s, section, d)) != NULL)
		if (d->kind->clear != NULL)
			d->kind->clear(d, target);
}

/* A section, and all that stands in it. */
static void
clear_below(const struct conf_schema *s, unsigned section, void *target)
{
	const struct conf_section *row;
	unsigned i;
	size_t j;

	for (i = section + 1; i < s->nsections; i++) {
		row = &s->sections[i];
		if (row->parent != section)
			continue;
		for (j = 0; j < conf_targets(row, target); j++) {
			clear_below(s, i, conf_target(row, target, j));
			mem_flush();
		}
		if (row->shape == CONF_TITLED)
			conf_targets_free(row, target);
	}
	conf_clear(s, section, target);
}
