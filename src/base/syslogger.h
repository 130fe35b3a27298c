/* SPDX-License-Identifier: ISC */
/*
 * syslog without waiting. syslog(3) blocks while the system's logger does not
 * read, and a server that waits for its log does not serve. Here lines are
 * dropped and counted then, as sink.h has it, and the next one that is taken
 * comes after one that says how many are lost.
 *
 * Lines are datagrams as syslog(3) sends them (RFC 3164 section 4.1, without
 * the host name), or go through a stream where the logger has one. One for
 * a process; children inherit it over fork(2).
 */
#ifndef BASE_SYSLOGGER_H
#define BASE_SYSLOGGER_H

/*
 * path: the logger's socket, /dev/log (kept, not copied); facility: as for
 * openlog(3). Connects at once, because a chroot may follow; a logger that is
 * not there is looked for again with each line.
 */
void syslogger_open(const char *path, int facility);
/* Nothing to do when it is not open. */
void syslogger_close(void);

/* priority: LOG_ERR to LOG_DEBUG. line: without a newline. */
void syslogger_write(int priority, const char *line);

#endif
