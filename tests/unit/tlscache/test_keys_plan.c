/* SPDX-License-Identifier: ISC */
/* What time does to a set of ticket keys (keys_plan.c). */
#include "config.h"

#include <check.h>
#include <stdint.h>
#include <string.h>

#include "keys_int.h"
#include "test_ssl.h"

#define ROTATE 100
#define KEEP 250
#define START 1000000

static struct tlsc_keyset set;
static unsigned made;

static void
plan_at(int64_t now)
{
	int changed;

	changed = tlsc_keyset_plan(&set, ROTATE, KEEP, now, &made);
	ck_assert_int_ge(changed, 0);
	if (made > 0)
		ck_assert_int_eq(changed, 1);
	ck_assert(tlsc_keyset_valid(&set));
	/* One key is to come, within one rotation; another one encrypts. */
	ck_assert_int_gt(set.key[set.n - 1].from, now);
	ck_assert_int_le(set.key[set.n - 1].from, now + set.rotate);
	ck_assert_ptr_eq(tlsc_keyset_encrypts(&set, now), &set.key[set.n - 2]);
}

static void
setup(void)
{
	memset(&set, 0, sizeof(set));
	plan_at(START);
	ck_assert_uint_eq(set.n, 2);
	ck_assert_uint_eq(made, 2);
}

START_TEST(keys_follow_each_other)
{
	struct tlsc_key encrypted[20];
	int64_t now;
	int age, i;

	setup();
	for (i = 0; i < 20; i++) {
		now = START + i * ROTATE;
		plan_at(now);
		ck_assert_uint_eq(made, i == 0 ? 0 : 1);
		encrypted[i] = *tlsc_keyset_encrypts(&set, now + ROTATE - 1);
		ck_assert_int_eq(encrypted[i].from, now);
		/* The next key is the same one for all, to the second. */
		ck_assert_mem_eq(tlsc_keyset_encrypts(&set, now + ROTATE)->name,
		    set.key[set.n - 1].name, TLSC_KEY_NAME);
		/* Ages of keys, at the last second of this rotation: they
		 * encrypted until now - (age - 1) * ROTATE. */
		for (age = 0; age <= i; age++) {
			bool alive = age == 0 ||
			    now + ROTATE - 1 < now - (age - 1) * ROTATE + KEEP;

			ck_assert_int_eq(alive, tlsc_keyset_decrypts(&set,
			    encrypted[i - age].name, now + ROTATE - 1) !=
			    NULL);
		}
	}
	ck_assert_uint_le(set.n, 6);
}
END_TEST

START_TEST(due_is_the_next_change)
{
	int64_t due, now;
	int i;

	setup();
	now = START;
	for (i = 0; i < 30; i++) {
		due = tlsc_keyset_due(&set, now);
		ck_assert_int_gt(due, now);
		ck_assert_int_le(due, now + ROTATE);
		if (due > now + 1) {
			ck_assert_int_eq(tlsc_keyset_plan(&set, ROTATE, KEEP,
			    due - 1, &made), 0);
		}
		ck_assert_int_eq(tlsc_keyset_plan(&set, ROTATE, KEEP, due,
		    &made), 1);
		now = due;
	}
	ck_assert_int_ge(now, START + 10 * ROTATE);
}
END_TEST

START_TEST(what_is_dropped_is_wiped)
{
	static const struct tlsc_key none;
	unsigned char aes[32];
	size_t i;

	setup();
	memcpy(aes, set.key[0].aes, sizeof(aes));
	plan_at(START + ROTATE);
	ck_assert_ptr_nonnull(memmem(&set, sizeof(set), aes, sizeof(aes)));
	plan_at(START + ROTATE + KEEP);
	ck_assert_ptr_null(memmem(&set, sizeof(set), aes, sizeof(aes)));
	for (i = set.n; i < TLSCACHE_KEYS_MAX; i++)
		ck_assert_mem_eq(&set.key[i], &none, sizeof(none));
}
END_TEST

START_TEST(a_late_master)
{
	static const int64_t late[] = { 1, ROTATE - 1, ROTATE, ROTATE + 1,
		5 * ROTATE, 100000 * ROTATE };
	unsigned char name[TLSC_KEY_NAME];
	int64_t now = START + ROTATE + late[_i];

	setup();
	/* The next key encrypts, and decrypts, for as long as it takes. */
	memcpy(name, set.key[1].name, sizeof(name));
	ck_assert_ptr_eq(tlsc_keyset_encrypts(&set, now), &set.key[1]);
	ck_assert_ptr_eq(tlsc_keyset_decrypts(&set, name, now), &set.key[1]);
	plan_at(now);
	/* Its last ticket is good for a whole `keep`. */
	ck_assert_ptr_nonnull(tlsc_keyset_decrypts(&set, name,
	    now + KEEP - 1));
	plan_at(now + KEEP - 1);
	ck_assert_ptr_nonnull(tlsc_keyset_decrypts(&set, name,
	    now + KEEP - 1));
	plan_at(now + KEEP + ROTATE);
	ck_assert_ptr_null(tlsc_keyset_decrypts(&set, name,
	    now + KEEP + ROTATE));
}
END_TEST

START_TEST(the_clock_goes_back)
{
	static const int64_t back[] = { 1, ROTATE - 1, ROTATE, ROTATE + 1,
		KEEP, 10 * ROTATE, START / 2 };
	struct tlsc_keyset before;
	int64_t now = START + 5 * ROTATE + ROTATE / 2, then;
	int64_t was;
	int i;

	setup();
	for (i = 1; i <= 5; i++)
		plan_at(START + i * ROTATE);
	plan_at(now);
	before = set;
	then = now - back[_i];
	/* Before the master notices, there is a key that encrypts. */
	ck_assert_ptr_nonnull(tlsc_keyset_encrypts(&set, then));
	plan_at(then);
	ck_assert_uint_eq(made, 0);
	ck_assert_uint_eq(set.n, before.n);
	/* No key lives longer because of it. */
	for (i = 0; i < (int)set.n; i++) {
		was = before.key[i].end - now;
		if (was < back[_i] + KEEP + 2 * ROTATE)
			ck_assert_int_le(set.key[i].end - then,
			    was + ROTATE);
	}
	plan_at(then + KEEP + 2 * ROTATE);
	for (i = 0; i < (int)before.n - 1; i++)
		ck_assert_ptr_null(tlsc_keyset_decrypts(&set,
		    before.key[i].name, then + KEEP + 2 * ROTATE));
}
END_TEST

START_TEST(other_times)
{
	static const struct {
		int64_t rotate, keep;
		int64_t next; /* when the next key is due, from START on */
	} times[] = {
		{ 200, 250, 200 }, /* longer */
		{ 60, 250, 60 },   /* shorter, still to come */
		{ 30, 250, 40 },   /* shorter, due at once */
		{ 100, 900, 100 },
		{ 100, 0, 100 },
	};
	unsigned char name[TLSC_KEY_NAME];
	int64_t end, now = START + 40;

	setup();
	memcpy(name, set.key[0].name, sizeof(name));
	end = set.key[0].end;
	ck_assert_int_eq(tlsc_keyset_plan(&set, times[_i].rotate,
	    times[_i].keep, now, &made), 1);
	ck_assert(tlsc_keyset_valid(&set));
	ck_assert_int_eq(set.key[1].from, START + times[_i].next);
	/* Tickets of before and of now decrypt for as long as was said. */
	ck_assert_int_ge(set.key[0].end, end);
	ck_assert_int_ge(set.key[0].end, set.key[1].from + times[_i].keep);
	ck_assert_int_ge(set.key[1].end, set.key[1].from + times[_i].rotate +
	    times[_i].keep);
	/* Nothing else to do now. */
	ck_assert_int_eq(tlsc_keyset_plan(&set, times[_i].rotate,
	    times[_i].keep, now, &made), 0);
}
END_TEST

START_TEST(the_ring_never_overflows)
{
	static const struct {
		int64_t rotate, keep;
	} times[] = { { 100, 1299 }, { 1, 12 }, { 1, 0 }, { 50, 649 },
		{ 1000, 12000 }, { 1, 1 }, { 7, 90 } };
	int64_t now = START;
	int i;

	memset(&set, 0, sizeof(set));
	for (i = 0; i < 3000; i++) {
		size_t which = (size_t)(i / 40) % 7;

		ck_assert(tlsc_keyset_times_valid(times[which].rotate,
		    times[which].keep));
		ck_assert_int_ge(tlsc_keyset_plan(&set, times[which].rotate,
		    times[which].keep, now, &made), 0);
		ck_assert(tlsc_keyset_valid(&set));
		now = tlsc_keyset_due(&set, now);
	}
}
END_TEST

/* The ring has room for all keys that `keep` asks for. */
START_TEST(keys_live_as_long_as_promised)
{
	unsigned char name[64][TLSC_KEY_NAME];
	const int64_t rotate = 10, keep = 129;
	int64_t now;
	int age, i;

	memset(&set, 0, sizeof(set));
	for (i = 0; i < 64; i++) {
		now = START + i * rotate;
		ck_assert_int_ge(tlsc_keyset_plan(&set, rotate, keep, now,
		    &made), 0);
		memcpy(name[i], tlsc_keyset_encrypts(&set, now)->name,
		    TLSC_KEY_NAME);
		for (age = 1; age <= 13 && age <= i; age++)
			ck_assert_ptr_nonnull(tlsc_keyset_decrypts(&set,
			    name[i - age], now + rotate - 2));
	}
}
END_TEST

static const struct {
	int64_t rotate, keep;
	bool valid;
} limits[] = {
	{ 1, 0, true }, { 43200, 7200, true }, { 3600, 12 * 3600, true },
	{ 3600, 13 * 3600 - 1, true }, { 3600, 13 * 3600, false },
	{ 0, 0, false }, { -1, 5, false }, { 5, -1, false },
	{ INT64_MAX, 1, false }, { 1, INT64_MAX, false },
	{ INT64_MIN, INT64_MIN, false }, { (int64_t)1 << 36, 0, true },
};

START_TEST(times_have_limits)
{
	ck_assert_int_eq(tlsc_keyset_times_valid(limits[_i].rotate,
	    limits[_i].keep), limits[_i].valid);
}
END_TEST

Suite *
keys_plan_suite(void)
{
	Suite *suite = suite_create("keys_plan");
	TCase *tc = tcase_create("keys_plan");

	tcase_add_test(tc, keys_follow_each_other);
	tcase_add_test(tc, due_is_the_next_change);
	tcase_add_test(tc, what_is_dropped_is_wiped);
	tcase_add_loop_test(tc, a_late_master, 0, 6);
	tcase_add_loop_test(tc, the_clock_goes_back, 0, 7);
	tcase_add_loop_test(tc, other_times, 0, 5);
	tcase_add_test(tc, the_ring_never_overflows);
	tcase_add_test(tc, keys_live_as_long_as_promised);
	tcase_add_loop_test(tc, times_have_limits, 0,
	    (int)(sizeof(limits) / sizeof(limits[0])));
	suite_add_tcase(suite, tc);
	return suite;
}
