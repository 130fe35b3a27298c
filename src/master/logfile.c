/* SPDX-License-Identifier: ISC */
/*
 * Which log a configuration means, in the master and in the workers. A start
 * writes to standard error until it has succeeded; only then the log of the
 * configuration is the master's.
 *
 * A worker opens the log itself while it is still root, before its master
 * goes over to it. When the file is opened anew the master does it, because
 * the workers cannot any more, and hands over the descriptor.
 */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "master/master_int.h"

int
logfile_check(const struct conf *conf, struct err *err)
{
	const struct conf_str *log = &conf->log;
	int fd;

	if (log->value[0] != '/')
		return 0;
	fd = open(log->value, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC |
	    O_NOCTTY, 0640);
	if (fd == -1)
		return err_set(err, &log->loc, "log \"%s\": %s", log->value,
		    strerror(errno));
	close(fd);
	return 0;
}

int
logfile_check_folder(const struct conf *conf, struct err *err)
{
	const struct conf_str *log = &conf->log;
	struct stat st;
	char *folder;
	int rc;

	if (log->value[0] != '/')
		return 0;
	folder = xstrdup(log->value);
	*strrchr(folder, '/') = '\0';
	rc = stat(folder[0] != '\0' ? folder : "/", &st);
	if (rc == -1)
		err_set(err, &log->loc, "log \"%s\": %s", log->value,
		    strerror(errno));
	free(folder);
	return rc;
}

int
logfile_use(const struct master *m, const struct conf *conf, struct err *err)
{
	const char *dest = conf->log.value;

	if (strcmp(dest, "auto") == 0)
		dest = m->options->foreground ? "stderr" : "syslog";
	log_set_level(conf->log_level);
	return log_open(dest, conf->syslog_facility, err);
}

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

	if (log_fd() == -1)
		return;
	if (log_reopen(&err) == -1) {
		log_errorx("%s", err.text);
		return;
	}
	log_notice("log reopened");
	logfile_share(m);
}
