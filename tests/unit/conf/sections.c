/* SPDX-License-Identifier: ISC */
/*
 * A new section is a row, and its directives are rows: with some more of them
 * behind ours, the same code reads, prints and frees what they say, and gives
 * it to those that inherit. They are:
 *
 *	quota { }			what holds for all stables
 *	league { seal { } }		one in another
 *	stable "name" {
 *		quota { }		… for this one
 *		horse "name" {
 *			quota { }	… and for this one
 *		}
 *	}
 */
#include "config.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf_int.h"
#include "test_conf.h"

struct quota {
	int heads;
	bool strict;
	struct conf_str log;
	char *text;
	struct conf_strs names;
	struct conf_addrs from;
	struct loc loc;
};

struct seal {
	struct conf_str wax;
};

struct league {
	int64_t patience;
	struct seal seal;
};

struct horse {
	char *name;
	struct quota quota;
	struct loc loc;
};

struct stable {
	char *title;
	struct quota quota;
	struct horse *horses;
	size_t nhorses;
	struct loc loc;
};

struct root {
	struct conf conf;
	struct quota quota;
	struct league league;
	struct stable *stables;
	size_t nstables;
};

static int check_stable(void *, struct err *);

enum { QUOTA = CONF_SECTION_COUNT, LEAGUE, LEAGUE_SEAL, STABLE, STABLE_QUOTA,
	HORSE, HORSE_QUOTA, NSECTIONS };

static struct conf_section sections[NSECTIONS] = {
	[QUOTA] = { .name = "quota", .size = sizeof(struct quota),
	    .offset = offsetof(struct root, quota), .directives = QUOTA },
	[LEAGUE] = { .name = "league", .size = sizeof(struct league),
	    .offset = offsetof(struct root, league), .directives = LEAGUE },
	[LEAGUE_SEAL] = { .name = "seal", .parent = LEAGUE,
	    .size = sizeof(struct seal), .offset = offsetof(struct league, seal),
	    .directives = LEAGUE_SEAL },
	[STABLE] = { .name = "stable", .shape = CONF_TITLED,
	    .size = sizeof(struct stable),
	    .offset = offsetof(struct root, stables),
	    .noffset = offsetof(struct root, nstables),
	    .title = offsetof(struct stable, title),
	    .loc = offsetof(struct stable, loc), .directives = STABLE,
	    .include = true, .check = check_stable },
	[STABLE_QUOTA] = { .name = "quota", .parent = STABLE,
	    .shape = CONF_ONCE, .size = sizeof(struct quota),
	    .offset = offsetof(struct stable, quota),
	    .loc = offsetof(struct quota, loc), .directives = QUOTA,
	    .heir = QUOTA },
	[HORSE] = { .name = "horse", .parent = STABLE,
	    .shape = CONF_TITLED, .size = sizeof(struct horse),
	    .offset = offsetof(struct stable, horses),
	    .noffset = offsetof(struct stable, nhorses),
	    .title = offsetof(struct horse, name),
	    .loc = offsetof(struct horse, loc), .directives = HORSE },
	[HORSE_QUOTA] = { .name = "quota", .parent = HORSE,
	    .shape = CONF_ONCE, .size = sizeof(struct quota),
	    .offset = offsetof(struct horse, quota),
	    .loc = offsetof(struct quota, loc), .directives = QUOTA,
	    .heir = STABLE_QUOTA },
};

#define ROW(id, type, word, flag, row_kind, field, value, most)		\
	{ .section = id, .name = word, .flags = flag,			\
	    .kind = &conf_kind_##row_kind,				\
	    .offset = offsetof(struct type, field),			\
	    .size = sizeof(((struct type *)NULL)->field),		\
	    .fallback = value, .max = most }
#define RATION(word, flag, kind, field, value)				\
	ROW(QUOTA, quota, word, flag, kind, field, value, 100)

static const struct conf_directive rows[] = {
	RATION("heads", CFGF_NONE, number, heads, "7"),
	RATION("strict", CFGF_NONE, yesno, strict, "no"),
	RATION("log", CFGF_NONE, path, log, ""),
	RATION("note", CFGF_NONE, text, text, "none"),
	RATION("names", CFGF_LIST, names, names, ""),
	RATION("from", CFGF_LIST, addresses, from, ""),
	ROW(LEAGUE, league, "patience", CFGF_NONE, duration, patience, "3s",
	    60000),
	ROW(LEAGUE_SEAL, seal, "wax", CFGF_NONE, path, wax, "", 0),
};

static struct conf_directive directives[128];
static struct conf_schema schema = { .sections = sections,
	.nsections = NSECTIONS, .directives = directives };

/* What the end of a section finds: all of its own, nothing from above. */
static int
check_stable(void *target, struct err *err)
{
	const struct stable *b = target;

	if (b->nhorses > 0)
		return 0;
	return err_set(err, &b->loc, "stable \"%s\" has no horse", b->title);
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
#define STABLES(first, second, third)					\
	"stable a { " first " horse u { " third " } horse v { } }\n"	\
	"stable b { " second " horse w { quota { } } }\n"

START_TEST(absent)
{
	struct root *root = load_root(LISTENS, "");

	ck_assert_uint_eq(root->conf.nlistens, 1);
	ck_assert_int_eq(root->quota.heads, 7);
	ck_assert_str_eq(root->quota.text, "none");
	ck_assert_ptr_null(root->quota.log.value);
	ck_assert_uint_eq(root->quota.names.n, 0);
	ck_assert_int_eq(root->league.patience, 3000);
	ck_assert_ptr_null(root->league.seal.wax.value);
	ck_assert_uint_eq(root->nstables, 0);
	free_root(root);
}
END_TEST

START_TEST(nested)
{
	struct root *root;

	test_write("more", "horse v { quota { strict = yes } }");
	root = load_root("league { seal { wax = /a } patience = 5s }\n" LISTENS
	    "stable a { horse u { }\ninclude(more) }\n"
	    "quota { heads = 9\nnames = { a, b } }", "");
	ck_assert_int_eq(root->league.patience, 5000);
	ck_assert_str_eq(root->league.seal.wax.value, "/a");
	ck_assert_int_eq(root->league.seal.wax.loc.line, 1);
	ck_assert_int_eq(root->quota.heads, 9);
	ck_assert_uint_eq(root->quota.names.n, 2);
	ck_assert_int_eq(root->quota.names.v[1].loc.line, 6);
	ck_assert_uint_eq(root->nstables, 1);
	ck_assert_str_eq(root->stables[0].title, "a");
	ck_assert_int_eq(root->stables[0].loc.line, 3);
	ck_assert_uint_eq(root->stables[0].nhorses, 2);
	ck_assert_str_eq(root->stables[0].horses[1].name, "v");
	ck_assert_int_eq(root->stables[0].horses[1].loc.line, 1);
	ck_assert(root->stables[0].horses[1].quota.strict);
	free_root(root);
}
END_TEST

/*
 * What is not written is that of the nearest place where it is, all of it and
 * on its own memory: quota of the top level may come last, and with -o.
 */
START_TEST(inherits)
{
	const struct quota *top, *l;
	const struct stable *b;
	struct root *root;

	root = load_root(LISTENS STABLES("", "quota { strict = yes }",
	    "quota { heads = 3 }")
	    "quota { log = /l note = n names = { a, b } from = '*:1' }",
	    "quota.heads=8");
	top = &root->quota;
	b = root->stables;
	ck_assert_int_eq(top->heads, 8);
	for (l = &b[0].quota;; l = &b[0].horses[1].quota) {
		ck_assert_ptr_null(l->loc.file);
		ck_assert_int_eq(l->heads, 8);
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
		if (l != &b[0].quota)
			break;
	}
	ck_assert_int_eq(b[0].horses[0].quota.heads, 3);
	ck_assert_str_eq(b[0].horses[0].quota.text, "none");
	ck_assert_int_eq(b[1].quota.heads, 7);
	ck_assert(b[1].quota.strict);
	ck_assert(!b[1].horses[0].quota.strict);
	ck_assert_int_eq(b[1].horses[0].quota.heads, 7);
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

	root = load_root(LISTENS STABLES("", "quota { from = { '*:1' } }", "")
	    "quota { heads = 8 names = a }\nleague { seal { wax = /c } }",
	    "");
	first = printed(root);
	free_root(root);
	ck_assert_ptr_nonnull(strstr(first, "\nquota {\n"
	    "\theads = 8\n\tstrict = no\n\tlog = \"\"\n"
	    "\tnote = \"none\"\n\tnames = { \"a\" }\n\tfrom = {}\n}\n\n"
	    "league {\n\tpatience = 3s\n\n\tseal {\n\t\twax = \"/c\"\n\t}\n}\n\n"
	    "stable \"a\" {\n\n\thorse \"u\" {\n\t}\n\n"
	    "\thorse \"v\" {\n\t}\n}\n\n"
	    "stable \"b\" {\n\n\tquota {\n\t\theads = 7\n"));
	root = load_root(first, "");
	second = printed(root);
	ck_assert_int_eq(root->stables[0].horses[1].quota.heads, 8);
	free_root(root);
	ck_assert_str_eq(first, second);
	free(first);
	free(second);
}
END_TEST

/* Those of the program come first. */
#define KEYS "KEY=VALUE, quota.KEY=VALUE, league.KEY=VALUE or " \
	"league.seal.KEY=VALUE"

static const struct {
	const char *assignment, *error; /* NULL: none */
} assignments[] = {
	{ "league.seal.wax=/b", NULL },
	{ "league.patience=1s", NULL },
	{ "quota.names={}", NULL },
	{ "league.seal=x", "-o league.seal=x: \"seal\" is a section: expected "
	    "\"seal { ... }\"" },
	{ "league.wax=/b", "-o league.wax=/b: \"wax\" belongs in a seal "
	    "section" },
	{ "seal.wax=/b", KEYS },
	{ "league.seal.x.y=1", KEYS },
	{ "stable.quota.heads=1", KEYS },
};

static void
assert_ends(const char *text, const char *end)
{
	ck_assert_uint_ge(strlen(text), strlen(end));
	ck_assert_str_eq(text + strlen(text) - strlen(end), end);
}

START_TEST(assigned)
{
	struct conf *conf;
	struct root *root;
	struct err err;

	conf = load("league { seal { wax = /a } }\nquota { names = a }\n" LISTENS
	    STABLES("", "", ""), assignments[_i].assignment, &err);
	if (assignments[_i].error != NULL) {
		ck_assert_ptr_null(conf);
		assert_ends(err.text, assignments[_i].error);
		return;
	}
	ck_assert_msg(conf != NULL, "%s", err.text);
	root = (struct root *)(void *)conf;
	ck_assert_str_eq(root->league.seal.wax.value, _i == 0 ? "/b" : "/a");
	ck_assert_int_eq(root->league.patience, _i == 1 ? 1000 : 3000);
	ck_assert_uint_eq(root->stables[1].quota.names.n, _i != 2);
	free_root(root);
}
END_TEST

static const struct bad refusals[] = {
	{ "quota { heads = 101 }", "t.conf:1: heads \"101\": "
	    "expected a number from 0 to 100" },
	{ "quota {\nhaeds = 1 }", "t.conf:2: unknown directive "
	    "\"haeds\"; did you mean \"heads\"?" },
	{ "heads = 1", "t.conf:1: \"heads\" belongs in a quota "
	    "section" },
	{ "seal { }", "t.conf:1: \"seal\" belongs in a league section" },
	{ "league { quota { } }", "t.conf:1: \"quota\" belongs at the top "
	    "level or in a stable or horse section" },
	{ "league { include(x) }", "t.conf:1: \"include\" belongs at the top "
	    "level or in a listen or stable section" },
	{ "stable x", "t.conf:1: expected \"{\" after stable x" },
	{ "stable { }", "t.conf:1: \"stable\" is a section with a name: "
	    "expected 'stable \"NAME\" { ... }'" },
	{ "\nstable x { }", "t.conf:2: stable \"x\" has no horse" },
	/* twice */
	{ "quota { strict = no }\nquota { heads = 2 }\n"
	    "stable a { quota { strict = no } horse u { } }\n"
	    "quota { strict = no }", "t.conf:4: \"strict\" is set twice; "
	    "first at t.conf:1" },
	{ "league { seal { wax = /a } }\nleague { seal { wax = /a } }", "t.conf:2: "
	    "\"wax\" is set twice; first at t.conf:1" },
	{ "stable a { quota { }\nquota { } }", "t.conf:2: there are two "
	    "sections quota; the first is at t.conf:1" },
	{ LISTEN("a", "") "stable a { horse u { } }\n"
	    "stable b { horse u { } }\nstable a {\nhorse v { } }",
	    "t.conf:4: there are two sections \"a\"; the first is at "
	    "t.conf:2" },
	{ "stable a {\nhorse u { }\nhorse v { }\nhorse u { quota { } } }",
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
