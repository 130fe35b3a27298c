/* SPDX-License-Identifier: ISC */
/* Directives that are one word of a few: bools and enums. Master. */
#include "config.h"

#include <string.h>

#include "conf/conf_int.h"

struct choice {
	const char *name;
	int value;
};

struct choices {
	const struct choice *rows; /* of equal values the first is printed */
	size_t n, told;		   /* all; those that an error names */
	bool is_bool;		   /* the field is a bool, not an enum */
};

/* An enum is stored as an int, whatever enum it is. */
_Static_assert(sizeof(enum conf_service) == sizeof(int) &&
    sizeof(enum log_level) == sizeof(int), "enums that are no int");

static int
choice_add(const struct conf_given *g, void *target)
{
	const struct choices *c = g->directive->kind->choices;
	void *field = conf_field(g->directive, target);
	char all[256] = "";
	size_t i;

	for (i = 0; i < c->n; i++) {
		if (strcmp(c->rows[i].name, g->text) != 0)
			continue;
		if (c->is_bool)
			*(bool *)field = c->rows[i].value != 0;
		else
			memcpy(field, &c->rows[i].value, sizeof(int));
		return 0;
	}
	for (i = 0; i < c->told; i++) {
		if (i > 0)
			strcat(all, i + 1 == c->told ? " or " : ", ");
		strcat(all, c->rows[i].name);
	}
	return conf_expected(g, "%s", all);
}

static const char *
choice_name(const struct conf_kind *kind, int value)
{
	const struct choices *c = kind->choices;
	size_t i;

	for (i = 0; i < c->n; i++)
		if (c->rows[i].value == value)
			return c->rows[i].name;
	return "?";
}

static void
choice_print(const struct conf_directive *d, const void *target, FILE *fp)
{
	const struct choices *c = d->kind->choices;
	const void *field = conf_const_field(d, target);
	int value;

	if (c->is_bool)
		value = *(const bool *)field;
	else
		memcpy(&value, field, sizeof(value));
	fputs(choice_name(d->kind, value), fp);
}

#define CHOICE_KIND(kind, is_bool, told)				\
	static const struct choices kind##_choices = { kind##_rows,	\
		sizeof(kind##_rows) / sizeof(kind##_rows[0]), told,	\
		is_bool };						\
	const struct conf_kind conf_kind_##kind = {			\
		.add = choice_add,					\
		.print = choice_print,					\
		.choices = &kind##_choices,				\
	}

static const struct choice yesno_rows[] = {
	{ "yes", true }, { "no", false }, { "true", true },
	{ "false", false }, { "on", true }, { "off", false },
};
CHOICE_KIND(yesno, true, 2);

static const struct choice unknown_name_rows[] = {
	{ "default", false }, { "reject", true },
};
CHOICE_KIND(unknown_name, true, 2);

static const struct choice client_cut_rows[] = {
	{ "end", false }, { "reset", true },
};
CHOICE_KIND(client_cut, true, 2);

static const struct choice proxy_protocol_rows[] = {
	{ "off", false }, { "v2", true },
};
CHOICE_KIND(proxy_protocol, true, 2);

static const struct choice connect_rows[] = {
	{ "handshake", CONF_CONNECT_HANDSHAKE },
	{ "data", CONF_CONNECT_DATA },
	{ "hello", CONF_CONNECT_HELLO },
};
CHOICE_KIND(connect, false, 3);

static const struct choice log_level_rows[] = {
	{ "error", LOGLVL_ERROR }, { "warning", LOGLVL_WARNING },
	{ "notice", LOGLVL_NOTICE }, { "info", LOGLVL_INFO },
	{ "debug", LOGLVL_DEBUG },
};
CHOICE_KIND(log_level, false, 5);

static const struct choice service_rows[] = {
#define X(ID, name, doc) { name, CONF_SERVICE_##ID },
#include "conf/services.def"
#undef X
};
CHOICE_KIND(service, false, CONF_SERVICE_COUNT);

static const struct choice resumption_rows[] = {
	{ "stateful", CONF_RESUME_STATEFUL },
	{ "tickets", CONF_RESUME_TICKETS },
	{ "off", CONF_RESUME_OFF },
};
CHOICE_KIND(resumption, false, 3);

static const struct choice version_rows[] = {
	{ "TLSv1.2", CONF_TLS1_2 }, { "TLSv1.3", CONF_TLS1_3 },
};
CHOICE_KIND(version, false, 2);

static const struct choice client_cert_rows[] = {
	{ "off", CONF_CLIENT_CERT_OFF },
	{ "optional", CONF_CLIENT_CERT_OPTIONAL },
	{ "required", CONF_CLIENT_CERT_REQUIRED },
};
CHOICE_KIND(client_cert, false, 3);

static const struct choice early_mode_rows[] = {
	{ "off", CONF_EARLY_OFF },
	{ "accept", CONF_EARLY_ACCEPT },
	{ "postpone", CONF_EARLY_POSTPONE },
};
CHOICE_KIND(early_mode, false, 3);

const char *
conf_service_name(enum conf_service service)
{
	return choice_name(&conf_kind_service, (int)service);
}

const char *
conf_resumption_name(enum conf_resumption resumption)
{
	return choice_name(&conf_kind_resumption, (int)resumption);
}
