/* SPDX-License-Identifier: ISC */
/* Who connects when; see cache_model.h. */
#include "config.h"

#include <math.h>
#include <stdlib.h>

#include "cache_model.h"

static double *zipf_new(uint32_t, double);
static uint32_t zipf_find(const double *, uint32_t, double);
static double random_share(uint64_t *);

void
trace_init(struct trace *t, const struct trace_shape *shape)
{
	uint64_t seed = shape->seed;
	uint32_t i, *last;
	double *sums;

	t->shape = *shape;
	t->n = shape->per_second * shape->seconds;
	t->client = calloc(t->n, sizeof(*t->client));
	t->next = calloc(t->n, sizeof(*t->next));
	last = calloc(shape->clients, sizeof(*last));
	if (t->client == NULL || t->next == NULL || last == NULL)
		abort();
	sums = zipf_new(shape->clients, shape->exponent);
	for (i = 0; i < t->n; i++)
		t->client[i] = zipf_find(sums, shape->clients,
		    random_share(&seed) * sums[shape->clients - 1]);
	for (i = 0; i < shape->clients; i++)
		last[i] = MODEL_NEVER;
	for (i = t->n; i-- > 0;) {
		t->next[i] = last[t->client[i]];
		last[t->client[i]] = i;
	}
	free(sums);
	free(last);
}

void
trace_release(struct trace *t)
{
	free(t->client);
	free(t->next);
}

uint32_t
trace_second(const struct trace *t, uint32_t connection)
{
	return connection / t->shape.per_second;
}

static double *
zipf_new(uint32_t n, double exponent)
{
	double *sums, sum = 0;
	uint32_t i;

	sums = calloc(n, sizeof(*sums));
	if (sums == NULL)
		abort();
	for (i = 0; i < n; i++)
		sums[i] = sum += pow((double)i + 1, -exponent);
	return sums;
}

/* The first whose sum is above x. */
static uint32_t
zipf_find(const double *sums, uint32_t n, double x)
{
	uint32_t low = 0, high = n - 1, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (sums[mid] > x)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

/* 0 <= x < 1 */
static double
random_share(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15ULL;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return (double)((x ^ x >> 31) >> 11) / 9007199254740992.0;
}
