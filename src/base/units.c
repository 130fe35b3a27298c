/* SPDX-License-Identifier: ISC */
/* Sizes and durations with units; see units.h. Master. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/units.h"

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit sizes[] = {
	{ "G", 1u << 30 }, { "M", 1u << 20 }, { "K", 1u << 10 }, { "", 1 },
};

static const struct unit durations[] = {
	{ "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 },
	{ "ms", 1 },
};

#define NUNITS(table) (sizeof(table) / sizeof((table)[0]))

/* Read digits. Returns how many there were; 0 also when they overflow. */
static size_t
digits(const char *text, uint64_t *value)
{
	size_t n;

	*value = 0;
	for (n = 0; text[n] >= '0' && text[n] <= '9'; n++) {
		unsigned digit = (unsigned)(text[n] - '0');

		if (*value > (UINT64_MAX - digit) / 10)
			return 0;
		*value = *value * 10 + digit;
	}
	return n;
}

int
units_parse_size(const char *text, size_t *size)
{
	uint64_t value;
	size_t i, n;

	n = digits(text, &value);
	if (n == 0)
		return -1;
	for (i = 0; i < NUNITS(sizes); i++) {
		if (strcmp(text + n, sizes[i].name) != 0)
			continue;
		if (value > SIZE_MAX / sizes[i].factor)
			return -1;
		*size = (size_t)(value * sizes[i].factor);
		return 0;
	}
	return -1;
}

/* The unit that text begins with: the longest name that fits, "ms" over "m". */
static const struct unit *
duration_unit(const char *text)
{
	const struct unit *best = NULL;
	size_t i;

	for (i = 0; i < NUNITS(durations); i++) {
		const struct unit *unit = &durations[i];

		if (strncmp(text, unit->name, strlen(unit->name)) == 0 &&
		    (best == NULL || strlen(unit->name) > strlen(best->name)))
			best = unit;
	}
	return best;
}

int
units_parse_duration(const char *text, int64_t *ms)
{
	const struct unit *unit;
	uint64_t last = UINT64_MAX, sum = 0, value;
	size_t n;

	if (*text == '\0')
		return -1;
	while (*text != '\0') {
		n = digits(text, &value);
		if (n == 0)
			return -1;
		text += n;
		unit = duration_unit(text);
		if (unit == NULL && (*text != '\0' || last != UINT64_MAX))
			return -1;
		if (unit == NULL)
			unit = &durations[3]; /* a bare number: seconds */
		else
			text += strlen(unit->name);
		/* "1h30m", not "30m1h" or "1h1h" */
		if (unit->factor >= last ||
		    value > (INT64_MAX - sum) / unit->factor)
			return -1;
		last = unit->factor;
		sum += value * unit->factor;
	}
	*ms = (int64_t)sum;
	return 0;
}

void
units_format_size(size_t size, char *buf, size_t bufsize)
{
	size_t i;

	for (i = 0; i < NUNITS(sizes) - 1; i++)
		if (size != 0 && size % sizes[i].factor == 0)
			break;
	snprintf(buf, bufsize, "%zu%s", (size_t)(size / sizes[i].factor),
	    sizes[i].name);
}

void
units_format_duration(int64_t ms, char *buf, size_t bufsize)
{
	size_t i;

	for (i = 0; i < NUNITS(durations) - 1; i++)
		if (ms != 0 && (uint64_t)ms % durations[i].factor == 0)
			break;
	if (ms == 0)
		i = 3;
	snprintf(buf, bufsize, "%lld%s",
	    (long long)((uint64_t)ms / durations[i].factor),
	    durations[i].name);
}
