/* SPDX-License-Identifier: ISC */
/* include(): paths, patterns, places of errors, loops. */
#include "config.h"

#include <sys/stat.h>

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test_conf.h"

/* "TEST_DIR/rest" */
static void
assert_error(const char *text, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
assert_error(const char *text, const char *fmt, ...)
{
	char error[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, sizeof(error), fmt, ap);
	va_end(ap);
	test_refused(text, error);
}

START_TEST(path)
{
	struct conf *conf;
	char text[256];

	ck_assert_int_eq(mkdir("d", 0700), 0);
	test_write("d/a.conf", "workers = 7\n" LISTEN("a", ""));
	conf = test_load("user = u\n" "include(d/a.conf)\ngroup = g\n");
	ck_assert_uint_eq(conf->workers, 7);
	snprintf(text, sizeof(text), "%s/d/c.pem", test_dir);
	ck_assert_str_eq(conf->listens[0].certificates[0].chain.value, text);
	snprintf(text, sizeof(text), "%s/d/a.conf", test_dir);
	ck_assert_str_eq(conf->listens[0].loc.file, text);
	ck_assert_int_eq(conf->listens[0].loc.line, 2);
	ck_assert_str_eq(conf->group.loc.file, "t.conf");
	ck_assert_int_eq(conf->group.loc.line, 3);
	conf_free(conf);
}
END_TEST

START_TEST(pattern)
{
	struct conf *conf;

	ck_assert_int_eq(mkdir("d", 0700), 0);
	test_write("d/b.conf", LISTEN("b", ""));
	test_write("d/a.conf", LISTEN("a", ""));
	test_write("d/c.conf", "");
	test_write("d/.hidden.conf", "bad");
	test_write("d/a.conf~", "bad");
	conf = test_load("include('d/*.conf')\n");
	ck_assert_uint_eq(conf->nlistens, 2);
	ck_assert_str_eq(conf->listens[0].name, "a");
	ck_assert_str_eq(conf->listens[1].name, "b");
	conf_free(conf);
	conf = test_load("include('e/*.conf', \"d/b.con?\", 'd/[a]*.conf')"
	    "include(\"t.conf/*\")\n");
	ck_assert_uint_eq(conf->nlistens, 2);
	ck_assert_str_eq(conf->listens[0].name, "b");
	ck_assert_str_eq(conf->listens[1].name, "a");
	conf_free(conf);
}
END_TEST

/* The folder's own name is no pattern. */
START_TEST(odd_folder)
{
	struct conf *conf;
	struct err err;

	ck_assert_int_eq(mkdir("[d]*", 0700), 0);
	test_write("[d]*/main", "include(\"*.conf\")");
	test_write("[d]*/a.conf", LISTEN("a", ""));
	conf = conf_load("[d]*/main", NULL, 0, &err);
	ck_assert_msg(conf != NULL, "%s", err.text);
	ck_assert_str_eq(conf->listens[0].name, "a");
	conf_free(conf);
}
END_TEST

START_TEST(in_listener)
{
	struct conf *conf;

	test_write("a.cert", "certificate a { names = a chain = a.pem }\n");
	test_write("b.cert", "# b\ncertificate b { names = b chain = b.pem }");
	conf = test_load("listen x {\n\taddress = 127.0.0.1:0\n"
	    "\tinclude(\"*.cert\")\n\tbacklog = 9\n}\n");
	ck_assert_uint_eq(conf->listens[0].ncertificates, 2);
	ck_assert_int_eq(conf->listens[0].certificates[1].loc.line, 2);
	ck_assert_int_eq(conf->listens[0].backlog, 9);
	conf_free(conf);
}
END_TEST

START_TEST(errors)
{
	const char *d = test_dir;

	test_write("bad.conf", "# 1\nworkers = 0\n");
	assert_error("include(bad.conf)", "%s/bad.conf:2: workers \"0\": "
	    "expected auto or a number from 1 to 1024", d);
	test_write("bad.conf", "}\n");
	assert_error("listen x { include(bad.conf)", "t.conf:1: the section "
	    "\"listen\" has no closing \"}\"");
	assert_error("listen x { include(bad.conf) }", "%s/bad.conf:1: "
	    "expected a directive, not \"}\"", d);
	assert_error("\ninclude(none.conf)\n", "t.conf:2: %s/none.conf: No "
	    "such file or directory", d);
	assert_error("\ninclude(\".\")\n", "t.conf:2: %s/.: is a directory, "
	    "not a file", d);
	assert_error("include()", "t.conf:1: include(): expected a path or a "
	    "pattern");
	assert_error("include(\"\")", "t.conf:1: include \"\": expected a "
	    "path or a pattern");
	test_write("ok.conf", "workers = 4\n");
	assert_error("include(ok.conf)\n\nworkers = 5\n", "t.conf:3: "
	    "\"workers\" is set twice; first at %s/ok.conf:1", d);
	assert_error("include(ok.conf)\n\nwokers = 5\n", "t.conf:3: unknown "
	    "directive \"wokers\"; did you mean \"workers\"?");
	test_write("l.conf", LISTEN("x", ""));
	assert_error("\n" LISTEN("x", "") "include(l.conf)",
	    "%s/l.conf:1: there are two sections \"x\"; the first is at "
	    "t.conf:2", d);
	test_write("n.conf", "certificate n { }\n");
	assert_error("include(n.conf)", "%s/n.conf:1: \"certificate\" belongs "
	    "in a listen section", d);
}
END_TEST

START_TEST(unreadable)
{
	char expected[256];

	if (geteuid() == 0)
		return; /* nothing is unreadable */
	ck_assert_int_eq(mkdir("d", 0), 0);
	snprintf(expected, sizeof(expected), "t.conf:1: include \"d/*\": "
	    "Permission denied");
	test_refused("include('d/*')", expected);
}
END_TEST

START_TEST(loops)
{
	char name[32], text[128];
	int i;

	assert_error("\n\ninclude(t.conf)", "t.conf:3: %s/t.conf includes "
	    "itself", test_dir);
	test_write("a", "\ninclude(b)");
	snprintf(text, sizeof(text), "include(\"../%s*/a\")",
	    strrchr(test_dir, '/') + 1);
	test_write("b", text);
	assert_error("include(a)", "%s/b:1: %s/../%s/a includes itself",
	    test_dir, test_dir, strrchr(test_dir, '/') + 1);
	for (i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		snprintf(text, sizeof(text), "include(n%d)", i + 1);
		test_write(name, text);
	}
	assert_error("include(n0)", "%s/n15:1: includes are nested more than "
	    "16 deep", test_dir);
	test_write("n15", LISTEN("deep", ""));
	conf_free(test_load("include(n0)"));
}
END_TEST

/* Six levels of ten files are a million. */
START_TEST(bomb)
{
	char name[32], text[128];
	int i;

	for (i = 0; i < 10; i++) {
		snprintf(text, sizeof(text), "include('%s/%d/*')", test_dir,
		    i + 1);
		snprintf(name, sizeof(name), "%d", i);
		ck_assert_int_eq(mkdir(name, 0755), 0);
		for (name[1] = '/', name[3] = '\0', name[2] = '0';
		    name[2] <= '9'; name[2]++)
			test_write(name, i < 9 ? text : "");
	}
	assert_error("include('0/*')", "%s/8/9:1: there are more than 20000 "
	    "files", test_dir);
}
END_TEST

/* … and a few large ones are as bad. */
START_TEST(large)
{
	FILE *fp = fopen("big", "w");
	int i;

	ck_assert_ptr_nonnull(fp);
	for (i = 0; i < 3 << 20; i++)
		putc(i % 80 == 79 ? '\n' : '#', fp);
	ck_assert_int_eq(fclose(fp), 0);
	test_refused("include(big)\ninclude(big)\ninclude(big)\ninclude(big)"
	    "\ninclude(big)\ninclude(big)\n", "t.conf:6: all files together "
	    "are larger than 16777216 bytes");
}
END_TEST

Suite *
include_suite(void)
{
	Suite *suite = suite_create("include");
	TCase *tc = test_case("include");

	tcase_add_test(tc, path);
	tcase_add_test(tc, pattern);
	tcase_add_test(tc, odd_folder);
	tcase_add_test(tc, in_listener);
	tcase_add_test(tc, errors);
	tcase_add_test(tc, unreadable);
	tcase_add_test(tc, loops);
	suite_add_tcase(suite, tc);
	tc = test_case("limits");
	tcase_set_timeout(tc, 300);
	tcase_add_test(tc, bomb);
	tcase_add_test(tc, large);
	suite_add_tcase(suite, tc);
	return suite;
}
