/* SPDX-License-Identifier: ISC */
/*
 * The program tlsherdctl against sockets that answer what a test wants: what
 * it asks, what it prints, and with which status it exits.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#define PATIENCE 10000 /* milliseconds */
#define ARGS_MAX 8

static char program[4096];
static char dir[] = "/tmp/test_tlsherdctl.XXXXXX";
static char path[sizeof(dir) + 16];
static char out[65536], diag[4096];
static int listener;

static const char *
in_dir(const char *name)
{
	static char buf[sizeof(dir) + 32];

	snprintf(buf, sizeof(buf), "%s/%s", dir, name);
	return buf;
}

static void
listen_on_path(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	memcpy(sun.sun_path, path, strlen(path));
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ne(listener, -1);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&sun,
	    sizeof(sun)), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
}

static void
setup(void)
{
	const char *top;

	top = getenv("top_builddir");
	snprintf(program, sizeof(program), "%s/tlsherdctl",
	    top != NULL ? top : ".");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/control.sock", dir);
	listener = -1;
}

static void
teardown(void)
{
	static const char *const names[] = { "control.sock", "out", "err",
		"conf" };
	size_t i;

	if (listener != -1)
		close(listener);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(in_dir(names[i]));
	rmdir(dir);
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
}

/* Start the program; what it prints goes to files. "@" stands for path. */
static pid_t
start(const char *const *args)
{
	const char *argv[ARGS_MAX + 2];
	int fd, i;
	pid_t pid;

	argv[0] = "tlsherdctl";
	for (i = 0; i < ARGS_MAX && args[i] != NULL; i++)
		argv[i + 1] = strcmp(args[i], "@") == 0 ? path : args[i];
	argv[i + 1] = NULL;
	if ((pid = fork()) != 0)
		return pid;
	fd = open(in_dir("out"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
	dup2(fd, STDOUT_FILENO);
	fd = open(in_dir("err"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
	dup2(fd, STDERR_FILENO);
	execv(program, (char *const *)(uintptr_t)argv);
	_exit(127);
}

static void
file_read(const char *name, char *buf, size_t size)
{
	FILE *f;

	f = fopen(in_dir(name), "r");
	ck_assert_ptr_nonnull(f);
	buf[fread(buf, 1, size - 1, f)] = '\0';
	fclose(f);
}

/* The exit status; fills in out and diag. */
static int
finish(pid_t pid)
{
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	file_read("out", out, sizeof(out));
	file_read("err", diag, sizeof(diag));
	return WEXITSTATUS(status);
}

/* Wait for the program's request, send it bytes, close. */
static void
answer(const char *request, const char *bytes, size_t len)
{
	struct pollfd p = { .fd = listener, .events = POLLIN };
	char buf[512];
	size_t have;
	ssize_t n;
	int fd;

	ck_assert_int_eq(poll(&p, 1, PATIENCE), 1);
	fd = accept(listener, NULL, NULL);
	ck_assert_int_ne(fd, -1);
	for (have = 0; have == 0 || buf[have - 1] != '\n'; have += (size_t)n) {
		n = read(fd, buf + have, sizeof(buf) - 1 - have);
		ck_assert_int_gt(n, 0);
	}
	buf[have] = '\0';
	ck_assert_str_eq(buf, request);
	ck_assert_int_eq(send(fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
	close(fd);
}

#define BYTES(s) s, sizeof(s) - 1

/* A connection that ends is no upgrade: the next generation is. */
START_TEST(upgrade)
{
	const char *const args[] = { "-s", "@", "upgrade", NULL };
	static const char ask[] = "tlsherdctl/1 status json\n";
	static const char old[] = "{\"generation\":9,"
	    "\"reload_verdict\":\"ok\"}";
	static const char none[] = "{\"generation\":9,"
	    "\"reload_verdict\":null}";
	static const char new[] = "{\"generation\":10,"
	    "\"reload_verdict\":\"ok\"}";
	pid_t pid;

	listen_on_path();
	pid = start(args);
	answer(ask, old, strlen(old));
	answer("tlsherdctl/1 upgrade plain\n", "", 0);
	answer(ask, old, strlen(old));
	answer(ask, none, strlen(none));
	answer(ask, new, strlen(new));
	ck_assert_int_eq(finish(pid), 0);
	ck_assert_str_eq(out, "upgraded\n");
	ck_assert_str_eq(diag, "");
}
END_TEST

static const struct {
	const char *bytes;
	size_t len;
	int status;
	const char *out, *err;
} answers[] = {
	{ BYTES("tlsherd/1 0 6\nhello\n"), 0, "hello\n", "" },
	{ BYTES("tlsherd/1 0 0\n"), 0, "", "" },
	{ BYTES("tlsherd/1 1 6\nfailed"), 1, "", "tlsherdctl: failed\n" },
	{ BYTES("tlsherd/1 2 7\nunknown"), 2, "", "tlsherdctl: unknown\n" },
	{ BYTES("tlsherd/1 0 7\nhello\n"), 1, "",
	    "tlsherdctl: the answer broke off\n" },
	{ BYTES("tlsherd/1 0 5\nhello\n"), 1, "",
	    "tlsherdctl: the answer broke off\n" },
	{ BYTES("tlsherd/1 0"), 1, "",
	    "tlsherdctl: the answer is not one of a tlsherd\n" },
	{ BYTES(""), 1, "", "tlsherdctl: tlsherd has closed the connection "
	    "without an answer\n" },
	{ BYTES("\n"), 1, "",
	    "tlsherdctl: the answer is not one of a tlsherd\n" },
	{ BYTES("tlsherd/1 3 0\n"), 1, "",
	    "tlsherdctl: the answer is not one of a tlsherd\n" },
	{ BYTES("tlsherd/2 0 0\n"), 1, "",
	    "tlsherdctl: the answer is not one of a tlsherd\n" },
	{ BYTES("SSH-2.0-OpenSSH_9.2\r\n"), 1, "",
	    "tlsherdctl: the answer is not one of a tlsherd\n" },
	{ BYTES("\0\0\n\0"), 1, "",
	    "tlsherdctl: the answer is not one of a tlsherd\n" },
};

START_TEST(answered)
{
	static const char *const args[] = { "-s", "@", "status", NULL };
	pid_t pid;

	listen_on_path();
	pid = start(args);
	answer("tlsherdctl/1 status plain\n", answers[_i].bytes,
	    answers[_i].len);
	ck_assert_int_eq(finish(pid), answers[_i].status);
	ck_assert_str_eq(out, answers[_i].out);
	ck_assert_str_eq(diag, answers[_i].err);
}
END_TEST

static const struct {
	const char *args[ARGS_MAX];
	const char *request;
} requests[] = {
	{ { "-s", "@", "sessions" }, "tlsherdctl/1 sessions plain\n" },
	{ { "-s", "@", "reload" }, "tlsherdctl/1 reload plain\n" },
	{ { "-s", "@", "-j", "sessions" }, "tlsherdctl/1 sessions json\n" },
	{ { "status", "--json", "--socket", "@" },
	    "tlsherdctl/1 status json\n" },
};

START_TEST(asked)
{
	pid_t pid;

	listen_on_path();
	pid = start(requests[_i].args);
	answer(requests[_i].request, BYTES("tlsherd/1 0 2\n{}"));
	ck_assert_int_eq(finish(pid), 0);
	ck_assert_str_eq(out, "{}");
}
END_TEST

static const struct {
	const char *args[ARGS_MAX];
	int status;
	const char *out, *err; /* beginnings */
} calls[] = {
	{ { NULL }, 2, "", "usage: tlsherdctl" },
	{ { "-x" }, 2, "", "tlsherdctl: invalid option" },
	{ { "-s" }, 2, "", "tlsherdctl: option requires" },
	{ { "-s", "@" }, 2, "", "usage: tlsherdctl" },
	{ { "-s", "@", "stat" }, 2, "", "tlsherdctl: unknown command \"stat\"" },
	{ { "status", "sessions" }, 2, "", "tlsherdctl: one command" },
	{ { "-s", "@", "-c", "x", "status" }, 2, "",
	    "tlsherdctl: -s and -c exclude" },
	{ { "-h" }, 0, "usage: tlsherdctl", "" },
	{ { "status", "--help" }, 0, "usage: tlsherdctl", "" },
	{ { "-V" }, 0, "tlsherdctl " PACKAGE_VERSION "\n", "" },
	{ { "-s", "@", "status" }, 1, "",
	    "tlsherdctl: no tlsherd is listening on /tmp/" },
	{ { "-s", "/nonexistent/x", "status" }, 1, "",
	    "tlsherdctl: no tlsherd is listening on /nonexistent/x\n" },
	{ { "-c", "/nonexistent/x", "status" }, 1, "",
	    "tlsherdctl: /nonexistent/x" },
};

START_TEST(called)
{
	ck_assert_int_eq(finish(start(calls[_i].args)), calls[_i].status);
	ck_assert_msg(strncmp(out, calls[_i].out, strlen(calls[_i].out)) == 0,
	    "out: %s", out);
	ck_assert_msg(strncmp(diag, calls[_i].err,
	    strlen(calls[_i].err)) == 0, "err: %s", diag);
	ck_assert_int_eq(*out == '\0', calls[_i].out[0] == '\0');
	ck_assert_int_eq(*diag == '\0', calls[_i].err[0] == '\0');
}
END_TEST

/* The socket of a process that died: the path is there, nobody listens. */
START_TEST(stale_socket)
{
	static const char *const args[] = { "-s", "@", "status", NULL };

	listen_on_path();
	close(listener);
	listener = -1;
	ck_assert_int_eq(finish(start(args)), 1);
	ck_assert_int_eq(strncmp(diag, "tlsherdctl: no tlsherd is listening",
	    35), 0);
}
END_TEST

START_TEST(path_too_long)
{
	char name[300];
	const char *args[] = { "status", "-s", name, NULL };

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	ck_assert_int_eq(finish(start(args)), 1);
	ck_assert_ptr_nonnull(strstr(diag, "is too long"));
}
END_TEST

static void
conf_write(const char *control_socket)
{
	FILE *f;

	f = fopen(in_dir("conf"), "w");
	ck_assert_ptr_nonnull(f);
	fprintf(f, "control_socket = \"%s\"\n"
	    "listen \"test\" {\n"
	    "    address = { \"127.0.0.1:4433\" }\n"
	    "    service = \"echo\"\n"
	    "    certificate \"test\" { chain = \"test.pem\" }\n"
	    "}\n", control_socket);
	ck_assert_int_eq(fclose(f), 0);
}

START_TEST(socket_of_configuration)
{
	char conf[64];
	const char *args[] = { "-c", conf, "status", NULL };
	pid_t pid;

	conf_write(path);
	snprintf(conf, sizeof(conf), "%s", in_dir("conf"));
	listen_on_path();
	pid = start(args);
	answer("tlsherdctl/1 status plain\n", BYTES("tlsherd/1 0 2\nok"));
	ck_assert_int_eq(finish(pid), 0);
	ck_assert_str_eq(out, "ok");
}
END_TEST

/* What the file became after the server was started; "@" stands for path. */
static const char *const broken[] = {
	"wokers = 2\ncontrol_socket = \"@\"\n",
	"control_socket = '@'\nlisten \"x\" {\n",
	"user = \"a\ncontrol_socket = @\n",
	"/* x\ncontrol_socket = \"control.sock\"\n",
	"# control_socket = \"/x\"\nlog = control_socket\ncontrol_socket = \"@\"",
};

START_TEST(broken_configuration)
{
	char conf[64];
	const char *args[] = { "-c", conf, "status", NULL };
	const char *at, *text = broken[_i];
	pid_t pid;
	FILE *f;

	snprintf(conf, sizeof(conf), "%s", in_dir("conf"));
	f = fopen(conf, "w");
	ck_assert_ptr_nonnull(f);
	at = strchr(text, '@');
	if (at != NULL)
		fprintf(f, "%.*s%s%s", (int)(at - text), text, path, at + 1);
	else
		fputs(text, f);
	ck_assert_int_eq(fclose(f), 0);
	listen_on_path();
	pid = start(args);
	answer("tlsherdctl/1 status plain\n", BYTES("tlsherd/1 0 2\nok"));
	ck_assert_int_eq(finish(pid), 0);
	ck_assert_str_eq(out, "ok");
	ck_assert_ptr_nonnull(strstr(diag, in_dir("conf:")));
	ck_assert_ptr_nonnull(strstr(diag, "asking on /"));
}
END_TEST

/* No file at all: the usual place. */
START_TEST(usual_place)
{
	static const char *const args[] = { "status", NULL };

	if (access(SYSCONFDIR "/tlsherd/tlsherd.conf", F_OK) == 0 ||
	    access(RUNSTATEDIR "/tlsherd", F_OK) == 0)
		return;
	ck_assert_int_eq(finish(start(args)), 1);
	ck_assert_ptr_nonnull(strstr(diag, "no tlsherd is listening on "
	    RUNSTATEDIR "/tlsherd/control.sock\n"));
}
END_TEST

START_TEST(configuration_without_socket)
{
	char conf[64];
	const char *args[] = { "-c", conf, "status", NULL };

	conf_write("");
	snprintf(conf, sizeof(conf), "%s", in_dir("conf"));
	ck_assert_int_eq(finish(start(args)), 1);
	ck_assert_ptr_nonnull(strstr(diag, "sets no control_socket"));
}
END_TEST

int
main(void)
{
	SRunner *runner;
	Suite *suite;
	TCase *tc;
	int failed;

	suite = suite_create("tlsherdctl");
	tc = tcase_create("tlsherdctl");
	tcase_set_timeout(tc, 30);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, answered, 0,
	    sizeof(answers) / sizeof(answers[0]));
	tcase_add_loop_test(tc, asked, 0,
	    sizeof(requests) / sizeof(requests[0]));
	tcase_add_loop_test(tc, called, 0, sizeof(calls) / sizeof(calls[0]));
	tcase_add_test(tc, upgrade);
	tcase_add_test(tc, stale_socket);
	tcase_add_test(tc, path_too_long);
	tcase_add_test(tc, socket_of_configuration);
	tcase_add_loop_test(tc, broken_configuration, 0,
	    sizeof(broken) / sizeof(broken[0]));
	tcase_add_test(tc, usual_place);
	tcase_add_test(tc, configuration_without_socket);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
