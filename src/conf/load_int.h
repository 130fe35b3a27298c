/* SPDX-License-Identifier: ISC */
/* What load.c, parse.c and complain.c share while a configuration is read. */
#ifndef CONF_LOAD_INT_H
#define CONF_LOAD_INT_H

#include <stdarg.h>

#include "conf/conf_int.h"

struct conf_loader {
	struct conf *conf;
	struct err *err; /* text "": no error so far */
	struct conf_source *source;
	const cfg_t *listen, *certificate, *early; /* the ones being read */
	struct loc early_first, early_loc; /* of two, and of the one */
	struct {
		bool defaulted;
		struct loc loc; /* file NULL: not set */
	} set[CONF_DIRECTIVES_MAX];
};

/*
 * libConfuse passes no argument to its callbacks and has one lexer for the
 * whole process, so there is one loader at a time.
 */
extern struct conf_loader *conf_loader;

/* Where libConfuse is. */
struct loc conf_here(const cfg_t *);

/* Where a directive was set; file NULL: nowhere. */
const struct loc *conf_set_at(enum conf_section, const char *name);

/* The one that the reader of the file comes to later. */
const struct loc *conf_later(const struct loc *, const struct loc *);

/* parse.c: our directives, as libConfuse wants them. */
extern cfg_opt_t conf_options[];

/* load.c: include("...") */
int conf_include_func(cfg_t *, cfg_opt_t *, int, const char **);

/* complain.c: libConfuse's errors, in our words. */
void conf_complain_cb(cfg_t *, const char *fmt, va_list)
    __attribute__((format(printf, 2, 0)));

#endif
