/* SPDX-License-Identifier: ISC */
/*
 * The two forms of a report behind one interface: lines and tables for
 * people, JSON for programs. Knows nothing of what is reported.
 */
#ifndef REPORT_FORM_H
#define REPORT_FORM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/json.h"
#include "report/report.h"

enum value_kind {
	VALUE_TEXT,    /* NULL: none */
	VALUE_ID,      /* a number that is a name; 0 is one, too */
	VALUE_PID,     /* 0: none */
	VALUE_COUNT,   /* 1,234 */
	VALUE_BYTES,   /* 1.2 MiB */
	VALUE_SECONDS, /* 2 h 3 min; negative: none */
	VALUE_TIME,    /* since 1970; 0: none */
	VALUE_RATE,    /* 97.3 %; of nothing: none */
};

struct value {
	enum value_kind kind;
	const char *text;
	int64_t time;
	uint64_t number;
	uint64_t whole; /* of a rate: number is the part */
};

/* What the rows of fields.def make their values with. */
#define TEXT(x) ((struct value){ .kind = VALUE_TEXT, .text = (x) })
#define ID(x) ((struct value){ .kind = VALUE_ID, .number = (x) })
#define PID(x) ((struct value){ .kind = VALUE_PID, .number = (x) })
#define COUNT(x) ((struct value){ .kind = VALUE_COUNT, .number = (x) })
#define BYTES(x) ((struct value){ .kind = VALUE_BYTES, .number = (x) })
#define SECONDS(x) ((struct value){ .kind = VALUE_SECONDS, .time = (x) })
#define TIME(x) ((struct value){ .kind = VALUE_TIME, .time = (x) })
#define RATE(part, of) \
	((struct value){ .kind = VALUE_RATE, .number = (part), .whole = (of) })

/* Enough for every value but a text. */
#define VALUE_TEXT_MAX 64

/* The value for people: in buf, or the text itself; NULL when it is none. */
const char *value_format(const struct value *, char buf[VALUE_TEXT_MAX]);

struct form {
	enum report_form form;
	FILE *out;
	struct json json;
	bool line;  /* a line has been begun */
	bool block; /* something stands above: the next part keeps off */
};

void form_begin(struct form *, FILE *, enum report_form);
/* 0, or -1 when the stream failed. */
int form_end(struct form *) __attribute__((warn_unused_result));

/* A group of fields: an object under that key. */
void form_section_begin(struct form *, const char *key);
void form_section_end(struct form *);

/*
 * A field. For people: "label lead value tail", or, with a label of
 * FORM_SAME, on the line of the field before it; a value that is none is left
 * out there. FORM_HIDDEN: for programs only.
 */
#define FORM_SAME ((const char *)0)
#define FORM_HIDDEN ""
void form_field(struct form *, const char *key, const char *label,
    const char *lead, const char *tail, struct value);

/*
 * A table: an array of objects under that key. For people, columns of that
 * width (negative: to the left); first the headings, then the rows.
 */
void form_table_begin(struct form *, const char *key);
void form_heading(struct form *, int width, const char *heading);
void form_row_begin(struct form *);
void form_cell(struct form *, const char *key, int width, struct value);
void form_row_end(struct form *);
void form_table_end(struct form *);

#endif
