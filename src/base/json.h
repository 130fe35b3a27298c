/* SPDX-License-Identifier: ISC */
/*
 * A JSON writer (RFC 8259): values go to a stdio stream as they come, with
 * commas, quotes and escapes put in. It keeps nothing but the nesting.
 *
 *	struct json j;
 *
 *	json_init(&j, stdout);
 *	json_object_begin(&j, NULL);
 *	json_string(&j, "name", "a \"b\"");
 *	json_array_begin(&j, "list");
 *	json_uint(&j, NULL, 1);
 *	json_array_end(&j);
 *	json_object_end(&j);
 *	if (json_finish(&j) == -1)
 *		...
 *
 * Each value has a key inside an object and none (NULL) elsewhere; anything
 * else is a mistake of the caller and aborts.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define JSON_DEPTH_MAX 16

struct json {
	FILE *out;
	unsigned depth;
	bool some; /* the value before this one wants a comma */
	char close[JSON_DEPTH_MAX]; /* what ends each open level */
};

void json_init(struct json *, FILE *);

void json_object_begin(struct json *, const char *key);
void json_object_end(struct json *);
void json_array_begin(struct json *, const char *key);
void json_array_end(struct json *);

/*
 * A string; NULL becomes null. What is not UTF-8 in it becomes U+FFFD, so
 * that the output can always be parsed.
 */
void json_string(struct json *, const char *key, const char *);
void json_uint(struct json *, const char *key, uint64_t);
void json_int(struct json *, const char *key, int64_t);
/* With that many digits after the point; infinite or not a number: null. */
void json_real(struct json *, const char *key, double, int decimals);
void json_bool(struct json *, const char *key, bool);
void json_null(struct json *, const char *key);

/*
 * End the line and flush. Everything that was begun must have been ended.
 * Returns 0, or -1 when something could not be written (errno may say why).
 */
int json_finish(struct json *) __attribute__((warn_unused_result));

#endif
