/* SPDX-License-Identifier: ISC */
/*
 * What the master makes of what comes over a worker's channel: one that says
 * what no worker says is killed, and nothing else happens.
 */
#include "config.h"

#include <sys/wait.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "master/master_int.h"
#include "test_master.h"

static struct conf conf = { .workers = 2 };
static struct generation generation = { .conf = &conf, .alive = 1 };
static struct master m;
static struct process *p;
static int worker; /* its end of the channel */

static void
message_event_cb(evutil_socket_t fd, short what, void *arg)
{
	process_listen(arg);
}

static void
setup(void)
{
	int sv[2];

	log_set_level(LOGLVL_ERROR);
	memset(&m, 0, sizeof(m));
	m.state = MASTER_RUNNING;
	m.base = event_base_new();
	m.message = message_event_cb;
	m.scoreboard = scoreboard_new(1, 1);
	m.current = &generation;
	TAILQ_INIT(&m.processes);
	p = calloc(1, sizeof(*p));
	ck_assert(m.base != NULL && m.scoreboard != NULL && p != NULL);
	ck_assert_int_eq(fd_pair(sv), 0);
	worker = sv[1];
	p->master = &m;
	p->generation = &generation;
	p->slot = scoreboard_take(m.scoreboard, 0);
	p->child.fd = sv[0];
	p->child.pid = fork();
	if (p->child.pid == 0) {
		close(worker);
		for (;;)
			pause();
	}
	TAILQ_INSERT_TAIL(&m.processes, p, entry);
	process_adopt(p);
}

static void
teardown(void)
{
	if (p->child.alive) {
		child_kill(&p->child);
		(void)waitpid(p->child.pid, NULL, 0);
		p->child.alive = false;
	}
	process_free(p);
	close(worker);
	scoreboard_free(m.scoreboard);
	event_base_free(m.base);
}

static void
say(const void *what, size_t len)
{
	ck_assert_int_eq(fd_send(worker, what, len, worker), 0);
	ck_assert_int_ge(event_base_loop(m.base, EVLOOP_NONBLOCK), 0);
}

static const size_t sizes[] = { 0, 1, sizeof(struct control_msg) - 1,
	sizeof(struct control_msg) + 1 };

START_TEST(odd_size)
{
	char text[sizeof(struct control_msg) + 1];
	struct control_msg ready = { .type = CONTROL_READY };
	int status;

	memset(text, 0, sizeof(text));
	memcpy(text, &ready, sizeof(ready));
	say(text, sizes[_i]);
	ck_assert(p->child.killed);
	ck_assert_int_eq(p->child.fd, -1);
	ck_assert(!p->ready && !p->drained);
	ck_assert_ptr_null(p->failure);
	ck_assert_int_eq(waitpid(p->child.pid, &status, 0), p->child.pid);
	ck_assert_int_eq(WTERMSIG(status), SIGKILL);
	p->child.alive = false;
}
END_TEST

/* Of another version. */
START_TEST(types)
{
	struct control_msg msg = { .type = 77 };

	say(&msg, sizeof(msg));
	ck_assert(!p->child.killed && !p->ready && !p->drained);
	msg.type = -1;
	say(&msg, sizeof(msg));
	ck_assert(!p->child.killed && !p->ready && !p->drained);
	msg.type = CONTROL_DRAINED;
	say(&msg, sizeof(msg));
	ck_assert(p->drained && !p->ready);
	msg.type = CONTROL_FAILED;
	memset(msg.text, 'x', sizeof(msg.text));
	say(&msg, sizeof(msg));
	ck_assert_uint_eq(strlen(p->failure), sizeof(msg.text));
	ck_assert(!p->child.killed);
}
END_TEST

/* One that lives without it is left alone: it cannot be told to end, either. */
START_TEST(closed)
{
	close(worker);
	worker = dup(STDERR_FILENO);
	/* The child closes its copy as soon as it runs. */
	while (p->child.fd != -1)
		ck_assert_int_eq(event_base_loop(m.base, EVLOOP_ONCE), 0);
	ck_assert(!p->child.killed);
	process_tell(p, CONTROL_DRAIN, 0, -1);
}
END_TEST

Suite *
channel_suite(void)
{
	Suite *s = suite_create("channel");
	TCase *tc = tcase_create("channel");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, odd_size, 0,
	    sizeof(sizes) / sizeof(sizes[0]));
	tcase_add_test(tc, types);
	tcase_add_test(tc, closed);
	suite_add_tcase(s, tc);
	return s;
}
