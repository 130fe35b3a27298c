/* SPDX-License-Identifier: ISC */
/*
 * The grammar of the file, checked before libConfuse reads it. libConfuse
 * counts the lines of comments wrongly, takes the end of the file for the end
 * of a section, skips characters that it does not know and lets a string run
 * over the rest of the file; with what comes through here it does none of
 * that. The words mean nothing yet, but for one thing: whether a directive
 * takes a list. Master.
 *
 *   file      = statement*
 *   statement = word ("=" | "+=") (value | "{" [value {"," value} [","]] "}")
 *             | word [value] "{" statement* "}"
 *             | word "(" [value {"," value}] ")"
 *   value     = word | string
 */
#include "config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf_int.h"

#define DEPTH_MAX 8

enum token_kind {
	TOKEN_END,
	TOKEN_WORD,
	TOKEN_STRING,
	TOKEN_APPEND, /* += */
	TOKEN_SIGN,   /* one of "{}()=," */
};

struct token {
	enum token_kind kind;
	const char *text;
	int len;
	int line;
};

struct scanner {
	const char *file;
	bool has_lines;
	char *next;
	int line;
	struct token token;
	struct err *err;
	struct token open[DEPTH_MAX]; /* the sections that we are in */
	int depth;
};

static int check_bytes(struct scanner *, const char *);
static int statement(struct scanner *);
static int titled(struct scanner *, const struct token *);
static int section(struct scanner *, const struct token *);
static int assignment(struct scanner *, const struct token *);
static int values(struct scanner *, const struct token *, char);
static int unclosed(struct scanner *);
static int scan(struct scanner *);
static int skip_blank(struct scanner *);
static int skip_comment(struct scanner *);
static int scan_double(struct scanner *);
static int scan_escape(struct scanner *);
static int scan_variable(struct scanner *);
static int scan_single(struct scanner *);
static int scan_word(struct scanner *);
static bool is_sign(const struct scanner *, char);
static bool is_value(const struct scanner *);
static bool is_word(const struct token *, const char *);
static int fail(struct scanner *, int, const char *, ...)
    __attribute__((format(printf, 3, 4)));
static int fail_found(struct scanner *, const char *, ...)
    __attribute__((format(printf, 2, 3)));

/* A token in an error: at most this much of it. */
#define TEXT(token) ((token)->len < 100 ? (token)->len : 100), (token)->text

int
conf_syntax(struct conf_source *source, struct err *err)
{
	struct scanner s = { .file = source->name,
		.has_lines = source->has_lines, .next = source->text,
		.line = 1, .err = err };

	if (check_bytes(&s, source->text) == -1)
		return -1;
	for (;;) {
		if (scan(&s) == -1)
			return -1;
		if (s.token.kind == TOKEN_END)
			return s.depth > 0 ? unclosed(&s) : 0;
		if (is_sign(&s, '}') && s.depth > 0)
			s.depth--;
		else if (s.token.kind != TOKEN_WORD)
			return fail_found(&s, "a directive");
		else if (statement(&s) == -1)
			return -1;
	}
}

/* Text has tabs, line ends and no other control characters. */
static int
check_bytes(struct scanner *s, const char *text)
{
	const char *p;
	int line = 1;

	for (p = text; *p != '\0'; p++) {
		if (*p == '\n')
			line++;
		else if (*p == 0x7f || ((unsigned char)*p < ' ' &&
		    *p != '\t' && !(*p == '\r' && p[1] == '\n')))
			return fail(s, line, "control character 0x%02x; is "
			    "this a text file?", (unsigned char)*p);
	}
	return 0;
}

static int
statement(struct scanner *s)
{
	struct token name = s->token;

	if (scan(s) == -1)
		return -1;
	if (s->token.kind == TOKEN_APPEND || is_sign(s, '='))
		return assignment(s, &name);
	if (is_sign(s, '{'))
		return section(s, &name);
	if (is_sign(s, '('))
		return values(s, &name, ')');
	if (is_value(s))
		return titled(s, &name);
	return fail(s, name.line, "expected \"=\" after \"%.*s\"",
	    TEXT(&name));
}

/* name title { */
static int
titled(struct scanner *s, const struct token *name)
{
	struct token title = s->token;

	if (scan(s) == -1)
		return -1;
	if (is_sign(s, '{'))
		return section(s, name);
	if (is_word(name, "listen") || is_word(name, "certificate"))
		return fail(s, name->line, "expected \"{\" after %.*s %.*s",
		    TEXT(name), TEXT(&title));
	return fail(s, name->line, "expected \"=\" after \"%.*s\", not %.*s",
	    TEXT(name), TEXT(&title));
}

static int
section(struct scanner *s, const struct token *name)
{
	if (s->depth == DEPTH_MAX)
		return fail(s, name->line, "sections are nested too deeply");
	s->open[s->depth++] = *name;
	return 0;
}

static int
assignment(struct scanner *s, const struct token *name)
{
	char word[64];

	if (scan(s) == -1)
		return -1;
	if (is_value(s))
		return 0;
	if (!is_sign(s, '{'))
		return fail_found(s, "a value for \"%.*s\"", TEXT(name));
	snprintf(word, sizeof(word), "%.*s", name->len, name->text);
	if (conf_directive_is_single(word))
		return fail(s, s->token.line,
		    "\"%s\" takes one value, not a list", word);
	return values(s, name, '}');
}

/* What stands between braces or parentheses. */
static int
values(struct scanner *s, const struct token *name, char end)
{
	for (;;) {
		if (scan(s) == -1)
			return -1;
		if (is_sign(s, end))
			return 0;
		if (!is_value(s))
			return fail_found(s, "a value or \"%c\" in the list "
			    "of \"%.*s\"", end, TEXT(name));
		if (scan(s) == -1)
			return -1;
		if (is_sign(s, end))
			return 0;
		if (!is_sign(s, ','))
			return fail_found(s, "\",\" or \"%c\" in the list of "
			    "\"%.*s\"", end, TEXT(name));
	}
}

static int
unclosed(struct scanner *s)
{
	const struct token *name = &s->open[s->depth - 1];

	return fail(s, name->line, "the section \"%.*s\" has no closing "
	    "\"}\"", TEXT(name));
}

/* Tokens. Each scan_x() starts at its first character. */

static int
scan(struct scanner *s)
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
skip_blank(struct scanner *s)
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
skip_comment(struct scanner *s)
{
	const char *end = strstr(s->next + 2, "*/");

	if (end == NULL)
		return fail(s, s->line, "the comment has no closing \"*/\"");
	for (end += 2; s->next < end; s->next++) {
		if (*s->next == '\n')
			s->line++;
		else
			*s->next = ' ';
	}
	return 0;
}

static int
scan_double(struct scanner *s)
{
	int line = s->line, rc = 0;

	s->token.kind = TOKEN_STRING;
	s->next++;
	while (*s->next != '"' && rc == 0) {
		if (*s->next == '\0' || *s->next == '\n' || *s->next == '\r')
			return fail(s, line, "the string has no closing '\"' "
			    "on its line");
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

/* C's escapes; a NUL would end the value early. */
static int
scan_escape(struct scanner *s)
{
	static const char digits[] = "0123456789";
	static const char hex[] = "0123456789abcdefABCDEF";
	unsigned long value = 1;
	char text[8];
	size_t len = 1;

	if (s->next[1] == 'x')
		len = 2 + strspn(s->next + 2, hex);
	else if (isdigit((unsigned char)s->next[1]))
		len = 1 + strspn(s->next + 1, digits);
	if (s->next[1] == 'x' && len > 4)
		len = 4;
	snprintf(text, sizeof(text), "%.*s", (int)len, s->next);
	if (len > 4 || (len == 2 && s->next[1] == 'x'))
		return fail(s, s->line, "bad escape \"%s\" in a string", text);
	if (s->next[1] == 'x')
		value = strtoul(text + 2, NULL, 16);
	else if (len > 1)
		value = strpbrk(text, "89") ? 0 : strtoul(text + 1, NULL, 8);
	if (value < 1 || value > 255)
		return fail(s, s->line, "bad escape \"%s\" in a string", text);
	if (s->next[1] == '\n')
		s->line++;
	s->next += len;
	if (len == 1 && *s->next != '\0')
		s->next++;
	return 0;
}

/* ${NAME} or ${NAME:-default}: from the environment. */
static int
scan_variable(struct scanner *s)
{
	size_t len = strcspn(s->next, "}\"\\\n"), name;
	char text[256];

	name = strcspn(s->next + 2, ":}\"\\\n");
	snprintf(text, sizeof(text), "%.*s", (int)name, s->next + 2);
	if (s->next[len] != '}' || name == 0 || name >= sizeof(text))
		return fail(s, s->line, "expected ${NAME} in a string; "
		    "\"\\$\" is a dollar");
	if (strncmp(s->next + 2 + name, ":-", 2) != 0 &&
	    (s->next[2 + name] != '}' || getenv(text) == NULL))
		return fail(s, s->line, "there is no \"%s\" in the "
		    "environment", text);
	s->next += len + 1;
	return 0;
}

static int
scan_single(struct scanner *s)
{
	int line = s->line;

	s->token.kind = TOKEN_STRING;
	for (s->next++; *s->next != '\''; s->next++) {
		if (s->next[0] == '\\' && s->next[1] != '\0')
			s->next++;
		else if (*s->next == '\0' || *s->next == '\n' ||
		    *s->next == '\r')
			return fail(s, line, "the string has no closing \"'\" "
			    "on its line");
		if (*s->next == '\n')
			s->line++;
	}
	s->next++;
	return 0;
}

/* Fewer characters than libConfuse has in words: "|" selects sections there. */
static int
scan_word(struct scanner *s)
{
	const char *start = s->next;

	s->token.kind = TOKEN_WORD;
	while (isalnum((unsigned char)*s->next) ||
	    (*s->next != '\0' && strchr("_-.:/@%[]", *s->next) != NULL))
		s->next++;
	if (s->next > start)
		return 0;
	if ((unsigned char)*start >= 0x80)
		return fail(s, s->line, "unexpected byte 0x%02x; put the "
		    "value in quotes", (unsigned char)*start);
	return fail(s, s->line, "unexpected '%c'; values with such "
	    "characters need quotes", *start);
}

static bool
is_sign(const struct scanner *s, char c)
{
	return s->token.kind == TOKEN_SIGN && *s->token.text == c;
}

static bool
is_value(const struct scanner *s)
{
	return s->token.kind == TOKEN_WORD || s->token.kind == TOKEN_STRING;
}

static bool
is_word(const struct token *token, const char *word)
{
	return (size_t)token->len == strlen(word) &&
	    memcmp(token->text, word, strlen(word)) == 0;
}

static int
fail(struct scanner *s, int line, const char *fmt, ...)
{
	struct loc loc = { s->file, s->has_lines ? line : 0 };
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(s->err, &loc, "%s", text);
}

/* "expected " and the text and what is there instead. */
static int
fail_found(struct scanner *s, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (s->token.kind == TOKEN_END)
		return fail(s, s->token.line, "expected %s, not the end of "
		    "the file", text);
	if (s->token.kind == TOKEN_STRING)
		return fail(s, s->token.line, "expected %s, not %.*s", text,
		    TEXT(&s->token));
	return fail(s, s->token.line, "expected %s, not \"%.*s\"", text,
	    TEXT(&s->token));
}
