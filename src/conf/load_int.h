/* SPDX-License-Identifier: ISC */
/* What is shared while a configuration is read: load.c, parse.c and others. */
#ifndef CONF_LOAD_INT_H
#define CONF_LOAD_INT_H

#include <stdarg.h>

#include "conf/conf_int.h"

struct conf_loader {
	const struct conf_schema *schema;
	struct conf *conf;
	struct err *err; /* text "": no error so far */
	struct conf_source *source;
	cfg_t *root;
	const cfg_t *cfg; /* the one that was looked for last, … */
	unsigned section; /* … and what it is */
	size_t ended; /* sections so far */
	void **titles; /* titles.c: of each section */
	struct loc *set; /* of each section's directives; file NULL: not */
};

/*
 * libConfuse passes no argument to its callbacks and has one lexer for the
 * whole process, so there is one loader at a time.
 */
extern struct conf_loader *conf_loader;

/* options.c: the tables as libConfuse wants them. */
cfg_opt_t *conf_options_new(const struct conf_schema *, unsigned section);
void conf_options_free(cfg_opt_t *);

/*
 * titles.c: a section of that title begins. NULL, or where the one is that had
 * it first; that lives until another section begins.
 */
const struct loc *conf_titles_note(unsigned section, const char *title,
    const struct loc *);
void conf_titles_free(void);

/* parse.c */

/* Where libConfuse is. */
struct loc conf_here(const cfg_t *);
/* Which section that is. */
unsigned conf_section_of(const cfg_t *);
/* The struct of the one that is being read, or was last. NULL: none. */
void *conf_target_of(unsigned section);
/* Nothing is set yet: the defaults, also of all sections that it has. */
void conf_default(unsigned section, void *target, const struct loc *);
/* The callbacks of libConfuse: a section begins, … */
int conf_begin_cb(cfg_t *, cfg_opt_t *, const char *, void *);
/* … one of its directives has a value, … */
int conf_value_cb(cfg_t *, cfg_opt_t *, const char *, void *);
/* … and it ends. */
int conf_end_cb(cfg_t *, cfg_opt_t *);
/* The same for all that the last text of one says. */
int conf_end(cfg_t *, unsigned section);

/* load.c: include("...") */
int conf_include_func(cfg_t *, cfg_opt_t *, int, const char **);

/* complain.c: libConfuse's errors, in our words. */
void conf_complain_cb(cfg_t *, const char *fmt, va_list)
    __attribute__((format(printf, 2, 0)));

#endif
