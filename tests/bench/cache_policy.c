/* SPDX-License-Identifier: ISC */
/*
 * What the store is compared with: caches that hold a number of sessions and
 * differ in who goes when there is no room. Those that do not know the future
 * keep a list; two of them are the store's own rules, without its shards and
 * bounds, for sessions that are used again and for those that are used once.
 * The optimum, which knows the future, a heap with the one on top that
 * is asked for latest. It is Belady's rule with lives: one that is not asked
 * for before its end goes first, and a new one is not kept if it would be the
 * first to go. All sessions are of one size, so that there is nothing better
 * for one trace; the lives, which depend on earlier hits, can make a
 * difference that is not looked for here.
 */
#include "config.h"

#include <stdlib.h>

#include "cache_model.h"

#define NONE UINT32_MAX

struct node {
	uint32_t older, newer; /* the list; in the heap: where, when asked for */
	uint32_t stored, end; /* seconds */
	bool there, used, lifted;
};

struct policy {
	enum policy_rule rule;
	uint32_t room, held;
	uint32_t oldest, newest;
	struct node *node; /* of each session that may come */
	uint32_t *heap;
};

static bool policy_get(void *, uint32_t, uint32_t, uint32_t);
static void policy_put(void *, uint32_t, uint32_t, uint32_t, uint32_t);
static bool stays(const struct policy *, const struct node *, uint32_t);
static void evict(struct policy *, uint32_t);
static void list_add(struct policy *, uint32_t);
static void list_take(struct policy *, uint32_t);
static void heap_put(struct policy *, uint32_t, uint32_t);
static void heap_move(struct policy *, uint32_t);

const struct model_ops policy_ops = { policy_get, policy_put };

struct policy *
policy_new(enum policy_rule rule, uint32_t room, uint32_t n)
{
	struct policy *p = calloc(1, sizeof(*p));

	if (p == NULL || (p->node = calloc(n, sizeof(*p->node))) == NULL ||
	    (p->heap = calloc(room + 1, sizeof(*p->heap))) == NULL)
		abort();
	p->rule = rule;
	p->room = room;
	p->oldest = p->newest = NONE;
	return p;
}

void
policy_free(struct policy *p)
{
	free(p->node);
	free(p->heap);
	free(p);
}

static bool
policy_get(void *arg, uint32_t session, uint32_t next, uint32_t second)
{
	struct policy *p = arg;
	struct node *node = &p->node[session];

	if (!node->there)
		return false;
	switch (p->rule) {
	case POLICY_FIFO:
		break;
	case POLICY_LRU:
		list_take(p, session);
		list_add(p, session);
		break;
	case POLICY_CHANCE:
	case POLICY_ONCE:
		node->used = true;
		break;
	case POLICY_BEST:
		node->newer = next;
		heap_move(p, session);
		break;
	}
	return true;
}

static void
policy_put(void *arg, uint32_t session, uint32_t next, uint32_t second,
    uint32_t end)
{
	struct policy *p = arg;

	if (p->rule == POLICY_BEST) {
		heap_put(p, session, next);
		return;
	}
	if (p->held == p->room)
		evict(p, second);
	p->node[session].there = true;
	p->node[session].stored = second;
	p->node[session].end = end;
	p->held++;
	list_add(p, session);
}

/* Once more, though it is the oldest. */
static bool
stays(const struct policy *p, const struct node *node, uint32_t second)
{
	if (node->end <= second)
		return false;
	if (p->rule == POLICY_ONCE)
		return !node->used && !node->lifted;
	return p->rule == POLICY_CHANCE && node->used &&
	    node->end - second > (second - node->stored) / 2;
}

static void
evict(struct policy *p, uint32_t second)
{
	uint32_t session = p->oldest;

	while (stays(p, &p->node[session], second)) {
		p->node[session].lifted = true;
		if (p->rule == POLICY_CHANCE)
			p->node[session].used = false;
		list_take(p, session);
		list_add(p, session);
		session = p->oldest;
	}
	list_take(p, session);
	p->node[session].there = false;
	p->held--;
}

static void
list_add(struct policy *p, uint32_t session)
{
	p->node[session].older = p->newest;
	p->node[session].newer = NONE;
	if (p->newest == NONE)
		p->oldest = session;
	else
		p->node[p->newest].newer = session;
	p->newest = session;
}

static void
list_take(struct policy *p, uint32_t session)
{
	struct node *node = &p->node[session];

	if (node->older == NONE)
		p->oldest = node->newer;
	else
		p->node[node->older].newer = node->newer;
	if (node->newer == NONE)
		p->newest = node->older;
	else
		p->node[node->newer].older = node->older;
}

/* One more than there is room for, and the top goes: maybe the same one. */
static void
heap_put(struct policy *p, uint32_t session, uint32_t next)
{
	struct node *node = &p->node[session];
	uint32_t top;

	node->there = true;
	node->newer = next;
	node->older = p->held;
	p->heap[p->held++] = session;
	heap_move(p, session);
	if (p->held <= p->room)
		return;
	top = p->heap[0];
	p->node[top].there = false;
	session = p->heap[--p->held];
	if (p->held == 0 || session == top)
		return;
	p->heap[0] = session;
	p->node[session].older = 0;
	heap_move(p, session);
}

/* To where it belongs by when it is asked for. */
static void
heap_move(struct policy *p, uint32_t session)
{
	struct node *node = p->node;
	uint32_t at = node[session].older, child, other;

	while (at > 0) {
		other = p->heap[(at - 1) / 2];
		if (node[other].newer >= node[session].newer)
			break;
		p->heap[at] = other;
		node[other].older = at;
		at = (at - 1) / 2;
	}
	for (;;) {
		child = 2 * at + 1;
		if (child >= p->held)
			break;
		if (child + 1 < p->held && node[p->heap[child + 1]].newer >
		    node[p->heap[child]].newer)
			child++;
		other = p->heap[child];
		if (node[other].newer <= node[session].newer)
			break;
		p->heap[at] = other;
		node[other].older = at;
		at = child;
	}
	p->heap[at] = session;
	node[session].older = at;
}
