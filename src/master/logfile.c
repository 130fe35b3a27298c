/* SPDX-License-Identifier: ISC */
/*
 * The log file of the master as all its workers have it: they cannot open it
 * themselves.
 */
#include "config.h"

#include "base/log.h"
#include "master/master_int.h"

static void reopen_next(struct master *);

void
logfile_share(struct master *m)
{
	struct process *p;

	if (log_fd() == -1)
		return;
	/* A generation that is not serving yet may have another log. */
	TAILQ_FOREACH(p, &m->processes, entry)
		if (m->next == NULL || p->generation != m->next)
			process_tell(p, CONTROL_LOG, 0, log_fd());
}

void
logfile_reopen(struct master *m)
{
	struct err err;

	reopen_next(m);
	if (log_fd() == -1)
		return;
	if (log_reopen(&err) == -1) {
		log_errorx("%s: the log goes on in the one that is open",
		    err.text);
		return;
	}
	log_notice("log reopened");
	logfile_share(m);
}

/* That of a generation that does not serve yet: it may be on the old file. */
static void
reopen_next(struct master *m)
{
	struct process *p;
	struct err err;

	if (m->next == NULL || m->next->log_fd == -1)
		return;
	if (logfile_open(m->next, &err) == -1) {
		log_errorx("%s", err.text);
		return;
	}
	TAILQ_FOREACH(p, &m->processes, entry)
		if (p->generation == m->next)
			process_tell(p, CONTROL_LOG, 0, m->next->log_fd);
}
