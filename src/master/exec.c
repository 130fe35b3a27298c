/* SPDX-License-Identifier: ISC */
/*
 * Executing the program file of an upgrade: as a child that tests it, and in
 * our place. Nothing else is executed.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/daemon.h"
#include "master/handover.h"
#include "master/master_int.h"

struct test {
	const struct master *master;
	const char **argv;
	int description;
};

static void test_run(void *, int);
static void test_exited(void *, int);

static const struct child_kind test_kind = {
	.flags = CHILD_F_OUTPUT,
	.run = test_run,
	.exited = test_exited,
};

int
exec_test(struct master *m, const char **argv, int description)
{
	struct test test = { m, argv, description };

	m->test.child.arg = m;
	return child_start(&m->children, &m->test.child, &test_kind, &test);
}

/* As a shell would start it, no signal ignored or held back. */
static void
test_run(void *how, int output)
{
	const struct test *test = how;
	int null;

	handover_pass(test->master, test->description, true);
	daemon_hold_signals(false);
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null != -1)
		(void)dup2(null, STDIN_FILENO);
	(void)dup2(output, STDOUT_FILENO);
	(void)dup2(output, STDERR_FILENO);
	(void)execv(test->argv[0], (char *const *)(void *)test->argv);
	(void)dprintf(STDERR_FILENO, "%s\n", strerror(errno));
	_exit(127);
}

static void
test_exited(void *arg, int status)
{
	upgrade_tested(arg, status);
}

/* With signals held: one between the programs would end the process. */
void
exec_become(const struct master *m, const char **argv, int description)
{
	int saved;

	handover_pass(m, description, true);
	(void)execv(argv[0], (char *const *)(void *)argv);
	saved = errno;
	handover_pass(m, description, false);
	errno = saved;
}
