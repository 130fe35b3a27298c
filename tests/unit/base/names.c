/* SPDX-License-Identifier: ISC */
/* Names: noted, answered, used by addr_parse_all(). */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/names.h"
#include "test_base.h"

static const char text[] = "www.nothing.invalid:443";

static struct addr
address(const char *number)
{
	struct addr addr;
	struct err err;

	ck_assert_int_eq(addr_parse(number, &addr, NULL, &err), 0);
	return addr;
}

/* One address for which addr_is_unknown() is `unknown`. */
static struct addr
parse(const char *name, bool unknown)
{
	struct addr *list, first;
	struct err err;
	size_t n;

	ck_assert_msg(addr_parse_all(name, &list, &n, NULL, &err) == 0, "%s",
	    err.text);
	ck_assert_uint_eq(n, 1);
	first = list[0];
	free(list);
	ck_assert_int_eq(addr_is_unknown(&first), unknown);
	return first;
}

START_TEST(life)
{
	struct addr one = address("192.0.2.1:443"), got;
	struct name *name;
	size_t n;

	names_begin();
	(void)parse(text, true);
	(void)parse(text, true);
	(void)names_all(&n);
	ck_assert_uint_eq(n, 1);
	name = names_get(text);
	ck_assert_int_eq(name->state, NAME_ASKED);
	name_fail(name, "lost");
	ck_assert_str_eq(names_find(text)->why, "lost");
	ck_assert_int_eq(name->state, NAME_FAILED);
	(void)parse(text, true);
	name_add(name, &one);
	ck_assert_int_eq(name->state, NAME_FOUND);
	got = parse(text, false);
	ck_assert(addr_equal(&got, &one));
	name_fail(name, "lost again");
	(void)parse(text, true);
	names_ask_again();
	names_tidy();
	ck_assert_ptr_null(names_find(text));
	(void)parse(text, true);
	ck_assert_int_eq(names_find(text)->state, NAME_ASKED);
}
END_TEST

/* What was known stays when nobody answers, also after one in vain. */
START_TEST(before)
{
	struct addr one = address("192.0.2.1:443"), got;
	struct name *name;

	names_begin();
	(void)parse(text, true);
	name_add(names_get(text), &one);
	names_ask_again();
	names_ask_again();
	(void)parse(text, true);
	name = names_get(text);
	ck_assert_int_eq(name->state, NAME_ASKED);
	ck_assert(name_restore(name));
	names_tidy();
	got = parse(text, false);
	ck_assert(addr_equal(&got, &one));
	ck_assert(!name_restore(names_get(text)));
	names_ask_again();
	name_fail(names_get(text), "no such name");
	ck_assert(!name_restore(names_get(text)));
}
END_TEST

/* A number is nothing to ask for. */
START_TEST(numbers)
{
	static const char *const all[] = { "192.0.2.1:80", "[2001:db8::1]:80",
		"*:80", "unix:/x" };
	size_t i, n;

	names_begin();
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		(void)parse(all[i], false);
	(void)names_all(&n);
	ck_assert_uint_eq(n, 0);
}
END_TEST

/* Who has not begun gets what the C library says. */
START_TEST(not_begun)
{
	struct addr *list;
	const char *why;
	struct err err;
	size_t n;

	ck_assert_ptr_null(names_get(text));
	ck_assert_int_eq(addr_parse_all(text, &list, &n, NULL, &err), -1);
	ck_assert_int_lt(addr_look_up(text, &list, &why), 0);
	ck_assert_ptr_nonnull(strstr(err.text, why));
	ck_assert_int_eq(addr_look_up("localhost:80", &list, &why) > 0, 1);
	free(list);
}
END_TEST

Suite *
names_suite(void)
{
	Suite *s = suite_create("names");
	TCase *tc = tcase_create("names");

	tcase_set_tags(tc, "fork"); /* the process has one table */
	tcase_add_test(tc, life);
	tcase_add_test(tc, before);
	tcase_add_test(tc, numbers);
	tcase_add_test(tc, not_begun);
	suite_add_tcase(s, tc);
	return s;
}
