/* SPDX-License-Identifier: ISC */
/*
 * Sizes and durations with units.
 *   size      "4096", "64K", "32M", "1G"          powers of 1024, result bytes
 *   duration  "500ms", "30s", "5m", "2h", "7d"    result milliseconds;
 *             parts add up ("1h30m"), a bare number is seconds
 */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H

#include <stddef.h>
#include <stdint.h>

/* Each returns 0, or -1 when the text is no such thing or overflows. */
int units_parse_size(const char *, size_t *);
int units_parse_duration(const char *, int64_t *ms);

/* The shortest text that parses to the same value; buf of 32 is enough. */
void units_format_size(size_t, char *buf, size_t bufsize);
void units_format_duration(int64_t ms, char *buf, size_t bufsize);

#endif
