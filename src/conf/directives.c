/* SPDX-License-Identifier: ISC */
/* The tables of sections and directives, and what is found in them. Master. */
#include "config.h"

#include <stddef.h>
#include <string.h>

#include "base/keepalive.h"
#include "conf/conf_int.h"

#if HAVE_DECL_SO_REUSEPORT
#define REUSEPORT_DEFAULT "yes"
#else
#define REUSEPORT_DEFAULT "no"
#endif

/* The struct of each section. */
#define PART(ID, name, parent, type, ...) typedef struct type ID##_target;
#define ONCE(ID, name, parent, type, ...) typedef struct type ID##_target;
#define TITLED(ID, name, parent, type, ...) typedef struct type ID##_target;
#include "conf/sections.def"

#define HERE 0
#define AT(type, member) offsetof(struct type, member)
#define COMMON(ID, word, parent_id, own, checked)			\
	.name = #word, .parent = CONF_SECTION_##parent_id,		\
	.directives = CONF_SECTION_##own, .check = checked,		\
	.size = sizeof(ID##_target)
#define PART(ID, word, parent, type, place, own, included, check)	\
	{ COMMON(ID, word, parent, own, check), .shape = CONF_PART,	\
	    .offset = place, .include = included },
#define ONCE(ID, word, parent, type, place, own, from, check)		\
	{ COMMON(ID, word, parent, own, check), .shape = CONF_ONCE,	\
	    .offset = place, .loc = offsetof(struct type, loc),		\
	    .heir = CONF_SECTION_##from },
#define TITLED(ID, word, parent, type, list, title_member, included, check) \
	{ COMMON(ID, word, parent, ID, check), .shape = CONF_TITLED,	\
	    .offset = offsetof(parent##_target, list),			\
	    .noffset = offsetof(parent##_target, n##list),		\
	    .loc = offsetof(struct type, loc),				\
	    .title = offsetof(struct type, title_member),		\
	    .include = included },
#define yes true
#define no false

static const struct conf_section sections[] = {
#include "conf/sections.def"
};

#define X(ID, word, flag, row_kind, field, value, least, most)		\
	{ .section = CONF_SECTION_##ID, .name = #word, .flags = flag,	\
	    .kind = &conf_kind_##row_kind,				\
	    .offset = offsetof(ID##_target, field),			\
	    .size = sizeof(((ID##_target *)NULL)->field),		\
	    .fallback = value, .min = least, .max = most },

static const struct conf_directive directives[] = {
#include "conf/directives.def"
};

const struct conf_schema conf_schema = {
	sections, sizeof(sections) / sizeof(sections[0]),
	directives, sizeof(directives) / sizeof(directives[0]),
};

const struct conf_directive *
conf_directive_find(const struct conf_schema *s, unsigned section,
    const char *name)
{
	const struct conf_directive *d = NULL;

	while ((d = conf_directive_next(s, section, d)) != NULL)
		if (strcmp(d->name, name) == 0)
			break;
	return d;
}

const struct conf_directive *
conf_directive_next(const struct conf_schema *s, unsigned section,
    const struct conf_directive *d)
{
	const struct conf_directive *end = s->directives + s->ndirectives;

	for (d = d == NULL ? s->directives : d + 1; d < end; d++)
		if (d->section == s->sections[section].directives)
			return d;
	return NULL;
}

bool
conf_directive_is_single(const struct conf_schema *s, const char *name)
{
	bool known = false;
	size_t i;

	for (i = 0; i < s->ndirectives; i++) {
		if (strcmp(s->directives[i].name, name) != 0)
			continue;
		if (s->directives[i].flags & CFGF_LIST)
			return false;
		known = true;
	}
	return known;
}

bool
conf_section_is_titled(const struct conf_schema *s, const char *name)
{
	unsigned i;

	for (i = 0; i < s->nsections; i++)
		if (s->sections[i].shape == CONF_TITLED &&
		    strcmp(s->sections[i].name, name) == 0)
			return true;
	return false;
}

unsigned
conf_section_find(const struct conf_schema *s, unsigned parent,
    const char *name, size_t len)
{
	unsigned i;

	/* [0] stands in itself, and in no other. */
	for (i = 1; i < s->nsections; i++)
		if (s->sections[i].parent == parent &&
		    strlen(s->sections[i].name) == len &&
		    memcmp(s->sections[i].name, name, len) == 0)
			break;
	return i;
}
