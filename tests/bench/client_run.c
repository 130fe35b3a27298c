/* SPDX-License-Identifier: ISC */
/*
 * Many connections of the load client: when each of them begins, and when all
 * is over.
 */
#include "config.h"

#include <sys/epoll.h>

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "client.h"

#define SECOND INT64_C(1000000000)
#define PATIENCE (20 * SECOND) /* without any event */
#define FAILURES 1000	       /* and no more */
#define OPENING 64	       /* at once, before the measurement */
#define EVENTS 256

/* One part of the work. */
struct phase {
	enum task task;
	uint64_t total, started;
	int64_t begin, end; /* ns; end 0: none */
	double rate;
	unsigned limit, busy;
};

struct runner {
	struct client *client;
	struct conn *conns;
	struct conn **free;
	size_t nfree;
};

static void runner_init(struct runner *, struct client *);
static void all_free(struct runner *);
static void runner_release(struct runner *);
static void make_pool(struct runner *);
static void make_open(struct runner *);
static void work(struct runner *);
static void wait_for_go(void);
static void phase_run(struct runner *, struct phase *);
static void launch(struct runner *, struct phase *);
static bool may_start(const struct phase *, int64_t);
static int64_t due(const struct phase *);
static void wait_until(struct client *, const struct phase *);
static void go_on(struct runner *, struct phase *, struct conn *);
static void finish(struct runner *, struct phase *, struct conn *);
static double cpu_seconds(void);

void
run(struct client *client)
{
	struct runner runner;

	runner_init(&runner, client);
	if (client->o.resume)
		make_pool(&runner);
	if (client->o.kept)
		make_open(&runner);
	if (client->o.sync)
		wait_for_go();
	work(&runner);
	runner_release(&runner);
}

static void
runner_init(struct runner *r, struct client *client)
{
	const size_t n = client->o.at_once;
	size_t i;

	r->client = client;
	if ((client->epfd = epoll_create1(0)) == -1)
		err(1, "epoll_create1");
	if ((r->conns = calloc(n, sizeof(*r->conns))) == NULL ||
	    (r->free = calloc(n, sizeof(struct conn *))) == NULL ||
	    (client->pool = calloc(client->o.pool,
		 sizeof(SSL_SESSION *))) == NULL)
		err(1, NULL);
	for (i = 0; i < n; i++) {
		r->conns[i].client = client;
		r->conns[i].fd = -1;
	}
	all_free(r);
}

/* No connection has a task. */
static void
all_free(struct runner *r)
{
	for (r->nfree = 0; r->nfree < r->client->o.at_once; r->nfree++)
		r->free[r->nfree] = &r->conns[r->nfree];
}

static void
runner_release(struct runner *r)
{
	size_t i;

	for (i = 0; i < r->client->o.at_once; i++) {
		conn_close(&r->conns[i]);
		SSL_SESSION_free(r->conns[i].session);
	}
	for (i = 0; i < r->client->pooled; i++)
		SSL_SESSION_free(r->client->pool[i]);
	free(r->client->pool);
	free(r->conns);
	free(r->free);
	close(r->client->epfd);
}

static void
make_pool(struct runner *r)
{
	const struct options *o = &r->client->o;
	struct phase p = {
		.task = TASK_POOL,
		.total = o->pool,
		.limit = o->at_once < OPENING ? o->at_once : OPENING,
	};

	phase_run(r, &p);
	if (r->client->tally.failures > 0)
		errx(1, "no sessions: %s", r->client->tally.error);
}

static void
make_open(struct runner *r)
{
	struct phase p = {
		.task = TASK_OPEN,
		.total = r->client->o.at_once,
		.limit = OPENING,
	};

	phase_run(r, &p);
	if (r->client->tally.failures > 0)
		errx(1, "cannot open: %s", r->client->tally.error);
	all_free(r);
}

static void
work(struct runner *r)
{
	const struct options *o = &r->client->o;
	struct phase p = {
		.task = TASK_WORK,
		.total = o->total,
		.rate = o->rate,
		.limit = o->at_once,
	};
	int64_t start;
	double cpu;

	cpu = cpu_seconds();
	start = now_ns();
	if (o->seconds > 0)
		p.end = start + (int64_t)(o->seconds * (double)SECOND);
	phase_run(r, &p);
	tally_print(&r->client->tally, (double)(now_ns() - start) / SECOND,
	    cpu_seconds() - cpu);
}

static void
wait_for_go(void)
{
	char line[16];

	puts("ready");
	fflush(stdout);
	if (fgets(line, sizeof(line), stdin) == NULL)
		errx(1, "nobody says go");
}

static void
phase_run(struct runner *r, struct phase *p)
{
	struct client *client = r->client;
	struct epoll_event events[EVENTS];
	int64_t heard;
	int i, n;

	p->begin = heard = now_ns();
	for (;;) {
		launch(r, p);
		if (p->busy == 0 && !may_start(p, INT64_MAX))
			return;
		if (p->rate > 0)
			wait_until(client, p);
		n = epoll_wait(client->epfd, events, EVENTS,
		    p->rate > 0 ? 0 : 100);
		if (n == -1 && errno != EINTR)
			err(1, "epoll_wait");
		for (i = 0; i < n; i++)
			go_on(r, p, events[i].data.ptr);
		if (n > 0)
			heard = now_ns();
		else if (now_ns() - heard > PATIENCE)
			errx(1, "%u connections are stuck", p->busy);
		if (client->tally.failures >= FAILURES)
			errx(1, "too many failures: %s", client->tally.error);
	}
}

static void
launch(struct runner *r, struct phase *p)
{
	struct conn *c;
	int64_t now;

	while (r->nfree > 0 && p->busy < p->limit) {
		now = now_ns();
		if (!may_start(p, now))
			return;
		c = r->free[--r->nfree];
		conn_begin(c, p->task, p->rate > 0 ? due(p) : now);
		p->started++;
		p->busy++;
		go_on(r, p, c);
	}
}

/* Whether another operation begins by that time; at its end, ever. */
static bool
may_start(const struct phase *p, int64_t now)
{
	if (p->total > 0 && p->started >= p->total)
		return false;
	if (p->rate > 0 && now < due(p))
		return false;
	if (p->end == 0)
		return true;
	return (p->rate > 0 ? due(p) : now_ns()) < p->end;
}

/* When the next operation is due: at the rate asked for, however long the
 * ones before it take. */
static int64_t
due(const struct phase *p)
{
	return p->begin +
	    (int64_t)((double)p->started * (double)SECOND / p->rate);
}

/* epoll_wait() knows milliseconds, a rate of 400 needs better. */
static void
wait_until(struct client *client, const struct phase *p)
{
	struct pollfd pfd = { .fd = client->epfd, .events = POLLIN };
	struct timespec ts;
	int64_t left;

	left = may_start(p, INT64_MAX) ? due(p) - now_ns() : SECOND;
	if (left < 0)
		left = p->busy < p->limit ? 0 : SECOND;
	ts.tv_sec = left / SECOND;
	ts.tv_nsec = left % SECOND;
	if (ppoll(&pfd, 1, &ts, NULL) == -1 && errno != EINTR)
		err(1, "ppoll");
}

/* A connection that is not busy was told something between two operations:
 * it will notice when the next one begins. */
static void
go_on(struct runner *r, struct phase *p, struct conn *c)
{
	if (!c->busy)
		return;
	switch (conn_drive(c)) {
	case CONN_WAITS:
		return;
	case CONN_DONE:
		finish(r, p, c);
		break;
	case CONN_FAILED:
		conn_close(c);
		break;
	}
	p->busy--;
	c->busy = false;
	if (p->task != TASK_OPEN &&
	    (p->task != TASK_WORK || !r->client->o.kept || c->fd != -1))
		r->free[r->nfree++] = c;
}

static void
finish(struct runner *r, struct phase *p, struct conn *c)
{
	if (p->task == TASK_WORK)
		tally_add(&r->client->tally, now_ns() - c->began);
	if (p->task == TASK_POOL) {
		r->client->pool[r->client->pooled++] = c->session;
		c->session = NULL;
	}
	if (p->task == TASK_POOL || !r->client->o.kept)
		conn_close(c);
}

static double
cpu_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / SECOND;
}
