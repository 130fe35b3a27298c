/* SPDX-License-Identifier: ISC */
/*
 * A section that is not written has the values of the one that it inherits
 * from, which stands further out; one that is written says all. They are
 * copies, and are printed nowhere. Master.
 *
 * It is done at the end of each section for what stands in it, and so again
 * further out when more is known: what stands at the top level may yet be set
 * with -o.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "conf/conf_int.h"

struct scope {
	const struct conf_schema *schema;
	void **targets; /* by section: the one around us; NULL: none */
};

static void inherit_below(const struct scope *, unsigned, void *);
static void inherit(const struct scope *, unsigned, void *);

void
conf_inherit(const struct conf_schema *schema, unsigned section, void *target)
{
	struct scope scope = { .schema = schema };

	scope.targets = xcalloc(schema->nsections, sizeof(*scope.targets));
	inherit_below(&scope, section, target);
	free(scope.targets);
}

static void
inherit_below(const struct scope *scope, unsigned section, void *target)
{
	const struct conf_section *row;
	unsigned i;
	size_t j;

	scope->targets[section] = target;
	for (i = section + 1; i < scope->schema->nsections; i++) {
		row = &scope->schema->sections[i];
		if (row->parent != section)
			continue;
		for (j = 0; j < conf_targets(row, target); j++) {
			inherit(scope, i, conf_target(row, target, j));
			inherit_below(scope, i, conf_target(row, target, j));
		}
	}
}

static void
inherit(const struct scope *scope, unsigned section, void *target)
{
	const struct conf_section *row = &scope->schema->sections[section];
	const struct conf_directive *d = NULL;
	void *from = scope->targets[row->heir];

	if (row->heir == CONF_SECTION_NONE || from == NULL ||
	    conf_target_loc(row, target)->file != NULL)
		return;
	conf_clear(scope->schema, section, target);
	while ((d = conf_directive_next(scope->schema, section, d)) != NULL)
		if (d->kind->copy != NULL)
			d->kind->copy(d, target, from);
		else
			memcpy(conf_field(d, target), conf_field(d, from),
			    d->size);
}
