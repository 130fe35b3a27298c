/* SPDX-License-Identifier: ISC */
/*
 * The log; see log.h. Every process has its own copy of the state below, made
 * by the master and inherited over fork.
 */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/syslogger.h"

#define LINE_SIZE 4096
#define CUT " [cut]"

enum log_dest { DEST_STDERR, DEST_SYSLOG, DEST_FILE };

static struct {
	enum log_dest dest;
	enum log_level level;
	int fd; /* of the file */
	char *path;
	char name[32];
} state = { DEST_STDERR, LOGLVL_INFO, -1, NULL, "" };

static const struct {
	const char *name;
	int priority;
} levels[] = {
	[LOGLVL_ERROR] = { "error", LOG_ERR },
	[LOGLVL_WARNING] = { "warning", LOG_WARNING },
	[LOGLVL_NOTICE] = { "notice", LOG_NOTICE },
	[LOGLVL_INFO] = { "info", LOG_INFO },
	[LOGLVL_DEBUG] = { "debug", LOG_DEBUG },
};

static const struct {
	const char *name;
	int facility;
} facilities[] = {
	{ "daemon", LOG_DAEMON }, { "auth", LOG_AUTH },
	{ "authpriv", LOG_AUTHPRIV }, { "user", LOG_USER },
	{ "local0", LOG_LOCAL0 }, { "local1", LOG_LOCAL1 },
	{ "local2", LOG_LOCAL2 }, { "local3", LOG_LOCAL3 },
	{ "local4", LOG_LOCAL4 }, { "local5", LOG_LOCAL5 },
	{ "local6", LOG_LOCAL6 }, { "local7", LOG_LOCAL7 },
};

static void file_use(int);
static void emit(enum log_level, int, const char *, va_list)
    __attribute__((format(printf, 3, 0)));
static size_t append(char *, size_t, const char *, bool *);
static size_t line_head(char *, size_t);

int
log_level_parse(const char *text, enum log_level *level)
{
	size_t i;

	for (i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (strcmp(levels[i].name, text) == 0) {
			*level = (enum log_level)i;
			return 0;
		}
	return -1;
}

int
log_facility_parse(const char *text, int *facility)
{
	size_t i;

	for (i = 0; i < sizeof(facilities) / sizeof(facilities[0]); i++)
		if (strcasecmp(facilities[i].name, text) == 0) {
			*facility = facilities[i].facility;
			return 0;
		}
	return -1;
}

int
log_open(const char *dest, const char *facility, struct err *err)
{
	struct err why;
	int fac, fd;

	if (strcmp(dest, "stderr") == 0) {
		syslogger_close();
		file_use(-1);
		state.dest = DEST_STDERR;
		return 0;
	}
	if (strcmp(dest, "syslog") == 0) {
		if (log_facility_parse(facility, &fac) == -1)
			return err_set(err, NULL,
			    "unknown syslog facility \"%s\"", facility);
		file_use(-1);
		syslogger_open(_PATH_LOG, fac);
		state.dest = DEST_SYSLOG;
		return 0;
	}
	if (dest[0] != '/')
		return err_set(err, NULL, "log \"%s\": stderr, syslog or an "
		    "absolute path is expected", dest);
	fd = log_file_open(dest, &why);
	if (fd == -1)
		return err_set(err, NULL, "log file %s: %s", dest, why.text);
	log_use_file(fd, dest);
	return 0;
}

void
log_use_file(int fd, const char *path)
{
	syslogger_close();
	file_use(fd);
	state.path = xstrdup(path);
	state.dest = DEST_FILE;
}

int
log_reopen(struct err *err)
{
	struct err why;
	int fd;

	if (state.dest != DEST_FILE || state.path == NULL)
		return 0;
	fd = log_file_open(state.path, &why);
	if (fd == -1)
		return err_set(err, NULL, "log file %s: %s", state.path,
		    why.text);
	close(state.fd);
	state.fd = fd;
	return 0;
}

int
log_fd(void)
{
	return state.dest == DEST_FILE ? state.fd : -1;
}

void
log_adopt_fd(int fd)
{
	file_use(fd);
	state.dest = DEST_FILE;
}

/*
 * O_NONBLOCK, and it stays: a FIFO that nobody reads, or no longer, a line
 * that waits for its modem, must not keep anybody waiting.
 */
int
log_file_open(const char *path, struct err *why)
{
	struct stat st;
	int fd;

	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY |
	    O_NONBLOCK, 0640);
	if (fd == -1 && errno == ENXIO && stat(path, &st) == 0 &&
	    S_ISFIFO(st.st_mode))
		return err_set(why, NULL, "nobody reads this pipe");
	if (fd == -1)
		return err_set(why, NULL, "%s", strerror(errno));
	if (fstat(fd, &st) == -1 || S_ISBLK(st.st_mode)) {
		close(fd);
		return err_set(why, NULL, "not a file, a pipe or a terminal");
	}
	return fd;
}

/* Take fd (-1: none) as the log file in place of the one before. */
static void
file_use(int fd)
{
	if (state.fd != -1)
		close(state.fd);
	free(state.path);
	state.path = NULL;
	state.fd = fd;
}

void
log_set_level(enum log_level level)
{
	state.level = level;
}

bool
log_enabled(enum log_level level)
{
	return level <= state.level;
}

void
log_procinit(const char *name)
{
	snprintf(state.name, sizeof(state.name), "%s", name);
}

/*
 * One line, one write. What does not fit is cut and says so; control
 * characters cannot end a line early or reach a terminal.
 */
static void
emit(enum log_level level, int error, const char *fmt, va_list ap)
{
	char text[LINE_SIZE], line[LINE_SIZE];
	size_t n = 0;
	bool cut;
	int len;

	if (!log_enabled(level))
		return;
	len = vsnprintf(text, sizeof(text), fmt, ap);
	cut = len >= (int)sizeof(text);
	if (state.dest != DEST_SYSLOG)
		n = line_head(line, sizeof(line));
	if (state.name[0] != '\0') {
		n = append(line, n, state.name, &cut);
		n = append(line, n, ": ", &cut);
	}
	n = append(line, n, text, &cut);
	if (error != 0) {
		n = append(line, n, ": ", &cut);
		n = append(line, n, strerror(error), &cut);
	}
	if (cut) {
		memcpy(line + n, CUT, strlen(CUT));
		n += strlen(CUT);
	}
	line[n] = '\0';
	if (state.dest == DEST_SYSLOG) {
		syslogger_write(levels[level].priority, line);
		return;
	}
	line[n++] = '\n';
	/* There is nobody to tell when the log itself cannot be written. */
	(void)!write(state.dest == DEST_FILE ? state.fd : STDERR_FILENO, line,
	    n);
}

/*
 * Append text, control characters as \xHH, leaving room for CUT and a
 * newline. Returns the new length; *cut becomes true when not all had room.
 */
static size_t
append(char *line, size_t n, const char *text, bool *cut)
{
	static const char hex[] = "0123456789abcdef";
	const size_t room = LINE_SIZE - sizeof(CUT) - 1;
	unsigned char c;

	for (; *text != '\0'; text++) {
		c = (unsigned char)*text;
		if (n + 4 > room) {
			*cut = true;
			break;
		}
		if (c >= ' ' && c != 0x7f) {
			line[n++] = (char)c;
			continue;
		}
		line[n++] = '\\';
		line[n++] = 'x';
		line[n++] = hex[c >> 4];
		line[n++] = hex[c & 15];
	}
	return n;
}

static size_t
line_head(char *line, size_t size)
{
	struct timespec now;
	struct tm tm;
	size_t n;
	int len;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	n = strftime(line, size, "%Y-%m-%dT%H:%M:%S", &tm);
	len = snprintf(line + n, size - n, ".%03dZ tlsherd[%ld] ",
	    (int)(now.tv_nsec / 1000000), (long)getpid());
	return n + (len > 0 ? (size_t)len : 0);
}

#define LOG_FUNCTION(name, level, error)				\
	void								\
	name(const char *fmt, ...)					\
	{								\
		int saved = errno;					\
		va_list ap;						\
									\
		va_start(ap, fmt);					\
		emit(level, (error) ? saved : 0, fmt, ap);		\
		va_end(ap);						\
		errno = saved;						\
	}

LOG_FUNCTION(log_warn, LOGLVL_WARNING, true)
LOG_FUNCTION(log_warnx, LOGLVL_WARNING, false)
LOG_FUNCTION(log_errorx, LOGLVL_ERROR, false)
LOG_FUNCTION(log_notice, LOGLVL_NOTICE, false)
LOG_FUNCTION(log_info, LOGLVL_INFO, false)
LOG_FUNCTION(log_debug, LOGLVL_DEBUG, false)

/*
 * A start that fails: on standard error the bare message, as every command
 * has it, "file:line: what is wrong".
 */
_Noreturn static void __attribute__((format(printf, 2, 0)))
die(int error, const char *fmt, va_list ap)
{
	if (state.dest == DEST_STDERR) {
		vfprintf(stderr, fmt, ap);
		fprintf(stderr, "%s%s\n", error != 0 ? ": " : "",
		    error != 0 ? strerror(error) : "");
	} else {
		emit(LOGLVL_ERROR, error, fmt, ap);
	}
	exit(1);
}

void
fatal(const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	va_start(ap, fmt);
	die(saved, fmt, ap);
}

void
fatalx(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	die(0, fmt, ap);
}
