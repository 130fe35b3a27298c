/* SPDX-License-Identifier: ISC */
/* What the reports share among themselves. */
#ifndef REPORT_REPORT_INT_H
#define REPORT_REPORT_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report/report.h"

/* view.c: what a view says, in the words of the tables */

/* The lowest number of a worker from `from` on; UINT64_MAX: there is none. */
uint64_t view_number(const struct ctl_view *, uint64_t from);
/* How often the worker of that number was replaced. */
unsigned view_restarts(const struct ctl_view *, unsigned number);
/* Certificate i of those in use; false: there are no more. */
bool view_certificate(const struct ctl_view *, size_t i,
    struct ctl_certificate *);
/* Seconds until the next list is due; INT64_MIN: there are no lists. */
int64_t view_crl_left(const struct ctl_view *, const struct ctl_certificate *);
const char *view_verdict(const struct ctl_view *);
const char *worker_state_name(enum worker_state);
/* -1: since never. The clock may have been set back since. */
int64_t seconds_since(const struct ctl_view *, int64_t);
/* Of a process; 0 when there is none. */
uint64_t slot_connections(const struct slot *);
uint64_t slot_metric(const struct slot *, enum metric);

#endif
