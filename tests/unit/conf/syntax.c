/* SPDX-License-Identifier: ISC */
/* Texts that do not follow the grammar, or are no text at all. */
#include "config.h"

#include <sys/stat.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test_conf.h"

static const struct bad rows[] = {
	/* strings and comments */
	{ "user = \"x\n", "t.conf:1: the string has no closing '\"' on its "
	    "line" },
	{ "# 1\n\nuser = 'x\ngroup = 'y'\n", "t.conf:3: the string has no "
	    "closing \"'\" on its line" },
	{ "user = \"x", "t.conf:1: the string has no closing '\"' on its "
	    "line" },
	{ "user = \"x\\", "t.conf:1: the string has no closing '\"' on its "
	    "line" },
	{ "user = 'x\\'", "t.conf:1: the string has no closing \"'\" on its "
	    "line" },
	{ "\nuser = x /* no\nend *", "t.conf:2: the comment has no closing "
	    "\"*/\"" },
	{ "user = \"\\400\"", "t.conf:1: bad escape \"\\400\" in a string" },
	{ "user = \"\\8\"", "t.conf:1: bad escape \"\\8\" in a string" },
	{ "user = \"\\1234\"", "t.conf:1: bad escape \"\\1234\" in a string" },
	{ "user = \"\\xg\"", "t.conf:1: bad escape \"\\x\" in a string" },
	{ "user = \"a\\\nb\\0\"", "t.conf:2: bad escape \"\\0\" in a string" },
	{ "user = \"\\q\"", "t.conf:1: bad escape \"\\q\" in a string" },
	{ "user = \"\\e\"", "t.conf:1: bad escape \"\\e\" in a string" },
	{ "user = \"\\x00\"", "t.conf:1: bad escape \"\\x00\" in a string" },
	{ "user = \"${TEST_CONF_NOT}\"", "t.conf:1: there is no "
	    "\"TEST_CONF_NOT\" in the environment" },
	{ "user = \"${PATH\"", "t.conf:1: expected ${NAME} in a string; "
	    "\"\\$\" is a dollar" },
	{ "user = \"${}\"", "t.conf:1: expected ${NAME} in a string; "
	    "\"\\$\" is a dollar" },
	{ "user = \"${PATH:x}\"", "t.conf:1: there is no \"PATH\" in the "
	    "environment" },
	/* characters */
	{ "user = x;\n", "t.conf:1: unexpected ';'; values with such "
	    "characters need quotes" },
	{ "include(conf.d/*.conf)", "t.conf:1: unexpected '*'; values with "
	    "such characters need quotes" },
	{ "user = a|b", "t.conf:1: unexpected '|'; values with such "
	    "characters need quotes" },
	{ "user + x", "t.conf:1: unexpected '+'; values with such characters "
	    "need quotes" },
	{ "user = gr\303\274n", "t.conf:1: unexpected byte 0xc3; put the "
	    "value in quotes" },
	{ "\nuser = a\033b", "t.conf:2: control character 0x1b; is this a "
	    "text file?" },
	{ "user = a\rb", "t.conf:1: control character 0x0d; is this a text "
	    "file?" },
	{ "\177ELF\2\1\1", "t.conf:1: control character 0x7f; is this a text "
	    "file?" },
	/* statements */
	{ "workers 4\n", "t.conf:1: expected \"=\" after \"workers\", not 4" },
	{ "workers\nuser = x\n", "t.conf:1: expected \"=\" after \"workers\", "
	    "not user" },
	{ "workers", "t.conf:1: expected \"=\" after \"workers\"" },
	{ "workers =\n\n", "t.conf:3: expected a value for \"workers\", not "
	    "the end of the file" },
	{ "workers = = 4", "t.conf:1: expected a value for \"workers\", not "
	    "\"=\"" },
	{ "workers = }", "t.conf:1: expected a value for \"workers\", not "
	    "\"}\"" },
	{ "workers = 4\n}\n", "t.conf:2: expected a directive, not \"}\"" },
	{ "user = a b\n", "t.conf:1: expected \"=\" after \"b\"" },
	{ "user = 'a' 'b'\n", "t.conf:1: expected a directive, not 'b'" },
	{ "{", "t.conf:1: expected a directive, not \"{\"" },
	{ "\"session_cache|size\" = 1M", "t.conf:1: expected a directive, not "
	    "\"session_cache|size\"" },
	/* sections */
	{ "listen \"x\"\n\taddress = { a:1 }\n", "t.conf:1: expected \"{\" "
	    "after listen \"x\"" },
	{ "listen x {\n address = { 127.0.0.1:0 }\n certificate c {\n "
	    "chain = c\n\n\n", "t.conf:3: the section \"certificate\" has no "
	    "closing \"}\"" },
	{ "listen x {\n address = { 127.0.0.1:0 }\n certificate c { chain = c "
	    "}\n\n\n", "t.conf:1: the section \"listen\" has no closing "
	    "\"}\"" },
	{ "a{a{a{a{a{a{a{a{\na{", "t.conf:2: sections are nested too "
	    "deeply" },
	/* lists */
	{ "workers = { 1, 2 }", "t.conf:1: \"workers\" takes one value, not "
	    "a list" },
	{ "workers = { 1 }", "t.conf:1: \"workers\" takes one value, not a "
	    "list" },
	{ "tickets { keys = { a\n rotate = 1h }", "t.conf:2: expected \",\" "
	    "or \"}\" in the list of \"keys\", not \"rotate\"" },
	{ "tickets { keys = { a,, b } }", "t.conf:1: expected a value or "
	    "\"}\" in the list of \"keys\", not \",\"" },
	{ "tickets { keys = { a, {", "t.conf:1: expected a value or \"}\" in "
	    "the list of \"keys\", not \"{\"" },
	{ "tickets { keys = { a,\n", "t.conf:2: expected a value or \"}\" in "
	    "the list of \"keys\", not the end of the file" },
	{ "tickets { keys = { 'a' 'b' } }", "t.conf:1: expected \",\" or "
	    "\"}\" in the list of \"keys\", not 'b'" },
	{ "include(a", "t.conf:1: expected \",\" or \")\" in the list of "
	    "\"include\", not the end of the file" },
	{ "include(a, }", "t.conf:1: expected a value or \")\" in the list of "
	    "\"include\", not \"}\"" },
};

START_TEST(refused)
{
	test_refused(rows[_i].text, rows[_i].error);
}
END_TEST

START_TEST(no_file)
{
	struct err err;

	ck_assert_ptr_null(conf_load("none/t.conf", NULL, 0, &err));
	ck_assert_str_eq(err.text, "none/t.conf: No such file or directory");
	ck_assert_ptr_null(conf_load(".", NULL, 0, &err));
	ck_assert_str_eq(err.text, ".: is a directory, not a file");
	ck_assert_int_eq(mkfifo("fifo", 0600), 0);
	ck_assert_ptr_null(conf_load("fifo", NULL, 0, &err));
	ck_assert_str_eq(err.text, "fifo: is not a regular file");
}
END_TEST

START_TEST(nul)
{
	struct err err;
	FILE *fp;

	fp = fopen("t.conf", "w");
	ck_assert_uint_eq(fwrite("user = a\0b", 1, 10, fp), 10);
	ck_assert_int_eq(fclose(fp), 0);
	ck_assert_ptr_null(conf_load("t.conf", NULL, 0, &err));
	ck_assert_str_eq(err.text,
	    "t.conf: there is a NUL byte in it; is this a text file?");
}
END_TEST

START_TEST(large)
{
	struct err err;
	FILE *fp;

	fp = fopen("t.conf", "w");
	ck_assert_int_eq(fclose(fp), 0);
	ck_assert_int_eq(truncate("t.conf", (4 << 20) + 1), 0);
	ck_assert_ptr_null(conf_load("t.conf", NULL, 0, &err));
	ck_assert_str_eq(err.text,
	    "t.conf: the file is larger than 4194304 bytes");
}
END_TEST

/* Nothing crashes, says nothing or says two lines, whatever the bytes are. */
START_TEST(garbage)
{
	static const char alphabet[] = "listen\"'{}()=+,#/*\\\n $|x1 \200\1";
	unsigned random = (unsigned)_i;
	struct conf *conf;
	char text[200];
	struct err err;
	size_t i, n;

	n = 1 + (size_t)_i % (sizeof(text) - 1);
	for (i = 0; i < n; i++) {
		random = random * 1103515245 + 12345;
		text[i] = alphabet[(random >> 16) % (sizeof(alphabet) - 1)];
	}
	text[n] = '\0';
	test_write("t.conf", text);
	conf = conf_load("t.conf", NULL, 0, &err);
	ck_assert_ptr_null(conf);
	ck_assert_int_eq(strncmp(err.text, "t.conf:", 7), 0);
	ck_assert_ptr_null(strchr(err.text, '\n'));
}
END_TEST

/* With a byte order mark and CR LF, as some editors have it. */
static void
write_foreign(const char *name, const char *text)
{
	char foreign[1024] = "\xef\xbb\xbf", *p = foreign + 3;

	for (; *text != '\0'; text++) {
		if (*text == '\n')
			*p++ = '\r';
		*p++ = *text;
	}
	*p = '\0';
	test_write(name, foreign);
}

static const char plain[] = "# \xc3\xa9\nworkers =\n3\n/*\n*/"
    "listen x { address = '127.0.0.1:0' text = \"a\\\nb\"\n"
    "certificate c { chain = 'a\\\nb' } } // end\n";

START_TEST(editors)
{
	struct conf *conf;
	struct err err;
	char *one, *other;

	conf = test_load(plain);
	ck_assert_str_eq(conf->listens[0].text, "ab");
	one = test_printed(conf);
	conf_free(conf);
	write_foreign("x.conf", plain);
	write_foreign("t.conf", _i == 0 ? plain : "\ninclude('x.conf')\n");
	conf = conf_load("t.conf", NULL, 0, &err);
	ck_assert_msg(conf != NULL, "%s", err.text);
	other = test_printed(conf);
	conf_free(conf);
	ck_assert_str_eq(one, other);
	free(one);
	free(other);
	write_foreign("t.conf", "\n\n\"a\\\n\" = 4\n");
	ck_assert_ptr_null(conf_load("t.conf", NULL, 0, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "t.conf:3: "));
}
END_TEST

Suite *
syntax_suite(void)
{
	Suite *suite = suite_create("syntax");
	TCase *tc = test_case("syntax");

	tcase_add_loop_test(tc, refused, 0, COUNT(rows));
	tcase_add_test(tc, no_file);
	tcase_add_test(tc, nul);
	tcase_add_test(tc, large);
	tcase_add_loop_test(tc, editors, 0, 2);
	tcase_add_loop_test(tc, garbage, 0, 200);
	suite_add_tcase(suite, tc);
	return suite;
}
