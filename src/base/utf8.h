/* SPDX-License-Identifier: ISC */
/* What is UTF-8 and what is not. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>

/*
 * The length of the well-formed sequence at p (Unicode 15, table 3-7) of two
 * bytes or more, or 0. A NUL is never taken for a continuation, so nothing
 * behind it is read.
 */
size_t utf8_length(const unsigned char *);

#endif
