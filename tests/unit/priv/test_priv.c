/* SPDX-License-Identifier: ISC */
/* Users and groups by name and by number. The way down: tests/system. */
#include "config.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "priv/lookup.h"
#include "priv/priv.h"

static const struct loc loc = { "t.conf", 7 };

static int
look_up(struct priv_ids *ids, const char *user, const char *group,
    struct err *err)
{
	const struct priv_word u = { user, &loc }, g = { group, &loc };

	memset(ids, 0, sizeof(*ids));
	return priv_ids_look_up(ids, &u, &g, err);
}

static const struct {
	const char *user, *group;
	uid_t uid;
	gid_t gid;
} known[] = {
	{ "root", "", 0, 0 },
	{ "0", "", 0, 0 },
	{ "root", "0", 0, 0 },
	{ "daemon", "root", 1, 0 },
	{ "1", "0", 1, 0 },
};

START_TEST(is_known)
{
	struct priv_ids ids;
	struct err err;

	ck_assert_msg(look_up(&ids, known[_i].user, known[_i].group,
	    &err) == 0, "%s", err.text);
	ck_assert_uint_eq(ids.uid, known[_i].uid);
	ck_assert_uint_eq(ids.gid, known[_i].gid);
	ck_assert_str_eq(ids.user, known[_i].user);
	ck_assert_int_eq(ids.drop, geteuid() == 0);
	/* Whoever changes to them has to know all groups. */
	ck_assert_int_eq(ids.ngroups > 0, ids.drop);
	free(ids.groups);
}
END_TEST

static const struct {
	const char *user, *group, *text;
} unknown[] = {
	{ "no-such-user", "", "t.conf:7: user \"no-such-user\" does not "
	    "exist" },
	{ "root", "no-such-group", "t.conf:7: group \"no-such-group\" does "
	    "not exist" },
	/* Not cut down to something that exists. */
	{ "4294967296", "", "t.conf:7: user \"4294967296\" does not exist" },
	{ "0x0", "", "t.conf:7: user \"0x0\" does not exist" },
	{ " 0", "", "t.conf:7: user \" 0\" does not exist" },
	{ "-1", "", "t.conf:7: user \"-1\" does not exist" },
	{ "root", "4294967296", "t.conf:7: group \"4294967296\" does not "
	    "exist" },
	{ "root", "0 ", "t.conf:7: group \"0 \" does not exist" },
};

START_TEST(is_unknown)
{
	struct priv_ids ids;
	struct err err;

	ck_assert_int_eq(look_up(&ids, unknown[_i].user, unknown[_i].group,
	    &err), -1);
	ck_assert_str_eq(err.text, unknown[_i].text);
	free(ids.groups);
}
END_TEST

START_TEST(nothing_configured)
{
	struct priv_ids ids;
	struct err err;

	/* As where a package is built: that makes the user later. */
	if (geteuid() == 0 && getpwnam(DAEMON_USER) == NULL) {
		ck_assert_int_eq(look_up(&ids, "", "", &err), -1);
		ck_assert_ptr_nonnull(strstr(err.text,
		    "user \"" DAEMON_USER "\" does not exist"));
		free(ids.groups);
		return;
	}
	ck_assert_msg(look_up(&ids, "", "", &err) == 0, "%s", err.text);
	ck_assert_str_eq(ids.user, geteuid() == 0 ? DAEMON_USER : "");
	free(ids.groups);
}
END_TEST

/* The same, of children: what is found, and what is not. */
START_TEST(asked_by_others)
{
	const bool good = _i < (int)(sizeof(known) / sizeof(known[0]));
	const int k = good ? 0 : _i - (int)(sizeof(known) / sizeof(known[0]));
	const struct priv_word user = { good ? known[_i].user :
	    unknown[k].user, &loc };
	const struct priv_word group = { good ? known[_i].group :
	    unknown[k].group, &loc };
	struct priv_account account;
	struct priv_ids expected;
	struct err err;
	int times;

	memset(&account, 0, sizeof(account));
	priv_account_set(&account, &user, &group);
	/* The second time it is known, or known not to be had. */
	for (times = 0; times < 2; times++) {
		ck_assert_msg(lookup_wait(&account, &err) == 0, "%s",
		    err.text);
		ck_assert(account.known == good);
		ck_assert_str_eq(account.error, good ? "" : unknown[k].text);
	}
	if (good) {
		ck_assert_int_eq(look_up(&expected, user.text, group.text,
		    &err), 0);
		ck_assert_uint_eq(account.ids.uid, expected.uid);
		ck_assert_uint_eq(account.ids.gid, expected.gid);
		ck_assert_int_eq(account.ids.ngroups, expected.ngroups);
		free(expected.groups);
	}
	priv_account_release(&account);
}
END_TEST

/* The file was mended while they were asked for. */
START_TEST(corrected)
{
	const struct priv_word bad = { unknown[0].user, &loc };
	const struct priv_word user = { known[0].user, &loc };
	const struct priv_word group = { known[0].group, &loc };
	struct priv_account account;
	struct err err;

	memset(&account, 0, sizeof(account));
	priv_account_set(&account, &bad, &group);
	ck_assert_int_eq(lookup_wait(&account, &err), 0);
	ck_assert_str_ne(account.error, "");
	priv_account_set(&account, &user, &group);
	ck_assert_int_eq(lookup_wait(&account, &err), 0);
	ck_assert_str_eq(account.error, "");
	ck_assert(account.known);
	priv_account_release(&account);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("ids");
	TCase *tc = tcase_create("ids");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, is_known, 0, sizeof(known) / sizeof(known[0]));
	tcase_add_loop_test(tc, is_unknown, 0,
	    sizeof(unknown) / sizeof(unknown[0]));
	tcase_add_test(tc, nothing_configured);
	tcase_add_test(tc, corrected);
	tcase_add_loop_test(tc, asked_by_others, 0, (int)(sizeof(known) /
	    sizeof(known[0]) + sizeof(unknown) / sizeof(unknown[0])));
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
