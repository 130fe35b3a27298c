/* SPDX-License-Identifier: ISC */
/* The file of the program that runs. */
#ifndef BASE_PROGRAM_H
#define BASE_PROGRAM_H

/*
 * The absolute path by which argv0 was found: what stands there later is what
 * the next exec(2) starts, so symbolic links are not followed. Call it before
 * the working directory changes. The caller frees it; NULL when there is no
 * such path.
 */
char *program_path(const char *argv0);

#endif
