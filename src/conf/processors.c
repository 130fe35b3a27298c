/* SPDX-License-Identifier: ISC */
/*
 * How many processors there are for us: those that we may run on, and no more
 * than the control groups that we are in may use in time (Linux). Master.
 *
 * A quota may be set at any level of the tree. In a container the tree may
 * begin with the container's own group, while the path is that of the host:
 * groups that are not there have no quota.
 */
#include "config.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "conf/conf_int.h"

static unsigned usable(void);
static unsigned limit_tree(const char *, const char *, bool, unsigned);
static unsigned limit_group(const char *, bool, unsigned);
static bool read_line(char *, char *, size_t);
static bool has_cpu(const char *, const char *);

unsigned
conf_processors(const char *root)
{
	char line[PATH_MAX + 128], *path, *list;
	unsigned n = usable();
	FILE *fp;

	path = xasprintf("%s/proc/self/cgroup", root);
	fp = fopen(path, "re");
	free(path);
	if (fp == NULL)
		return n;
	/* "0::/a/b" or "4:cpu,cpuacct:/a/b" */
	while (fgets(line, sizeof(line), fp) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		list = strchr(line, ':');
		path = list != NULL ? strchr(list + 1, ':') : NULL;
		if (path == NULL)
			continue;
		if (path == list + 1)
			n = limit_tree(root, path + 1, true, n);
		else if (has_cpu(list + 1, path))
			n = limit_tree(root, path + 1, false, n);
	}
	fclose(fp);
	return n;
}

/* The affinity: a container may have fewer than all. */
static unsigned
usable(void)
{
	long n;
#ifdef CPU_COUNT
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) == 0 &&
	    CPU_COUNT(&set) > 0)
		return (unsigned)CPU_COUNT(&set);
#endif
	n = sysconf(_SC_NPROCESSORS_ONLN);
	return n > 0 ? (unsigned)n : 1;
}

/* The group and all above it. */
static unsigned
limit_tree(const char *root, const char *path, bool unified, unsigned n)
{
	char *top, *group;

	top = xasprintf("%s/sys/fs/cgroup%s", root, unified ? "" : "/cpu");
	group = xasprintf("%s%s", top, path);
	for (; strlen(group) > strlen(top); *strrchr(group, '/') = '\0')
		n = limit_group(group, unified, n);
	n = limit_group(top, unified, n);
	free(group);
	free(top);
	return n;
}

static unsigned
limit_group(const char *folder, bool unified, unsigned n)
{
	long long quota = 0, period = 0;
	char text[64], *file;
	bool known;

	file = xasprintf("%s/%s", folder, unified ? "cpu.max" :
	    "cpu.cfs_quota_us");
	known = read_line(file, text, sizeof(text));
	if (known && unified) {
		known = sscanf(text, "%lld %lld", &quota, &period) == 2;
	} else if (known) {
		quota = strtoll(text, NULL, 10);
		file = xasprintf("%s/cpu.cfs_period_us", folder);
		known = read_line(file, text, sizeof(text));
		period = known ? strtoll(text, NULL, 10) : 0;
	}
	/* "max", or -1, is none. */
	if (!known || quota <= 0 || period <= 0 || quota / period >= n)
		return n;
	return (unsigned)((quota + period - 1) / period);
}

/* The first line of a file, whose name is freed. */
static bool
read_line(char *file, char *text, size_t size)
{
	FILE *fp = fopen(file, "re");
	bool ok;

	free(file);
	if (fp == NULL)
		return false;
	ok = fgets(text, (int)size, fp) != NULL;
	fclose(fp);
	return ok;
}

/* Is "cpu" in the list that ends at end? */
static bool
has_cpu(const char *list, const char *end)
{
	size_t len;

	for (; list < end; list += len + 1) {
		len = strcspn(list, ",:");
		if (len == 3 && strncmp(list, "cpu", 3) == 0)
			return true;
	}
	return false;
}
