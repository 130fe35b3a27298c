/* SPDX-License-Identifier: ISC */
/*
 * What libConfuse finds wrong, in our words. The syntax is good by now, so a
 * word is unknown, or of another shape, or there twice. Master, and
 * tlsherd -t.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "conf/load_int.h"

enum complaint {
	UNKNOWN,
	IS_DIRECTIVE,
	IS_SECTION,
	IS_TITLED,
	IS_FUNCTION,
	NO_LIST,
};

static const struct {
	const char *begin;
	enum complaint what;
} formats[] = {
	{ "no such option", UNKNOWN },
	{ "missing equal sign", IS_DIRECTIVE },
	{ "missing opening brace", IS_SECTION },
	{ "missing title", IS_TITLED },
	{ "missing parenthesis", IS_FUNCTION },
	{ "attempt to append", NO_LIST },
};

static void complain(const cfg_t *, enum complaint, const char *,
    const struct loc *, struct err *);

/*
 * libConfuse's errors are told apart by their formats, of which each has the
 * word in question as its argument; those of another version come out as they
 * are.
 */
void
conf_complain_cb(cfg_t *cfg, const char *fmt, va_list ap)
{
	struct err *err = conf_loader->err;
	struct loc loc = conf_here(cfg);
	char text[512];
	size_t i;

	if (err->text[0] != '\0')
		return;
	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (strncmp(fmt, formats[i].begin,
		    strlen(formats[i].begin)) == 0) {
			complain(cfg, formats[i].what, va_arg(ap,
			    const char *), &loc, err);
			return;
		}
	vsnprintf(text, sizeof(text), fmt, ap);
	err_set(err, &loc, "%s", text);
}

static void
complain(const cfg_t *cfg, enum complaint what, const char *word,
    const struct loc *loc, struct err *err)
{
	switch (what) {
	case UNKNOWN:
		conf_unknown(conf_loader->schema, conf_section_of(cfg),
		    word, loc, err);
		break;
	case IS_DIRECTIVE:
		err_set(err, loc, "\"%s\" is a directive: expected "
		    "\"%s = VALUE\"", word, word);
		break;
	case IS_SECTION:
		err_set(err, loc, "\"%s\" is a section: expected "
		    "\"%s { ... }\"", word, word);
		break;
	case IS_TITLED:
		err_set(err, loc, "\"%s\" is a section with a name: expected "
		    "'%s \"NAME\" { ... }'", word, word);
		break;
	case IS_FUNCTION:
		err_set(err, loc, "expected '%s(\"FILE\")'", word);
		break;
	case NO_LIST:
		err_set(err, loc, "\"%s\" takes one value; \"+=\" is for "
		    "lists", word);
		break;
	}
}
