/* SPDX-License-Identifier: ISC */
/*
 * Hit rates of the store, at sizes from far too small to ample, beside those
 * of rules that hold as many sessions as the store does when it is full: its
 * own, two that are usual, and the optimum.
 */
#include "config.h"

#include <math.h>
#include <stdio.h>

#include "cache_bench.h"
#include "cache_model.h"

static const struct column columns[] = {
	{ "sessions", "sessions", 0 },
	{ "store", "store", 2 },
	{ "model", "its rule", 2 },
	{ "fifo", "FIFO", 2 },
	{ "lru", "LRU", 2 },
	{ "optimum", "optimum", 2 },
	{ "unlimited", "unlimited", 2 },
	{ NULL, NULL, 0 },
};

static const size_t sizes[] = {
	128u << 10, 256u << 10, 512u << 10, 1u << 20, 2u << 20, 4u << 20,
	8u << 20, 16u << 20, 32u << 20,
};

static void hits_table(const struct bench *, const struct trace *, bool);
static uint32_t room_of(size_t);
static double rate_of_policy(const struct trace *, bool, enum policy_rule,
    uint32_t);
static double rate_of_store(const struct trace *, bool, size_t);

void
bench_hits(const struct bench *b)
{
	struct trace_shape shape = {
		.clients = 50000, .exponent = 0.9, .per_second = 20,
		.seconds = 8 * 3600, .life = 2 * 3600, .seed = 1,
	};
	struct trace trace;
	char text[160];

	if (b->quick)
		shape.seconds = 3 * 3600;
	(void)snprintf(text, sizeof(text), "\nhit rates: %u clients, Zipf "
	    "exponent %.1f, %u connections per second for %u hours, sessions "
	    "live %u hours", shape.clients, shape.exponent, shape.per_second,
	    shape.seconds / 3600, shape.life / 3600);
	report_text("clients", text + 1);
	trace_init(&trace, &shape);
	hits_table(b, &trace, false);
	hits_table(b, &trace, true);
	trace_release(&trace);
}

static void
hits_table(const struct bench *b, const struct trace *t, bool renew)
{
	double above_fifo = INFINITY, below_lru = 0, value[7];
	size_t i = b->quick ? 1 : 0, step = b->quick ? 2 : 1;
	uint32_t room;
	char label[32];

	table_begin(renew ? "hit_rate_tls13" : "hit_rate_tls12", renew ?
	    "hits per 100 connections, TLS 1.3: each makes a new session" :
	    "hits per 100 connections, TLS 1.2: a session is used again",
	    "size", columns);
	for (; i < COUNT_OF(sizes); i += step) {
		room = room_of(sizes[i]);
		value[0] = room;
		value[1] = rate_of_store(t, renew, sizes[i]);
		value[2] = rate_of_policy(t, renew, renew ? POLICY_ONCE :
		    POLICY_CHANCE, room);
		value[3] = rate_of_policy(t, renew, POLICY_FIFO, room);
		value[4] = rate_of_policy(t, renew, POLICY_LRU, room);
		value[5] = rate_of_policy(t, renew, POLICY_BEST, room);
		value[6] = rate_of_policy(t, renew, POLICY_FIFO, t->n);
		above_fifo = fmin(above_fifo, value[1] - value[3]);
		below_lru = fmax(below_lru, value[4] - value[1]);
		(void)snprintf(label, sizeof(label), "%zu KiB",
		    sizes[i] >> 10);
		table_row(label, value);
	}
	table_end();
	/* Ids fall into shards by chance, which can cost some hundredths. */
	report_goal(renew ? "hit rate above FIFO's, points, TLS 1.3" :
	    "hit rate above FIFO's, points, TLS 1.2", above_fifo, -0.05,
	    true);
	report_goal(renew ? "hit rate below LRU's, points, TLS 1.3" :
	    "hit rate below LRU's, points, TLS 1.2", below_lru, 1, false);
}

/* Sessions in a cache that is full of them. */
static uint32_t
room_of(size_t size)
{
	struct tlscache *cache = load_open(size);
	struct tlscache_stat stat;

	load_fill(cache, 0, size / LOAD_DATA * 2, LOAD_DATA);
	tlscache_stat(cache, &stat);
	tlscache_close(cache);
	return (uint32_t)stat.entries;
}

static double
rate_of_policy(const struct trace *t, bool renew, enum policy_rule rule,
    uint32_t room)
{
	struct policy *policy = policy_new(rule, room, t->n);
	struct model_result r;

	r = model_run(t, renew, &policy_ops, policy);
	policy_free(policy);
	return 100 * model_hit_rate(&r);
}

static double
rate_of_store(const struct trace *t, bool renew, size_t size)
{
	struct model_store store = { load_open(size), LOAD_DATA, renew,
		0 };
	struct model_result r;

	r = model_run(t, renew, &model_store_ops, &store);
	tlscache_close(store.cache);
	if (store.errors > 0)
		bench_fail("the store", "gave a wrong answer");
	return 100 * model_hit_rate(&r);
}
