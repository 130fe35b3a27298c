/* SPDX-License-Identifier: ISC */
/* The end of what somebody says who may say more than there is room for. */
#ifndef BASE_TAIL_H
#define BASE_TAIL_H

#include <stddef.h>

struct tail {
	char text[2048]; /* NUL at the end; all zero before the first word */
	size_t len;
};

/* What is there (non-blocking), or a part. 1: there may be more, 0: the end. */
int tail_read(struct tail *, int fd);
/* A command that fails says why at the end. The text ends there, too. */
const char *tail_last_line(struct tail *);

#endif
