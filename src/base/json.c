/* SPDX-License-Identifier: ISC */
/*
 * JSON output for programs: punctuation, escapes and UTF-8. What is written,
 * and whether the stream can take it, is the caller's business: errors of the
 * stream stick to it and come out of json_finish().
 */
#include "config.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"

static void begin(struct json *, const char *, const char *);
static void end(struct json *, char);
static void value(struct json *, const char *);
static void quoted(FILE *, const char *);

void
json_init(struct json *j, FILE *out)
{
	memset(j, 0, sizeof(*j));
	j->out = out;
}

void
json_object_begin(struct json *j, const char *key)
{
	begin(j, key, "{}");
}

void
json_object_end(struct json *j)
{
	end(j, '}');
}

void
json_array_begin(struct json *j, const char *key)
{
	begin(j, key, "[]");
}

void
json_array_end(struct json *j)
{
	end(j, ']');
}

void
json_string(struct json *j, const char *key, const char *s)
{
	if (s == NULL) {
		json_null(j, key);
		return;
	}
	value(j, key);
	quoted(j->out, s);
}

void
json_uint(struct json *j, const char *key, uint64_t n)
{
	value(j, key);
	fprintf(j->out, "%" PRIu64, n);
}

void
json_int(struct json *j, const char *key, int64_t n)
{
	value(j, key);
	fprintf(j->out, "%" PRId64, n);
}

void
json_real(struct json *j, const char *key, double d, int decimals)
{
	if (!isfinite(d)) {
		json_null(j, key);
		return;
	}
	value(j, key);
	fprintf(j->out, "%.*f", decimals, d);
}

void
json_bool(struct json *j, const char *key, bool b)
{
	value(j, key);
	fputs(b ? "true" : "false", j->out);
}

void
json_null(struct json *j, const char *key)
{
	value(j, key);
	fputs("null", j->out);
}

int
json_finish(struct json *j)
{
	if (j->depth != 0 || !j->some)
		abort();
	fputc('\n', j->out);
	if (fflush(j->out) != 0 || ferror(j->out))
		return -1;
	return 0;
}

static void
begin(struct json *j, const char *key, const char *brackets)
{
	if (j->depth == JSON_DEPTH_MAX)
		abort();
	value(j, key);
	fputc(brackets[0], j->out);
	j->close[j->depth++] = brackets[1];
	j->some = false;
}

static void
end(struct json *j, char bracket)
{
	if (j->depth == 0 || j->close[j->depth - 1] != bracket)
		abort();
	j->depth--;
	fputc(bracket, j->out);
	j->some = true;
}

/* What stands before a value: the comma and the key. */
static void
value(struct json *j, const char *key)
{
	bool in_object;

	in_object = j->depth > 0 && j->close[j->depth - 1] == '}';
	if (in_object != (key != NULL) || (j->depth == 0 && j->some))
		abort();
	if (j->some)
		fputc(',', j->out);
	j->some = true;
	if (key == NULL)
		return;
	quoted(j->out, key);
	fputc(':', j->out);
}

static void
quoted(FILE *out, const char *s)
{
	static const char named[] = "\"\\\b\f\n\r\t";
	static const char letters[] = "\"\\bfnrt";
	const unsigned char *p;
	const char *special;
	size_t n;

	fputc('"', out);
	for (p = (const unsigned char *)s; *p != '\0'; p += n) {
		n = 1;
		if ((special = strchr(named, *p)) != NULL)
			fprintf(out, "\\%c", letters[special - named]);
		else if (*p < 0x20 || *p == 0x7f)
			fprintf(out, "\\u%04x", *p);
		else if (*p < 0x80)
			fputc(*p, out);
		else if ((n = utf8_length(p)) > 0)
			fwrite(p, 1, n, out);
		else {
			fputs("\\ufffd", out);
			n = 1;
		}
	}
	fputc('"', out);
}
