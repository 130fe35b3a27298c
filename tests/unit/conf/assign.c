/* SPDX-License-Identifier: ISC */
/* Assignments of the command line: they win, and have no line. */
#include "config.h"

#include "test_conf.h"

static struct conf *
load(const char *text, const char *assignment, struct err *err)
{
	static char copy[2048];
	char *list[] = { copy };

	snprintf(copy, sizeof(copy), "%s", assignment);
	test_write("t.conf", text);
	return conf_load("t.conf", list, 1, err);
}

START_TEST(wins)
{
	char a[] = "workers=4", b[] = "workers=5", c[] = "user=a b\"c",
	    d[] = "session_cache.size=1M", e[] = "tickets.keys={ x, \"y\" }",
	    f[] = "group=\"quoted\"", g[] = "log_level = debug";
	char *list[] = { a, b, c, d, e, f, g };
	char path[128];
	struct conf *conf;
	struct err err;

	test_write("t.conf", "workers = 1\nsession_cache { size = 2M }\n"
	    "tickets { keys = { 1, 2, 3 } }\n" LISTEN("x", ""));
	conf = conf_load("t.conf", list, COUNT(list), &err);
	ck_assert_msg(conf != NULL, "%s", err.text);
	ck_assert_uint_eq(conf->workers, 5);
	ck_assert_str_eq(conf->user.value, "a b\"c");
	ck_assert_str_eq(conf->user.loc.file, "-o user=a b\"c");
	ck_assert_int_eq(conf->user.loc.line, 0);
	ck_assert_uint_eq(conf->cache_size, 1 << 20);
	ck_assert_str_eq(conf->cache_size_loc.file,
	    "-o session_cache.size=1M");
	ck_assert_uint_eq(conf->ticket_keys.n, 2);
	snprintf(path, sizeof(path), "%s/y", test_dir);
	ck_assert_str_eq(conf->ticket_keys.v[1].value, path);
	ck_assert_str_eq(conf->group.value, "quoted");
	conf_free(conf);
}
END_TEST

START_TEST(empties)
{
	struct conf *conf;
	struct err err;

	conf = load("pid_file = x\ntickets { keys = a }\n" LISTEN("x", ""),
	    "tickets.keys={}", &err);
	ck_assert_msg(conf != NULL, "%s", err.text);
	ck_assert_uint_eq(conf->ticket_keys.n, 0);
	conf_free(conf);
	conf = load("pid_file = x\n" LISTEN("x", ""), "pid_file=", &err);
	ck_assert_msg(conf != NULL, "%s", err.text);
	ck_assert_ptr_null(conf->pid_file.value);
	conf_free(conf);
}
END_TEST

#define WHAT "expected KEY=VALUE, session_cache.KEY=VALUE or " \
	"tickets.KEY=VALUE"

static const struct bad rows[] = {
	{ "workers=0", "-o workers=0: workers \"0\": expected auto or a "
	    "number from 1 to 1024" },
	{ "wokers=4", "-o wokers=4: unknown directive \"wokers\"; did you "
	    "mean \"workers\"?" },
	{ "workers", "-o workers: " WHAT },
	{ "=4", "-o =4: " WHAT },
	{ "", "-o : " WHAT },
	{ "listen.x=4", "-o listen.x=4: " WHAT },
	{ "tickets.=4", "-o tickets.=4: expected a directive, not \"=\"" },
	{ "tickets.size=4", "-o tickets.size=4: \"size\" belongs in a "
	    "session_cache section" },
	{ "workers={1", "-o workers={1: \"workers\" takes one value, not a "
	    "list" },
	{ "user=\"x", "-o user=\"x: the string has no closing '\"' on its "
	    "line" },
	{ "a b=4", "-o a b=4: expected \"=\" after \"a\", not b" },
	{ "log=x", "-o log=x: log \"x\": expected auto, stderr, syslog or a "
	    "path with a slash" },
};

START_TEST(refused)
{
	struct err err;

	ck_assert_ptr_null(load(LISTEN("x", ""), rows[_i].text, &err));
	ck_assert_str_eq(err.text, rows[_i].error);
}
END_TEST

/* However much of it there is, what is wrong has room. */
START_TEST(refused_long)
{
	char text[2000];
	struct err err;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	ck_assert_ptr_null(load(LISTEN("x", ""), text, &err));
	ck_assert_msg(strstr(err.text, "xxx...: " WHAT) != NULL, "%s",
	    err.text);
}
END_TEST

Suite *
assign_suite(void)
{
	Suite *suite = suite_create("assign");
	TCase *tc = test_case("assign");

	tcase_add_test(tc, wins);
	tcase_add_test(tc, empties);
	tcase_add_loop_test(tc, refused, 0, COUNT(rows));
	tcase_add_test(tc, refused_long);
	suite_add_tcase(suite, tc);
	return suite;
}
