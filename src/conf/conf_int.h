/* SPDX-License-Identifier: ISC */
/*
 * What the files of conf/ share. A directive is a row of directives.def; its
 * kind knows how to read a value into a field, how to print and how to free
 * it. syntax.c checks a text, parse.c has libConfuse take it apart and
 * hands each value to its kind, check.c looks at what stands side by side.
 */
#ifndef CONF_CONF_INT_H
#define CONF_CONF_INT_H

#include <sys/types.h>

#include <stdarg.h>

#include <confuse.h>

#include "conf/conf.h"

enum conf_section {
	CONF_SECTION_ROOT,
	CONF_SECTION_SESSION_CACHE,
	CONF_SECTION_TICKETS,
	CONF_SECTION_LISTEN,
	CONF_SECTION_CERTIFICATE,
	CONF_SECTION_EARLY_DATA, /* in a listen or certificate section */
	CONF_SECTION_COUNT
};

struct conf_kind;

struct conf_directive {
	enum conf_section section;
	const char *name;
	cfg_flag_t flags;
	const struct conf_kind *kind;
	size_t offset; /* of the field in the section's struct */
	int64_t min, max;
};

/* One value, as the file has it. */
struct conf_given {
	const struct conf_directive *directive;
	const char *text;
	struct loc loc;
	const char *folder; /* relative paths start here */
	struct err *err;
};

/* target: the struct conf, conf_listen, conf_certificate, conf_early_data. */
struct conf_kind {
	/* Store the value; one more of a list. 0, or -1 with the error set. */
	int (*add)(const struct conf_given *, void *target);
	/* Print the value, or the whole list, as the file would have it. */
	void (*print)(const struct conf_directive *, const void *target,
	    FILE *);
	/* Free what add() made. NULL: nothing. */
	void (*clear)(const struct conf_directive *, void *target);
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
extern const struct conf_kind conf_kind_addresses;
extern const struct conf_kind conf_kind_backends;

/* "service \"x\": expected " and the text. Always returns -1. */
int conf_expected(const struct conf_given *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* text as an absolute path, to be freed. */
char *conf_path(const char *folder, const char *text);

/* Print s in quotes, so that libConfuse reads the same bytes back. */
void conf_print_string(const char *s, FILE *);

/* directives.c */
extern const struct conf_directive conf_directives[];
extern const size_t conf_ndirectives;
#define CONF_DIRECTIVES_MAX 64

const char *conf_section_name(enum conf_section);
/* CONF_SECTION_COUNT when there is none of that name. */
enum conf_section conf_section_find(const char *name);
/* NULL when the section has none of that name. */
const struct conf_directive *conf_directive_find(enum conf_section,
    const char *name);
/* name is a directive, somewhere, and nowhere one that takes a list. */
bool conf_directive_is_single(const char *name);
/* Say that name is no directive of the section, and what would be right. */
int conf_unknown(enum conf_section, const char *name, const struct loc *,
    struct err *);
/* Free what the directives of a section have put into target. */
void conf_section_clear(enum conf_section, void *target);

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
/* The text of an assignment; folder is where its paths start. */
int conf_source_assignment(struct conf_source *, struct conf *,
    const char *assignment, const char *folder, struct err *);
void conf_source_release(struct conf_source *);

/*
 * syntax.c: does the text follow the grammar, so that libConfuse reads what
 * we read? Blanks comments out. 0, or -1 with the error set.
 */
int conf_syntax(struct conf_source *, struct err *);

/* include.c */
typedef int conf_include_cb(const char *path, const struct loc *, void *arg);
/* Call back for each file that text, a path or a pattern, names. 0 or -1. */
int conf_include(const char *text, const char *folder, const struct loc *,
    conf_include_cb *, void *arg, struct err *);

/* check.c: each returns 0, or -1 with the error set. */
int conf_check_certificate(const struct conf_certificate *, struct err *);
/* version: where the later of the two limits stands. */
int conf_check_listen(struct conf_listen *, const struct loc *version,
    struct err *);
/* times: where the later of session_cache.timeout and tickets.rotate stands */
int conf_check_whole(const struct conf *, const char *path,
    const struct loc *times, struct err *);

#endif
