/* SPDX-License-Identifier: ISC */
/* Directives that are numbers, with or without a unit. Master. */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "base/units.h"
#include "conf/conf_int.h"

static int read_number(const char *, unsigned, const struct conf_directive *,
    unsigned *);

/* int and unsigned: they look the same below INT_MAX. */

static int
number_add(const struct conf_given *g, void *target)
{
	const struct conf_directive *d = g->directive;
	unsigned value;

	if (read_number(g->text, 10, d, &value) == -1)
		return conf_expected(g, "a number from %" PRId64 " to %"
		    PRId64, d->min, d->max);
	memcpy(conf_field(d, target), &value, sizeof(value));
	return 0;
}

static void
number_print(const struct conf_directive *d, const void *target, FILE *fp)
{
	unsigned value;

	memcpy(&value, conf_const_field(d, target), sizeof(value));
	fprintf(fp, "%u", value);
}

const struct conf_kind conf_kind_number = {
	.add = number_add,
	.print = number_print,
};

static int
mode_add(const struct conf_given *g, void *target)
{
	unsigned value;

	if (strlen(g->text) < 3 ||
	    read_number(g->text, 8, g->directive, &value) == -1)
		return conf_expected(g, "a file mode in octal, such as 0660");
	memcpy(conf_field(g->directive, target), &value, sizeof(value));
	return 0;
}

static void
mode_print(const struct conf_directive *d, const void *target, FILE *fp)
{
	unsigned value;

	memcpy(&value, conf_const_field(d, target), sizeof(value));
	fprintf(fp, "%04o", value);
}

const struct conf_kind conf_kind_mode = {
	.add = mode_add,
	.print = mode_print,
};

/* Digits and nothing else, between the directive's limits. */
static int
read_number(const char *text, unsigned base, const struct conf_directive *d,
    unsigned *value)
{
	int64_t n = 0;

	if (*text == '\0' || strlen(text) > 10)
		return -1;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text >= '0' + (int)base)
			return -1;
		n = n * base + (*text - '0');
	}
	if (n < d->min || n > d->max)
		return -1;
	*value = (unsigned)n;
	return 0;
}

/* workers: auto or a number */

static int
workers_add(const struct conf_given *g, void *target)
{
	const struct conf_directive *d = g->directive;
	struct conf *conf = target;

	conf->workers_auto = strcmp(g->text, "auto") == 0;
	if (conf->workers_auto) {
		conf->workers = conf_processors("");
		if (conf->workers > (unsigned)d->max)
			conf->workers = (unsigned)d->max;
		return 0;
	}
	if (read_number(g->text, 10, d, &conf->workers) == -1)
		return conf_expected(g, "auto or a number from %" PRId64
		    " to %" PRId64, d->min, d->max);
	return 0;
}

static void
workers_print(const struct conf_directive *d, const void *target, FILE *fp)
{
	const struct conf *conf = target;

	if (conf->workers_auto)
		fprintf(fp, "auto # %u", conf->workers);
	else
		fprintf(fp, "%u", conf->workers);
}

static void
workers_copy(const struct conf_directive *d, void *to, const void *from)
{
	const struct conf *conf = from;
	struct conf *copy = to;

	copy->workers = conf->workers;
	copy->workers_auto = conf->workers_auto;
}

const struct conf_kind conf_kind_workers = {
	.add = workers_add,
	.print = workers_print,
	.copy = workers_copy,
};

/* size_t */

static int
size_add(const struct conf_given *g, void *target)
{
	const struct conf_directive *d = g->directive;
	size_t *value = conf_field(d, target);
	char least[32], most[32];

	if (units_parse_size(g->text, value) == 0 &&
	    *value >= (uint64_t)d->min && *value <= (uint64_t)d->max)
		return 0;
	units_format_size((size_t)d->min, least, sizeof(least));
	units_format_size((size_t)d->max, most, sizeof(most));
	return conf_expected(g, "a size from %s to %s, such as 64M", least,
	    most);
}

static void
size_print(const struct conf_directive *d, const void *target, FILE *fp)
{
	const size_t *value = conf_const_field(d, target);
	char text[32];

	units_format_size(*value, text, sizeof(text));
	fputs(text, fp);
}

const struct conf_kind conf_kind_size = {
	.add = size_add,
	.print = size_print,
};

/* int64_t milliseconds */

static int
duration_add(const struct conf_given *g, void *target)
{
	const struct conf_directive *d = g->directive;
	int64_t *value = conf_field(d, target);
	char least[32], most[32];

	if (units_parse_duration(g->text, value) == 0 && *value >= d->min &&
	    *value <= d->max)
		return 0;
	units_format_duration(d->min, least, sizeof(least));
	units_format_duration(d->max, most, sizeof(most));
	return conf_expected(g, "a duration from %s to %s, such as 30s or 2h",
	    least, most);
}

static void
duration_print(const struct conf_directive *d, const void *target, FILE *fp)
{
	const int64_t *value = conf_const_field(d, target);
	char text[32];

	units_format_duration(*value, text, sizeof(text));
	fputs(text, fp);
}

const struct conf_kind conf_kind_duration = {
	.add = duration_add,
	.print = duration_print,
};

/* off or whole seconds */

static int
keepalive_add(const struct conf_given *g, void *target)
{
	const struct conf_directive *d = g->directive;
	int64_t *value = conf_field(d, target);
	char least[32], most[32];

	if (strcmp(g->text, "off") == 0) {
		*value = 0;
		return 0;
	}
	if (units_parse_duration(g->text, value) == 0 && *value >= d->min &&
	    *value <= d->max && *value % 1000 == 0)
		return 0;
	units_format_duration(d->min, least, sizeof(least));
	units_format_duration(d->max, most, sizeof(most));
	return conf_expected(g, "off or a duration in whole seconds from %s "
	    "to %s, such as 60s", least, most);
}

static void
keepalive_print(const struct conf_directive *d, const void *target, FILE *fp)
{
	const int64_t *value = conf_const_field(d, target);

	if (*value == 0)
		fputs("off", fp);
	else
		duration_print(d, target, fp);
}

const struct conf_kind conf_kind_keepalive = {
	.add = keepalive_add,
	.print = keepalive_print,
};
