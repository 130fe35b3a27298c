/* SPDX-License-Identifier: ISC */
/*
 * tlsherdctl: asks a running tlsherd through its control socket and prints
 * what it says. A process of its own; knows the protocol (protocol.h) and
 * where the socket is, nothing of the answers.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/names.h"
#include "conf/conf.h"
#include "ctl/protocol.h"

#define CONF_PATH SYSCONFDIR "/tlsherd/tlsherd.conf"
#define SOCKET_PATH RUNSTATEDIR "/tlsherd/control.sock"
#define PATIENCE 10 /* seconds without a sign of life */
#define ORDER_PATIENCE 300 /* the same, when a verdict is waited for */
#define ASK_EVERY_MS 100

struct options {
	const char *socket;
	const char *conf;
	const struct command *command;
	bool json;
};

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "help", no_argument, NULL, 'h' },
	{ "json", no_argument, NULL, 'j' },
	{ "socket", required_argument, NULL, 's' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static const struct command {
	const char *name, *doc;
	bool order;
} commands[] = {
#define X(ID, verb, doc) { #verb, doc, false },
#include "ctl/verbs.def"
#undef X
#define X(ID, order, text, doc) { #order, doc, true },
#include "ctl/orders.def"
#undef X
};
#define NCOMMANDS (sizeof(commands) / sizeof(commands[0]))

static void options_parse(struct options *, int, char **);
static void usage(FILE *);
static void command_set(struct options *, const char *);
static char *socket_path(const struct options *);
static size_t ask(const char *, const struct options *, char **);
static int socket_connect(const char *, bool);
static void request_send(int, const struct options *);
static unsigned long generation(const char *);
static int upgrade(const char *, const struct options *);
static int upgrade_follow(const char *, unsigned long);
static size_t answer_read(int, char **);
static int answer_print(const char *, size_t);

int
main(int argc, char **argv)
{
	struct options opts;
	char *path, *answer;
	size_t len;
	int rc;

	options_parse(&opts, argc, argv);
	path = socket_path(&opts);
	if (strcmp(opts.command->name, "upgrade") == 0) {
		rc = upgrade(path, &opts);
	} else {
		len = ask(path, &opts, &answer);
		rc = answer_print(answer, len);
		free(answer);
	}
	free(path);
	return rc;
}

/* The whole answer; the caller frees it. */
static size_t
ask(const char *path, const struct options *opts, char **answer)
{
	size_t len;
	int fd;

	fd = socket_connect(path, opts->command->order);
	request_send(fd, opts);
	len = answer_read(fd, answer);
	close(fd);
	return len;
}

static const struct command for_generation = { .name = "status" };
static const struct options for_status = {
	.command = &for_generation, .json = true
};

/* That serves, by an answer of status; 0: it does not say. */
static unsigned long
generation(const char *answer)
{
	static const char key[] = "\"generation\":";
	const char *p = strstr(answer, key);

	return p != NULL ? strtoul(p + strlen(key), NULL, 10) : 0;
}

static int
upgrade(const char *path, const struct options *opts)
{
	unsigned long before;
	char *answer;
	size_t len;
	int rc;

	(void)ask(path, &for_status, &answer);
	before = generation(answer);
	free(answer);
	len = ask(path, opts, &answer);
	rc = len == 0 ? upgrade_follow(path, before) :
	    answer_print(answer, len);
	free(answer);
	return rc;
}

/*
 * The program that has taken over does not know our connection, and has no
 * verdict on a reload before it has one on its own start. A connection can end
 * for another reason, with the program before still there and its verdict on a
 * reload long ago: so there must be another generation as well.
 */
static int
upgrade_follow(const char *path, unsigned long before)
{
	static const struct timespec pause = {
		.tv_nsec = ASK_EVERY_MS * 1000000L
	};
	char *answer, *failed;
	bool done;
	int i;

	for (i = 0; i < ORDER_PATIENCE * 1000 / ASK_EVERY_MS; i++) {
		nanosleep(&pause, NULL);
		(void)ask(path, &for_status, &answer);
		failed = strstr(answer, "\"reload_verdict\":\"failed\"");
		if (failed != NULL)
			errx(CTL_FAILED, "the upgrade is not finished; "
			    "tlsherdctl status says why");
		done = generation(answer) > before &&
		    strstr(answer, "\"reload_verdict\":\"ok\"") != NULL;
		free(answer);
		if (done) {
			puts("upgraded");
			return fflush(stdout) == 0 ? CTL_DONE : CTL_FAILED;
		}
	}
	errx(CTL_FAILED, "the upgrade is not finished after %d s",
	    ORDER_PATIENCE);
}

/* Options may stand before and after the command. */
static void
options_parse(struct options *opts, int argc, char **argv)
{
	int ch;

	memset(opts, 0, sizeof(*opts));
	while (optind < argc) {
		ch = getopt_long(argc, argv, "+c:hjs:V", long_options, NULL);
		switch (ch) {
		case -1:
			if (optind < argc)
				command_set(opts, argv[optind++]);
			break;
		case 'c':
			opts->conf = optarg;
			break;
		case 'h':
			usage(stdout);
			exit(CTL_DONE);
		case 'j':
			opts->json = true;
			break;
		case 's':
			opts->socket = optarg;
			break;
		case 'V':
			printf("tlsherdctl %s\n", PACKAGE_VERSION);
			exit(CTL_DONE);
		default:
			usage(stderr);
			exit(CTL_USAGE);
		}
	}
	if (opts->socket != NULL && opts->conf != NULL)
		errx(CTL_USAGE, "-s and -c exclude each other");
	if (opts->command == NULL) {
		usage(stderr);
		exit(CTL_USAGE);
	}
}

static void
usage(FILE *out)
{
	size_t i;

	fprintf(out, "usage: tlsherdctl [-j | --json] [-s socket | -c config] "
	    "command\ncommands:\n");
	for (i = 0; i < NCOMMANDS; i++)
		fprintf(out, "  %-12s %s\n", commands[i].name,
		    commands[i].doc);
}

static void
command_set(struct options *opts, const char *name)
{
	size_t i;

	if (opts->command != NULL)
		errx(CTL_USAGE, "one command at a time: %s, then %s",
		    opts->command->name, name);
	for (i = 0; i < NCOMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			opts->command = &commands[i];
	if (opts->command == NULL) {
		warnx("unknown command \"%s\"", name);
		usage(stderr);
		exit(CTL_USAGE);
	}
}

/*
 * Where the server is that runs, also when its file has become bad since: as
 * far as that can be read, and at the usual place otherwise.
 */
static char *
socket_path(const struct options *opts)
{
	const char *file = opts->conf != NULL ? opts->conf : CONF_PATH;
	struct conf *conf;
	char *path = NULL;
	struct err why;

	if (opts->socket != NULL)
		return xstrdup(opts->socket);
	names_begin(); /* and nobody is asked for them */
	if ((conf = conf_load(file, NULL, 0, &why)) == NULL)
		path = conf_peek_path(file, "control_socket");
	else if (conf->control_socket.value != NULL &&
	    conf->control_socket.value[0] != '\0')
		path = xstrdup(conf->control_socket.value);
	else
		err_set(&why, NULL, "%s sets no control_socket", file);
	if (path == NULL && opts->conf != NULL)
		errx(CTL_FAILED, "%s (-s names the socket without the "
		    "configuration)", why.text);
	if (path == NULL)
		path = xstrdup(SOCKET_PATH);
	if (why.text[0] != '\0')
		warnx("%s; asking on %s all the same", why.text, path);
	conf_free(conf);
	return path;
}

static int
socket_connect(const char *path, bool order)
{
	const struct timeval patience = {
		.tv_sec = order ? ORDER_PATIENCE : PATIENCE
	};
	struct sockaddr_un sun;
	int fd;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(sun.sun_path))
		errx(CTL_FAILED, "%s is too long for the path of a socket",
		    path);
	memcpy(sun.sun_path, path, strlen(path));
	if ((fd = socket(AF_UNIX, SOCK_STREAM, 0)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
	    sizeof(patience)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
	    sizeof(patience)) == -1)
		err(CTL_FAILED, "socket");
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return fd;
	if (errno == ENOENT || errno == ECONNREFUSED)
		errx(CTL_FAILED, "no tlsherd is listening on %s", path);
	if (errno == EAGAIN)
		errx(CTL_FAILED, "tlsherd does not accept on %s", path);
	err(CTL_FAILED, "%s", path);
}

static void
request_send(int fd, const struct options *opts)
{
	char line[CTL_REQUEST_MAX];
	int len;

	len = snprintf(line, sizeof(line), "%s %s %s\n", CTL_REQUEST_TAG,
	    opts->command->name, opts->json ? CTL_FORM_JSON : CTL_FORM_PLAIN);
	/* The kernel takes so little at once, or the peer is gone. */
	if (send(fd, line, (size_t)len, MSG_NOSIGNAL) != len)
		err(CTL_FAILED, "asking tlsherd");
}

/* All that comes until the daemon closes, NUL-terminated. */
static size_t
answer_read(int fd, char **bufp)
{
	size_t len, size;
	ssize_t n;
	char *buf;

	buf = NULL;
	len = size = 0;
	for (;;) {
		if (size - len < 2) {
			size = size == 0 ? 8192 : size * 2;
			if (size > 2 * CTL_ANSWER_MAX)
				errx(CTL_FAILED, "the answer has no end");
			if ((buf = realloc(buf, size)) == NULL)
				err(CTL_FAILED, NULL);
		}
		n = recv(fd, buf + len, size - len - 1, 0);
		if (n == 0)
			break;
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
			errx(CTL_FAILED, "tlsherd did not answer in time");
		if (n == -1)
			err(CTL_FAILED, "reading the answer");
		len += (size_t)n;
	}
	buf[len] = '\0';
	*bufp = buf;
	return len;
}

static int
answer_print(const char *answer, size_t len)
{
	const char *body;
	size_t length;
	int status;

	if (len == 0)
		errx(CTL_FAILED, "tlsherd has closed the connection without "
		    "an answer");
	body = memchr(answer, '\n', len);
	if (body == NULL || sscanf(answer, CTL_ANSWER_TAG " %d %zu", &status,
	    &length) != 2 || status < CTL_DONE || status > CTL_USAGE)
		errx(CTL_FAILED, "the answer is not one of a tlsherd");
	body++;
	if (length != len - (size_t)(body - answer))
		errx(CTL_FAILED, "the answer broke off");
	if (status != CTL_DONE) {
		warnx("%s", body);
		return status;
	}
	if (fwrite(body, 1, length, stdout) != length || fflush(stdout) != 0)
		err(CTL_FAILED, "standard output");
	return CTL_DONE;
}
