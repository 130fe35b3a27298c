/* SPDX-License-Identifier: ISC */
/*
 * bench-cache: what the parts of the benchmark of libtlscache share.
 *
 *	cache_main.c    options, order, the time that all of it may take
 *	cache_report.c  tables for people, or one JSON document
 *	cache_load.c    ids and data; a cache that is filled with them
 *	cache_crew.c    processes: start, pin, wait, end
 *	cache_hist.c    distributions of times
 *
 *	cache_rate.c    operations per second
 *	cache_hold.c    how long locks are held; a program of its own, whose
 *	                objects of the library call a hook (cache_held.c asks it)
 *	cache_size.c    bytes per session; cache_peer.c makes the sessions
 *	cache_hits.c    hit rates; cache_trace.c makes the clients,
 *	                cache_policy.c what the cache is compared with
 *	cache_stop.c    fetching while another process is stopped
 */
#ifndef CACHE_BENCH_H
#define CACHE_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tlscache.h"

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

struct bench {
	bool quick;
	const char *folder; /* of this program; the other one is there too */
};

/* The parts; each prints its tables. */
void bench_rate(const struct bench *);
void bench_held(const struct bench *);
void bench_size(const struct bench *);
void bench_hits(const struct bench *);
void bench_stop(const struct bench *);

/* "what: why" to standard error; ends the children and the benchmark. */
void bench_fail(const char *what, const char *why)
    __attribute__((noreturn));
/* The same unless code is TLSCACHE_OK. */
void bench_check(const char *what, int code);

/* cache_report.c */

struct column {
	const char *key;  /* in JSON; NULL ends the array */
	const char *head; /* in the table */
	int decimals;
};

void report_begin(bool json);
/* Returns -1 when something could not be written. */
int report_end(void);
void report_text(const char *key, const char *text);
/* first: what the labels of the rows are; "what" in JSON. */
void table_begin(const char *key, const char *title, const char *first,
    const struct column *);
/* One value per column; NAN: there is none. */
void table_row(const char *label, const double *values);
void table_end(void);
/* Kept until report_end() prints them all. */
void report_goal(const char *what, double measured, double wanted,
    bool at_least);

/* cache_crew.c: processes at work side by side. */

#define CREW_MAX 8

struct crew_result {
	uint64_t operations;
	uint64_t good;	/* what that is, the work says */
	double seconds; /* on the wall */
	double cpu;	/* seconds of this process */
};

/* What each of the processes, numbered from 0, does. */
struct crew_work {
	void (*prepare)(void *arg, unsigned number); /* NULL: nothing */
	/* Some hundred operations; adds to *good, returns how many. */
	uint64_t (*work)(void *arg, unsigned number, uint64_t *good);
	void *arg;
};

/* All of n processes work at the same time, for so long. */
void crew_run(unsigned n, const struct crew_work *, double seconds,
    struct crew_result *);

/* One process, which dies with this one. Returns its pid, recorded. */
int crew_fork(void (*)(void *arg, unsigned number), void *arg,
    unsigned number);
/* Wait until it ends by itself, and fail if it did so with a failure. */
void crew_join(int pid);
/* End it, whatever it does, and wait for that. */
void crew_end(int pid);
/* End all that live; may be called in a signal handler. */
void crew_end_all(void);
/* How many processors there are for this program. */
unsigned crew_processors(void);
/* To the processor of that number, and to all of them again. */
void crew_pin(unsigned number);
void crew_unpin(void);
/* Memory that a fork shares; zeroed. */
void *crew_memory(size_t size);

/* cache_load.c */

#define LOAD_NOW 1000000
#define LOAD_LIFE 100000
#define LOAD_DATA 102 /* bytes of a plain TLS 1.3 session, see cache_size.c */

struct load_id {
	uint64_t word[4];
};

uint64_t load_random(uint64_t *state);
struct load_id load_id(uint64_t number);
extern const unsigned char load_data[TLSCACHE_DATA_MAX];

struct tlscache *load_open(size_t size);
/* Bytes of shared memory. */
double load_segment(const struct tlscache *);
/*
 * Store under numbers first … first + n - 1. On a busy machine a process can
 * lose its turn for long with a lock in its hands: tries again.
 */
void load_fill(struct tlscache *, uint64_t first, uint64_t n, size_t len);

/* cache_hist.c: counts of times in nanoseconds, 3 % wide. */

#define HIST_BUCKETS (60u * 32u)

struct hist {
	uint64_t n;
	uint64_t max;
	uint64_t count[HIST_BUCKETS];
};

void hist_add(struct hist *, uint64_t ns);
/* The time that this share (0 … 1) of all was not above; NAN: none at all. */
double hist_at(const struct hist *, double share);
/* Nanoseconds since some fixed moment. */
uint64_t hist_clock(void);
double median(double *, size_t n);

/* What the program with the hook (cache_hold.c) writes for each line. */
struct held {
	char what[48];
	uint64_t n;
	double p50, p99, p999, max; /* nanoseconds */
};

#endif
