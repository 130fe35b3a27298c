/* SPDX-License-Identifier: ISC */
/* Plays a trace to a cache; see cache_model.h. And the store as such a one. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "cache_int.h"
#include "cache_model.h"

#define NOW 1000000 /* second 0 */

struct client {
	uint32_t session; /* MODEL_NEVER: none */
	uint32_t end;	  /* second */
};

static uint32_t next_use(const struct trace *, uint32_t, uint32_t);
static bool store_get(void *, uint32_t, uint32_t, uint32_t);
static void store_put(void *, uint32_t, uint32_t, uint32_t, uint32_t);

const struct model_ops model_store_ops = { store_get, store_put };

struct model_result
model_run(const struct trace *t, bool renew, const struct model_ops *ops,
    void *arg)
{
	struct model_result r = { .connections = t->n };
	struct client *clients, *c;
	uint32_t i, second;
	bool hit;

	clients = calloc(t->shape.clients, sizeof(*clients));
	if (clients == NULL)
		abort();
	for (i = 0; i < t->shape.clients; i++)
		clients[i].session = MODEL_NEVER;
	for (i = 0; i < t->n; i++) {
		c = &clients[t->client[i]];
		second = trace_second(t, i);
		hit = false;
		if (c->session != MODEL_NEVER && second < c->end) {
			r.offered++;
			hit = ops->get(arg, c->session, renew ? MODEL_NEVER :
			    next_use(t, i, c->end), second);
		}
		if (hit)
			r.hits++;
		else
			c->end = second + t->shape.life;
		if (hit && !renew)
			continue;
		c->session = i;
		ops->put(arg, i, next_use(t, i, c->end), second, c->end);
		r.sessions++;
	}
	free(clients);
	return r;
}

double
model_hit_rate(const struct model_result *r)
{
	return (double)r->hits / (double)r->connections;
}

/* A session that is over before it is asked for is as good as never used. */
static uint32_t
next_use(const struct trace *t, uint32_t connection, uint32_t end)
{
	uint32_t next = t->next[connection];

	if (next != MODEL_NEVER && trace_second(t, next) >= end)
		next = MODEL_NEVER;
	return next;
}

static bool
store_get(void *arg, uint32_t session, uint32_t next, uint32_t second)
{
	struct model_store *s = arg;
	unsigned char buf[TLSCACHE_DATA_MAX], id[TLSCACHE_ID_MAX] = { 0 };
	size_t len;
	int error;

	memcpy(id, &session, sizeof(session));
	error = tlscache_fetch(s->cache, id, sizeof(id), buf, sizeof(buf),
	    &len, NOW + (int64_t)second);
	if (error != TLSCACHE_OK && error != TLSCACHE_E_MISS)
		s->errors++;
	if (error == TLSCACHE_OK && len != s->len)
		s->errors++;
	return error == TLSCACHE_OK;
}

static void
store_put(void *arg, uint32_t session, uint32_t next, uint32_t second,
    uint32_t end)
{
	static const unsigned char data[TLSCACHE_DATA_MAX];
	struct model_store *s = arg;
	unsigned char id[TLSCACHE_ID_MAX] = { 0 };

	int error;

	memcpy(id, &session, sizeof(session));
	if (end <= second)
		return;
	if (s->once)
		error = tlsc_cache_store_once(s->cache, id, sizeof(id), data,
		    s->len, NOW + (int64_t)end, NOW + (int64_t)second);
	else
		error = tlscache_store(s->cache, id, sizeof(id), data,
		    s->len, NOW + (int64_t)end, NOW + (int64_t)second);
	s->errors += error != TLSCACHE_OK;
}
