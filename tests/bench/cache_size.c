/* SPDX-License-Identifier: ISC */
/*
 * What sessions take: the bytes of those that real handshakes left in the
 * cache, and how many of their kind a full cache holds for each MiB of its
 * segment, locks and index and all.
 */
#include "config.h"

#include <string.h>

#include "cache_bench.h"
#include "cache_peer.h"

#define HANDSHAKES 32
#define SMALL (1u << 20)
#define LARGE (32u << 20)

/*
 * "Plain" is nothing but what must be. tlsherd keeps a digest of 16 bytes as
 * session id context, and a note of 9.
 */
static const struct peer_shape shapes[] = {
	{ "TLS 1.3, plain", TLS1_3_VERSION, NULL, NULL, 4, 0 },
	{ "TLS 1.3, server name", TLS1_3_VERSION, "www.example.com", NULL,
	    4, 0 },
	{ "TLS 1.3, as tlsherd has them", TLS1_3_VERSION, "www.example.com",
	    NULL, 16, 9 },
	{ "TLS 1.3, P-256 client certificate", TLS1_3_VERSION, NULL, "EC",
	    4, 0 },
	{ "TLS 1.3, RSA-2048 client certificate", TLS1_3_VERSION, NULL,
	    "RSA", 4, 0 },
	{ "TLS 1.2, plain", TLS1_2_VERSION, NULL, NULL, 4, 0 },
	{ "TLS 1.2, server name", TLS1_2_VERSION, "www.example.com", NULL,
	    4, 0 },
	{ "TLS 1.2, P-256 client certificate", TLS1_2_VERSION, NULL, "EC",
	    4, 0 },
	{ "TLS 1.2, RSA-2048 client certificate", TLS1_2_VERSION, NULL,
	    "RSA", 4, 0 },
};

static const struct column columns[] = {
	{ "data_bytes", "data", 1 },
	{ "entry_bytes", "entry", 1 },
	{ "per_mib_1", "/MiB of 1", 0 },
	{ "per_mib_32", "/MiB of 32", 0 },
	{ NULL, NULL, 0 },
};

struct sessions {
	unsigned char data[HANDSHAKES][TLSCACHE_DATA_MAX];
	size_t len[HANDSHAKES];
};

static void make(const struct peer_shape *, struct sessions *, double *);
static double per_mib(const struct sessions *, size_t);

void
bench_size(const struct bench *b)
{
	static struct sessions sessions;
	double value[COUNT_OF(columns) - 1];
	size_t i;

	table_begin("sizes", "bytes of a session, without its id and as an "
	    "entry; sessions per MiB of a cache of 1 and of 32 MiB",
	    "session", columns);
	for (i = 0; i < COUNT_OF(shapes); i++) {
		make(&shapes[i], &sessions, value);
		value[2] = per_mib(&sessions, SMALL);
		value[3] = per_mib(&sessions, LARGE);
		table_row(shapes[i].label, value);
		if (i == 0)
			report_goal("plain TLS 1.3 sessions per MiB",
			    value[2] < value[3] ? value[2] : value[3], 5000,
			    true);
	}
	table_end();
}

/* value: bytes of data and of the entry, on average. */
static void
make(const struct peer_shape *shape, struct sessions *s, double *value)
{
	struct tlscache *cache = load_open(SMALL);
	struct peer *peer = peer_new(shape, cache);
	struct tlscache_stat stat;
	double sum = 0;
	int i;

	for (i = 0; i < HANDSHAKES; i++) {
		s->len[i] = peer_session(peer, s->data[i]);
		sum += (double)s->len[i];
	}
	tlscache_stat(cache, &stat);
	if (stat.entries != HANDSHAKES)
		bench_fail(shape->label, "not one entry for each handshake");
	value[0] = sum / HANDSHAKES;
	value[1] = (double)stat.bytes / HANDSHAKES;
	peer_free(peer);
	tlscache_close(cache);
}

/* Twice as many as there is room for, so that it is as full as it gets. */
static double
per_mib(const struct sessions *s, size_t size)
{
	struct tlscache *cache = load_open(size);
	struct tlscache_stat stat;
	struct load_id id;
	double result;
	size_t done, i;

	for (done = i = 0; done < 2 * size; i++) {
		id = load_id(i);
		bench_check("storing", tlscache_store(cache, &id, sizeof(id),
		    s->data[i % HANDSHAKES], s->len[i % HANDSHAKES],
		    LOAD_NOW + LOAD_LIFE, LOAD_NOW));
		done += s->len[i % HANDSHAKES];
	}
	tlscache_stat(cache, &stat);
	result = (double)stat.entries / (load_segment(cache) / (1 << 20));
	tlscache_close(cache);
	return result;
}
