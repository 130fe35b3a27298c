/* SPDX-License-Identifier: ISC */
/* The names of hosts in a configuration, when they were not found. Master. */
#include "config.h"

#include "base/names.h"
#include "conf/conf_int.h"

static bool is_found(const struct name *);

bool
conf_names_found(const struct conf *conf)
{
	const struct conf_listen *l;
	const struct name *name;
	size_t i;

	for (l = conf->listens; l < conf->listens + conf->nlistens; l++)
		for (i = 0; i < l->nbackends; i++) {
			if (!addr_is_unknown(&l->backends[i].addr))
				continue;
			name = names_find(l->backends[i].text);
			if (name != NULL && is_found(name))
				return true;
		}
	return false;
}

/* With an address that a backend can have. */
static bool
is_found(const struct name *name)
{
	size_t i;

	for (i = 0; name->state == NAME_FOUND && i < name->n; i++)
		if (conf_backend_fault(&name->list[i]) == NULL)
			return true;
	return false;
}

/*
 * Of the configuration that runs, whatever has become of another one since:
 * its names need not be noted any more.
 */
bool
conf_names_ask(const struct conf *conf)
{
	const struct conf_listen *l;
	struct name *name;
	bool any = false;
	size_t i;

	for (l = conf->listens; l < conf->listens + conf->nlistens; l++)
		for (i = 0; i < l->nbackends; i++) {
			if (!addr_is_unknown(&l->backends[i].addr))
				continue;
			name = names_get(l->backends[i].text);
			if (name == NULL || is_found(name))
				continue;
			name->state = NAME_ASKED;
			any = true;
		}
	return any;
}
