/* SPDX-License-Identifier: ISC */
/*
 * How a report looks: values as people read them, labels, columns, JSON. Runs
 * in the master, writes to a stream in memory.
 */
#include "config.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "report/form.h"

#define LABEL_WIDTH 13

static void format_count(uint64_t, char *);
static void format_bytes(uint64_t, char *);
static void format_seconds(int64_t, char *);
static void format_time(int64_t, char *);
static void format_rate(uint64_t, uint64_t, char *);
static uint64_t rate(uint64_t, uint64_t, unsigned);
static void put_json(struct json *, const char *, const struct value *);
static void put_text(FILE *, const char *);
static void line_end(struct form *);
static void block_begin(struct form *);

const char *
value_format(const struct value *v, char buf[VALUE_TEXT_MAX])
{
	switch (v->kind) {
	case VALUE_TEXT:
		return v->text;
	case VALUE_ID:
	case VALUE_PID:
		if (v->kind == VALUE_PID && v->number == 0)
			return NULL;
		snprintf(buf, VALUE_TEXT_MAX, "%" PRIu64, v->number);
		return buf;
	case VALUE_COUNT:
		format_count(v->number, buf);
		return buf;
	case VALUE_BYTES:
		format_bytes(v->number, buf);
		return buf;
	case VALUE_SECONDS:
		if (v->time < 0)
			return NULL;
		format_seconds(v->time, buf);
		return buf;
	case VALUE_TIME:
		if (v->time == 0)
			return NULL;
		format_time(v->time, buf);
		return buf;
	case VALUE_RATE:
		if (v->whole == 0)
			return NULL;
		format_rate(v->number, v->whole, buf);
		return buf;
	}
	return NULL;
}

void
form_begin(struct form *f, FILE *out, enum report_form form)
{
	memset(f, 0, sizeof(*f));
	f->form = form;
	f->out = out;
	json_init(&f->json, out);
	if (f->form == REPORT_JSON)
		json_object_begin(&f->json, NULL);
}

int
form_end(struct form *f)
{
	if (f->form == REPORT_JSON) {
		json_object_end(&f->json);
		return json_finish(&f->json);
	}
	line_end(f);
	return fflush(f->out) != 0 || ferror(f->out) ? -1 : 0;
}

void
form_section_begin(struct form *f, const char *key)
{
	if (f->form == REPORT_JSON)
		json_object_begin(&f->json, key);
	else
		block_begin(f);
}

void
form_section_end(struct form *f)
{
	if (f->form == REPORT_JSON)
		json_object_end(&f->json);
}

void
form_field(struct form *f, const char *key, const char *label,
    const char *lead, const char *tail, struct value v)
{
	char buf[VALUE_TEXT_MAX];
	const char *text;

	if (f->form == REPORT_JSON) {
		put_json(&f->json, key, &v);
		return;
	}
	text = value_format(&v, buf);
	if (label == FORM_SAME) {
		if (text == NULL)
			return;
	} else {
		if (label[0] == '\0')
			return;
		line_end(f);
		fprintf(f->out, "%-*s  ", LABEL_WIDTH, label);
		f->line = true;
	}
	if (text == NULL)
		text = v.kind == VALUE_TIME ? "never" : "-";
	fputs(lead, f->out);
	put_text(f->out, text);
	fputs(tail, f->out);
}

void
form_table_begin(struct form *f, const char *key)
{
	if (f->form == REPORT_JSON)
		json_array_begin(&f->json, key);
	else
		block_begin(f);
}

void
form_heading(struct form *f, int width, const char *heading)
{
	if (f->form == REPORT_JSON)
		return;
	fprintf(f->out, "%s%*s", f->line ? "  " : "", width, heading);
	f->line = true;
}

void
form_row_begin(struct form *f)
{
	if (f->form == REPORT_JSON)
		json_object_begin(&f->json, NULL);
	else
		line_end(f);
}

void
form_cell(struct form *f, const char *key, int width, struct value v)
{
	char buf[VALUE_TEXT_MAX];
	const char *text;
	int len;

	if (f->form == REPORT_JSON) {
		put_json(&f->json, key, &v);
		return;
	}
	if ((text = value_format(&v, buf)) == NULL)
		text = "-";
	if (f->line)
		fputs("  ", f->out);
	len = (int)strlen(text);
	fprintf(f->out, "%*s", width > len ? width - len : 0, "");
	put_text(f->out, text);
	fprintf(f->out, "%*s", -width > len ? -width - len : 0, "");
	f->line = true;
}

void
form_row_end(struct form *f)
{
	if (f->form == REPORT_JSON)
		json_object_end(&f->json);
}

void
form_table_end(struct form *f)
{
	if (f->form == REPORT_JSON)
		json_array_end(&f->json);
}

/* 1234567 → 1,234,567 */
static void
format_count(uint64_t n, char *buf)
{
	char digits[24];
	size_t i, len, k;

	len = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, n);
	for (i = k = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			buf[k++] = ',';
		buf[k++] = digits[i];
	}
	buf[k] = '\0';
}

static void
format_bytes(uint64_t n, char *buf)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB",
		"TiB", "PiB", "EiB" };
	uint64_t rest;
	unsigned u;

	rest = 0;
	for (u = 0; n >= 1024; u++) {
		rest = n % 1024;
		n /= 1024;
	}
	rest = rest * 10 / 1024;
	if (rest == 0 || n >= 100)
		snprintf(buf, VALUE_TEXT_MAX, "%" PRIu64 " %s", n, units[u]);
	else
		snprintf(buf, VALUE_TEXT_MAX, "%" PRIu64 ".%" PRIu64 " %s", n,
		    rest, units[u]);
}

/* The two largest units that say something. */
static void
format_seconds(int64_t s, char *buf)
{
	static const struct {
		int64_t seconds;
		const char *name;
	} units[] = { { 86400, "d" }, { 3600, "h" }, { 60, "min" },
		{ 1, "s" } };
	int64_t rest;
	size_t u;

	for (u = 0; u < 3 && s < units[u].seconds; u++)
		continue;
	rest = u < 3 ? s % units[u].seconds / units[u + 1].seconds : 0;
	if (rest == 0)
		snprintf(buf, VALUE_TEXT_MAX, "%" PRId64 " %s",
		    s / units[u].seconds, units[u].name);
	else
		snprintf(buf, VALUE_TEXT_MAX, "%" PRId64 " %s %" PRId64 " %s",
		    s / units[u].seconds, units[u].name, rest,
		    units[u + 1].name);
}

static void
format_time(int64_t t, char *buf)
{
	struct tm tm;
	time_t time;

	time = (time_t)t;
	if (localtime_r(&time, &tm) == NULL ||
	    strftime(buf, VALUE_TEXT_MAX, "%Y-%m-%d %H:%M:%S %z", &tm) == 0)
		snprintf(buf, VALUE_TEXT_MAX, "@%" PRId64, t);
}

/* Rounded down: 100.0 % means all of them. */
static void
format_rate(uint64_t part, uint64_t whole, char *buf)
{
	uint64_t r;

	r = rate(part, whole, 1000);
	snprintf(buf, VALUE_TEXT_MAX, "%" PRIu64 ".%" PRIu64 " %%", r / 10,
	    r % 10);
}

/* part / whole in units of 1 / scale, for all values. */
static uint64_t
rate(uint64_t part, uint64_t whole, unsigned scale)
{
	while (part > UINT64_MAX / scale) {
		part >>= 1;
		whole >>= 1;
	}
	return whole == 0 ? 0 : part * scale / whole;
}

static void
put_json(struct json *j, const char *key, const struct value *v)
{
	char buf[VALUE_TEXT_MAX];

	if (value_format(v, buf) == NULL) {
		json_null(j, key);
		return;
	}
	switch (v->kind) {
	case VALUE_TEXT:
		json_string(j, key, v->text);
		break;
	case VALUE_ID:
	case VALUE_PID:
	case VALUE_COUNT:
	case VALUE_BYTES:
		json_uint(j, key, v->number);
		break;
	case VALUE_SECONDS:
	case VALUE_TIME:
		json_int(j, key, v->time);
		break;
	case VALUE_RATE:
		json_real(j, key,
		    (double)rate(v->number, v->whole, 10000) / 10000, 4);
		break;
	}
}

/* A terminal gets no control characters out of a path or a message. */
static void
put_text(FILE *out, const char *s)
{
	for (; *s != '\0'; s++)
		fputc((unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s, out);
}

static void
line_end(struct form *f)
{
	if (!f->line)
		return;
	fputc('\n', f->out);
	f->line = false;
	f->block = true;
}

static void
block_begin(struct form *f)
{
	line_end(f);
	if (f->block)
		fputc('\n', f->out);
	f->block = false;
}
