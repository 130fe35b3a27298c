/* SPDX-License-Identifier: ISC */
/* What a process has from whoever started it: its file, paths, descriptors. */
#ifndef BASE_PROGRAM_H
#define BASE_PROGRAM_H

#include <stdbool.h>

/*
 * The absolute path by which argv0 was found: what stands there later is what
 * the next exec(2) starts, so symbolic links are not followed. Call it before
 * the working directory changes. The caller frees it; NULL when there is no
 * such path.
 */
char *program_path(const char *argv0);

/*
 * path from the working directory on, symbolic links left as they are. The
 * caller frees it; NULL when there is no working directory.
 */
char *program_absolute(const char *path);

/*
 * Standard streams that are closed become /dev/null, or the next files that
 * are opened would be taken for them. 0, or -1 and errno.
 */
int program_streams(void);

/*
 * Whatever whoever started us had blocked: hold those that ask a server for
 * something and would end a program that does not know them yet, or none.
 */
void program_signals(bool hold);

#endif
