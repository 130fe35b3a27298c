/* SPDX-License-Identifier: ISC */
/* How the program was started; see program.h. Any process. */
#include "config.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/program.h"

static char *search(const char *);

char *
program_path(const char *argv0)
{
	if (argv0 == NULL || argv0[0] == '\0')
		return NULL;
	return strchr(argv0, '/') != NULL ? program_absolute(argv0) :
	    search(argv0);
}

char *
program_absolute(const char *path)
{
	char cwd[PATH_MAX];

	if (path[0] == '/')
		return xstrdup(path);
	if (getcwd(cwd, sizeof(cwd)) == NULL)
		return NULL;
	return xasprintf("%s/%s", strcmp(cwd, "/") != 0 ? cwd : "", path);
}

/* As the shell does it. An empty folder of PATH is the working directory. */
static char *
search(const char *name)
{
	const char *env = getenv("PATH");
	char *copy, *file, *folder, *rest;

	if (env == NULL)
		return NULL;
	file = NULL;
	rest = copy = xstrdup(env);
	while (file == NULL && (folder = strsep(&rest, ":")) != NULL) {
		file = xasprintf("%s/%s", folder[0] != '\0' ? folder : ".",
		    name);
		if (access(file, X_OK) == -1) {
			free(file);
			file = NULL;
		}
	}
	free(copy);
	if (file == NULL || file[0] == '/')
		return file;
	copy = program_absolute(file);
	free(file);
	return copy;
}

int
program_streams(void)
{
	int fd;

	/* The lowest that is free is what open(2) gives. */
	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) == -1 &&
		    open("/dev/null", O_RDWR) == -1)
			return -1;
	return 0;
}

void
program_signals(bool hold)
{
	sigset_t set;

	sigemptyset(&set);
	if (hold) {
		sigaddset(&set, SIGHUP);
		sigaddset(&set, SIGUSR1);
		sigaddset(&set, SIGUSR2);
	}
	(void)sigprocmask(SIG_SETMASK, &set, NULL);
}
