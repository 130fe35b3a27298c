/* SPDX-License-Identifier: ISC */
/*
 * What can be said of the paths of a configuration before they are used. Of
 * those that only a start creates anything at, the log, the pid file, the files
 * of sockets, this creates and removes nothing, and it asks for no right to
 * write: who tests need not be who starts. Master.
 */
#include "config.h"

#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "conf/conf.h"

/* As many as the kernel follows. */
#define LINKS_MAX 40

static int check_log(const struct conf_str *, struct err *);
static int check_file(const char *, const struct conf_str *, mode_t,
    struct err *);
static void warn_folder(const char *, const struct conf_str *);
static int folder_of(const char *);
static char *follow_links(const char *);

int
conf_check_paths(const struct conf *conf, struct err *err)
{
	const struct conf_listen *l;
	const struct conf_addr *a;
	struct conf_str path;
	size_t i;

	if (check_log(&conf->log, err) == -1 ||
	    check_file("pid_file", &conf->pid_file, S_IFREG, err) == -1 ||
	    check_file("control_socket", &conf->control_socket, S_IFSOCK,
		err) == -1)
		return -1;
	for (l = conf->listens; l < conf->listens + conf->nlistens; l++)
		for (i = 0; i < l->naddresses; i++) {
			a = &l->addresses[i];
			if (!addr_is_unix(&a->addr))
				continue;
			path.value = a->text + strlen("unix:");
			path.loc = a->loc;
			if (check_file("address", &path, S_IFSOCK, err) == -1)
				return -1;
		}
	return 0;
}

/*
 * One that is there is opened as for a start; otherwise, could it be made? But
 * not a FIFO: who reads it would take our close for the end.
 */
static int
check_log(const struct conf_str *log, struct err *err)
{
	struct err why;
	struct stat st;
	char *path;
	int fd, r = 0;

	if (log->value[0] != '/')
		return 0;
	warn_folder("log", log);
	path = follow_links(log->value);
	if (access(path, F_OK) == -1 && errno == ENOENT) {
		if (folder_of(path) == -1)
			r = err_set(&why, NULL, "%s", strerror(errno));
	} else if (stat(path, &st) == 0 && S_ISFIFO(st.st_mode)) {
		if (access(path, W_OK) == -1)
			r = err_set(&why, NULL, "%s", strerror(errno));
	} else if ((fd = log_file_open(path, &why)) == -1) {
		r = -1;
	} else {
		close(fd);
	}
	free(path);
	if (r == -1)
		err_set(err, &log->loc, "log \"%s\": %s", log->value,
		    why.text);
	return r;
}

/* A file of this type, or none in a folder that is there. */
static int
check_file(const char *directive, const struct conf_str *path, mode_t type,
    struct err *err)
{
	struct stat st;

	if (path->value == NULL)
		return 0;
	warn_folder(directive, path);
	if (lstat(path->value, &st) == 0) {
		if ((st.st_mode & S_IFMT) == type)
			return 0;
		return err_set(err, &path->loc, "%s \"%s\": is there and is "
		    "no %s", directive, path->value,
		    type == S_IFSOCK ? "socket" : "regular file");
	}
	if (errno == ENOENT && folder_of(path->value) == 0)
		return 0;
	return err_set(err, &path->loc, "%s \"%s\": %s", directive,
	    path->value, errno == ENOENT ? "its folder does not exist" :
	    strerror(errno));
}

/* Where anybody can put another file in its place. */
static void
warn_folder(const char *directive, const struct conf_str *path)
{
	struct err warning;
	struct stat st;
	char *folder = xstrdup(path->value);

	strrchr(folder, '/')[1] = '\0';
	if (stat(folder, &st) == 0 && (st.st_mode & S_IWOTH) != 0 &&
	    (st.st_mode & S_ISVTX) == 0) {
		err_set(&warning, &path->loc, "%s \"%s\": others can write "
		    "to the folder (mode %04o)", directive, path->value,
		    (unsigned)st.st_mode & 07777);
		log_warnx("%s", warning.text);
	}
	free(folder);
}

/* Is it there? 0, or -1 and errno. */
static int
folder_of(const char *path)
{
	char *folder = xstrdup(path);
	int r;

	/* With its slash, so that a file does not do. */
	strrchr(folder, '/')[1] = '\0';
	r = access(folder, F_OK);
	free(folder);
	return r;
}

/* open(2) creates what a link leads to. To be freed. */
static char *
follow_links(const char *from)
{
	char *path = xstrdup(from), *next, target[PATH_MAX];
	int left = LINKS_MAX;
	ssize_t n;

	while (left-- > 0 &&
	    (n = readlink(path, target, sizeof(target) - 1)) > 0) {
		target[n] = '\0';
		if (target[0] == '/')
			next = xstrdup(target);
		else
			next = xasprintf("%.*s%s", (int)(strrchr(path, '/') -
			    path + 1), path, target);
		free(path);
		path = next;
	}
	return path;
}

int
conf_check_chroot(const struct conf *conf, struct err *err)
{
	const struct conf_str *path = &conf->chroot;
	struct stat st;

	if (path->value == NULL)
		return 0;
	if (stat(path->value, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return 0;
		errno = ENOTDIR;
	}
	return err_set(err, &path->loc, "chroot \"%s\": %s", path->value,
	    strerror(errno));
}
