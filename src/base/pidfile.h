/* SPDX-License-Identifier: ISC */
/*
 * The pid file: created 0644, locked by its owner for as long as it runs, so
 * that a second instance is refused and a stale file is recognised. Who may
 * only read it can hinder nobody by a lock of his own (where the system has
 * F_OFD_SETLK).
 */
#ifndef BASE_PIDFILE_H
#define BASE_PIDFILE_H

#include <sys/types.h>

#include "base/err.h"

struct pidfile;

/*
 * Open and lock path (absolute). Returns NULL with the error text when
 * another process holds it (its pid is in the text), it cannot be opened, or
 * what stands in it is no pid.
 * A stale file that somebody else has locked for reading is made anew.
 * The lock belongs to the open descriptor and so passes to children of
 * fork(2): take it before becoming a daemon, and have workers release it
 * with pidfile_forget().
 */
struct pidfile *pidfile_open(const char *path, struct err *);

/* Write the pid of the calling process. Returns 0, or -1 and errno. */
int pidfile_write(struct pidfile *);

/*
 * The pid file that the program before this one in the same process had: its
 * descriptor, over exec, and its path. The lock came with it. NULL and errno
 * when fd is not what stands there.
 */
struct pidfile *pidfile_adopt(int fd, const char *path);

/* Of the open file: its descriptor and its path. */
int pidfile_fd(const struct pidfile *);
const char *pidfile_path(const struct pidfile *);

/* Remove the file, release the lock and free. NULL is allowed. */
void pidfile_remove(struct pidfile *);

/* In a child: close our copy, leave the file and its lock alone, and free. */
void pidfile_forget(struct pidfile *);

#endif
