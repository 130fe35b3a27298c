/* SPDX-License-Identifier: ISC */
/*
 * Lines of key=value. Values may be a client's own words: blanks, quotes,
 * backslashes and whatever is not printable ASCII become \xHH, a long value
 * is cut, so a value never looks like another key, line or terminal command.
 */
#ifndef CONN_KV_H
#define CONN_KV_H

#include <stddef.h>
#include <stdint.h>

#define KV_VALUE_MAX 256 /* of a value as written */

struct kv {
	char *buf; /* always NUL-terminated */
	size_t size, len;
};

/* Start a line in buf; what does not fit is left out. */
void kv_init(struct kv *, char *buf, size_t size);
/* NULL and "" are written as "-". */
void kv_text(struct kv *, const char *key, const char *value);
void kv_number(struct kv *, const char *key, uint64_t);
/* Milliseconds with three decimals, of microseconds; negative: "-". */
void kv_ms(struct kv *, const char *key, int64_t us);

#endif
