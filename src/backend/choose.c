/* SPDX-License-Identifier: ISC */
/*
 * Which backend is called: they take turns, without those that have failed in
 * the last backend_retry. When that is over one client tries the backend, and
 * the others go on without it until this one has an answer. When nobody else
 * is left, those that are down are tried all the same.
 *
 * Each worker learns for itself, and logs what has changed: at most one line
 * in that time, or a backend that is up and down would fill the log. Worker.
 */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend_int.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/units.h"

#define QUIET_US 10000000 /* between two lines when backend_retry is 0 */

static bool due(const struct conf_listen *, struct backend_state *, int64_t);
static size_t current(const struct leg *);
static bool was_tried(const struct leg *, size_t);
static bool ours(int error);
static bool quiet(const struct conf_listen *, const struct backend_state *,
    int64_t);
static const char *title(const struct conf_addr *, char *, size_t);

struct backend_pool *
backend_pool_new(const struct conf_listen *conf, const struct leg_ops *ops)
{
	struct backend_pool *pool;

	assert(conf->nbackends > 0);
	pool = xcalloc(1, sizeof(*pool) +
	    conf->nbackends * sizeof(pool->backends[0]));
	pool->conf = conf;
	pool->ops = ops;
	return pool;
}

void
backend_pool_free(struct backend_pool *pool)
{
	free(pool);
}

void
backend_turn(struct leg *leg, unsigned worker)
{
	struct backend_pool *pool = leg->pool;

	leg->first = (unsigned)((pool->turn++ + worker) %
	    pool->conf->nbackends);
}

bool
backend_next(struct leg *leg)
{
	struct backend_pool *pool = leg->pool;
	const struct conf_listen *conf = pool->conf;
	size_t i, n = conf->nbackends;
	unsigned step = leg->step;
	bool last;

	while (leg->failed < n && step < 2 * n) {
		i = ((size_t)leg->first + step) % n;
		last = step++ >= n;
		if (last ? was_tried(leg, i) :
		    !due(conf, &pool->backends[i], leg->tried)) {
			/* The turn goes on, or the next one had two. */
			if (!last && leg->failed == 0)
				pool->turn++;
			continue;
		}
		leg->step = step;
		if (i < 64)
			leg->tried_mask |= UINT64_C(1) << i;
		return true;
	}
	return false;
}

/* Who finds that it is time to try again does so alone. */
static bool
due(const struct conf_listen *conf, struct backend_state *b, int64_t now)
{
	if (b->down_until == 0)
		return true;
	if (now < b->down_until)
		return false;
	b->down_until = now + conf->backend_retry * 1000;
	return true;
}

/* Of more than 64, some may be tried twice. */
static bool
was_tried(const struct leg *leg, size_t i)
{
	return i < 64 && leg->tried_mask & UINT64_C(1) << i;
}

const struct conf_addr *
backend_address(const struct leg *leg)
{
	return &leg->pool->conf->backends[current(leg)];
}

/* The one that was chosen last. */
static size_t
current(const struct leg *leg)
{
	return ((size_t)leg->first + leg->step - 1) %
	    leg->pool->conf->nbackends;
}

void
backend_up(struct leg *leg)
{
	const struct conf_listen *conf = leg->pool->conf;
	struct backend_state *b = &leg->pool->backends[current(leg)];
	char name[256], since[32];
	int64_t now;

	if (b->down_until == 0 && !b->told_down)
		return;
	b->down_until = 0;
	now = clock_mono_us();
	if (!b->told_down || quiet(conf, b, now))
		return;
	units_format_duration((now - b->down_since) / 1000000 * 1000, since,
	    sizeof(since));
	log_warnx("listener \"%s\": backend %s is up again after %s",
	    conf->name, title(backend_address(leg), name, sizeof(name)), since);
	b->told_down = false;
	b->told = now;
}

void
backend_down(struct leg *leg, int error)
{
	const struct conf_listen *conf = leg->pool->conf;
	struct backend_state *b = &leg->pool->backends[current(leg)];
	char name[256];
	int64_t now;

	if (ours(error))
		return;
	now = clock_mono_us();
	if (conf->backend_retry > 0)
		b->down_until = now + conf->backend_retry * 1000;
	if (b->told_down || quiet(conf, b, now))
		return;
	log_warnx("listener \"%s\": backend %s is down: %s", conf->name,
	    title(backend_address(leg), name, sizeof(name)), strerror(error));
	b->told_down = true;
	b->told = b->down_since = now;
}

/* It is this machine that has run out of something. */
static bool
ours(int error)
{
	switch (error) {
	case EADDRNOTAVAIL:
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		return true;
	default:
		return false;
	}
}

static bool
quiet(const struct conf_listen *conf, const struct backend_state *b,
    int64_t now)
{
	int64_t us = conf->backend_retry > 0 ? conf->backend_retry * 1000 :
	    QUIET_US;

	return b->told != 0 && now - b->told < us;
}

static const char *
title(const struct conf_addr *address, char *buf, size_t size)
{
	if (strcmp(address->text, address->number) == 0)
		return address->text;
	snprintf(buf, size, "%.120s (%s)", address->text, address->number);
	return buf;
}
