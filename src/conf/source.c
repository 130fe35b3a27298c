/* SPDX-License-Identifier: ISC */
/*
 * Where the text of a configuration comes from: files. (Assignments of the
 * command line become texts in assign.c.) Master, and tlsherdctl.
 */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "conf/conf_int.h"

#define SIZE_MAX_FILE ((size_t)4 << 20)
#define SIZE_MAX_ALL ((size_t)16 << 20)
#define FILES_MAX 20000
#define DEPTH_MAX 16

static int read_file(struct conf_source *, int, const struct loc *,
    struct err *);
static void to_unix(char *);
static int check_nesting(const struct conf_source *, const struct loc *,
    struct err *);
static const char *keep(struct conf *, const char *);

int
conf_source_file(struct conf_source *source, struct conf *conf,
    const char *path, const struct loc *from, struct conf_source *parent,
    struct err *err)
{
	int fd, rc;

	memset(source, 0, sizeof(*source));
	source->parent = parent;
	source->has_lines = true;
	/* Files that include several others are soon a million. */
	if (conf->nfiles >= FILES_MAX)
		return err_set(err, from, "there are more than %d files",
		    FILES_MAX);
	source->name = keep(conf, path);
	source->folder = conf_folder(path);
	if (!mem_spare())
		return err_set(err, from, "%s: there is not enough memory to "
		    "read it", path);
	/* Without O_NONBLOCK a pipe would keep us waiting for a writer. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd == -1)
		return err_set(err, from, "%s: %s", path, strerror(errno));
	rc = read_file(source, fd, from, err);
	close(fd);
	if (rc == -1)
		return -1;
	conf->size += strlen(source->text);
	if (conf->size > SIZE_MAX_ALL)
		return err_set(err, from, "all files together are larger than "
		    "%zu bytes", SIZE_MAX_ALL);
	to_unix(source->text);
	return check_nesting(source, from, err);
}

static int
read_file(struct conf_source *source, int fd, const struct loc *from,
    struct err *err)
{
	struct loc here = { source->name, 0 };
	size_t size = 0;
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) == -1)
		return err_set(err, from, "%s: %s", source->name,
		    strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(err, from, "%s: %s", source->name,
		    S_ISDIR(st.st_mode) ? "is a directory, not a file" :
		    "is not a regular file");
	if ((st.st_mode & S_IWOTH) != 0 || ((st.st_mode & S_IWGRP) != 0 &&
	    st.st_gid != 0 && st.st_gid != getegid()))
		return err_set(err, from, "%s: others can write to it (mode "
		    "%04o): whoever can is master of the server", source->name,
		    (unsigned)st.st_mode & 07777);
	source->dev = st.st_dev;
	source->ino = st.st_ino;
	source->text = calloc(1, SIZE_MAX_FILE + 2);
	if (source->text == NULL)
		return err_set(err, from, "%s: %s", source->name,
		    strerror(errno));
	do {
		n = read(fd, source->text + size, SIZE_MAX_FILE + 1 - size);
		if (n == -1)
			return err_set(err, from, "%s: %s", source->name,
			    strerror(errno));
		size += (size_t)n;
	} while (n > 0 && size <= SIZE_MAX_FILE);
	if (size > SIZE_MAX_FILE)
		return err_set(err, &here, "the file is larger than %zu "
		    "bytes", SIZE_MAX_FILE);
	if (memchr(source->text, '\0', size) != NULL)
		return err_set(err, &here, "there is a NUL byte in it; is "
		    "this a text file?");
	source->text = xreallocarray(source->text, size + 1, 1);
	return 0;
}

/* Some editors begin with a byte order mark, some end lines with CR LF. */
static void
to_unix(char *text)
{
	char *to = text;

	if (strncmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3;
	for (; *text != '\0'; text++)
		if (text[0] != '\r' || text[1] != '\n')
			*to++ = *text;
	*to = '\0';
}

static int
check_nesting(const struct conf_source *source, const struct loc *from,
    struct err *err)
{
	const struct conf_source *outer;
	int depth = 0;

	for (outer = source->parent; outer != NULL; outer = outer->parent) {
		if (outer->dev == source->dev && outer->ino == source->ino)
			return err_set(err, from, "%s includes itself",
			    source->name);
		if (++depth > DEPTH_MAX)
			return err_set(err, from, "includes are nested more "
			    "than %d deep", DEPTH_MAX);
	}
	return 0;
}

char *
conf_folder(const char *path)
{
	char *cwd = NULL, *folder;

	if (path[0] == '/') {
		folder = xstrdup(path);
	} else {
		cwd = getcwd(NULL, 0);
		folder = xasprintf("%s/%s", cwd != NULL ? cwd : "", path);
		free(cwd);
	}
	*strrchr(folder, '/') = '\0';
	return folder;
}

/* A copy that lives as long as the configuration. */
static const char *
keep(struct conf *conf, const char *name)
{
	conf->files = xreallocarray(conf->files, conf->nfiles + 1,
	    sizeof(*conf->files));
	conf->files[conf->nfiles] = xstrdup(name);
	return conf->files[conf->nfiles++];
}

void
conf_source_init(struct conf_source *source, struct conf *conf,
    const char *name, const char *folder)
{
	memset(source, 0, sizeof(*source));
	source->name = keep(conf, name);
	source->folder = xstrdup(folder);
}

void
conf_source_release(struct conf_source *source)
{
	free(source->folder);
	free(source->text);
}
