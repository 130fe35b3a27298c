/* SPDX-License-Identifier: ISC */
/*
 * Fuzz target: the text of a configuration and assignments of the command
 * line, separated by NUL bytes. What is refused is refused with a message of
 * one line; what is taken prints as a text that loads, and prints, as the
 * same; and in either case a good configuration can be loaded afterwards, for
 * libConfuse's lexer is one for the whole process.
 *
 * Names of hosts are not looked up, and no pattern is searched for in other
 * folders than the file's own, which would take for ever.
 */
#include "config.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/socket.h>

#include <netinet/in.h>

#include <arpa/inet.h>
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/conf.h"

#define INPUT_MAX 16384
#define ASSIGNMENTS_MAX 8
#define REQUIRE(x) do { if (!(x)) abort(); } while (0)

/* Files without a folder, by numbers that an input can include. */
enum { INPUT = 100, INCLUDED, PRINTED, GOOD };

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const char included[] =
    "listen two {\n"
    "\taddress = \"127.0.0.1:4\"\n"
    "\tcertificate b { chain = b.pem }\n"
    "}\n";

static const char good[] =
    "workers = 2 /* as many\n as that */ log_level = debug\n"
    "listen one {\n"
    "\taddress = { \"[::1]:1\", \"*:2\", 'unix:/run/x' }\n"
    "\tcertificate a { chain = \"${TLSHERD_FUZZ}/a.pem\" }\n"
    "}\n";

static char *good_printed;

int
getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
    struct addrinfo **found)
{
	struct {
		struct addrinfo info;
		struct sockaddr_in6 sin6;
		struct sockaddr_in sin;
	} *a = calloc(1, sizeof(*a));
	in_port_t number = htons((uint16_t)strtoul(port, NULL, 10));

	REQUIRE(a != NULL);
	if (inet_pton(AF_INET, host, &a->sin.sin_addr) == 1) {
		a->sin.sin_family = AF_INET;
		a->sin.sin_port = number;
		a->info.ai_addr = (struct sockaddr *)&a->sin;
		a->info.ai_addrlen = sizeof(a->sin);
	} else if (inet_pton(AF_INET6, host, &a->sin6.sin6_addr) == 1) {
		a->sin6.sin6_family = AF_INET6;
		a->sin6.sin6_port = number;
		a->info.ai_addr = (struct sockaddr *)&a->sin6;
		a->info.ai_addrlen = sizeof(a->sin6);
	} else {
		free(a);
		return EAI_NONAME;
	}
	*found = &a->info;
	return 0;
}

void
freeaddrinfo(struct addrinfo *found)
{
	free(found);
}

static const char *
file_path(int file)
{
	static char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	return path;
}

static void
file_write(int file, const void *text, size_t len)
{
	REQUIRE(ftruncate(file, 0) == 0);
	REQUIRE(pwrite(file, text, len, 0) == (ssize_t)len);
}

static void
check_message(const struct err *err)
{
	const char *p;

	REQUIRE(err->text[0] != '\0');
	REQUIRE(memchr(err->text, '\0', sizeof(err->text)) != NULL);
	REQUIRE(strstr(err->text, ": ") != NULL);
	for (p = err->text; *p != '\0'; p++)
		REQUIRE((unsigned char)*p >= ' ' && *p != 0x7f);
}

/* The text that conf is printed as, which the caller frees. */
static char *
printed(const struct conf *conf)
{
	size_t size;
	char *text;
	FILE *fp;

	fp = open_memstream(&text, &size);
	REQUIRE(fp != NULL);
	conf_print(conf, fp);
	REQUIRE(fclose(fp) == 0);
	return text;
}

/* Load a file that must be good, and print it. */
static char *
reprinted(int file)
{
	struct conf *conf;
	struct err err;
	char *text;

	conf = conf_load(file_path(file), NULL, 0, &err);
	if (conf == NULL)
		fprintf(stderr, "%s\n", err.text);
	REQUIRE(conf != NULL);
	text = printed(conf);
	conf_free(conf);
	return text;
}

static void
setup(void)
{
	int fd, file;

	for (file = INPUT; file <= GOOD; file++) {
		fd = memfd_create("fuzz_conf", MFD_CLOEXEC);
		REQUIRE(fd != -1 && fchmod(fd, 0600) == 0);
		REQUIRE(dup2(fd, file) == file);
		close(fd);
	}
	file_write(INCLUDED, included, strlen(included));
	file_write(GOOD, good, strlen(good));
	REQUIRE(setenv("TLSHERD_FUZZ", "/etc", 1) == 0);
	good_printed = reprinted(GOOD);
}

static bool
searches_elsewhere(const char *text)
{
	return strstr(text, "include") != NULL &&
	    strpbrk(text, "*?[") != NULL &&
	    (strpbrk(text, "/\\") != NULL || strstr(text, "${") != NULL);
}

/* Split what follows the text into assignments; returns how many. */
static size_t
split(char *text, size_t len, char **assignments)
{
	char *end = text + len, *p;
	size_t n = 0;

	for (p = text + strlen(text); p < end && n < ASSIGNMENTS_MAX;
	    p += strlen(p)) {
		p++;
		assignments[n++] = p;
	}
	return n;
}

static void
try(char *text, char *const *assignments, size_t n)
{
	struct conf *conf;
	struct err err;
	char *again, *once;

	file_write(INPUT, text, strlen(text));
	conf = conf_load(file_path(INPUT), assignments, n, &err);
	if (conf == NULL) {
		check_message(&err);
		return;
	}
	once = printed(conf);
	conf_free(conf);
	file_write(PRINTED, once, strlen(once));
	again = reprinted(PRINTED);
	REQUIRE(strcmp(once, again) == 0);
	free(again);
	free(once);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *again, *assignments[ASSIGNMENTS_MAX], *text;
	size_t i, n;

	if (good_printed == NULL)
		setup();
	if (size > INPUT_MAX)
		return 0;
	text = calloc(1, size + 1);
	REQUIRE(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	n = split(text, size, assignments);
	for (i = 0; i < n && !searches_elsewhere(assignments[i]); i++)
		;
	if (i == n && !searches_elsewhere(text))
		try(text, assignments, n);
	free(text);
	again = reprinted(GOOD);
	REQUIRE(strcmp(good_printed, again) == 0);
	free(again);
	return 0;
}
