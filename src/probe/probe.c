/* SPDX-License-Identifier: ISC */
/*
 * tlsherd-probe(1): connects again and again, offering the session of the
 * connection before, and shows who resumed whose.
 */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "probe/probe.h"

/* With --all-pairs: connections per pair before it is given up. */
#define TRIES_PER_PAIR 40

enum {
	OPT_SNI = 256, OPT_ALPN, OPT_CA, OPT_CERT, OPT_KEY, OPT_TIMEOUT,
	OPT_NO_TICKETS, OPT_WORKERS, OPT_JSON, OPT_VERSION, OPT_EARLY_DATA,
	OPT_REPLAY, OPT_SESSIONS,
};

static const struct option long_options[] = {
	{ "connections", required_argument, NULL, 'n' },
	{ "tls1.2", no_argument, NULL, '2' },
	{ "tls1.3", no_argument, NULL, '3' },
	{ "from-first", no_argument, NULL, 'f' },
	{ "all-pairs", no_argument, NULL, 'a' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "workers", required_argument, NULL, OPT_WORKERS },
	{ "no-tickets", no_argument, NULL, OPT_NO_TICKETS },
	{ "sni", required_argument, NULL, OPT_SNI },
	{ "alpn", required_argument, NULL, OPT_ALPN },
	{ "ca", required_argument, NULL, OPT_CA },
	{ "cert", required_argument, NULL, OPT_CERT },
	{ "key", required_argument, NULL, OPT_KEY },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "early-data", required_argument, NULL, OPT_EARLY_DATA },
	{ "replay", required_argument, NULL, OPT_REPLAY },
	{ "sessions", required_argument, NULL, OPT_SESSIONS },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

_Noreturn static void usage(FILE *, int);
_Noreturn static void bad(const char *, const char *, const char *);
_Noreturn static void misused(const char *);
static void parse(int, char **, struct probe_options *);
static void parse_option(int, struct probe_options *);
static unsigned parse_number(const char *, const char *, unsigned);
static void parse_early(const char *, struct probe_options *);
static void check_early(const struct probe_options *);
static void set_sni(struct probe_options *, char *, size_t);
static void client_init(struct probe_client *, const struct probe_options *,
    int);
static bool probe_versions(const struct probe_options *);
static bool probe_version(struct probe_client *, const char *);
static bool replay(const struct probe_options *);
_Noreturn static void fail(const struct probe_options *, const char *);
static bool enough(const struct probe_options *, const struct probe_tally *,
    unsigned);
static SSL_SESSION *next_session(const struct probe_options *,
    struct probe_client *, const struct probe_tally *,
    const struct probe_result *, SSL_SESSION *);

int
main(int argc, char **argv)
{
	struct probe_options o;
	struct err err;
	bool good;
	char host[256];

	(void)signal(SIGPIPE, SIG_IGN);
	parse(argc, argv, &o);
	if (addr_parse(o.target, &o.addr, NULL, &err) == -1) {
		fprintf(stderr, "tlsherd-probe: %s\n", err.text);
		return 2;
	}
	set_sni(&o, host, sizeof(host));
	good = o.replay > 0 ? replay(&o) : probe_versions(&o);
	free(o.early);
	if (report_end(&o, good) == -1) {
		perror("tlsherd-probe: standard output");
		return 1;
	}
	return good ? 0 : 1;
}

static void
parse(int argc, char **argv, struct probe_options *o)
{
	int c;

	memset(o, 0, sizeof(*o));
	o->count = 10;
	o->timeout_ms = 10000;
	while ((c = getopt_long(argc, argv, "23afhn:q", long_options, NULL)) !=
	    -1)
		parse_option(c, o);
	if (optind + 1 != argc)
		usage(stderr, 2);
	o->target = argv[optind];
	check_early(o);
	if (o->early != NULL)
		o->tls13 = true;
	if (o->sessions == 0)
		o->sessions = 1;
	if (!o->tls12 && !o->tls13)
		o->tls12 = o->tls13 = true;
	if (o->from_first && o->all_pairs)
		misused("--all-pairs and --from-first cannot be given "
		    "together");
	if (o->key != NULL && o->cert == NULL)
		misused("--key needs --cert");
}

static void
parse_option(int c, struct probe_options *o)
{
	int64_t ms;

	switch (c) {
	case '2':
		o->tls12 = true;
		break;
	case '3':
		o->tls13 = true;
		break;
	case 'a':
		o->all_pairs = true;
		break;
	case 'f':
		o->from_first = true;
		break;
	case 'n':
		o->count = parse_number("-n", optarg, 1000000);
		break;
	case 'q':
		o->quiet = true;
		break;
	case OPT_WORKERS:
		o->workers = parse_number("--workers", optarg,
		    PROBE_WORKERS_MAX);
		break;
	case OPT_NO_TICKETS:
		o->no_tickets = true;
		break;
	case OPT_SNI:
		o->sni = optarg;
		break;
	case OPT_ALPN:
		o->alpn = optarg;
		break;
	case OPT_CA:
		o->ca = optarg;
		break;
	case OPT_CERT:
		o->cert = optarg;
		break;
	case OPT_KEY:
		o->key = optarg;
		break;
	case OPT_TIMEOUT:
		if (units_parse_duration(optarg, &ms) == -1 || ms < 1 ||
		    ms > 3600000)
			bad("--timeout", optarg,
			    "is not a duration from 1ms to 1h");
		o->timeout_ms = (int)ms;
		break;
	case OPT_EARLY_DATA:
		parse_early(optarg, o);
		break;
	case OPT_REPLAY:
		o->replay = parse_number("--replay", optarg, 1000000);
		break;
	case OPT_SESSIONS:
		o->sessions = parse_number("--sessions", optarg, 100000);
		break;
	case OPT_JSON:
		o->json = true;
		break;
	case OPT_VERSION:
		printf("tlsherd-probe %s, %s\n", PACKAGE_VERSION,
		    OpenSSL_version(OPENSSL_VERSION));
		exit(0);
	case 'h':
		usage(stdout, 0);
	default:
		usage(stderr, 2);
	}
}

/* No server has to take more than one record. */
static void
parse_early(const char *path, struct probe_options *o)
{
	FILE *file;

	free(o->early);
	o->early = malloc(PROBE_EARLY_MAX + 1);
	file = fopen(path, "rb");
	if (o->early == NULL || file == NULL) {
		fprintf(stderr, "tlsherd-probe: --early-data %s: %s\n", path,
		    strerror(errno));
		exit(2);
	}
	o->early_len = fread(o->early, 1, PROBE_EARLY_MAX + 1, file);
	if (ferror(file) || o->early_len == 0 ||
	    o->early_len > PROBE_EARLY_MAX)
		bad("--early-data", path, "is not a file of 1 to 16384 bytes");
	fclose(file);
}

static void
check_early(const struct probe_options *o)
{
	if (o->replay > 0 && o->early == NULL)
		misused("--replay needs --early-data");
	if (o->sessions > 0 && o->replay == 0)
		misused("--sessions needs --replay");
	if (o->early != NULL && o->tls12)
		misused("--early-data cannot be given with -2: TLS 1.2 has "
		    "none");
}

static unsigned
parse_number(const char *option, const char *text, unsigned max)
{
	unsigned long n;
	char *end, what[64];

	n = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '\0' || n < 1 || n > max) {
		snprintf(what, sizeof(what), "is not a number from 1 to %u",
		    max);
		bad(option, text, what);
	}
	return (unsigned)n;
}

static void
bad(const char *option, const char *value, const char *what)
{
	fprintf(stderr, "tlsherd-probe: %s: \"%s\" %s\n", option, value,
	    what);
	exit(2);
}

/* Options that do not go together. */
static void
misused(const char *what)
{
	fprintf(stderr, "tlsherd-probe: %s\n", what);
	exit(2);
}

static void
usage(FILE *out, int status)
{
	fprintf(out,
	    "usage: tlsherd-probe [-23afq] [-n number] [--workers number]\n"
	    "           [--no-tickets] [--sni name] [--alpn list] "
	    "[--ca file]\n"
	    "           [--cert file [--key file]] [--timeout duration] "
	    "[--json]\n"
	    "           [--early-data file [--replay number "
	    "[--sessions number]]]\n"
	    "           host:port | [ipv6]:port | unix:/path\n");
	exit(status);
}

/* The host of the target is the server's name, unless it is an address. */
static void
set_sni(struct probe_options *o, char *host, size_t size)
{
	size_t len = strcspn(o->target, ":");

	if (o->sni != NULL || addr_is_unix(&o->addr) || o->target[0] == '[' ||
	    len == 0 || len >= size)
		return;
	memcpy(host, o->target, len);
	host[len] = '\0';
	if (host[strspn(host, "0123456789.")] != '\0')
		o->sni = host;
}

static void
client_init(struct probe_client *client, const struct probe_options *o,
    int version)
{
	struct err err;

	if (probe_client_init(client, o, version, &err) == -1) {
		fprintf(stderr, "tlsherd-probe: %s\n", err.text);
		exit(2);
	}
}

/* What is wrong with the options is found out before anything is printed. */
static bool
probe_versions(const struct probe_options *o)
{
	struct probe_client tls12, tls13;
	bool good = true;

	if (o->tls12)
		client_init(&tls12, o, TLS1_2_VERSION);
	if (o->tls13)
		client_init(&tls13, o, TLS1_3_VERSION);
	report_begin(o);
	if (o->tls12) {
		good = probe_version(&tls12, "TLS 1.2") && good;
		probe_client_release(&tls12);
	}
	if (o->tls13) {
		good = probe_version(&tls13, "TLS 1.3") && good;
		probe_client_release(&tls13);
	}
	return good;
}

static bool
probe_version(struct probe_client *client, const char *name)
{
	const struct probe_options *o = client->options;
	struct probe_tally *tally;
	struct probe_result result;
	SSL_SESSION *first = NULL, *session = NULL;
	bool good;

	if ((tally = calloc(1, sizeof(*tally))) == NULL)
		fail(o, "out of memory");
	tally->version = name;
	do {
		probe_connect(client, session, &result);
		probe_tally_add(tally, &result);
		report_connection(o, tally->connections, &result);
		if (first == NULL && client->latest != NULL &&
		    SSL_SESSION_up_ref(client->latest) == 1)
			first = client->latest;
		session = next_session(o, client, tally, &result, first);
	} while (result.ok && !enough(o, tally, tally->connections));
	report_tally(o, tally);
	good = probe_tally_good(tally, o);
	SSL_SESSION_free(first);
	free(tally);
	return good;
}

static bool
replay(const struct probe_options *o)
{
	struct probe_client client;
	struct probe_replay r;
	struct err err;
	bool good;

	client_init(&client, o, TLS1_3_VERSION);
	good = probe_replay(&client, &r, &err);
	report_begin(o);
	if (!good)
		fail(o, err.text);
	report_replay(o, &r);
	good = probe_replay_good(&r);
	probe_client_release(&client);
	return good;
}

/* After report_begin(). */
static void
fail(const struct probe_options *o, const char *text)
{
	if (report_failure(o, text) == -1)
		perror("tlsherd-probe: standard output");
	exit(1);
}

static bool
enough(const struct probe_options *o, const struct probe_tally *tally,
    unsigned connections)
{
	unsigned n = o->workers > tally->workers ? o->workers :
	    tally->workers;

	if (!o->all_pairs || n == 0)
		return connections >= o->count;
	if (connections < o->count && o->workers == 0)
		return false;
	return probe_tally_pairs(tally, n) == n * n ||
	    connections >= TRIES_PER_PAIR * n * n;
}

/*
 * What to offer next. A TLS 1.2 session that is resumed by its id stays the
 * session of the worker that made it: when all workers have resumed one of
 * that worker, a full handshake makes another.
 */
static SSL_SESSION *
next_session(const struct probe_options *o, struct probe_client *client,
    const struct probe_tally *tally, const struct probe_result *result,
    SSL_SESSION *first)
{
	unsigned n = o->workers > tally->workers ? o->workers :
	    tally->workers;
	int maker = result->resumed ? result->maker : result->worker;

	if (o->from_first)
		return first;
	if (o->all_pairs && strcmp(result->version, "TLSv1.2") == 0 &&
	    probe_tally_row_full(tally, maker, n))
		return NULL;
	return client->latest;
}
