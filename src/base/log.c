/* SPDX-License-Identifier: ISC */
/*
 * The log; see log.h. Every process has its own copy of the state below, made
 * by the master and inherited over fork.
 */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
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
#include "base/sink.h"
#include "base/syslogger.h"

#define LINE_SIZE 4096
#define CUT " [cut]"

enum log_dest { DEST_STDERR, DEST_SYSLOG, DEST_FILE };

static struct {
	enum log_dest dest;
	enum log_level level;
	struct sink sink; /* none: standard error, at a start */
	char *path;
	unsigned long warned;
	char name[32];
} state = { DEST_STDERR, LOGLVL_INFO, { -1, SINK_WRITE }, NULL, 0, "" };

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

static void stderr_use(void);
static void file_use(int);
static void emit(enum log_level, int, const char *, va_list)
    __attribute__((format(printf, 3, 0)));
static void write_line(const char *, size_t);
static bool tell_lost(void);
static size_t compose(char *, const char *, int, bool);
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

	sink_share();
	if (strcmp(dest, "stderr") == 0) {
		syslogger_close();
		stderr_use();
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
	sink_share();
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
	sink_close(&state.sink);
	sink_attach(&state.sink, fd);
	return 0;
}

void
log_stderr_changed(void)
{
	if (state.dest == DEST_STDERR && state.sink.fd != -1)
		stderr_use();
}

int
log_fd(void)
{
	return state.dest == DEST_FILE ? state.sink.fd : -1;
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

/* What is not open is no place for a log: lines are lost, and nobody waits. */
static void
stderr_use(void)
{
	file_use(-1);
	(void)sink_borrow(&state.sink, STDERR_FILENO);
	state.dest = DEST_STDERR;
}

/* Take fd (-1: none) as the log file in place of the one before. */
static void
file_use(int fd)
{
	sink_close(&state.sink);
	free(state.path);
	state.path = NULL;
	if (fd != -1)
		sink_attach(&state.sink, fd);
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

unsigned long
log_warned(void)
{
	return state.warned;
}

void
log_count_lost(_Atomic uint64_t *counter)
{
	sink_count(counter);
}

void
log_procinit(const char *name)
{
	sink_share(); /* the master's comes before its workers open the log */
	snprintf(state.name, sizeof(state.name), "%s", name);
}

static void
emit(enum log_level level, int error, const char *fmt, va_list ap)
{
	char line[LINE_SIZE], text[LINE_SIZE];
	size_t n;
	int len;

	state.warned += level == LOGLVL_WARNING;
	if (!log_enabled(level))
		return;
	len = vsnprintf(text, sizeof(text), fmt, ap);
	n = compose(line, text, error, len >= (int)sizeof(text));
	if (state.dest == DEST_SYSLOG) {
		line[n] = '\0';
		syslogger_write(levels[level].priority, line + 1);
		return;
	}
	line[n++] = '\n';
	write_line(line, n - 1);
}

/* The n bytes after line[0]; see sink_write(). */
static void
write_line(const char *line, size_t n)
{
	if (state.sink.fd == -1)
		(void)!write(STDERR_FILENO, line + 1, n); /* whom to tell? */
	else if (!tell_lost() || !sink_write(&state.sink, line, n))
		sink_lost(errno);
}

/* The sink is back: say what is missing, where it is missing. */
static bool
tell_lost(void)
{
	char line[LINE_SIZE], text[128];
	const char *why;
	uint64_t lost;
	size_t n;

	if (!sink_lost_any() || (lost = sink_lost_take(&why)) == 0)
		return true;
	snprintf(text, sizeof(text), "%" PRIu64 " %s lost here: %s", lost,
	    lost == 1 ? "line was" : "lines were", why);
	n = compose(line, text, 0, false);
	line[n] = '\n';
	if (sink_write(&state.sink, line, n))
		return true;
	sink_lost_untold(lost);
	return false;
}

/*
 * A newline and then one line, which is one write. What does not fit is cut and
 * says so; control characters cannot end a line early or reach a terminal.
 * Returns where it ends; there is room for one byte more.
 */
static size_t
compose(char *line, const char *text, int error, bool cut)
{
	size_t n = 1;

	line[0] = '\n';
	if (state.dest != DEST_SYSLOG)
		n += line_head(line + 1, LINE_SIZE - 1);
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
	return n;
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
	if (state.dest == DEST_STDERR && state.sink.fd == -1) {
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
