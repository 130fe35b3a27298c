/* SPDX-License-Identifier: ISC */
/* Generations and their list; see generation.h. How they are made: make.c. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "generation/generation.h"

static void take_conf(struct generation *, struct conf *);
static void drop(struct generation_list *, struct generation *);
static void listener_free(struct listener *);
static void forget_sockets(struct bound_list *, const struct generation *);

struct generation *
generation_new(struct generation_list *list, struct conf *conf,
    unsigned number)
{
	struct generation *g = xcalloc(1, sizeof(*g));

	g->number = number;
	g->log_fd = -1;
	take_conf(g, conf);
	TAILQ_INSERT_TAIL(list, g, entry);
	return g;
}

static void
take_conf(struct generation *g, struct conf *conf)
{
	const struct priv_word user = { conf->user.value, &conf->user.loc };
	const struct priv_word group = { conf->group.value,
		&conf->group.loc };

	g->conf = conf;
	priv_account_set(&g->account, &user, &group);
}

struct generation *
generation_find(struct generation_list *list, unsigned number)
{
	struct generation *g;

	TAILQ_FOREACH(g, list, entry)
		if (g->number == number)
			return g;
	return NULL;
}

int
generation_reread(struct generation *g, const struct conf_origin *origin,
    struct err *err)
{
	struct conf *conf, *old = g->conf;

	conf = conf_load(origin->path, origin->overrides, origin->noverrides,
	    err);
	if (conf == NULL)
		return -1;
	take_conf(g, conf);
	conf_free(old);
	return 0;
}

void
generation_sweep(struct generation_list *list, const struct generation *but)
{
	struct generation *g, *next;

	for (g = TAILQ_FIRST(list); g != NULL; g = next) {
		next = TAILQ_NEXT(g, entry);
		if (g->draining && g->alive == 0 && g != but)
			drop(list, g);
	}
}

void
generation_forget(struct generation_list *list, struct bound_list *sockets,
    const struct generation *ours)
{
	struct generation *g, *next;

	forget_sockets(sockets, ours);
	for (g = TAILQ_FIRST(list); g != NULL; g = next) {
		next = TAILQ_NEXT(g, entry);
		if (g != ours)
			drop(list, g);
	}
}

static void
drop(struct generation_list *list, struct generation *g)
{
	size_t i;

	TAILQ_REMOVE(list, g, entry);
	for (i = 0; i < g->nlisteners; i++)
		listener_free(&g->listeners[i]);
	for (i = 0; i < g->nsets; i++)
		free(g->sets[i].fds);
	if (g->log_fd != -1)
		close(g->log_fd);
	free(g->listeners);
	free(g->sets);
	priv_account_release(&g->account);
	cache_unref(g->cache);
	conf_free(g->conf);
	free(g);
	mem_release();
}

static void
listener_free(struct listener *l)
{
	if (l->service != NULL && l->ops->teardown != NULL)
		l->ops->teardown(l->service);
	tls_front_free(l->tls);
}

/* Its own are the first ones of each set. */
static void
forget_sockets(struct bound_list *sockets, const struct generation *g)
{
	struct bound *b;
	size_t i, keep;

	TAILQ_FOREACH(b, sockets, entry) {
		keep = 0;
		for (i = 0; i < g->nsets; i++)
			if (b->nfds > 0 && g->sets[i].fds[0] == b->fds[0])
				keep = g->sets[i].nfds;
		sockets_forget(b, keep);
	}
}

void
generation_leave(const struct generation *g, struct heritage *h)
{
	memset(h, 0, sizeof(*h));
	h->conf = g->conf;
	h->sets = g->sets;
	h->nsets = g->nsets;
	h->listeners = g->listeners;
	h->nlisteners = g->nlisteners;
	h->ids = g->account.ids;
	h->sessions = g->cache != NULL ? g->cache->sessions : NULL;
	h->generation = g->number;
	h->connections = g->connections;
}

/* One that the program before us has made has its certificates there. */
bool
generation_certificate(const struct generation *g, size_t i,
    struct ctl_certificate *c)
{
	const struct conf_listen *listen;
	struct tls_dates dates;
	size_t k;

	for (k = 0; k < g->nlisteners; k++) {
		listen = g->listeners[k].conf;
		if (i >= listen->ncertificates) {
			i -= listen->ncertificates;
			continue;
		}
		if (!tls_front_dates(g->listeners[k].tls, i, &dates))
			return false;
		c->listener = listen->name;
		c->title = listen->certificates[i].title;
		c->chain = listen->certificates[i].chain.value;
		c->not_after = dates.not_after;
		c->chain_end = dates.chain_end;
		c->crl_due = dates.crl_due;
		return true;
	}
	return false;
}
