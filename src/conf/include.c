/* SPDX-License-Identifier: ISC */
/* include("…"): which files does it name? Master. */
#include "config.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "conf/conf_int.h"

static char *pattern_path(const char *, const char *);
static int unreadable(const char *, int);

/* glob(3) has no argument for its callback. */
static int glob_errno;

int
conf_include(const char *text, const char *folder, const struct loc *loc,
    conf_include_cb *cb, void *arg, struct err *err)
{
	char *path;
	glob_t found;
	size_t i;
	int rc;

	if (text[0] == '\0')
		return err_set(err, loc, "include \"\": expected a path or a "
		    "pattern");
	if (strpbrk(text, "*?[") == NULL) {
		path = conf_path(folder, text);
		rc = cb(path, loc, arg);
		free(path);
		return rc;
	}
	path = pattern_path(folder, text);
	memset(&found, 0, sizeof(found));
	rc = glob(path, 0, unreadable, &found);
	free(path);
	if (rc != 0 && rc != GLOB_NOMATCH) {
		rc = err_set(err, loc, "include \"%.200s\": %s", text,
		    strerror(rc == GLOB_NOSPACE ? ENOMEM : glob_errno));
	} else {
		rc = 0;
		for (i = 0; i < found.gl_pathc && rc == 0; i++)
			rc = cb(found.gl_pathv[i], loc, arg);
	}
	globfree(&found);
	return rc;
}

/* The folder is no pattern, whatever is in its name. */
static char *
pattern_path(const char *folder, const char *text)
{
	char *escaped, *path, *p;

	if (text[0] == '/')
		return xstrdup(text);
	escaped = xcalloc(2, strlen(folder) + 1);
	for (p = escaped; *folder != '\0'; folder++) {
		if (strchr("*?[\\", *folder) != NULL)
			*p++ = '\\';
		*p++ = *folder;
	}
	path = xasprintf("%s/%s", escaped, text);
	free(escaped);
	return path;
}

/* A folder that is not there has no files; one that we may not read might. */
static int
unreadable(const char *path, int error)
{
	glob_errno = error;
	return error != ENOENT && error != ENOTDIR;
}
