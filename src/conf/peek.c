/* SPDX-License-Identifier: ISC */
/*
 * One directive of a file that may be in error elsewhere. For tlsherdctl(8),
 * which has to find a server that runs whatever has become of its file.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "conf/scan_int.h"

static char *find_value(struct conf_source *, const char *);
static bool next_token(struct conf_scanner *);
static bool is_text(const struct conf_token *, enum conf_token_kind,
    const char *);
static char *unquoted(const struct conf_token *);

char *
conf_peek_path(const char *file, const char *name)
{
	struct conf_source source;
	struct conf *conf;
	char *path = NULL, *value = NULL;
	struct err err;

	conf = xcalloc(1, sizeof(*conf));
	if (conf_source_file(&source, conf, file, NULL, NULL, &err) == 0)
		value = find_value(&source, name);
	if (value != NULL && value[0] != '/' && value[0] != '\0')
		path = xasprintf("%s/%s", source.folder, value);
	else if (value != NULL && value[0] != '\0')
		path = xstrdup(value);
	free(value);
	conf_source_release(&source);
	conf_free(conf);
	return path;
}

/* NULL: the text does not have it, or not in a way that is plain to see. */
static char *
find_value(struct conf_source *source, const char *name)
{
	bool assigned = false, named = false;
	struct conf_scanner s;
	struct err err;

	/* What is wrong with the text is not asked for here. */
	if (conf_scan_init(&s, source, &err) == -1)
		s.line = 1;
	while (next_token(&s)) {
		if (assigned)
			return unquoted(&s.token);
		assigned = named && is_text(&s.token, TOKEN_SIGN, "=");
		named = is_text(&s.token, TOKEN_WORD, name);
	}
	return NULL;
}

/* After an error it goes on with the next line. False: there is no more. */
static bool
next_token(struct conf_scanner *s)
{
	while (conf_scan(s) == -1) {
		s->next += strcspn(s->next, "\n");
		if (*s->next == '\0')
			return false;
	}
	return s->token.kind != TOKEN_END;
}

static bool
is_text(const struct conf_token *token, enum conf_token_kind kind,
    const char *text)
{
	return token->kind == kind && strlen(text) == (size_t)token->len &&
	    memcmp(token->text, text, (size_t)token->len) == 0;
}

static char *
unquoted(const struct conf_token *token)
{
	const char *text = token->text;
	size_t len = (size_t)token->len;

	if (token->kind == TOKEN_STRING) {
		text++;
		len -= 2;
	} else if (token->kind != TOKEN_WORD) {
		return NULL;
	}
	if (memchr(text, '\\', len) != NULL || memchr(text, '$', len) != NULL)
		return NULL;
	return xasprintf("%.*s", (int)len, text);
}
