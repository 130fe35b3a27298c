/* SPDX-License-Identifier: ISC */
/*
 * The log of all tlsherd processes: standard error, a file or syslog.
 * Process-wide by nature; the only global state of base/.
 *
 * A line in a file or on standard error reads
 *   2026-11-23T13:20:01.123Z tlsherd[4711] master: text
 * syslog gets "master: text" with its own time and pid. Each line is one
 * write(2), so that lines of several processes never mix in a file. Control
 * characters come out as \xHH, a line that is too long ends in "[cut]".
 *
 * Nothing here waits for whoever takes the lines; see sink.h. The next line
 * that is taken comes after one that says how many are missing.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum log_level {
	LOGLVL_ERROR,
	LOGLVL_WARNING,
	LOGLVL_NOTICE,
	LOGLVL_INFO,
	LOGLVL_DEBUG,
};

/* Parse "error" … "debug". Returns 0, or -1 when it is none of them. */
int log_level_parse(const char *, enum log_level *);

/* Parse "daemon", "local0" …: the number for openlog(3). 0 or -1. */
int log_facility_parse(const char *, int *);

/*
 * Send the log to "stderr", "syslog" or an absolute path of a file, which is
 * opened for appending (created with mode 0640) and inherited by children.
 * On failure the log goes on as it did before.
 */
int log_open(const char *dest, const char *facility, struct err *);

/*
 * Open a file for the log, as log_open() does, without waiting for anybody: a
 * FIFO that nobody reads is an error. The descriptor, which is non-blocking,
 * or -1 and what is wrong.
 */
int log_file_open(const char *path, struct err *why);
/* Log to it; fd is ours from now on. path is for log_reopen(). */
void log_use_file(int fd, const char *path);

/* Open the same file again (after logrotate). Nothing to do otherwise. */
int log_reopen(struct err *);

/*
 * Standard error is another file from now on. Once log_open() has chosen it
 * the log has a descriptor of its own for it, which never waits; see sink.h.
 */
void log_stderr_changed(void);

/* The descriptor of the log file, -1 when the log is not a file. */
int log_fd(void);

/* Use fd (ours from now on) as the log file: a worker after log_reopen(). */
void log_adopt_fd(int fd);

void log_set_level(enum log_level);
bool log_enabled(enum log_level);

/* How many warnings this process has logged. */
unsigned long log_warned(void);

/* Add the lines that this process loses to this, too. */
void log_count_lost(_Atomic uint64_t *);

/* Name of this process in every line: "master", "worker 3". */
void log_procinit(const char *name);

/* warn, fatal: append ": " and strerror(errno). The x variants do not. */
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warnx(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_errorx(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_notice(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * Log at LOGLVL_ERROR and exit(1); on standard error the message stands alone.
 * For a start, before the first fork. In a master that runs it ends the server,
 * because its workers finish when it is gone: only when memory runs out (mem.h)
 * and when a takeover cannot go on.
 */
_Noreturn void fatal(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));
_Noreturn void fatalx(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));

#endif
