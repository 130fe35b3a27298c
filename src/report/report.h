/* SPDX-License-Identifier: ISC */
/*
 * What the daemon tells about itself: the reports of the control socket, for
 * people or for programs, and the line about the session cache in the log.
 * The fields stand in fields.def, one row for both forms.
 */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "report/view.h"

struct tlscache;
struct tlscache_keys;
struct tlscache_stat;

enum report_form {
	REPORT_PLAIN,
	REPORT_JSON,
};

/* Each returns 0, or -1 when the stream failed. */
int report_status(FILE *, enum report_form, const struct ctl_view *)
    __attribute__((warn_unused_result));
int report_sessions(FILE *, enum report_form, const struct ctl_view *)
    __attribute__((warn_unused_result));
int report_workers(FILE *, enum report_form, const struct ctl_view *)
    __attribute__((warn_unused_result));
int report_certificates(FILE *, enum report_form, const struct ctl_view *)
    __attribute__((warn_unused_result));
/* As a file would have it, whatever the form. */
int report_config(FILE *, enum report_form, const struct ctl_view *)
    __attribute__((warn_unused_result));
/* In Prometheus' text format, whatever the form. */
int report_metrics(FILE *, enum report_form, const struct ctl_view *)
    __attribute__((warn_unused_result));

/* The time that a line in the log is about. */
struct report_period {
	const struct tlscache_stat *before; /* at the last line; zeroed: none */
	const struct tlscache_stat *now;
	int64_t seconds;	 /* between the two */
	int64_t session_timeout; /* seconds */
	size_t cache_size;	 /* session_cache.size, bytes */
};

/* Longest output of one of these lines with its NUL. */
#define REPORT_LINE_MAX 512

/*
 * One line about the cache, without a newline:
 *   sessions: 97.3 % of 12,345 look-ups hit; 3,210 entries in 1.2 MiB of
 *   32 MiB
 * and, when entries were evicted before their time, how many and which
 * session_cache.size would have held them.
 */
void report_session_line(char *buf, size_t size,
    const struct report_period *);

/*
 * The size (bytes, for session_cache.size) with which nothing would have been
 * evicted before its time in the period; 0 when nothing was.
 */
uint64_t report_size_needed(const struct report_period *);

/*
 * One line about the sessions, the ticket keys, or both, that are not locked
 * into memory, and the limit that they need; false when all are. cache_size:
 * session_cache.size.
 */
bool report_unlocked_line(char *buf, size_t size, const struct tlscache *,
    const struct tlscache_keys *, size_t cache_size);

#endif
