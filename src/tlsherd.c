/* SPDX-License-Identifier: ISC */
/* tlsherd(8): options, configuration, master. */
#include "config.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/fd.h"
#include "base/letter.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/names.h"
#include "base/proctitle.h"
#include "base/program.h"
#include "conf/conf.h"
#include "listen/listen.h"
#include "master/master.h"
#include "tls/tls.h"

#define DEFAULT_PATH SYSCONFDIR "/tlsherd/tlsherd.conf"

static const struct option long_options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

struct options {
	struct master_options master;
	bool test;
	bool print;
};

static void parse_options(int, char **, struct options *);
static void print_version(void);
_Noreturn static void usage(FILE *, int);
static int test(const struct options *, struct conf *);

int
main(int argc, char **argv)
{
	static struct options o;
	struct conf *conf;
	struct err err;
	bool handed_over;

	/* By a master of an earlier version, which has become this program? */
	handed_over = letter_for_us();
	/* First of all: until the master can act on them. */
	if (!handed_over)
		program_signals(true);
	if (program_streams() == -1) {
		perror("tlsherd: /dev/null");
		return 1;
	}
	/* Whoever started us has his own use for the others. */
	if (!handed_over && !letter_from_parent())
		fd_close_from(activated_begin());
	o.master.program = program_path(argc > 0 ? argv[0] : NULL);
	proctitle_init(argc, argv);
	parse_options(argc, argv, &o);
	/* They are looked up where nothing has to wait for it. */
	names_begin();
	if (!o.test && handed_over)
		return master_main(&o.master, NULL);
	conf = conf_load(o.master.origin.path, o.master.origin.overrides,
	    o.master.origin.noverrides, &err);
	if (conf == NULL) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	if (o.test)
		return test(&o, conf);
	return master_main(&o.master, conf);
}

static void
parse_options(int argc, char **argv, struct options *o)
{
	static char **overrides;
	const char *path = DEFAULT_PATH;
	size_t n = 0;
	int c;

	while ((c = getopt_long(argc, argv, "c:fho:tTV", long_options,
	    NULL)) != -1) {
		switch (c) {
		case 'c':
			path = optarg;
			break;
		case 'f':
			o->master.foreground = true;
			break;
		case 'h':
			usage(stdout, 0);
		case 'o':
			overrides = xreallocarray(overrides, n + 1,
			    sizeof(*overrides));
			overrides[n++] = optarg;
			break;
		case 'T':
			o->print = true;
			o->test = true;
			break;
		case 't':
			o->test = true;
			break;
		case 'V':
			print_version();
			exit(0);
		default:
			usage(stderr, 2);
		}
	}
	if (optind < argc)
		usage(stderr, 2);
	/*
	 * A daemon changes its folder, and a reload needs the file again: what
	 * is found by this path then, not what a link led to at the start.
	 */
	o->master.origin.path = program_absolute(path);
	if (o->master.origin.path == NULL)
		fatal("%s", path);
	o->master.origin.overrides = overrides;
	o->master.origin.noverrides = n;
}

static void
print_version(void)
{
	printf("%s, %s, libevent %s, libConfuse %s\n", PACKAGE_STRING,
	    tls_version(), event_get_version(), conf_confuse_version());
	printf("configuration %s, workers run as %s\n", DEFAULT_PATH,
	    DAEMON_USER);
#ifdef __VERSION__
	printf("compiled by %s\n", __VERSION__);
#endif
}

static void
usage(FILE *fp, int status)
{
	fprintf(fp, "usage: tlsherd [-fhTtV] [-c file] [-o key=value]\n");
	exit(status);
}

static int
test(const struct options *o, struct conf *conf)
{
	char *path = xstrdup(o->master.origin.path);
	int result;

	program_signals(false);
	if (o->print)
		conf_print(conf, stdout);
	result = master_test(&o->master, conf);
	if (result == 0 && log_warned() == 0)
		fprintf(stderr, "%s: the configuration is good\n", path);
	else if (result == 0)
		fprintf(stderr, "%s: the configuration is good, with %lu "
		    "warning%s\n", path, log_warned(),
		    log_warned() == 1 ? "" : "s");
	free(path);
	return result == 0 ? 0 : 1;
}
