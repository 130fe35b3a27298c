/* SPDX-License-Identifier: ISC */
/*
 * How long the next worker waits after so many faults in a row, and what is a
 * fault.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "master/master_int.h"
#include "test_master.h"

static const struct {
	unsigned faults;
	long delay;
	bool alone;
	int64_t since;
} rows[] = {
	{ 0, 0, false, 0 },
	{ 1, 0, false, 0 },
	{ 3, 0, false, 0 },
	{ 4, 100, false, 0 },
	{ 5, 200, false, 0 },
	{ 6, 400, false, 0 },
	{ 9, 3200, false, 0 },
	{ 10, 5000, false, 0 },
	{ 11, 5000, false, 0 },
	{ 1000, 5000, false, 0 },
	{ UINT_MAX, 5000, false, 0 },
	/* Nobody else is there. */
	{ 3, 0, true, 0 },
	{ 4, 100, true, 0 },
	{ 4, 60, true, 40 },
	{ 4, 0, true, 100 },
	{ 10, 0, true, 100000 },
	{ UINT_MAX, 1, true, 99 },
};

START_TEST(delay)
{
	ck_assert_int_eq(supervise_delay(rows[_i].faults, rows[_i].alone,
	    rows[_i].since), rows[_i].delay);
}
END_TEST

/* A child that has ended with this status and waits to be reaped. */
static pid_t
dead_child(int status)
{
	siginfo_t info;
	pid_t pid;

	pid = fork();
	if (pid == 0)
		_exit(status);
	ck_assert_int_gt(pid, 0);
	ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT),
	    0);
	return pid;
}

/*
 * It was ready, has lived for a second and has ended as told: no fault. That
 * it was ready is among its last words, which nobody has heard yet. Of workers
 * that were handed over none is replaced.
 */
START_TEST(last_words)
{
	struct control_msg ready = { .type = CONTROL_READY };
	struct conf conf = { .workers = 1 };
	struct generation g = { .conf = &conf, .alive = 1,
		.handed_over = true };
	struct process *p;
	struct master m;
	int sv[2];

	log_set_level(LOGLVL_ERROR);
	memset(&m, 0, sizeof(m));
	m.state = MASTER_RUNNING;
	m.base = event_base_new();
	m.scoreboard = scoreboard_new(1, 1);
	m.current = &g;
	TAILQ_INIT(&m.processes);
	p = calloc(1, sizeof(*p));
	ck_assert(m.base != NULL && m.scoreboard != NULL && p != NULL);
	ck_assert_int_eq(fd_pair(sv), 0);
	p->master = &m;
	p->generation = &g;
	p->child.fd = sv[0];
	p->slot = scoreboard_take(m.scoreboard, 0);
	p->started = clock_mono_us() - 1000000;
	TAILQ_INSERT_TAIL(&m.processes, p, entry);
	supervise_seat(&m);
	ck_assert_ptr_eq(m.seats[0].process, p);
	ck_assert_int_eq(fd_send(sv[1], &ready, sizeof(ready), -1), 0);
	close(sv[1]);
	p->child.pid = dead_child(0);
	process_adopt(p);
	reap_children(&m);
	ck_assert_ptr_null(m.seats[0].process);
	ck_assert_uint_eq(m.restarts[0], 1);
	ck_assert_uint_eq(m.seats[0].faults, 0);
	supervise_clear(&m);
	free(m.restarts);
	scoreboard_free(m.scoreboard);
	event_base_free(m.base);
}
END_TEST

Suite *
supervise_suite(void)
{
	Suite *s = suite_create("supervise");
	TCase *tc = tcase_create("delay");

	tcase_add_loop_test(tc, delay, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(tc, last_words);
	suite_add_tcase(s, tc);
	return s;
}
