/* SPDX-License-Identifier: ISC */
/*
 * The words, strings and signs of a text, where libConfuse sees the same
 * ones: what it would take in another way than people do is an error here.
 * Each scan_x() starts at the first character of its token. Master.
 */
#include "config.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "conf/scan_int.h"

static int check_bytes(struct conf_scanner *);
static int skip_blank(struct conf_scanner *);
static int skip_comment(struct conf_scanner *);
static int scan_double(struct conf_scanner *);
static int scan_escape(struct conf_scanner *);
static size_t escape_length(const char *);
static int scan_variable(struct conf_scanner *);
static int scan_single(struct conf_scanner *);
static int scan_word(struct conf_scanner *);

int
conf_scan_init(struct conf_scanner *s, struct conf_source *source,
    struct err *err)
{
	memset(s, 0, sizeof(*s));
	s->file = source->name;
	s->has_lines = source->has_lines;
	s->next = source->text;
	s->line = 1;
	s->err = err;
	return check_bytes(s);
}

/* Text has tabs, line ends and no other control characters. */
static int
check_bytes(struct conf_scanner *s)
{
	const char *p;
	int line = 1;

	for (p = s->next; *p != '\0'; p++) {
		if (*p == '\n')
			line++;
		else if (*p == 0x7f || ((unsigned char)*p < ' ' &&
		    *p != '\t' && !(*p == '\r' && p[1] == '\n')))
			return conf_scan_fail(s, line, "control character "
			    "0x%02x; is this a text file?", (unsigned char)*p);
	}
	return 0;
}

int
conf_scan(struct conf_scanner *s)
{
	char *start;
	int rc = 0;

	if (skip_blank(s) == -1)
		return -1;
	start = s->next;
	s->token.text = start;
	s->token.line = s->line;
	if (*start == '\0') {
		s->token.kind = TOKEN_END;
	} else if (*start == '"') {
		rc = scan_double(s);
	} else if (*start == '\'') {
		rc = scan_single(s);
	} else if (strchr("{}()=,", *start) != NULL) {
		s->token.kind = TOKEN_SIGN;
		s->next++;
	} else if (start[0] == '+' && start[1] == '=') {
		s->token.kind = TOKEN_APPEND;
		s->next += 2;
	} else {
		rc = scan_word(s);
	}
	s->token.len = (int)(s->next - start);
	return rc;
}

static int
skip_blank(struct conf_scanner *s)
{
	for (;;) {
		if (*s->next == '\n')
			s->line++;
		if (*s->next != '\0' && strchr(" \t\r\n", *s->next) != NULL)
			s->next++;
		else if (*s->next == '#' || strncmp(s->next, "//", 2) == 0)
			while (*s->next != '\0' && *s->next != '\n')
				*s->next++ = ' ';
		else if (strncmp(s->next, "/*", 2) != 0)
			return 0;
		else if (skip_comment(s) == -1)
			return -1;
	}
}

static int
skip_comment(struct conf_scanner *s)
{
	const char *end = strstr(s->next + 2, "*/");

	if (end == NULL)
		return conf_scan_fail(s, s->line, "the comment has no closing "
		    "\"*/\"");
	for (end += 2; s->next < end; s->next++) {
		if (*s->next == '\n')
			s->line++;
		else
			*s->next = ' ';
	}
	return 0;
}

static int
scan_double(struct conf_scanner *s)
{
	int line = s->line, rc = 0;

	s->token.kind = TOKEN_STRING;
	s->next++;
	while (*s->next != '"' && rc == 0) {
		if (*s->next == '\0' || *s->next == '\n' || *s->next == '\r')
			return conf_scan_fail(s, line, "the string has no "
			    "closing '\"' on its line");
		if (*s->next == '\\')
			rc = scan_escape(s);
		else if (strncmp(s->next, "${", 2) == 0)
			rc = scan_variable(s);
		else
			s->next++;
	}
	s->next++;
	return rc;
}

/* Some of C's escapes; a NUL would end the value early. */
static int
scan_escape(struct conf_scanner *s)
{
	size_t len = escape_length(s->next);
	unsigned long value = 1;
	char text[8];

	snprintf(text, sizeof(text), "%.*s", (int)len, s->next);
	if (text[1] == 'x')
		value = strtoul(text + 2, NULL, 16);
	else if (isdigit((unsigned char)text[1]))
		value = strpbrk(text, "89") != NULL ? 0 :
		    strtoul(text + 1, NULL, 8);
	else if (text[1] != '\0' && strchr("ntr\"\\$\n", text[1]) == NULL)
		value = 0;
	if (len > 4 || value < 1 || value > 255)
		return conf_scan_fail(s, s->line, "bad escape \"%s\" in a "
		    "string", text);
	if (text[1] == '\n')
		s->line++;
	s->next += len;
	return 0;
}

/* "\xHH", "\" and all digits behind it, or "\" and one character. */
static size_t
escape_length(const char *p)
{
	static const char hex[] = "0123456789abcdefABCDEF";
	size_t digits;

	if (p[1] == 'x') {
		digits = strspn(p + 2, hex);
		return 2 + (digits < 2 ? digits : 2);
	}
	digits = strspn(p + 1, "0123456789");
	if (digits > 0)
		return 1 + digits;
	return p[1] != '\0' ? 2 : 1;
}

/* ${NAME} or ${NAME:-default}: from the environment. */
static int
scan_variable(struct conf_scanner *s)
{
	size_t len = strcspn(s->next, "}\"\\\n"), name;
	char text[256];

	name = strcspn(s->next + 2, ":}\"\\\n");
	snprintf(text, sizeof(text), "%.*s", (int)name, s->next + 2);
	if (s->next[len] != '}' || name == 0 || name >= sizeof(text))
		return conf_scan_fail(s, s->line, "expected ${NAME} in a "
		    "string; \"\\$\" is a dollar");
	if (strncmp(s->next + 2 + name, ":-", 2) != 0 &&
	    (s->next[2 + name] != '}' || getenv(text) == NULL))
		return conf_scan_fail(s, s->line, "there is no \"%s\" in the "
		    "environment", text);
	s->next += len + 1;
	return 0;
}

static int
scan_single(struct conf_scanner *s)
{
	int line = s->line;

	s->token.kind = TOKEN_STRING;
	for (s->next++; *s->next != '\''; s->next++) {
		if (s->next[0] == '\\' && s->next[1] != '\0')
			s->next++;
		else if (*s->next == '\0' || *s->next == '\n' ||
		    *s->next == '\r')
			return conf_scan_fail(s, line, "the string has no "
			    "closing \"'\" on its line");
		if (*s->next == '\n')
			s->line++;
	}
	s->next++;
	return 0;
}

/* Fewer characters than libConfuse has in words: "|" selects sections there. */
static int
scan_word(struct conf_scanner *s)
{
	const char *start = s->next;

	s->token.kind = TOKEN_WORD;
	while (isalnum((unsigned char)*s->next) ||
	    (*s->next != '\0' && strchr("_-.:/@%[]", *s->next) != NULL))
		s->next++;
	if (s->next > start)
		return 0;
	if ((unsigned char)*start >= 0x80)
		return conf_scan_fail(s, s->line, "unexpected byte 0x%02x; put "
		    "the value in quotes", (unsigned char)*start);
	return conf_scan_fail(s, s->line, "unexpected '%c'; values with such "
	    "characters need quotes", *start);
}

int
conf_scan_fail(struct conf_scanner *s, int line, const char *fmt, ...)
{
	struct loc loc = { s->file, s->has_lines ? line : 0 };
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(s->err, &loc, "%s", text);
}
