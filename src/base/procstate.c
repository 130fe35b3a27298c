/* SPDX-License-Identifier: ISC */
/* What /proc says of a process, where there is one. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/procstate.h"

/* As far as the system tells; the third word there is the state. */
const char *
procstate_why(pid_t pid)
{
	char path[64], line[256];
	const char *state;
	FILE *fp;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	fp = fopen(path, "re");
	if (fp == NULL)
		return "";
	state = fgets(line, sizeof(line), fp) != NULL ? strrchr(line, ')') :
	    NULL;
	fclose(fp);
	if (state == NULL || strlen(state) < 3)
		return "";
	switch (state[2]) {
	case 'T':
		return " (stopped by a signal)";
	case 't':
		return " (stopped by a debugger)";
	case 'D':
		return " (waiting for a disk)";
	default:
		return "";
	}
}
