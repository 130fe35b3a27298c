/* SPDX-License-Identifier: ISC */
/* What a view says, in the words of the tables. Runs in the master. */
#include "config.h"

#include "report/report_int.h"

uint64_t
view_number(const struct ctl_view *v, uint64_t from)
{
	uint64_t number = UINT64_MAX;
	size_t i;

	for (i = 0; i < v->nworkers; i++)
		if (v->workers[i].number >= from &&
		    v->workers[i].number < number)
			number = v->workers[i].number;
	return number;
}

unsigned
view_restarts(const struct ctl_view *v, unsigned number)
{
	unsigned most = 0;
	size_t i;

	for (i = 0; i < v->nworkers; i++)
		if (v->workers[i].number == number &&
		    v->workers[i].restarts > most)
			most = v->workers[i].restarts;
	return most;
}

bool
view_certificate(const struct ctl_view *v, size_t i,
    struct ctl_certificate *c)
{
	return v->certificate != NULL && v->certificate(v->arg, i, c);
}

int64_t
view_crl_left(const struct ctl_view *v, const struct ctl_certificate *c)
{
	return c->crl_due == 0 ? INT64_MIN : c->crl_due - v->now;
}

const char *
view_verdict(const struct ctl_view *v)
{
	switch (v->reload) {
	case CTL_RELOAD_NEVER:
		return NULL;
	case CTL_RELOAD_OK:
		return "ok";
	case CTL_RELOAD_FAILED:
		return "failed";
	}
	return NULL;
}

const char *
worker_state_name(enum worker_state state)
{
	static const char *const names[WORKER_STATE_COUNT] = {
#define X(ID, name, doc) [WORKER_##ID] = name,
#include "report/worker_state.def"
#undef X
	};

	return names[state];
}

int64_t
seconds_since(const struct ctl_view *v, int64_t then)
{
	if (then == 0)
		return -1;
	return v->now > then ? v->now - then : 0;
}

uint64_t
slot_connections(const struct slot *slot)
{
	if (slot == NULL)
		return 0;
	return atomic_load_explicit(&slot->connections, memory_order_relaxed);
}

uint64_t
slot_metric(const struct slot *slot, enum metric m)
{
	if (slot == NULL)
		return 0;
	return atomic_load_explicit(&slot->metrics[m], memory_order_relaxed);
}
