/* SPDX-License-Identifier: ISC */
/*
 * Upgrade: SIGUSR2 has the program file, which may be a new one by now, take
 * over in this very process, by exec(2): the pid, and with it the pid file,
 * init scripts and the workers' parent stay the same.
 *
 * First a child runs `tlsherd -t` of that file, with all that would be handed
 * on: what cannot be executed, rejects the configuration or does not know how
 * to take over is found out while nothing has happened yet. After the exec
 * takeover.c goes on, with workers that have noticed nothing.
 */
#include "config.h"

#include <sys/wait.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/daemon.h"
#include "base/letter.h"
#include "base/log.h"
#include "base/mem.h"
#include "ctl/ctl.h"
#include "master/handover.h"
#include "master/master_int.h"

/* What the test may take, in milliseconds. */
#define TEST_WITHIN 20000

static int test_start(struct master *, struct err *);
static void test_read(struct master *);
static void test_event_cb(evutil_socket_t, short, void *);
static void test_end(struct master *);
static const char **arguments(const struct master *, bool);

void
upgrade_begin(struct master *m)
{
	struct err err;

	ctl_order_begun(m->ctl, CTL_ORDER_UPGRADE);
	if (m->options->program == NULL) {
		note_failed(m, "the path of the program is not known");
		return;
	}
	log_notice("upgrade: testing %s", m->options->program);
	if (test_start(m, &err) == -1)
		note_failed(m, err.text);
	else
		note_deadline(m, TEST_WITHIN,
		    "the test of the program takes too long");
}

void
upgrade_abort(struct master *m)
{
	upgrade_drop(m);
	log_errorx("upgrade failed: %s", m->why.text);
	ctl_order_verdict(m->ctl, CTL_ORDER_UPGRADE, false, m->why.text);
	log_notice("tlsherd %s goes on", PACKAGE_VERSION);
}

void
upgrade_drop(struct master *m)
{
	test_end(m);
	if (!m->test.held)
		return;
	event_del(&m->turn);
	m->test.held = false;
	daemon_hold_signals(false);
}

void
upgrade_tested(struct master *m, int status)
{
	const char *program = m->options->program, *said;
	struct err why;
	bool accepted;

	test_read(m);
	accepted = strstr(m->test.said.text, HANDOVER_ACCEPTED) != NULL;
	said = tail_last_line(&m->test.said);
	if (WIFSIGNALED(status))
		(void)err_set(&why, NULL, "%s was ended by signal %d (%s)",
		    program, WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) != 0)
		(void)err_set(&why, NULL, "%s -t ended with status %d%s%s",
		    program, WEXITSTATUS(status), *said != '\0' ? ": " : "",
		    said);
	else if (!accepted)
		(void)err_set(&why, NULL, "%s is no tlsherd that can take "
		    "over", program);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && accepted)
		note(m, FACT_ACCEPTED);
	else
		note_failed(m, why.text);
}

static int
test_start(struct master *m, struct err *err)
{
	struct upgrade_test *test = &m->test;
	const char **argv;
	int description, r;

	description = handover_write(m, err);
	if (description == -1)
		return -1;
	argv = arguments(m, true);
	r = letter_announce(description);
	if (r == 0)
		r = exec_test(m, argv, description);
	if (r == -1)
		(void)err_set(err, NULL, "%s cannot be tested: %s",
		    m->options->program, strerror(errno));
	letter_withdraw();
	free(argv);
	close(description);
	if (r == -1)
		return -1;
	memset(&test->said, 0, sizeof(test->said));
	event_assign(&test->readable, m->base, test->child.fd,
	    EV_READ | EV_PERSIST, test_event_cb, m);
	event_add(&test->readable, NULL);
	return 0;
}

static void
test_event_cb(evutil_socket_t fd, short what, void *arg)
{
	test_read(arg);
}

static void
test_read(struct master *m)
{
	struct upgrade_test *test = &m->test;

	if (test->child.fd == -1 ||
	    tail_read(&test->said, test->child.fd) == 1)
		return;
	event_del(&test->readable);
	close(test->child.fd);
	test->child.fd = -1;
}

static void
test_end(struct master *m)
{
	event_del(&m->deadline);
	if (m->test.child.listed && m->test.child.fd != -1)
		event_del(&m->test.readable);
	child_end(&m->test.child);
}

/* As we were called, wherever we are now. The caller frees the vector. */
static const char **
arguments(const struct master *m, bool test)
{
	const struct conf_origin *origin = &m->options->origin;
	const char **argv;
	size_t i, n = 0;

	argv = xcalloc(6 + 2 * origin->noverrides, sizeof(*argv));
	argv[n++] = m->options->program;
	if (test)
		argv[n++] = "-t";
	if (m->options->foreground)
		argv[n++] = "-f";
	argv[n++] = "-c";
	argv[n++] = origin->path;
	for (i = 0; i < origin->noverrides; i++) {
		argv[n++] = "-o";
		argv[n++] = origin->overrides[i];
	}
	return argv;
}

/*
 * A signal that libevent has caught and not told us yet would be lost with this
 * program. So no more are let in, and the event loop turns twice before the
 * exec: once to hear of those caught, once to have called us for them. What
 * comes meanwhile stays with the kernel, for whichever program is next.
 */
void
upgrade_hold(struct master *m)
{
	test_end(m);
	daemon_hold_signals(true);
	m->test.held = true;
	m->test.turns = 2;
	event_active(&m->turn, EV_TIMEOUT, 1);
}

void
upgrade_turn(struct master *m)
{
	static const struct timeval at_once = { 0, 0 };

	if (m->test.turns-- > 0)
		event_add(&m->turn, &at_once);
	else
		note(m, FACT_HEARD);
}

/* Does not return unless the exec fails: then nothing has changed. */
void
upgrade_take_over(struct master *m)
{
	const char **argv;
	struct err err;
	int description;

	reload_verdict(m);
	observe_line(m);
	description = handover_write(m, &err);
	if (description == -1) {
		note_failed(m, err.text);
		return;
	}
	log_notice("upgrade: %s takes over", m->options->program);
	argv = arguments(m, false);
	if (letter_announce(description) == 0)
		exec_become(m, argv, description);
	(void)err_set(&err, NULL, "%s: %s", m->options->program,
	    strerror(errno));
	letter_withdraw();
	free(argv);
	close(description);
	note_failed(m, err.text);
}
