/* SPDX-License-Identifier: ISC */
/*
 * Who listens at an address that we cannot have: "Address already in use" does
 * not say which of many processes is in the way, and a worker that was stopped
 * when its master was killed is no longer anybody's child. Linux tells it in
 * /proc, to root of all processes. Master, when a bind has failed.
 */
#include "config.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "listen/listen.h"

#define STATE_LISTEN 0x0a
/* Descriptors looked at: a start or a reload waits for the answer. */
#define LOOKS_MAX 100000u

static unsigned long socket_of(const struct addr *);
static unsigned long search(const char *, const char *, unsigned);
static bool is_any(const char *);
static long process_of(unsigned long inode);
static bool has_link(const char *, const char *, unsigned *);
static void describe(long, char *, size_t);

void
holder_text(const struct addr *addr, char *buf, size_t size)
{
	unsigned long inode;
	long pid;

	buf[0] = '\0';
	if (addr_is_unix(addr) || (inode = socket_of(addr)) == 0 ||
	    (pid = process_of(inode)) == 0)
		return;
	describe(pid, buf, size);
}

/* Its inode; 0: nobody that we can see. */
static unsigned long
socket_of(const struct addr *addr)
{
	const struct sockaddr_in6 *in6 = (const void *)&addr->ss;
	const struct sockaddr_in *in = (const void *)&addr->ss;
	unsigned long inode;
	uint32_t word[4];
	char host[40];

	if (addr->ss.ss_family == AF_INET) {
		snprintf(host, sizeof(host), "%08X", in->sin_addr.s_addr);
		inode = search("/proc/net/tcp", host, ntohs(in->sin_port));
		/* [::] can have it as well. */
		return inode != 0 ? inode : search("/proc/net/tcp6",
		    "00000000000000000000000000000000", ntohs(in->sin_port));
	}
	memcpy(word, &in6->sin6_addr, sizeof(word));
	snprintf(host, sizeof(host), "%08X%08X%08X%08X", word[0], word[1],
	    word[2], word[3]);
	return search("/proc/net/tcp6", host, ntohs(in6->sin6_port));
}

static unsigned long
search(const char *table, const char *host, unsigned port)
{
	unsigned here, state;
	unsigned long inode, found = 0;
	char line[512], local[64];
	FILE *fp;

	if ((fp = fopen(table, "re")) == NULL)
		return 0;
	while (found == 0 && fgets(line, sizeof(line), fp) != NULL)
		if (sscanf(line, "%*d: %63[0-9A-F]:%x %*[0-9A-F]:%*x %x "
			"%*s %*s %*s %*s %*s %lu", local, &here, &state,
			&inode) == 4 &&
		    state == STATE_LISTEN && here == port &&
		    (is_any(local) || is_any(host) ||
			strcmp(local, host) == 0))
			found = inode;
	fclose(fp);
	return found;
}

static bool
is_any(const char *host)
{
	return host[strspn(host, "0")] == '\0';
}

/* 0: nobody that we can see. */
static long
process_of(unsigned long inode)
{
	char link[64], folder[300];
	const struct dirent *de;
	unsigned looks = 0;
	long pid = 0;
	DIR *d;

	if ((d = opendir("/proc")) == NULL)
		return 0;
	snprintf(link, sizeof(link), "socket:[%lu]", inode);
	while (pid == 0 && looks < LOOKS_MAX && (de = readdir(d)) != NULL) {
		if (de->d_name[strspn(de->d_name, "0123456789")] != '\0')
			continue;
		snprintf(folder, sizeof(folder), "/proc/%s/fd", de->d_name);
		if (has_link(folder, link, &looks))
			pid = strtol(de->d_name, NULL, 10);
	}
	closedir(d);
	return pid;
}

static bool
has_link(const char *folder, const char *link, unsigned *looks)
{
	const struct dirent *de;
	bool found = false;
	char target[64];
	ssize_t n;
	DIR *d;

	if ((d = opendir(folder)) == NULL)
		return false;
	while (!found && (de = readdir(d)) != NULL) {
		(*looks)++;
		n = readlinkat(dirfd(d), de->d_name, target,
		    sizeof(target) - 1);
		if (n <= 0)
			continue;
		target[n] = '\0';
		found = strcmp(target, link) == 0;
	}
	closedir(d);
	return found;
}

/* "pid (name) state …": a name may have parentheses of its own. */
static void
describe(long pid, char *buf, size_t size)
{
	char path[64], line[256], *name, *end;
	bool stopped;
	FILE *fp;

	snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	if ((fp = fopen(path, "re")) == NULL)
		return;
	if (fgets(line, sizeof(line), fp) != NULL &&
	    (name = strchr(line, '(')) != NULL &&
	    (end = strrchr(name, ')')) != NULL) {
		*end = '\0';
		stopped = end[1] == ' ' && (end[2] == 'T' || end[2] == 't');
		snprintf(buf, size, " by pid %ld (%s)%s", pid, name + 1,
		    stopped ? ", which is stopped and ends with kill -9" : "");
	}
	fclose(fp);
}
