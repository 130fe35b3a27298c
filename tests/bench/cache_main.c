/* SPDX-License-Identifier: ISC */
/*
 * bench-cache [--quick] [--json] [PART ...]
 *
 * The benchmark of libtlscache: how fast, how small, how good. Ends by itself,
 * and all its processes with it, in whatever way it ends; the time that all
 * may take is bounded. A goal that is missed is told and is no failure: that
 * depends on the machine.
 */
#include "config.h"

#include <sys/utsname.h>

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache_bench.h"

#define QUICK_LIMIT 60 /* seconds; it takes half of that when undisturbed */
#define FULL_LIMIT 420

static const struct {
	const char *name;
	void (*run)(const struct bench *);
} parts[] = {
	{ "rate", bench_rate },
	{ "held", bench_held },
	{ "size", bench_size },
	{ "hits", bench_hits },
	{ "stop", bench_stop },
};

static void usage(FILE *);
static void stop_all(int);
static void tell_machine(void);
static bool wanted(const char *, char **);

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "quick", no_argument, NULL, 'q' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct bench bench = { false, "." };
	bool json = false;
	static char folder[4096];
	const char *slash;
	size_t i;
	int c;

	while ((c = getopt_long(argc, argv, "qjh", options, NULL)) != -1)
		switch (c) {
		case 'q':
			bench.quick = true;
			break;
		case 'j':
			json = true;
			break;
		case 'h':
			usage(stdout);
			return EXIT_SUCCESS;
		default:
			usage(stderr);
			return 2;
		}
	slash = strrchr(argv[0], '/');
	if (slash != NULL) {
		(void)snprintf(folder, sizeof(folder), "%.*s",
		    (int)(slash - argv[0]), argv[0]);
		bench.folder = folder;
	}
	(void)signal(SIGALRM, stop_all);
	(void)signal(SIGINT, stop_all);
	(void)signal(SIGTERM, stop_all);
	(void)alarm(bench.quick ? QUICK_LIMIT : FULL_LIMIT);
	report_begin(json);
	tell_machine();
	for (i = 0; i < COUNT_OF(parts); i++)
		if (wanted(parts[i].name, argv + optind))
			parts[i].run(&bench);
	if (report_end() == -1)
		bench_fail("standard output", "cannot be written");
	return EXIT_SUCCESS;
}

static void
usage(FILE *f)
{
	size_t i;

	fprintf(f, "usage: bench-cache [--quick] [--json] [part ...]\n"
	    "parts:");
	for (i = 0; i < COUNT_OF(parts); i++)
		fprintf(f, " %s", parts[i].name);
	fprintf(f, "\n");
}

static bool
wanted(const char *name, char **args)
{
	if (*args == NULL)
		return true;
	for (; *args != NULL; args++)
		if (strcmp(*args, name) == 0)
			return true;
	return false;
}

/* The children's folders die with this one; those of cache-hold, too. */
static void
stop_all(int number)
{
	static const char late[] = "bench-cache: ended before it was done\n";

	crew_end_all();
	(void)!write(STDERR_FILENO, late, sizeof(late) - 1);
	_exit(EXIT_FAILURE);
}

static void
tell_machine(void)
{
	double load[1] = { 0 };
	struct utsname u;
	char text[320];

	(void)getloadavg(load, 1);
	if (uname(&u) == -1)
		bench_fail("uname", "failed");
	(void)snprintf(text, sizeof(text), "%s %s %s, %u processors, load "
	    "%.2f", u.sysname, u.release, u.machine, crew_processors(),
	    load[0]);
	report_text("machine", text);
}

void
bench_fail(const char *what, const char *why)
{
	crew_end_all();
	(void)fflush(stdout);
	fprintf(stderr, "bench-cache: %s: %s\n", what, why);
	_exit(EXIT_FAILURE);
}

void
bench_check(const char *what, int code)
{
	if (code != TLSCACHE_OK)
		bench_fail(what, tlscache_strerror(code));
}
