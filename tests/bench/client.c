/* SPDX-License-Identifier: ISC */
/*
 * A load client for TLS servers: the options. Figures go to stdout as one
 * JSON object. It is no part of the daemon and uses nothing of it.
 */
#include "config.h"

#include <arpa/inet.h>

#include <err.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"

#define POOL_SIZE 32
#define EARLY_MAX 16384

enum {
	OPT_TLS = 256,
	OPT_RESUME,
	OPT_EARLY,
	OPT_KEPT,
	OPT_TICKET,
	OPT_SYNC,
	OPT_POOL,
	OPT_RATE,
	OPT_REQUEST,
	OPT_ANSWER,
	OPT_REQUESTS,
};

static const struct option longopts[] = {
	{ "tls", required_argument, NULL, OPT_TLS },
	{ "resume", required_argument, NULL, OPT_RESUME },
	{ "early", no_argument, NULL, OPT_EARLY },
	{ "kept", no_argument, NULL, OPT_KEPT },
	{ "ticket", no_argument, NULL, OPT_TICKET },
	{ "sync", no_argument, NULL, OPT_SYNC },
	{ "pool", required_argument, NULL, OPT_POOL },
	{ "rate", required_argument, NULL, OPT_RATE },
	{ "request", required_argument, NULL, OPT_REQUEST },
	{ "answer", required_argument, NULL, OPT_ANSWER },
	{ "requests", required_argument, NULL, OPT_REQUESTS },
	{ NULL, 0, NULL, 0 },
};

static void usage(void) __attribute__((noreturn));
static void options_default(struct options *);
static void options_set(struct options *, int, const char *);
static void options_check(const struct options *);
static void set_target(struct sockaddr_in *, const char *);
static void set_resume(struct options *, const char *);
static uint64_t number(const char *);
static double decimal(const char *);

int
main(int argc, char *argv[])
{
	static struct client client;
	int c;

	signal(SIGPIPE, SIG_IGN);
	options_default(&client.o);
	while ((c = getopt_long(argc, argv, "c:n:s:", longopts, NULL)) != -1)
		options_set(&client.o, c, optarg);
	if (argc - optind != 1)
		usage();
	set_target(&client.o.target, argv[optind]);
	options_check(&client.o);
	client.ctx = conn_context(&client.o);
	run(&client);
	tally_release(&client.tally);
	SSL_CTX_free(client.ctx);
	return 0;
}

static void
usage(void)
{
	fputs("usage: client [-c CONNECTIONS] [-n OPERATIONS] [-s SECONDS]\n"
	      "    [--tls 1.2|1.3] [--resume none|id|ticket|stateful]\n"
	      "    [--pool SESSIONS] [--early] [--requests PER-CONNECTION]\n"
	      "    [--request BYTES] [--answer BYTES] [--kept] [--rate HZ]\n"
	      "    [--ticket] [--sync] ADDRESS:PORT\n", stderr);
	exit(2);
}

static void
options_default(struct options *o)
{
	o->version = TLS1_3_VERSION;
	o->at_once = 32;
	o->pool = POOL_SIZE;
	o->request = HEADER_SIZE;
	o->answer = HEADER_SIZE;
}

static void
options_set(struct options *o, int c, const char *arg)
{
	switch (c) {
	case 'c':
		o->at_once = (unsigned)number(arg);
		break;
	case 'n':
		o->total = number(arg);
		break;
	case 's':
		o->seconds = decimal(arg);
		break;
	case OPT_TLS:
		if (strcmp(arg, "1.2") != 0 && strcmp(arg, "1.3") != 0)
			usage();
		o->version = strcmp(arg, "1.2") == 0 ? TLS1_2_VERSION :
						       TLS1_3_VERSION;
		break;
	case OPT_RESUME:
		set_resume(o, arg);
		break;
	case OPT_EARLY:
		o->early = o->resume = true;
		break;
	case OPT_KEPT:
		o->kept = true;
		break;
	case OPT_TICKET:
		o->ticket = true;
		break;
	case OPT_SYNC:
		o->sync = true;
		break;
	case OPT_POOL:
		o->pool = (unsigned)number(arg);
		break;
	case OPT_RATE:
		o->rate = decimal(arg);
		break;
	case OPT_REQUEST:
		o->request = number(arg);
		break;
	case OPT_ANSWER:
		o->answer = number(arg);
		break;
	case OPT_REQUESTS:
		o->requests = (unsigned)number(arg);
		break;
	default:
		usage();
	}
}

static void
options_check(const struct options *o)
{
	if (o->total == 0 && o->seconds <= 0)
		errx(2, "one of -n and -s is needed");
	if (o->at_once == 0 || o->pool == 0)
		errx(2, "no connections, or no sessions");
	if (o->request < HEADER_SIZE || o->answer == 0)
		errx(2, "a request has %d bytes at least, an answer one",
		    HEADER_SIZE);
	if (o->early && (o->version != TLS1_3_VERSION || o->requests != 1 ||
	    o->kept))
		errx(2, "--early takes TLS 1.3, --requests 1 and no --kept");
	if (o->early && o->pool < o->at_once)
		errx(2, "--early takes a session for each connection");
	if (o->early && o->request > EARLY_MAX)
		errx(2, "at most %d bytes of early data", EARLY_MAX);
	if (o->ticket && (o->version != TLS1_3_VERSION || o->requests != 0))
		errx(2, "--ticket takes TLS 1.3 and no requests");
	if (o->kept && (o->requests != 1 || o->rate > 0))
		errx(2, "--kept takes --requests 1 and no --rate");
}

static void
set_target(struct sockaddr_in *sin, const char *arg)
{
	char host[INET_ADDRSTRLEN];
	const char *colon;
	size_t len;

	if ((colon = strrchr(arg, ':')) == NULL)
		usage();
	if ((len = (size_t)(colon - arg)) >= sizeof(host))
		errx(2, "%s: not an IPv4 address", arg);
	memcpy(host, arg, len);
	host[len] = '\0';
	sin->sin_family = AF_INET;
	sin->sin_port = htons((uint16_t)number(colon + 1));
	if (inet_pton(AF_INET, host, &sin->sin_addr) != 1)
		errx(2, "%s: not an IPv4 address", host);
}

/* What a TLS 1.3 ticket holds is the server's affair: there "ticket" and
 * "stateful" ask for the same. */
static void
set_resume(struct options *o, const char *kind)
{
	o->resume = strcmp(kind, "none") != 0;
	o->no_tickets = strcmp(kind, "id") == 0;
	if (o->resume && !o->no_tickets && strcmp(kind, "ticket") != 0 &&
	    strcmp(kind, "stateful") != 0)
		usage();
}

static uint64_t
number(const char *text)
{
	unsigned long long n;
	char *end;

	n = strtoull(text, &end, 10);
	if (end == text || *end != '\0' || *text == '-')
		errx(2, "%s: not a number", text);
	return n;
}

static double
decimal(const char *text)
{
	double x;
	char *end;

	x = strtod(text, &end);
	if (end == text || *end != '\0' || !(x >= 0 && x < 1e9))
		errx(2, "%s: not a number", text);
	return x;
}
