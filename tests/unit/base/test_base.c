/* SPDX-License-Identifier: ISC */
/* Runs the suites of src/base. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/proctitle.h"
#include "test_base.h"

size_t
test_read(const char *path, char *buf, size_t size)
{
	ssize_t n;
	int fd;

	fd = open(path, O_RDONLY);
	ck_assert_msg(fd != -1, "%s: %s", path, strerror(errno));
	n = read(fd, buf, size - 1);
	ck_assert_int_ge(n, 0);
	close(fd);
	buf[n] = '\0';
	return (size_t)n;
}

int
main(int argc, char **argv)
{
	SRunner *runner;
	int failed;

	proctitle_init(argc, argv);
	runner = srunner_create(addr_suite());
	srunner_add_suite(runner, child_suite());
	srunner_add_suite(runner, clock_suite());
	srunner_add_suite(runner, daemon_suite());
	srunner_add_suite(runner, err_suite());
	srunner_add_suite(runner, fd_suite());
	srunner_add_suite(runner, keepalive_suite());
	srunner_add_suite(runner, letter_suite());
	srunner_add_suite(runner, log_suite());
	srunner_add_suite(runner, mem_suite());
	srunner_add_suite(runner, memfile_suite());
	srunner_add_suite(runner, names_suite());
	srunner_add_suite(runner, notify_suite());
	srunner_add_suite(runner, pidfile_suite());
	srunner_add_suite(runner, proctitle_suite());
	srunner_add_suite(runner, program_suite());
	srunner_add_suite(runner, sink_suite());
	srunner_add_suite(runner, syslogger_suite());
	srunner_add_suite(runner, tail_suite());
	srunner_add_suite(runner, units_suite());
	srunner_add_suite(runner, words_suite());
	srunner_add_suite(runner, wire_suite());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
