/* SPDX-License-Identifier: ISC */
/* Directives that are words, paths and texts. Master. */
#include "config.h"

#include <sys/un.h>

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "conf/conf_int.h"

int
conf_expected(const struct conf_given *g, const char *fmt, ...)
{
	char what[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return err_set(g->err, &g->loc, "%s \"%.200s\": expected %s",
	    g->directive->name, g->text, what);
}

char *
conf_path(const char *folder, const char *text)
{
	if (text[0] == '/')
		return xstrdup(text);
	return xasprintf("%s/%s", folder, text);
}

void
conf_print_string(const char *s, FILE *fp)
{
	unsigned char c;

	putc('"', fp);
	for (; *s != '\0'; s++) {
		c = (unsigned char)*s;
		if (c == '"' || c == '\\' || c == '$')
			fprintf(fp, "\\%c", c);
		else if (c == '\n')
			fputs("\\n", fp);
		else if (c < ' ' || c == 0x7f)
			fprintf(fp, "\\x%02x", c);
		else
			putc(c, fp);
	}
	putc('"', fp);
}

/* struct conf_str */

static void
str_print(const struct conf_directive *d, const void *target, FILE *fp)
{
	const struct conf_str *s = conf_const_field(d, target);

	conf_print_string(s->value != NULL ? s->value : "", fp);
}

static void
str_clear(const struct conf_directive *d, void *target)
{
	struct conf_str *s = conf_field(d, target);

	free(s->value);
	s->value = NULL;
}

static void
str_copy(const struct conf_directive *d, void *to, const void *from)
{
	const struct conf_str *s = conf_const_field(d, from);
	struct conf_str *copy = conf_field(d, to);

	*copy = *s;
	if (s->value != NULL)
		copy->value = xstrdup(s->value);
}

static int
word_add(const struct conf_given *g, void *target)
{
	struct conf_str *s = conf_field(g->directive, target);

	s->value = xstrdup(g->text);
	s->loc = g->loc;
	return 0;
}

const struct conf_kind conf_kind_word = {
	.add = word_add,
	.print = str_print,
	.clear = str_clear,
	.copy = str_copy,
};

static int
string_add(const struct conf_given *g, void *target)
{
	return g->text[0] == '\0' ? 0 : word_add(g, target);
}

const struct conf_kind conf_kind_string = {
	.add = string_add,
	.print = str_print,
	.clear = str_clear,
	.copy = str_copy,
};

static int
path_add(const struct conf_given *g, void *target)
{
	struct conf_str *s = conf_field(g->directive, target);

	if (g->text[0] == '\0')
		return 0;
	s->value = conf_path(g->folder, g->text);
	s->loc = g->loc;
	return 0;
}

const struct conf_kind conf_kind_path = {
	.add = path_add,
	.print = str_print,
	.clear = str_clear,
	.copy = str_copy,
};

static int
socket_add(const struct conf_given *g, void *target)
{
	const struct conf_str *s = conf_field(g->directive, target);
	const size_t longest = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;

	(void)path_add(g, target);
	if (s->value != NULL && strlen(s->value) > longest)
		return err_set(g->err, &g->loc, "%s \"%s\": the path of a "
		    "Unix socket has %zu characters at the most",
		    g->directive->name, s->value, longest);
	return 0;
}

const struct conf_kind conf_kind_socket = {
	.add = socket_add,
	.print = str_print,
	.clear = str_clear,
	.copy = str_copy,
};

/* A misspelt "syslog" must not become a file. */
static int
log_add(const struct conf_given *g, void *target)
{
	static const char *const words[] = { "auto", "stderr", "syslog" };
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i], g->text) == 0)
			return word_add(g, target);
	if (strchr(g->text, '/') == NULL)
		return conf_expected(g, "auto, stderr, syslog or a path with "
		    "a slash");
	return path_add(g, target);
}

const struct conf_kind conf_kind_log = {
	.add = log_add,
	.print = str_print,
	.clear = str_clear,
	.copy = str_copy,
};

/* char * */

static int
text_add(const struct conf_given *g, void *target)
{
	char **s = conf_field(g->directive, target);

	*s = xstrdup(g->text);
	return 0;
}

static void
text_print(const struct conf_directive *d, const void *target, FILE *fp)
{
	char *const *s = conf_const_field(d, target);

	conf_print_string(*s, fp);
}

static void
text_clear(const struct conf_directive *d, void *target)
{
	char **s = conf_field(d, target);

	free(*s);
	*s = NULL;
}

static void
text_copy(const struct conf_directive *d, void *to, const void *from)
{
	char *const *s = conf_const_field(d, from);
	char **copy = conf_field(d, to);

	*copy = xstrdup(*s);
}

const struct conf_kind conf_kind_text = {
	.add = text_add,
	.print = text_print,
	.clear = text_clear,
	.copy = text_copy,
};

static int
facility_add(const struct conf_given *g, void *target)
{
	int facility;

	if (log_facility_parse(g->text, &facility) == -1)
		return conf_expected(g, "daemon, auth, authpriv, user or "
		    "local0 to local7");
	return text_add(g, target);
}

const struct conf_kind conf_kind_facility = {
	.add = facility_add,
	.print = text_print,
	.clear = text_clear,
	.copy = text_copy,
};
