/* SPDX-License-Identifier: ISC */
/*
 * Which log a configuration means, in the master and in the workers. A start
 * writes to standard error until it has succeeded; only then the log of the
 * configuration is the master's.
 *
 * The file is opened once, when the generation is made, for its workers and
 * for the master, which goes over to it later: whoever reads a FIFO would take
 * a close in between for the end. When it is opened anew the master hands the
 * descriptor over to the workers, which cannot open it any more.
 */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "generation/generation.h"

int
logfile_open(struct generation *g, struct err *err)
{
	const struct conf_str *log = &g->conf->log;
	struct err why;
	int fd;

	if (log->value[0] != '/')
		return 0;
	fd = log_file_open(log->value, &why);
	if (fd == -1)
		return err_set(err, &log->loc, "log \"%s\": %s", log->value,
		    why.text);
	if (g->log_fd != -1)
		close(g->log_fd);
	g->log_fd = fd;
	return 0;
}

int
logfile_use(struct generation *g, bool foreground, struct err *err)
{
	const struct conf *conf = g->conf;
	const char *dest = conf->log.value;

	if (strcmp(dest, "auto") == 0)
		dest = foreground ? "stderr" : "syslog";
	log_set_level(conf->log_level);
	if (g->log_fd == -1)
		return log_open(dest, conf->syslog_facility, err);
	log_use_file(g->log_fd, dest);
	g->log_fd = -1;
	return 0;
}
