/* SPDX-License-Identifier: ISC */
/*
 * A writer for the text format of Prometheus (version 0.0.4): families with
 * their samples. It knows nothing of what is counted.
 *
 *	exposition_family(&e, "sent_bytes", "total", "counter", "bytes sent");
 *	exposition_sample(&e, "");
 *	exposition_label(&e, "listener", name);
 *	exposition_value(&e, amount_count(n));
 */
#ifndef REPORT_EXPOSITION_H
#define REPORT_EXPOSITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define EXPOSITION_NAME_MAX 128

struct exposition {
	FILE *out;
	bool labels; /* the sample has some */
	char name[EXPOSITION_NAME_MAX]; /* of the family */
};

void exposition_begin(struct exposition *, FILE *);
/* 0, or -1 when the stream failed. */
int exposition_end(struct exposition *) __attribute__((warn_unused_result));

/*
 * A family, named tlsherd_<name of len bytes>[_unit]: HELP and TYPE, unless it
 * is the one that has begun already. Of help, len bytes count, too.
 */
void exposition_family(struct exposition *, const char *name, size_t len,
    const char *unit, const char *type, const char *help, size_t help_len);

/* Begin a sample of the family; suffix as in "_bucket". */
void exposition_sample(struct exposition *, const char *suffix);
void exposition_label(struct exposition *, const char *key, const char *);
/* Labels as they are to be written: key="value",… or nothing. */
void exposition_labels(struct exposition *, const char *);

/* What a sample says; an amount without a text is none. */
struct amount {
	char text[32];
};
struct amount amount_count(uint64_t);
struct amount amount_signed(int64_t); /* INT64_MIN: none */
struct amount amount_known(int64_t); /* below zero: none */
struct amount amount_micros(int64_t); /* µs, told in seconds; the same */
void exposition_value(struct exposition *, struct amount);

#endif
