/* SPDX-License-Identifier: ISC */
/*
 * The structs of sections, found in those of their parents: one in its place,
 * or an array and the number of them. Master, and tlsherdctl.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "conf/conf_int.h"

/* A pointer to whatever struct it is. */
static char *
array(const struct conf_section *s, const void *parent)
{
	char *v;

	memcpy(&v, (const char *)parent + s->offset, sizeof(v));
	return v;
}

size_t
conf_targets(const struct conf_section *s, const void *parent)
{
	size_t n = 1;

	if (s->shape == CONF_TITLED)
		memcpy(&n, (const char *)parent + s->noffset, sizeof(n));
	return n;
}

void *
conf_target(const struct conf_section *s, void *parent, size_t i)
{
	if (s->shape == CONF_TITLED)
		return array(s, parent) + i * s->size;
	return (char *)parent + s->offset;
}

void *
conf_target_add(const struct conf_section *s, void *parent, const char *title)
{
	size_t n = conf_targets(s, parent);
	char *v, *target, *copy;

	v = xreallocarray(array(s, parent), n + 1, s->size);
	target = v + n++ * s->size;
	memset(target, 0, s->size);
	copy = xstrdup(title);
	memcpy(target + s->title, &copy, sizeof(copy));
	memcpy((char *)parent + s->offset, &v, sizeof(v));
	memcpy((char *)parent + s->noffset, &n, sizeof(n));
	return target;
}

void
conf_targets_free(const struct conf_section *s, void *parent)
{
	size_t i, n = conf_targets(s, parent);
	char *v = array(s, parent), *title;

	for (i = 0; i < n; i++) {
		memcpy(&title, v + i * s->size + s->title, sizeof(title));
		free(title);
	}
	free(v);
}

const char *
conf_target_title(const struct conf_section *s, const void *target)
{
	const char *title;

	memcpy(&title, (const char *)target + s->title, sizeof(title));
	return title;
}

struct loc *
conf_target_loc(const struct conf_section *s, void *target)
{
	return (struct loc *)(void *)((char *)target + s->loc);
}
