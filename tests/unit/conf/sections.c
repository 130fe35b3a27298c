/* SPDX-License-Identifier: ISC */
/*
 * A new section is a row, and its directives are rows: with some more of them
 * behind ours, the same code reads, prints and frees what they say, and gives
 * it to those that inherit. They are:
 *
 *	limits { }			what holds for all backends
 *	fleet { tls { } }		one in another
 *	backend "name" {
 *		limits { }		… for this one
 *		server "name" {
 *			limits { }	… and for this one
 *		}
 *	}
 */
#include "config.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf_int.h"
#include "test_conf.h"

struct limits {
	int connections;
	bool strict;
	struct conf_str log;
	char *text;
	struct conf_strs names;
	struct conf_addrs from;
	struct loc loc;
};

struct tls {
	struct conf_str ca;
};

struct fleet {
	int64_t patience;
	struct tls tls;
};

struct server {
	char *name;
	struct limits limits;
	struct loc loc;
};

struct backend {
	char *title;
	struct limits limits;
	struct server *servers;
	size_t nservers;
	struct loc loc;
};

struct root {
	struct conf conf;
	struct limits limits;
	struct fleet fleet;
	struct backend *backends;
	size_t nbackends;
};

static int check_backend(void *, struct err *);

enum { LIMITS = CONF_SECTION_COUNT, FLEET, FLEET_TLS, BACKEND, BACKEND_LIMITS,
	SERVER, SERVER_LIMITS, NSECTIONS };

static struct conf_section sections[NSECTIONS] = {
	[LIMITS] = { .name = "limits", .size = sizeof(struct limits),
	    .offset = offsetof(struct root, limits), .directives = LIMITS },
	[FLEET] = { .name = "fleet", .size = sizeof(struct fleet),
	    .offset = offsetof(struct root, fleet), .directives = FLEET },
	[FLEET_TLS] = { .name = "tls", .parent = FLEET,
	    .size = sizeof(struct tls), .offset = offsetof(struct fleet, tls),
	    .directives = FLEET_TLS },
	[BACKEND] = { .name = "backend", .shape = CONF_TITLED,
	    .size = sizeof(struct backend),
	    .offset = offsetof(struct root, backends),
	    .noffset = offsetof(struct root, nbackends),
	    .title = offsetof(struct backend, title),
	    .loc = offsetof(struct backend, loc), .directives = BACKEND,
	    .include = true, .check = check_backend },
	[BACKEND_LIMITS] = { .name = "limits", .parent = BACKEND,
	    .shape = CONF_ONCE, .size = sizeof(struct limits),
	    .offset = offsetof(struct backend, limits),
	    .loc = offsetof(struct limits, loc), .directives = LIMITS,
	    .heir = LIMITS },
	[SERVER] = { .name = "server", .parent = BACKEND,
	    .shape = CONF_TITLED, .size = sizeof(struct server),
	    .offset = offsetof(struct backend, servers),
	    .noffset = offsetof(struct backend, nservers),
	    .title = offsetof(struct server, name),
	    .loc = offsetof(struct server, loc), .directives = SERVER },
	[SERVER_LIMITS] = { .name = "limits", .parent = SERVER,
	    .shape = CONF_ONCE, .size = sizeof(struct limits),
	    .offset = offsetof(struct server, limits),
	    .loc = offsetof(struct limits, loc), .directives = LIMITS,
	    .heir = BACKEND_LIMITS },
};

#define ROW(id, type, word, flag, row_kind, field, value, most)		\
	{ .section = id, .name = word, .flags = flag,			\
	    .kind = &conf_kind_##row_kind,				\
	    .offset = offsetof(struct type, field),			\
	    .size = sizeof(((struct type *)NULL)->field),		\
	    .fallback = value, .max = most }
#define LIMIT(word, flag, kind, field, value)				\
	ROW(LIMITS, limits, word, flag, kind, field, value, 100)

static const struct conf_directive rows[] = {
	LIMIT("connections", CFGF_NONE, number, connections, "7"),
	LIMIT("strict", CFGF_NONE, yesno, strict, "no"),
	LIMIT("log", CFGF_NONE, path, log, ""),
	LIMIT("note", CFGF_NONE, text, text, "none"),
	LIMIT("names", CFGF_LIST, names, names, ""),
	LIMIT("from", CFGF_LIST, addresses, from, ""),
	ROW(FLEET, fleet, "patience", CFGF_NONE, duration, patience, "3s",
	    60000),
	ROW(FLEET_TLS, tls, "ca", CFGF_NONE, path, ca, "", 0),
};

static struct conf_directive directives[128];
static struct conf_schema schema = { .sections = sections,
	.nsections = NSECTIONS, .directives = directives };

/* What the end of a section finds: all of its own, nothing from above. */
static int
check_backend(void *target, struct err *err)
{
	const struct backend *b = target;

	if (b->nservers > 0)
		return 0;
	return err_set(err, &b->loc, "backend \"%s\" has no server", b->title);
}

/* The tables, ours first. */
static void
setup(void)
{
	size_t n = conf_schema.ndirectives;

	ck_assert_uint_eq(conf_schema.nsections, CONF_SECTION_COUNT);
	memcpy(sections, conf_schema.sections,
	    CONF_SECTION_COUNT * sizeof(sections[0]));
	sections[CONF_SECTION_ROOT].size = sizeof(struct root);
	ck_assert_uint_le(n + COUNT(rows), COUNT(directives));
	memcpy(directives, conf_schema.directives, n * sizeof(directives[0]));
	memcpy(directives + n, rows, sizeof(rows));
	schema.ndirectives = n + COUNT(rows);
}

static struct conf *
load(const char *text, const char *assignment, struct err *err)
{
	char copy[128], *list[] = { copy };

	snprintf(copy, sizeof(copy), "%s", assignment);
	test_write("t.conf", text);
	return conf_load_by(&schema, "t.conf", list,
	    assignment[0] == '\0' ? 0 : 1, err);
}

/* To be freed with free_root(). */
static struct root *
load_root(const char *text, const char *assignment)
{
	struct conf *conf;
	struct err err;

	conf = load(text, assignment, &err);
	ck_assert_msg(conf != NULL, "%s", err.text);
	return (struct root *)(void *)conf;
}

static void
free_root(struct root *root)
{
	conf_free_by(&schema, &root->conf);
}

#define LISTENS LISTEN("x", "")
#define BACKENDS(first, second, third)					\
	"backend a { " first " server u { " third " } server v { } }\n"	\
	"backend b { " second " server w { limits { } } }\n"

START_TEST(absent)
{
	struct root *root = load_root(LISTENS, "");

	ck_assert_uint_eq(root->conf.nlistens, 1);
	ck_assert_int_eq(root->limits.connections, 7);
	ck_assert_str_eq(root->limits.text, "none");
	ck_assert_ptr_null(root->limits.log.value);
	ck_assert_uint_eq(root->limits.names.n, 0);
	ck_assert_int_eq(root->fleet.patience, 3000);
	ck_assert_ptr_null(root->fleet.tls.ca.value);
	ck_assert_uint_eq(root->nbackends, 0);
	free_root(root);
}
END_TEST

START_TEST(nested)
{
	struct root *root;

	test_write("more", "server v { limits { strict = yes } }");
	root = load_root("fleet { tls { ca = /a } patience = 5s }\n" LISTENS
	    "backend a { server u { }\ninclude(more) }\n"
	    "limits { connections = 9\nnames = { a, b } }", "");
	ck_assert_int_eq(root->fleet.patience, 5000);
	ck_assert_str_eq(root->fleet.tls.ca.value, "/a");
	ck_assert_int_eq(root->fleet.tls.ca.loc.line, 1);
	ck_assert_int_eq(root->limits.connections, 9);
	ck_assert_uint_eq(root->limits.names.n, 2);
	ck_assert_int_eq(root->limits.names.v[1].loc.line, 6);
	ck_assert_uint_eq(root->nbackends, 1);
	ck_assert_str_eq(root->backends[0].title, "a");
	ck_assert_int_eq(root->backends[0].loc.line, 3);
	ck_assert_uint_eq(root->backends[0].nservers, 2);
	ck_assert_str_eq(root->backends[0].servers[1].name, "v");
	ck_assert_int_eq(root->backends[0].servers[1].loc.line, 1);
	ck_assert(root->backends[0].servers[1].limits.strict);
	free_root(root);
}
END_TEST

/*
 * What is not written is that of the nearest place where it is, all of it and
 * on its own memory: limits of the top level may come last, and with -o.
 */
START_TEST(inherits)
{
	const struct limits *top, *l;
	const struct backend *b;
	struct root *root;

	root = load_root(LISTENS BACKENDS("", "limits { strict = yes }",
	    "limits { connections = 3 }")
	    "limits { log = /l note = n names = { a, b } from = '*:1' }",
	    "limits.connections=8");
	top = &root->limits;
	b = root->backends;
	ck_assert_int_eq(top->connections, 8);
	for (l = &b[0].limits;; l = &b[0].servers[1].limits) {
		ck_assert_ptr_null(l->loc.file);
		ck_assert_int_eq(l->connections, 8);
		ck_assert(!l->strict);
		ck_assert_str_eq(l->log.value, "/l");
		ck_assert_int_eq(l->log.loc.line, 4);
		ck_assert_str_eq(l->text, "n");
		ck_assert_uint_eq(l->names.n, 2);
		ck_assert_str_eq(l->names.v[1].value, "b");
		ck_assert_uint_eq(l->from.n, 1);
		ck_assert_str_eq(l->from.v[0].text, "*:1");
		ck_assert_ptr_ne(l->log.value, top->log.value);
		ck_assert_ptr_ne(l->text, top->text);
		ck_assert_ptr_ne(l->names.v[1].value, top->names.v[1].value);
		ck_assert_ptr_ne(l->from.v[0].text, top->from.v[0].text);
		if (l != &b[0].limits)
			break;
	}
	ck_assert_int_eq(b[0].servers[0].limits.connections, 3);
	ck_assert_str_eq(b[0].servers[0].limits.text, "none");
	ck_assert_int_eq(b[1].limits.connections, 7);
	ck_assert(b[1].limits.strict);
	ck_assert(!b[1].servers[0].limits.strict);
	ck_assert_int_eq(b[1].servers[0].limits.connections, 7);
	free_root(root);
}
END_TEST

static char *
printed(const struct root *root)
{
	size_t size;
	char *text;
	FILE *fp;

	fp = open_memstream(&text, &size);
	ck_assert_ptr_nonnull(fp);
	conf_print_by(&schema, &root->conf, fp);
	ck_assert_int_eq(fclose(fp), 0);
	return text;
}

/* What is inherited stands once. */
START_TEST(prints)
{
	char *first, *second;
	struct root *root;

	root = load_root(LISTENS BACKENDS("", "limits { from = { '*:1' } }", "")
	    "limits { connections = 8 names = a }\nfleet { tls { ca = /c } }",
	    "");
	first = printed(root);
	free_root(root);
	ck_assert_ptr_nonnull(strstr(first, "\nlimits {\n"
	    "\tconnections = 8\n\tstrict = no\n\tlog = \"\"\n"
	    "\tnote = \"none\"\n\tnames = { \"a\" }\n\tfrom = {}\n}\n\n"
	    "fleet {\n\tpatience = 3s\n\n\ttls {\n\t\tca = \"/c\"\n\t}\n}\n\n"
	    "backend \"a\" {\n\n\tserver \"u\" {\n\t}\n\n"
	    "\tserver \"v\" {\n\t}\n}\n\n"
	    "backend \"b\" {\n\n\tlimits {\n\t\tconnections = 7\n"));
	root = load_root(first, "");
	second = printed(root);
	ck_assert_int_eq(root->backends[0].servers[1].limits.connections, 8);
	free_root(root);
	ck_assert_str_eq(first, second);
	free(first);
	free(second);
}
END_TEST

#define KEYS "expected KEY=VALUE, session_cache.KEY=VALUE, " \
	"tickets.KEY=VALUE, limits.KEY=VALUE, fleet.KEY=VALUE or " \
	"fleet.tls.KEY=VALUE"

static const struct {
	const char *assignment, *error; /* NULL: none */
} assignments[] = {
	{ "fleet.tls.ca=/b", NULL },
	{ "fleet.patience=1s", NULL },
	{ "limits.names={}", NULL },
	{ "fleet.tls=x", "-o fleet.tls=x: \"tls\" is a section: expected "
	    "\"tls { ... }\"" },
	{ "fleet.ca=/b", "-o fleet.ca=/b: \"ca\" belongs in a certificate or "
	    "tls section" },
	{ "tls.ca=/b", "-o tls.ca=/b: " KEYS },
	{ "fleet.tls.x.y=1", "-o fleet.tls.x.y=1: " KEYS },
	{ "backend.limits.connections=1", "-o backend.limits.connections=1: "
	    KEYS },
};

START_TEST(assigned)
{
	struct conf *conf;
	struct root *root;
	struct err err;

	conf = load("fleet { tls { ca = /a } }\nlimits { names = a }\n" LISTENS
	    BACKENDS("", "", ""), assignments[_i].assignment, &err);
	if (assignments[_i].error != NULL) {
		ck_assert_ptr_null(conf);
		ck_assert_str_eq(err.text, assignments[_i].error);
		return;
	}
	ck_assert_msg(conf != NULL, "%s", err.text);
	root = (struct root *)(void *)conf;
	ck_assert_str_eq(root->fleet.tls.ca.value, _i == 0 ? "/b" : "/a");
	ck_assert_int_eq(root->fleet.patience, _i == 1 ? 1000 : 3000);
	ck_assert_uint_eq(root->backends[1].limits.names.n, _i != 2);
	free_root(root);
}
END_TEST

static const struct bad refusals[] = {
	{ "limits { connections = 101 }", "t.conf:1: connections \"101\": "
	    "expected a number from 0 to 100" },
	{ "limits {\nconections = 1 }", "t.conf:2: unknown directive "
	    "\"conections\"; did you mean \"connections\"?" },
	{ "connections = 1", "t.conf:1: \"connections\" belongs in a limits "
	    "section" },
	{ "tls { }", "t.conf:1: \"tls\" belongs in a fleet section" },
	{ "fleet { limits { } }", "t.conf:1: \"limits\" belongs at the top "
	    "level or in a backend or server section" },
	{ "fleet { include(x) }", "t.conf:1: \"include\" belongs at the top "
	    "level or in a listen or backend section" },
	{ "backend x", "t.conf:1: expected \"{\" after backend x" },
	{ "backend { }", "t.conf:1: \"backend\" is a section with a name: "
	    "expected 'backend \"NAME\" { ... }'" },
	{ "\nbackend x { }", "t.conf:2: backend \"x\" has no server" },
	/* twice */
	{ "limits { strict = no }\nlimits { connections = 2 }\n"
	    "backend a { limits { strict = no } server u { } }\n"
	    "limits { strict = no }", "t.conf:4: \"strict\" is set twice; "
	    "first at t.conf:1" },
	{ "fleet { tls { ca = /a } }\nfleet { tls { ca = /a } }", "t.conf:2: "
	    "\"ca\" is set twice; first at t.conf:1" },
	{ "backend a { limits { }\nlimits { } }", "t.conf:2: there are two "
	    "sections limits; the first is at t.conf:1" },
	{ LISTEN("a", "") "backend a { server u { } }\n"
	    "backend b { server u { } }\nbackend a {\nserver v { } }",
	    "t.conf:4: there are two sections \"a\"; the first is at "
	    "t.conf:2" },
	{ "backend a {\nserver u { }\nserver v { }\nserver u { limits { } } }",
	    "t.conf:4: there are two sections \"u\"; the first is at "
	    "t.conf:2" },
};

START_TEST(refused)
{
	struct err err;

	ck_assert_ptr_null(load(refusals[_i].text, "", &err));
	ck_assert_str_eq(err.text, refusals[_i].error);
	free_root(load_root(LISTENS, ""));
}
END_TEST

/* The rows of the program: what the code that works by them relies on. */
START_TEST(tables)
{
	const struct conf_section *s;
	const struct conf_directive *d;
	unsigned i, j;

	for (i = 1; i < conf_schema.nsections; i++) {
		s = &conf_schema.sections[i];
		ck_assert_uint_lt(s->parent, i);
		ck_assert_uint_lt(s->heir, i);
		ck_assert(s->heir == CONF_SECTION_NONE ||
		    s->shape == CONF_ONCE);
		ck_assert(s->heir == CONF_SECTION_NONE ||
		    conf_schema.sections[s->heir].directives ==
		    s->directives);
		ck_assert_uint_eq(conf_schema.sections[s->directives].size,
		    s->size);
		for (j = 1; j < i; j++)
			ck_assert(s->parent != conf_schema.sections[j].parent ||
			    strcmp(s->name, conf_schema.sections[j].name) !=
			    0);
	}
	for (i = 0; i < conf_schema.ndirectives; i++) {
		d = &conf_schema.directives[i];
		ck_assert_ptr_eq(conf_directive_find(&conf_schema, d->section,
		    d->name), d);
		ck_assert_uint_le(d->offset + d->size,
		    conf_schema.sections[d->section].size);
		ck_assert((d->flags & CFGF_LIST) == 0 ||
		    (d->fallback[0] == '\0' && d->kind->clear != NULL));
		ck_assert(d->kind->clear == NULL || d->kind->copy != NULL);
	}
}
END_TEST

Suite *
sections_suite(void)
{
	Suite *suite = suite_create("sections");
	TCase *tc = test_case("sections");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, absent);
	tcase_add_test(tc, nested);
	tcase_add_test(tc, inherits);
	tcase_add_test(tc, prints);
	tcase_add_loop_test(tc, assigned, 0, COUNT(assignments));
	tcase_add_loop_test(tc, refused, 0, COUNT(refusals));
	tcase_add_test(tc, tables);
	suite_add_tcase(suite, tc);
	return suite;
}
