/* SPDX-License-Identifier: ISC */
/*
 * Clients that come back, and caches that their sessions are looked for in:
 * the store itself and what it is compared with. The benchmark prints the hit
 * rates; a unit test holds the store to what the model predicts.
 *
 * The model. Connections come at a constant rate. Each is made by one client
 * of a fixed population, chosen at random and independent of the others: the
 * k-th of them with a probability proportional to k^-exponent (Zipf). It
 * offers its newest session unless that is over. A hit resumes it; after
 * anything else there is a full handshake and a new session, which lives for
 * `life` seconds. In TLS 1.2 a hit changes nothing. In TLS 1.3 (renew) it
 * makes another session, which ends when the one before it would have, and
 * the one before it is never asked for again.
 */
#ifndef CACHE_MODEL_H
#define CACHE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tlscache.h"

#define MODEL_NEVER UINT32_MAX

struct trace_shape {
	uint32_t clients;
	double exponent;
	uint32_t per_second; /* connections */
	uint32_t seconds;
	uint32_t life; /* of a session, seconds */
	uint64_t seed;
};

struct trace {
	struct trace_shape shape;
	uint32_t n;	  /* connections */
	uint32_t *client; /* of each of them */
	uint32_t *next;	  /* connection of the same client, or MODEL_NEVER */
};

/* cache_trace.c; memory that is not to be had aborts. */
void trace_init(struct trace *, const struct trace_shape *);
void trace_release(struct trace *);
uint32_t trace_second(const struct trace *, uint32_t connection);

/*
 * Where sessions are kept; each is named by the connection that made it.
 * next is the connection that will ask for it (again), or MODEL_NEVER: only
 * the optimum may look at that.
 */
struct model_ops {
	bool (*get)(void *, uint32_t session, uint32_t next, uint32_t second);
	void (*put)(void *, uint32_t session, uint32_t next, uint32_t second,
	    uint32_t end);
};

struct model_result {
	uint32_t connections;
	uint32_t offered;
	uint32_t hits;
	uint32_t sessions; /* new ones */
};

/* cache_model.c */
struct model_result model_run(const struct trace *, bool renew,
    const struct model_ops *, void *);
double model_hit_rate(const struct model_result *);

/* The store, by its public interface; entries of len bytes. */
struct model_store {
	struct tlscache *cache;
	size_t len;
	bool once; /* each is asked for once, as in TLS 1.3 */
	unsigned errors; /* answers that are no hit and no miss */
};
extern const struct model_ops model_store_ops;

/* cache_policy.c: as many sessions as fit, and a rule for who goes. */
enum policy_rule {
	POLICY_FIFO,   /* the first that came */
	POLICY_LRU,    /* the one whose last use is longest ago */
	POLICY_CHANCE, /* first in, first out; who was used stays once more,
			* but in the last third of its life */
	POLICY_ONCE,   /* the same, who was not used, and one time */
	POLICY_BEST    /* Belady: asked for latest, or never before its end */
};

struct policy;
struct policy *policy_new(enum policy_rule, uint32_t room, uint32_t n);
void policy_free(struct policy *);
extern const struct model_ops policy_ops;

#endif
