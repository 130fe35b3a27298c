/* SPDX-License-Identifier: ISC */
/* Asks cache-hold, the program with the hook, how long locks are held. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cache_bench.h"

struct asked {
	const struct bench *bench;
	int fd[2];
};

static const struct column columns[] = {
	{ "p50_ns", "p50", 0 },
	{ "p99_ns", "p99", 0 },
	{ "p999_ns", "p99.9", 0 },
	{ "max_ns", "max", 0 },
	{ "holds", "holds", 0 },
	{ NULL, NULL, 0 },
};

static void ask(void *, unsigned);

void
bench_held(const struct bench *b)
{
	struct asked asked = { .bench = b };
	double value[COUNT_OF(columns) - 1];
	struct held held;
	FILE *f;
	int pid;

	if (pipe(asked.fd) == -1)
		bench_fail("pipe", strerror(errno));
	pid = crew_fork(ask, &asked, 0);
	(void)close(asked.fd[1]);
	f = fdopen(asked.fd[0], "r");
	if (f == NULL)
		bench_fail("pipe", strerror(errno));
	table_begin("lock_held", "nanoseconds that the lock of a shard is "
	    "held; the longest also have what else\nthe machine did meanwhile",
	    "operation, processes", columns);
	while (fread(&held, sizeof(held), 1, f) == 1) {
		value[0] = held.p50;
		value[1] = held.p99;
		value[2] = held.p999;
		value[3] = held.max;
		value[4] = (double)held.n;
		held.what[sizeof(held.what) - 1] = '\0';
		table_row(held.what, value);
	}
	table_end();
	(void)fclose(f);
	crew_join(pid);
}

/* Its processes choose processors for themselves, so this one must not. */
static void
ask(void *arg, unsigned number)
{
	const struct asked *asked = arg;
	char path[4096], seconds[16];

	crew_unpin();
	(void)snprintf(path, sizeof(path), "%s/cache-hold",
	    asked->bench->folder);
	(void)snprintf(seconds, sizeof(seconds), "%s",
	    asked->bench->quick ? "0.05" : "0.5");
	if (dup2(asked->fd[1], STDOUT_FILENO) == -1)
		bench_fail("dup2", strerror(errno));
	(void)close(asked->fd[0]);
	(void)close(asked->fd[1]);
	(void)execl(path, path, seconds, (char *)NULL);
	bench_fail(path, strerror(errno));
}
