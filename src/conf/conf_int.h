/* SPDX-License-Identifier: ISC */
/*
 * What the files of conf/ share. A section is a row of sections.def, a
 * directive one of directives.def; its kind knows how to read a value into a
 * field, how to print and how to free it. syntax.c checks a text, parse.c has
 * libConfuse take it apart and hands each value to its kind, inherit.c gives a
 * section what stands further out, check.c looks at what stands side by side.
 * print.c and free.c go through the finished structs. All but check.c and the
 * kinds do so by the two tables alone.
 */
#ifndef CONF_CONF_INT_H
#define CONF_CONF_INT_H

#include <sys/types.h>

#include <stdarg.h>

#include <confuse.h>

#include "conf/conf.h"

/* The place of a section in the table. */
enum {
#define PART(ID, ...) CONF_SECTION_##ID,
#define ONCE(ID, ...) CONF_SECTION_##ID,
#define TITLED(ID, ...) CONF_SECTION_##ID,
#include "conf/sections.def"
	CONF_SECTION_COUNT,
	CONF_SECTION_NONE = CONF_SECTION_ROOT /* nobody inherits from that */
};

enum conf_shape {
	CONF_PART,
	CONF_ONCE,
	CONF_TITLED,
};

/* A row of sections.def, which explains the words. */
struct conf_section {
	const char *name;
	unsigned parent;
	enum conf_shape shape;
	size_t size;	/* of its struct */
	size_t offset;	/* in the parent's: of the struct, or of the array … */
	size_t noffset;	/* … and of the number of them */
	size_t title;	/* in its own: of the char * */
	size_t loc;	/* … and of the struct loc */
	unsigned directives;
	unsigned heir;
	bool include;
	int (*check)(void *target, struct err *); /* or NULL */
};

struct conf_kind;

/* A row of directives.def. */
struct conf_directive {
	unsigned section;
	const char *name;
	cfg_flag_t flags;
	const struct conf_kind *kind;
	size_t offset; /* of the field in the section's struct */
	size_t size;   /* of the field */
	const char *fallback;
	int64_t min, max;
};

/* The two tables. [0] of the sections is the top level. */
struct conf_schema {
	const struct conf_section *sections;
	unsigned nsections;
	const struct conf_directive *directives;
	size_t ndirectives;
};

/* One value, as the file has it. */
struct conf_given {
	const struct conf_directive *directive;
	const char *text;
	struct loc loc;
	const char *folder; /* relative paths start here */
	struct err *err;
};

/* target: the struct of the section. */
struct conf_kind {
	/* Store the value; one more of a list. 0, or -1 with the error set. */
	int (*add)(const struct conf_given *, void *target);
	/* Print the value, or the whole list, as the file would have it. */
	void (*print)(const struct conf_directive *, const void *target,
	    FILE *);
	/* Free what add() made. NULL: nothing. */
	void (*clear)(const struct conf_directive *, void *target);
	/* Copy it to a cleared field. NULL: the bytes of the field do. */
	void (*copy)(const struct conf_directive *, void *to,
	    const void *from);
	const void *choices; /* kind_choice.c */
};

static inline void *
conf_field(const struct conf_directive *d, void *target)
{
	return (char *)target + d->offset;
}

static inline const void *
conf_const_field(const struct conf_directive *d, const void *target)
{
	return (const char *)target + d->offset;
}

/* kind_string.c */
extern const struct conf_kind conf_kind_word;	/* conf_str, never NULL */
extern const struct conf_kind conf_kind_string; /* conf_str, "" is NULL */
extern const struct conf_kind conf_kind_path;	/* the same, absolute */
extern const struct conf_kind conf_kind_socket; /* a path for sun_path */
extern const struct conf_kind conf_kind_log;
extern const struct conf_kind conf_kind_facility; /* char * */
extern const struct conf_kind conf_kind_text;	  /* char * */
/* kind_number.c */
extern const struct conf_kind conf_kind_workers;
extern const struct conf_kind conf_kind_number;	  /* int or unsigned */
extern const struct conf_kind conf_kind_mode;	  /* int */
extern const struct conf_kind conf_kind_size;	  /* size_t */
extern const struct conf_kind conf_kind_duration; /* int64_t, ms */
extern const struct conf_kind conf_kind_keepalive; /* int64_t, ms; 0: off */
/* kind_choice.c */
extern const struct conf_kind conf_kind_yesno;
extern const struct conf_kind conf_kind_unknown_name;
extern const struct conf_kind conf_kind_proxy_protocol;
extern const struct conf_kind conf_kind_connect;
extern const struct conf_kind conf_kind_client_cut;
extern const struct conf_kind conf_kind_log_level;
extern const struct conf_kind conf_kind_service;
extern const struct conf_kind conf_kind_resumption;
extern const struct conf_kind conf_kind_version;
extern const struct conf_kind conf_kind_client_cert;
extern const struct conf_kind conf_kind_early_mode;
/* kind_list.c */
extern const struct conf_kind conf_kind_names;
extern const struct conf_kind conf_kind_paths;
extern const struct conf_kind conf_kind_protocols;
/* kind_addr.c */
extern const struct conf_kind conf_kind_addresses;
extern const struct conf_kind conf_kind_backends;

/* What would be right in place of this address of a backend; NULL: it is. */
const char *conf_backend_fault(const struct addr *);

/* "service \"x\": expected " and the text. Always returns -1. */
int conf_expected(const struct conf_given *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* text as an absolute path, to be freed. */
char *conf_path(const char *folder, const char *text);

/* Print s in quotes, so that libConfuse reads the same bytes back. */
void conf_print_string(const char *s, FILE *);

/* directives.c */
extern const struct conf_schema conf_schema;

/* section: its place in the table. NULL when it has none of that name. */
const struct conf_directive *conf_directive_find(const struct conf_schema *,
    unsigned section, const char *name);
/* The one after d (NULL: the first one) of the section's, or NULL. */
const struct conf_directive *conf_directive_next(const struct conf_schema *,
    unsigned section, const struct conf_directive *d);
/* name is a directive, somewhere, and nowhere one that takes a list. */
bool conf_directive_is_single(const struct conf_schema *, const char *name);
/* name is a section with titles, somewhere. */
bool conf_section_is_titled(const struct conf_schema *, const char *name);
/*
 * The place of the section of that name, len bytes, in another one;
 * nsections when there is none.
 */
unsigned conf_section_find(const struct conf_schema *, unsigned parent,
    const char *name, size_t len);

/* unknown.c */
/* Say that name is no directive of the section, and what would be right. */
int conf_unknown(const struct conf_schema *, unsigned section,
    const char *name, const struct loc *, struct err *);

/*
 * target.c: the struct of a section in that of its parent. Of a section with
 * titles there are several.
 */
size_t conf_targets(const struct conf_section *, const void *parent);
void *conf_target(const struct conf_section *, void *parent, size_t i);
/* One more with this title, which is copied. All else is zero. */
void *conf_target_add(const struct conf_section *, void *parent,
    const char *title);
/* Free the array, and the title of each, but not what else they have. */
void conf_targets_free(const struct conf_section *, void *parent);
const char *conf_target_title(const struct conf_section *,
    const void *target);
/* Where it stands. Not of a PART. */
struct loc *conf_target_loc(const struct conf_section *, void *target);

/* A text that is being read: a file, or an assignment of the command line. */
struct conf_source {
	struct conf_source *parent; /* the file that includes it */
	const char *name;	    /* for messages; lives in conf->files */
	bool has_lines;		    /* false: an assignment */
	char *folder;
	char *text;
	dev_t dev;
	ino_t ino;
};

/*
 * processors.c: how many there are for us, at least one. root: where /proc and
 * /sys are, "" but for tests.
 */
unsigned conf_processors(const char *root);

/* source.c */
/* The folder of a file: absolute, no slash at its end, to be freed. */
char *conf_folder(const char *path);
/*
 * Read a file, included at from by parent (or NULL, NULL). 0, or -1 with the
 * error set. Either way conf_source_release() is to follow.
 */
int conf_source_file(struct conf_source *, struct conf *, const char *path,
    const struct loc *from, struct conf_source *parent, struct err *);
/* A text with that name, and nothing in it yet; folder is copied. */
void conf_source_init(struct conf_source *, struct conf *, const char *name,
    const char *folder);
void conf_source_release(struct conf_source *);

/*
 * syntax.c: does the text follow the grammar, so that libConfuse reads what
 * we read? Blanks comments out. 0, or -1 with the error set.
 */
int conf_syntax(const struct conf_schema *, struct conf_source *,
    struct err *);

/* include.c */
typedef int conf_include_cb(const char *path, const struct loc *, void *arg);
/* Call back for each file that text, a path or a pattern, names. 0 or -1. */
int conf_include(const char *text, const char *folder, const struct loc *,
    conf_include_cb *, void *arg, struct err *);

/* assign.c */
/* The text of an assignment; folder is where its paths start. 0 or -1. */
int conf_assignment(const struct conf_schema *, struct conf_source *,
    struct conf *, const char *assignment, const char *folder, struct err *);

/*
 * inherit.c: give all sections below target, which is one of `section`, the
 * values of those that they inherit from and that stand below it, too.
 */
void conf_inherit(const struct conf_schema *, unsigned section, void *target);

/*
 * check.c: what sections.def names, for the end of a section and of the whole.
 * 0, or -1 with the error set.
 */
int conf_check_root(void *conf, struct err *);
int conf_check_listen(void *conf_listen, struct err *);
int conf_check_certificate(void *conf_certificate, struct err *);

/*
 * While a configuration is read: where a directive of the section that ends
 * was set. file NULL: nowhere.
 */
const struct loc *conf_set_at(unsigned section, const char *name);
/* The one that the reader of the file comes to later. */
const struct loc *conf_later(const struct loc *, const struct loc *);

/*
 * conf_load(), conf_print() and conf_free() by other tables: ones that begin
 * with the rows of conf_schema. The struct of their [0] begins with a struct
 * conf.
 */
struct conf *conf_load_by(const struct conf_schema *, const char *path,
    char *const *overrides, size_t n, struct err *);
void conf_print_by(const struct conf_schema *, const struct conf *, FILE *);
void conf_free_by(const struct conf_schema *, struct conf *);
/* free.c: what the directives of one section have put into target. */
void conf_clear(const struct conf_schema *, unsigned section, void *target);

#endif
