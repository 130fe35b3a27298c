/* SPDX-License-Identifier: ISC */
/*
 * The grammar of the file, checked before libConfuse reads it. libConfuse
 * counts the lines of comments wrongly, takes the end of the file for the end
 * of a section, skips characters that it does not know and lets a string run
 * over the rest of the file; with what comes through here it does none of
 * that. The words mean nothing yet, but for two things: whether a directive
 * takes a list, and whether a section has a title. Master.
 *
 *   file      = statement*
 *   statement = word ("=" | "+=") (value | "{" [value {"," value} [","]] "}")
 *             | word [value] "{" statement* "}"
 *             | word "(" [value {"," value}] ")"
 *   value     = word | string
 */
#include "config.h"

#include <stdarg.h>
#include <string.h>

#include "conf/scan_int.h"

#define DEPTH_MAX 8
#define WORD_MAX 64

struct parser {
	const struct conf_schema *schema;
	struct conf_scanner scanner;
	struct conf_token open[DEPTH_MAX]; /* the sections that we are in */
	int depth;
};

static int statement(struct parser *);
static int titled(struct parser *, const struct conf_token *);
static int section(struct parser *, const struct conf_token *);
static int assignment(struct parser *, const struct conf_token *);
static int values(struct conf_scanner *, const struct conf_token *, char);
static int unclosed(struct parser *);
static bool is_sign(const struct conf_scanner *, char);
static bool is_value(const struct conf_scanner *);
static const char *word(const struct conf_token *, char *, size_t);
static int fail_found(struct conf_scanner *, const char *, ...)
    __attribute__((format(printf, 2, 3)));

/* A token in an error: at most this much of it. */
#define TEXT(token) ((token)->len < 100 ? (token)->len : 100), (token)->text

int
conf_syntax(const struct conf_schema *schema, struct conf_source *source,
    struct err *err)
{
	struct parser p = { .schema = schema };
	struct conf_scanner *s = &p.scanner;

	if (conf_scan_init(s, source, err) == -1)
		return -1;
	for (;;) {
		if (conf_scan(s) == -1)
			return -1;
		if (s->token.kind == TOKEN_END)
			return p.depth > 0 ? unclosed(&p) : 0;
		if (is_sign(s, '}') && p.depth > 0)
			p.depth--;
		else if (s->token.kind != TOKEN_WORD)
			return fail_found(s, "a directive");
		else if (statement(&p) == -1)
			return -1;
	}
}

static int
statement(struct parser *p)
{
	struct conf_scanner *s = &p->scanner;
	struct conf_token name = s->token;

	if (conf_scan(s) == -1)
		return -1;
	if (s->token.kind == TOKEN_APPEND || is_sign(s, '='))
		return assignment(p, &name);
	if (is_sign(s, '{'))
		return section(p, &name);
	if (is_sign(s, '('))
		return values(s, &name, ')');
	if (is_value(s))
		return titled(p, &name);
	return conf_scan_fail(s, name.line, "expected \"=\" after \"%.*s\"",
	    TEXT(&name));
}

/* name title { */
static int
titled(struct parser *p, const struct conf_token *name)
{
	struct conf_scanner *s = &p->scanner;
	struct conf_token title = s->token;
	char text[WORD_MAX];

	if (conf_scan(s) == -1)
		return -1;
	if (is_sign(s, '{'))
		return section(p, name);
	if (conf_section_is_titled(p->schema, word(name, text, sizeof(text))))
		return conf_scan_fail(s, name->line, "expected \"{\" after "
		    "%.*s %.*s", TEXT(name), TEXT(&title));
	return conf_scan_fail(s, name->line, "expected \"=\" after \"%.*s\", "
	    "not %.*s", TEXT(name), TEXT(&title));
}

static int
section(struct parser *p, const struct conf_token *name)
{
	if (p->depth == DEPTH_MAX)
		return conf_scan_fail(&p->scanner, name->line,
		    "sections are nested too deeply");
	p->open[p->depth++] = *name;
	return 0;
}

static int
assignment(struct parser *p, const struct conf_token *name)
{
	struct conf_scanner *s = &p->scanner;
	char text[WORD_MAX];

	if (conf_scan(s) == -1)
		return -1;
	if (is_value(s))
		return 0;
	if (!is_sign(s, '{'))
		return fail_found(s, "a value for \"%.*s\"", TEXT(name));
	if (conf_directive_is_single(p->schema, word(name, text,
	    sizeof(text))))
		return conf_scan_fail(s, s->token.line,
		    "\"%s\" takes one value, not a list", text);
	return values(s, name, '}');
}

/* What stands between braces or parentheses. */
static int
values(struct conf_scanner *s, const struct conf_token *name, char end)
{
	for (;;) {
		if (conf_scan(s) == -1)
			return -1;
		if (is_sign(s, end))
			return 0;
		if (!is_value(s))
			return fail_found(s, "a value or \"%c\" in the list "
			    "of \"%.*s\"", end, TEXT(name));
		if (conf_scan(s) == -1)
			return -1;
		if (is_sign(s, end))
			return 0;
		if (!is_sign(s, ','))
			return fail_found(s, "\",\" or \"%c\" in the list of "
			    "\"%.*s\"", end, TEXT(name));
	}
}

static int
unclosed(struct parser *p)
{
	const struct conf_token *name = &p->open[p->depth - 1];

	return conf_scan_fail(&p->scanner, name->line, "the section \"%.*s\" "
	    "has no closing \"}\"", TEXT(name));
}

static bool
is_sign(const struct conf_scanner *s, char c)
{
	return s->token.kind == TOKEN_SIGN && *s->token.text == c;
}

static bool
is_value(const struct conf_scanner *s)
{
	return s->token.kind == TOKEN_WORD || s->token.kind == TOKEN_STRING;
}

/* As a string, of which a part is enough: what we look for is short. */
static const char *
word(const struct conf_token *token, char *text, size_t size)
{
	snprintf(text, size, "%.*s", token->len, token->text);
	return text;
}

/* "expected " and the text and what is there instead. */
static int
fail_found(struct conf_scanner *s, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (s->token.kind == TOKEN_END)
		return conf_scan_fail(s, s->token.line, "expected %s, not the "
		    "end of the file", text);
	if (s->token.kind == TOKEN_STRING)
		return conf_scan_fail(s, s->token.line, "expected %s, not "
		    "%.*s", text, TEXT(&s->token));
	return conf_scan_fail(s, s->token.line, "expected %s, not \"%.*s\"",
	    text, TEXT(&s->token));
}
