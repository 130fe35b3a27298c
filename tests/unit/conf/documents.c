/* SPDX-License-Identifier: ISC */
/*
 * What admins copy from: the sample file is good and its commented defaults
 * are the defaults; the examples of the man page are good.
 */
#include "config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "test_conf.h"

#define TEXT_SIZE 65536

/* A file of the sources, to be freed. */
static char *
read_source(const char *name)
{
	char path[512], *text;
	const char *top = getenv("top_srcdir");
	size_t n;
	FILE *fp;

	snprintf(path, sizeof(path), "%s/%s", top != NULL ? top : TOP_SRCDIR,
	    name);
	fp = fopen(path, "r");
	ck_assert_msg(fp != NULL, "%s cannot be read", path);
	text = calloc(1, TEXT_SIZE);
	ck_assert_ptr_nonnull(text);
	n = fread(text, 1, TEXT_SIZE - 1, fp);
	fclose(fp);
	ck_assert_uint_gt(n, 1000);
	ck_assert_uint_lt(n, TEXT_SIZE - 1);
	return text;
}

/* "#name" and "#}" become " name" and " }"; "# text" stays. Returns how many there were. */
static int
uncomment(char *text)
{
	char *p;
	int n = 0;

	for (p = text; *p != '\0'; p++)
		if (p[0] == '#' &&
		    (islower((unsigned char)p[1]) || p[1] == '}')) {
			*p = ' ';
			n++;
		}
	return n;
}

START_TEST(sample)
{
	char *plain, *text, *uncommented;
	struct conf *conf;

	text = read_source("etc/tlsherd.conf");
	conf = test_load(text);
	plain = test_printed(conf);
	conf_free(conf);
	ck_assert_int_gt(uncomment(text), 35);
	conf = test_load(text);
	uncommented = test_printed(conf);
	conf_free(conf);
	ck_assert_str_eq(plain, uncommented);
	free(plain);
	free(uncommented);
	free(text);
}
END_TEST

START_TEST(manual)
{
	static const char begin[] = "\n.Bd -literal -offset indent\n";
	char *end, *p, *text;
	int n = 0;

	text = read_source("man/tlsherd.conf.5");
	p = strstr(text, "\n.Sh EXAMPLES\n");
	ck_assert_ptr_nonnull(p);
	while ((p = strstr(p, begin)) != NULL) {
		p += strlen(begin);
		end = strstr(p, "\n.Ed\n");
		ck_assert_ptr_nonnull(end);
		*end = '\0';
		conf_free(test_load(p));
		p = end + 1;
		n++;
	}
	ck_assert_int_eq(n, 3);
	free(text);
}
END_TEST

Suite *
documents_suite(void)
{
	Suite *suite = suite_create("documents");
	TCase *tc = test_case("documents");

	tcase_add_test(tc, sample);
	tcase_add_test(tc, manual);
	suite_add_tcase(suite, tc);
	return suite;
}
