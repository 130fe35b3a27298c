/* SPDX-License-Identifier: ISC */
/* The words, strings and signs of a text: scan.c finds them for syntax.c. */
#ifndef CONF_SCAN_INT_H
#define CONF_SCAN_INT_H

#include "conf/conf_int.h"

enum conf_token_kind {
	TOKEN_END,
	TOKEN_WORD,
	TOKEN_STRING,
	TOKEN_APPEND, /* += */
	TOKEN_SIGN,   /* one of "{}()=," */
};

struct conf_token {
	enum conf_token_kind kind;
	const char *text;
	int len;
	int line;
};

struct conf_scanner {
	const char *file;
	bool has_lines;
	char *next;
	int line;
	struct conf_token token; /* the last one */
	struct err *err;
};

/* Begin with a text. 0, or -1 with the error set: it is no text. */
int conf_scan_init(struct conf_scanner *, struct conf_source *, struct err *);

/*
 * Find the next token; comments before it become blanks. 0, or -1 with the
 * error set.
 */
int conf_scan(struct conf_scanner *);

/* Set the error. Always returns -1. */
int conf_scan_fail(struct conf_scanner *, int line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
