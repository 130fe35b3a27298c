/* SPDX-License-Identifier: ISC */
/*
 * The line in the log. Its advice is put to the test: a cache that evicts its
 * oldest entry when full is played through, and then once more with the size
 * that was advised, which must hold everything without being too generous.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "report/report.h"
#include "test_report.h"

#define ENTRY 232 /* bytes */

/* Stores per second, second by second. */
struct load {
	const char *name;
	int64_t seconds;  /* length of the period */
	int64_t warm;	  /* seconds of the same before it */
	int64_t timeout;  /* of the sessions */
	unsigned rate;	  /* stores per second … */
	int64_t on;	  /* … in the first seconds of every … */
	int64_t every;	  /* … so many */
	unsigned held;	  /* entries that fit */
	double generous;  /* advice: at most so many times what is needed */
};

static const struct load loads[] = {
	{ "constant", 3600, 7200, 7200, 10, 1, 1, 20000, 1.3 },
	{ "constant, much too small", 3600, 7200, 7200, 10, 1, 1, 300, 1.3 },
	{ "constant, a little too small", 3600, 7200, 7200, 10, 1, 1, 70000,
	    1.3 },
	{ "short sessions", 3600, 600, 300, 10, 1, 1, 1000, 1.3 },
	{ "long sessions", 3600, 90000, 86400, 2, 1, 1, 20000, 1.3 },
	{ "one burst", 3600, 0, 300, 100, 60, 3600, 1000, 1.3 },
	{ "the end of a burst", 200, 0, 300, 100, 60, 3600, 1000, 1.3 },
	/* Six bursts in one sum might be one: the advice must assume it. */
	{ "a burst every 10 minutes", 3600, 3600, 300, 50, 60, 600, 500,
	    6.0 },
	{ "a burst, sessions longer than the period", 3600, 0, 7200, 100, 60,
	    3600, 1000, 2.6 },
	{ "reload after a minute", 60, 0, 7200, 100, 1, 1, 1000, 2.6 },
};

/*
 * Play the load with room for `held` entries. Fills in the counters at the
 * beginning and at the end; returns the most entries alive at a time.
 */
static uint64_t
play(const struct load *l, uint64_t held, struct tlscache_stat *before,
    struct tlscache_stat *after)
{
	uint64_t head, tail, most, room;
	struct tlscache_stat s;
	int64_t *born, t;
	unsigned k;

	room = (uint64_t)(l->warm + l->seconds) * l->rate + 1;
	born = calloc(room, sizeof(*born));
	ck_assert_ptr_nonnull(born);
	memset(&s, 0, sizeof(s));
	s.capacity = held * ENTRY;
	head = tail = most = 0;
	*before = s;
	for (t = 0; t < l->warm + l->seconds; t++) {
		if (t == l->warm)
			*before = s;
		while (tail < head && born[tail] + l->timeout <= t) {
			tail++;
			s.expired++;
		}
		for (k = 0; t % l->every < l->on && k < l->rate; k++) {
			if (head - tail == held) {
				s.evicted++;
				s.evicted_age += (uint64_t)(t - born[tail]);
				tail++;
			}
			born[head++] = t;
			s.stores++;
		}
		if (head - tail > most)
			most = head - tail;
		s.entries = head - tail;
		s.bytes = s.entries * ENTRY;
	}
	free(born);
	*after = s;
	return most;
}

START_TEST(advice)
{
	struct tlscache_stat before, after;
	struct report_period p;
	const struct load *l;
	uint64_t needed, advised;

	l = &loads[_i];
	play(l, l->held, &before, &after);
	memset(&p, 0, sizeof(p));
	p.before = &before;
	p.now = &after;
	p.seconds = l->seconds;
	p.session_timeout = l->timeout;
	p.cache_size = (size_t)after.capacity;
	advised = report_size_needed(&p);

	needed = play(l, UINT64_MAX / ENTRY, &before, &after);
	ck_assert_msg(advised >= needed * ENTRY, "%s: %llu advised, %llu "
	    "needed", l->name, (unsigned long long)advised,
	    (unsigned long long)needed * ENTRY);
	ck_assert_msg((double)advised <= l->generous * (double)needed * ENTRY +
	    (256 << 10), "%s: %llu advised, %llu needed", l->name,
	    (unsigned long long)advised, (unsigned long long)needed * ENTRY);

	play(l, advised / ENTRY, &before, &after);
	ck_assert_uint_eq(after.evicted, before.evicted);
	ck_assert_uint_eq(report_size_needed(&p), 0);
}
END_TEST

static struct tlscache_stat before, now;
static struct report_period period = { .before = &before, .now = &now,
	.seconds = 3600, .session_timeout = 7200, .cache_size = 33u << 20 };

static void
line_expect(const char *expect)
{
	char buf[REPORT_LINE_MAX];

	report_session_line(buf, sizeof(buf), &period);
	ck_assert_str_eq(buf, expect);
}

static void
setup(void)
{
	memset(&before, 0, sizeof(before));
	memset(&now, 0, sizeof(now));
	before.hits = 1000;
	before.misses = 1000;
	now.hits = 13012;
	now.misses = 1333;
	now.entries = 3210;
	now.bytes = 1258291;
	now.capacity = 32 << 20;
}

START_TEST(line)
{
	line_expect("sessions: 97.3 % of 12,345 look-ups hit; "
	    "3,210 entries in 1.1 MiB of 32 MiB");
}
END_TEST

START_TEST(line_idle)
{
	now.hits = before.hits;
	now.misses = before.misses;
	line_expect("sessions: no look-ups; "
	    "3,210 entries in 1.1 MiB of 32 MiB");
}
END_TEST

START_TEST(line_evicted)
{
	before.evicted = 100;
	before.evicted_age = 5000;
	now.evicted = 50100;
	now.evicted_age = 5000 + 50000 * 3500;
	now.evicted_age_min = 34;
	now.entries = 80000;
	now.bytes = 31 << 20;
	line_expect("sessions: 97.3 % of 12,345 look-ups hit; 80,000 entries "
	    "in 31 MiB of 32 MiB; 50,000 were evicted before their time "
	    "(on average 58 min 20 s old, the youngest so far 34 s): "
	    "session_cache.size = 64M would have held them");
}
END_TEST

/* A segment in place of another begins to count at nought. */
START_TEST(line_new_segment)
{
	before = now;
	before.hits++;
	line_expect("sessions: 90.7 % of 14,345 look-ups hit; "
	    "3,210 entries in 1.1 MiB of 32 MiB");
}
END_TEST

/* Whatever a corrupted segment counts: a line, and in bounds. */
START_TEST(line_of_nonsense)
{
	static const uint64_t odd[] = { 0, 1, UINT64_MAX / 2, UINT64_MAX };
	char buf[REPORT_LINE_MAX];
	uint64_t *field;
	unsigned k;

	for (k = 0; k < 4096; k++) {
		field = (uint64_t *)&now;
		field[k % (sizeof(now) / sizeof(*field))] = odd[k / 7 % 4];
		field = (uint64_t *)&before;
		field[k / 3 % (sizeof(now) / sizeof(*field))] = odd[k % 3];
		period.seconds = k % 5 == 0 ? INT64_MIN : (int64_t)k;
		report_session_line(buf, sizeof(buf), &period);
		ck_assert_uint_lt(strlen(buf), sizeof(buf) - 1);
	}
}
END_TEST

Suite *
report_line_suite(void)
{
	Suite *suite;
	TCase *tc;

	suite = suite_create("report_line");
	tc = tcase_create("advice");
	tcase_add_loop_test(tc, advice, 0, sizeof(loads) / sizeof(loads[0]));
	suite_add_tcase(suite, tc);
	tc = tcase_create("line");
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, line);
	tcase_add_test(tc, line_idle);
	tcase_add_test(tc, line_evicted);
	tcase_add_test(tc, line_new_segment);
	tcase_add_test(tc, line_of_nonsense);
	suite_add_tcase(suite, tc);
	return suite;
}
