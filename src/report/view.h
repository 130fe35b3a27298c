/* SPDX-License-Identifier: ISC */
/*
 * The master as the control socket and the log line see it. The master fills
 * the struct in when it is asked to; the report_*() turn it into text.
 */
#ifndef REPORT_VIEW_H
#define REPORT_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <sys/types.h>

#include "stats/scoreboard.h"

struct tlscache;
struct tlscache_keys;

enum worker_state {
#define X(ID, name, doc) WORKER_##ID,
#include "report/worker_state.def"
#undef X
	WORKER_STATE_COUNT
};

/* One worker process, or a worker number that waits for its next one. */
struct ctl_worker {
	unsigned number;
	unsigned generation;
	pid_t pid; /* 0: no process at the moment */
	enum worker_state state;
	int64_t started;   /* when it was forked; 0: no process */
	unsigned restarts; /* of this number, since the daemon was started */
	const struct slot *slot; /* what it counts; NULL: no process */
};

/* What a certificate { } section serves. Strings are the master's. */
struct ctl_certificate {
	const char *listener, *title;
	const char *chain; /* the file */
	int64_t not_after; /* of its first certificate */
	int64_t chain_end; /* of the certificate in the file that ends first */
	int64_t crl_due;   /* when the first list is to be replaced; 0: none */
};

enum ctl_reload {
	CTL_RELOAD_NEVER,
	CTL_RELOAD_OK,
	CTL_RELOAD_FAILED, /* the configuration before it is still in force */
};

/* Times are seconds since 1970. Pointers are the master's. */
struct ctl_view {
	int64_t now; /* set before the master is asked */
	const char *version;
	pid_t pid;
	int64_t started;
	const char *conf_path;
	unsigned generation;
	enum ctl_reload reload;
	unsigned reloads_ok, reloads_failed;
	int64_t reload_time;
	const char *reload_error; /* NULL unless it failed */
	const struct ctl_worker *workers;
	size_t nworkers;
	const struct tlscache *cache;	  /* NULL: none */
	const struct tlscache_keys *keys; /* the same */
	const struct scoreboard *scoreboard;
	/* Certificate i of those in use; false: there are no more. */
	bool (*certificate)(void *arg, size_t i, struct ctl_certificate *);
	/* Writes the configuration in force. */
	void (*config)(void *arg, FILE *);
	void *arg;
};

#endif
