/* SPDX-License-Identifier: ISC */
/*
 * What a process takes, out of proc(5): /proc/PID/stat and /proc/PID/statm.
 * Other systems do not have these, and then it is not known. Any process.
 */
#include "config.h"

#include <sys/resource.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/usage.h"

static int read_file(pid_t, const char *, char *, size_t);
static int64_t micros(struct timeval);

void
usage_of(pid_t pid, struct usage *u)
{
	unsigned long long user, system, pages;
	long hz = sysconf(_SC_CLK_TCK), page = sysconf(_SC_PAGESIZE);
	char buf[1024], *p;

	u->cpu_us = u->resident = -1;
	/* The name in brackets may have anything in it, brackets as well. */
	if (read_file(pid, "stat", buf, sizeof(buf)) == 0 && hz > 0 &&
	    (p = strrchr(buf, ')')) != NULL &&
	    sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
	    "%llu %llu", &user, &system) == 2)
		u->cpu_us = (int64_t)((user + system) * 1000000 /
		    (unsigned long long)hz);
	if (read_file(pid, "statm", buf, sizeof(buf)) == 0 && page > 0 &&
	    sscanf(buf, "%*u %llu", &pages) == 1)
		u->resident = (int64_t)pages * page;
}

int64_t
usage_children(void)
{
	struct rusage r;

	if (getrusage(RUSAGE_CHILDREN, &r) == -1)
		return 0;
	return micros(r.ru_utime) + micros(r.ru_stime);
}

static int
read_file(pid_t pid, const char *name, char *buf, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, name);
	if (pid <= 0 || (fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return -1;
	n = read(fd, buf, size - 1);
	close(fd);
	if (n <= 0)
		return -1;
	buf[n] = '\0';
	return 0;
}

static int64_t
micros(struct timeval tv)
{
	return (int64_t)tv.tv_sec * 1000000 + tv.tv_usec;
}
