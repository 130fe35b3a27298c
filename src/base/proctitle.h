/* SPDX-License-Identifier: ISC */
/* What ps(1) shows: "tlsherd: master", "tlsherd: worker 3". */
#ifndef BASE_PROCTITLE_H
#define BASE_PROCTITLE_H

/* Call first in main(): on Linux argv and environ are moved to make room. */
void proctitle_init(int argc, char **argv);
void proctitle_set(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));

#endif
