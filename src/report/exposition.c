/* SPDX-License-Identifier: ISC */
/* Writes the text format of Prometheus. Runs in the master. */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "base/utf8.h"
#include "report/exposition.h"

static void put_escaped(FILE *, const char *);

void
exposition_begin(struct exposition *e, FILE *out)
{
	memset(e, 0, sizeof(*e));
	e->out = out;
}

int
exposition_end(struct exposition *e)
{
	return fflush(e->out) != 0 || ferror(e->out) ? -1 : 0;
}

void
exposition_family(struct exposition *e, const char *name, size_t len,
    const char *unit, const char *type, const char *help, size_t help_len)
{
	char full[EXPOSITION_NAME_MAX];

	snprintf(full, sizeof(full), "tlsherd_%.*s%s%s", (int)len, name,
	    unit[0] != '\0' ? "_" : "", unit);
	if (strcmp(full, e->name) == 0)
		return;
	memcpy(e->name, full, sizeof(full));
	/* Nothing that is to be escaped stands in a help of ours. */
	fprintf(e->out, "# HELP %s %.*s\n# TYPE %s %s\n", full, (int)help_len,
	    help, full, type);
}

void
exposition_sample(struct exposition *e, const char *suffix)
{
	e->labels = false;
	fprintf(e->out, "%s%s", e->name, suffix);
}

void
exposition_label(struct exposition *e, const char *key, const char *value)
{
	fprintf(e->out, "%c%s=\"", e->labels ? ',' : '{', key);
	put_escaped(e->out, value);
	putc('"', e->out);
	e->labels = true;
}

void
exposition_labels(struct exposition *e, const char *labels)
{
	if (labels[0] == '\0')
		return;
	fprintf(e->out, "%c%s", e->labels ? ',' : '{', labels);
	e->labels = true;
}

void
exposition_value(struct exposition *e, struct amount a)
{
	fprintf(e->out, "%s %s\n", e->labels ? "}" : "", a.text);
}

struct amount
amount_count(uint64_t n)
{
	struct amount a;

	snprintf(a.text, sizeof(a.text), "%" PRIu64, n);
	return a;
}

struct amount
amount_signed(int64_t n)
{
	struct amount a = { "" };

	if (n != INT64_MIN)
		snprintf(a.text, sizeof(a.text), "%" PRId64, n);
	return a;
}

struct amount
amount_known(int64_t n)
{
	return amount_signed(n < 0 ? INT64_MIN : n);
}

struct amount
amount_micros(int64_t us)
{
	struct amount a = { "" };

	if (us >= 0)
		snprintf(a.text, sizeof(a.text), "%" PRId64 ".%06d",
		    us / 1000000, (int)(us % 1000000));
	return a;
}

/* Prometheus takes UTF-8, so that a byte that is none would spoil all. */
static void
put_escaped(FILE *out, const char *s)
{
	const unsigned char *p;
	size_t n;

	for (p = (const unsigned char *)s; *p != '\0'; p += n) {
		n = 1;
		if (*p == '\n')
			fputs("\\n", out);
		else if (*p == '"' || *p == '\\')
			fprintf(out, "\\%c", *p);
		else if (*p < 0x80)
			putc(*p, out);
		else if ((n = utf8_length(p)) > 0)
			fwrite(p, 1, n, out);
		else
			n = (size_t)fprintf(out, "?");
	}
}
