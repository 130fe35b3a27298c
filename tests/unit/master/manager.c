/* SPDX-License-Identifier: ISC */
/* What the service manager hears of each action of the master. */
#include "config.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "master/master_int.h"
#include "test_master.h"

static struct master m;
static struct generation now, before;
static struct conf conf;
static int manager;

static void
setup(void)
{
	struct sockaddr_un un;

	test_dir_setup();
	memset(&m, 0, sizeof(m));
	memset(&now, 0, sizeof(now));
	conf.workers = 2;
	conf.drain_timeout = 60000;
	now.conf = &conf;
	now.number = 3;
	m.current = &now;
	log_set_level(LOGLVL_WARNING);
	err_set(&m.why, NULL, "a.conf:1: no");
	memset(&un, 0, sizeof(un));
	un.sun_family = AF_UNIX;
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", test_path("notify"));
	manager = socket(AF_UNIX, SOCK_DGRAM, 0);
	ck_assert_int_ne(manager, -1);
	ck_assert_int_eq(bind(manager, (struct sockaddr *)&un, sizeof(un)), 0);
	setenv("NOTIFY_SOCKET", un.sun_path, 1);
}

static void
teardown(void)
{
	close(manager);
	test_dir_teardown();
}

/* All that is there to be heard; "": nothing. */
static const char *
heard(void)
{
	static char buf[4000];
	ssize_t n;

	n = recv(manager, buf, sizeof(buf) - 1, MSG_DONTWAIT);
	buf[n > 0 ? n : 0] = '\0';
	return buf;
}

#define SERVES "MAINPID=@\nSTATUS=2 workers serve, generation 3"

/* "@" stands for a number. */
static const struct row {
	enum master_action action;
	bool closing;	  /* there is a generation before */
	bool handed_over; /* the current one is */
	const char *words;
} rows[] = {
	{ ACTION_COMMIT, false, false, "READY=1\n" SERVES },
	{ ACTION_COMMIT, true, false, "" },
	{ ACTION_VERDICT, false, false, "READY=1\n" SERVES },
	{ ACTION_RELOAD, false, false,
	    "RELOADING=1\nMONOTONIC_USEC=@\nSTATUS=reloading" },
	{ ACTION_USE_NAMES, false, false,
	    "RELOADING=1\nMONOTONIC_USEC=@\nSTATUS=reloading" },
	{ ACTION_RELOAD, false, true, "RELOADING=1\nMONOTONIC_USEC=@\n"
	    "STATUS=upgrade: starting workers" },
	{ ACTION_TEST, false, false, "RELOADING=1\nMONOTONIC_USEC=@\n"
	    "STATUS=upgrade: testing the program" },
	{ ACTION_ABORT, false, false, "READY=1\n"
	    "STATUS=reload failed, generation 3 goes on: a.conf:1: no" },
	{ ACTION_ABORT, false, true, "READY=1\nSTATUS=the upgrade is not "
	    "finished, generation 3 goes on: a.conf:1: no" },
	{ ACTION_STAY, false, false, "READY=1\n"
	    "STATUS=upgrade failed, generation 3 goes on: a.conf:1: no" },
	{ ACTION_FINISH, false, false, "STOPPING=1\n"
	    "EXTEND_TIMEOUT_USEC=70000000\nSTATUS=finishing connections" },
	{ ACTION_STOP, false, false, "STOPPING=1\nSTATUS=stopping" },
	{ ACTION_FAIL, false, false, "STOPPING=1\nSTATUS=a.conf:1: no" },
	{ ACTION_NOTHING, false, false, "" },
	{ ACTION_LISTEN, false, false, "" },
	{ ACTION_HOLD, false, false, "" },
	{ ACTION_TAKE_OVER, false, false, "" },
	{ ACTION_KILL, false, false, "" },
	{ ACTION_DONE, false, false, "" },
};

START_TEST(words)
{
	const struct row *r = &rows[_i];
	const char *text, *w;

	m.closing = r->closing ? &before : NULL;
	now.handed_over = r->handed_over;
	manager_tell(&m, r->action);
	text = heard();
	for (w = r->words; *w != '\0'; w++) {
		if (*w == '@' && *text >= '0' && *text <= '9')
			text += strspn(text, "0123456789");
		else if (*text == *w)
			text++;
		else
			break;
	}
	ck_assert_msg(*w == '\0' && *text == '\0', "\"%s\" at \"%s\"",
	    r->words, text);
	ck_assert_str_eq(heard(), "");
}
END_TEST

/* Each action of the table stands above. */
START_TEST(every_action)
{
	bool there = false;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		there |= (int)rows[i].action == _i;
	ck_assert_msg(there, "action %d", _i);
}
END_TEST

/* Nobody reads: it is told once, and it goes on. */
START_TEST(deaf)
{
	unlink(test_path("notify"));
	manager_tell(&m, ACTION_STOP);
	ck_assert(m.manager_deaf);
	ck_assert_uint_eq(log_warned(), 1);
	manager_tell(&m, ACTION_STOP);
	ck_assert_uint_eq(log_warned(), 1);
}
END_TEST

/* The first beat is at once, then one at half of the time. */
START_TEST(watchdog)
{
	int i;

	m.base = event_base_new();
	ck_assert_ptr_nonnull(m.base);
	manager_begin(&m);
	ck_assert_int_eq(manager_watch(&m), 0);
	ck_assert_str_eq(heard(), "");
	setenv("WATCHDOG_USEC", "100000", 1);
	unsetenv("WATCHDOG_PID");
	ck_assert_int_eq(manager_watch(&m), 0);
	ck_assert_str_eq(heard(), "WATCHDOG=1");
	ck_assert_str_eq(heard(), "");
	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(event_base_loop(m.base, EVLOOP_ONCE), 0);
		ck_assert_str_eq(heard(), "WATCHDOG=1");
	}
	event_del(&m.watchdog);
	event_base_free(m.base);
}
END_TEST

Suite *
manager_suite(void)
{
	Suite *s = suite_create("manager");
	TCase *tc = tcase_create("manager");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, words, 0,
	    (int)(sizeof(rows) / sizeof(rows[0])));
	tcase_add_loop_test(tc, every_action, 0, ACTION_DONE + 1);
	tcase_add_test(tc, deaf);
	tcase_add_test(tc, watchdog);
	suite_add_tcase(s, tc);
	return s;
}
