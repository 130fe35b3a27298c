/* SPDX-License-Identifier: ISC */
/* Words that are unknown, in the wrong place, of another shape, or twice. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "test_conf.h"

/* Of AddressSanitizer; NULL without it. */
extern void __asan_init(void) __attribute__((weak));

static const struct bad rows[] = {
	/* unknown */
	{ "\n\nwokers = 4\n", "t.conf:3: unknown directive \"wokers\"; did "
	    "you mean \"workers\"?" },
	{ "# a\n/* b\n c */\n// d\nworkres = 4\n", "t.conf:5: unknown "
	    "directive \"workres\"; did you mean \"workers\"?" },
	{ "banana = 4\n", "t.conf:1: unknown directive \"banana\"" },
	{ "Workers = 4\n", "t.conf:1: unknown directive \"Workers\"; did you "
	    "mean \"workers\"?" },
	{ "lisen x { }\n", "t.conf:1: unknown directive \"lisen\"; did you "
	    "mean \"listen\"?" },
	{ "inclde(x)\n", "t.conf:1: unknown directive \"inclde\"; did you "
	    "mean \"include\"?" },
	{ "listen x {\n\tadress = { a:1 }\n}\n", "t.conf:2: unknown directive "
	    "\"adress\"; did you mean \"address\"?" },
	{ "listen x { certificate c {\n\tchian = c\n} }", "t.conf:2: unknown "
	    "directive \"chian\"; did you mean \"chain\"?" },
	{ "session_cache {\n\tsise = 1M\n}", "t.conf:2: unknown directive "
	    "\"sise\"; did you mean \"size\"?" },
	/* in the wrong place */
	{ "chain = x", "t.conf:1: \"chain\" belongs in a certificate "
	    "section" },
	{ "timeout = 1h", "t.conf:1: \"timeout\" belongs in a session_cache "
	    "section" },
	{ "certificate c { }", "t.conf:1: \"certificate\" belongs in a listen "
	    "section" },
	{ "listen x { workers = 4 }", "t.conf:1: \"workers\" belongs at the "
	    "top level, not in a listen section" },
	{ "listen x { listen y { } }", "t.conf:1: \"listen\" belongs at the "
	    "top level, not in a listen section" },
	{ "listen x { certificate c { resumption = off } }", "t.conf:1: "
	    "\"resumption\" belongs in a listen section" },
	{ "tickets { include(x) }", "t.conf:1: \"include\" belongs at the top "
	    "level or in a listen section" },
	/* of another shape */
	{ "workers { }", "t.conf:1: \"workers\" is a directive: expected "
	    "\"workers = VALUE\"" },
	{ "workers(4)", "t.conf:1: \"workers\" is a directive: expected "
	    "\"workers = VALUE\"" },
	{ "session_cache = 32M", "t.conf:1: \"session_cache\" is a section: "
	    "expected \"session_cache { ... }\"" },
	{ "session_cache big { }", "t.conf:1: \"session_cache\" is a section: "
	    "expected \"session_cache { ... }\"" },
	{ "listen { }", "t.conf:1: \"listen\" is a section with a name: "
	    "expected 'listen \"NAME\" { ... }'" },
	{ "listen = x", "t.conf:1: \"listen\" is a section with a name: "
	    "expected 'listen \"NAME\" { ... }'" },
	{ "include = x", "t.conf:1: expected 'include(\"FILE\")'" },
	{ "workers += 4", "t.conf:1: \"workers\" takes one value; \"+=\" is "
	    "for lists" },
	/* twice */
	{ "workers = 4\nuser = x\nworkers = 5", "t.conf:3: \"workers\" is set "
	    "twice; first at t.conf:1" },
	{ "session_cache { size = 1M }\nsession_cache { size = 1M }",
	    "t.conf:2: \"size\" is set twice; first at t.conf:1" },
	{ "tickets { keys = a\n keys = b }", "t.conf:2: \"keys\" is set "
	    "twice; first at t.conf:1" },
	{ "\n" LISTEN("x", "") "listen x { }", "t.conf:3: there are two "
	    "sections \"x\"; the first is at t.conf:2" },
	{ LISTEN("x", "") LISTEN("y", "") "listen x {\n}", "t.conf:3: there "
	    "are two sections \"x\"; the first is at t.conf:1" },
	{ "\n" LISTEN("x", "") "listen x {\ninclude(none)\n}", "t.conf:3: "
	    "there are two sections \"x\"; the first is at t.conf:2" },
	{ "listen x {\ncertificate c { chain = c }\ncertificate c { }\n}",
	    "t.conf:3: there are two sections \"c\"; the first is at "
	    "t.conf:2" },
	{ "listen x {\nearly_data { }\nearly_data { mode = off }\n}",
	    "t.conf:3: there are two sections early_data; the first is at "
	    "t.conf:2" },
	{ "listen x {\ncertificate c {\nearly_data { }\nearly_data { }\n}\n}",
	    "t.conf:4: there are two sections early_data; the first is at "
	    "t.conf:3" },
};

START_TEST(refused)
{
	test_refused(rows[_i].text, rows[_i].error);
}
END_TEST

/* CPU seconds that n certificates take. */
static double
seconds(size_t n)
{
	clock_t begin = clock();
	char *text;
	size_t i, size;
	FILE *fp;

	fp = open_memstream(&text, &size);
	fprintf(fp, "listen x {\naddress = { 127.0.0.1:1 }\n");
	for (i = 0; i < n; i++)
		fprintf(fp, "certificate c%zu {\nchain = c\n"
		    "names = { n%zu }\n}\n", i, i);
	fputs("}\n", fp);
	fclose(fp);
	conf_free(test_load(text));
	free(text);
	return (double)(clock() - begin) / CLOCKS_PER_SEC;
}

/*
 * Ten times as many take ten times as long, and not a hundred times. But with
 * an allocator that copies at each realloc(), as AddressSanitizer's does.
 */
START_TEST(many_sections)
{
	double few = seconds(1500), many = seconds(15000);

	ck_assert_double_lt(many, 25 * few);
}
END_TEST

/* Set in one listener is not set in the next. */
START_TEST(each_section_anew)
{
	conf_free(test_load(LISTEN("x", "backlog = 1")
	    LISTEN("y", "backlog = 2")));
}
END_TEST

Suite *
shape_suite(void)
{
	Suite *suite = suite_create("shape");
	TCase *tc = test_case("shape");

	tcase_add_loop_test(tc, refused, 0, COUNT(rows));
	tcase_add_test(tc, each_section_anew);
	suite_add_tcase(suite, tc);
	tc = test_case("many");
	tcase_set_tags(tc, "slow");
	tcase_set_timeout(tc, 300);
	if (__asan_init == NULL)
		tcase_add_test(tc, many_sections);
	suite_add_tcase(suite, tc);
	return suite;
}
