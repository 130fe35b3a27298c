/* SPDX-License-Identifier: ISC */
/*
 * Reading what is handed on; see handover.h. Runs in the master that comes, or
 * in a test of it that the one before has asked for. It was written by a
 * master, not by a stranger, but maybe of another version: every number is
 * looked at before it is a descriptor or a pid.
 */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "master/handover.h"
#include "master/master_int.h"

struct reader {
	struct master *master;
	struct handover *handover;
	char *rest; /* of the line; NULL: nothing */
};

static void receive(void);
/*
 * What the environment said: who announced it, and the description. The
 * variable goes at once: neither a child nor /proc shall have it.
 */
static struct {
	pid_t pid;
	int fd;
} announced = { 0, -1 };

static int read_lines(struct reader *, FILE *, struct err *);
static bool read_line(struct reader *);
static bool read_version(struct reader *);
static bool read_started(struct reader *);
static bool read_sessions(struct reader *);
static bool read_keys(struct reader *);
static bool read_scoreboard(struct reader *);
static bool read_pidfile(struct reader *);
static bool read_control(struct reader *);
static bool read_restarts(struct reader *);
static bool read_reloads(struct reader *);
static bool read_socket(struct reader *);
static bool read_generation(struct reader *);
static bool read_worker(struct reader *);
static struct generation *generation_find(struct master *, unsigned);
static bool number(struct reader *, int64_t, int64_t, int64_t *);
static bool flag(struct reader *, bool *);
static bool descriptor(struct reader *, int *);
static bool word(struct reader *, char **);
static int hex(char);
static void forget(struct master *);

static const struct {
	const char *keyword;
	bool (*read)(struct reader *);
} lines[] = {
	{ "version", read_version },
	{ "started", read_started },
	{ "sessions", read_sessions },
	{ "keys", read_keys },
	{ "scoreboard", read_scoreboard },
	{ "pidfile", read_pidfile },
	{ "control", read_control },
	{ "restarts", read_restarts },
	{ "reloads", read_reloads },
	{ "socket", read_socket },
	{ "generation", read_generation },
	{ "worker", read_worker },
};

bool
handover_here(void)
{
	receive();
	return announced.pid == getpid();
}

bool
handover_asked(void)
{
	receive();
	return announced.pid == getppid();
}

/* The environment may have come over several programs: who meant us? */
static void
receive(void)
{
	const char *text = getenv(HANDOVER_ENV);
	long pid;

	if (text == NULL)
		return;
	announced.fd = -1;
	announced.pid = 0;
	if (sscanf(text, "%ld %d", &pid, &announced.fd) == 2)
		announced.pid = (pid_t)pid;
	handover_withdraw();
}

int
handover_read(struct master *m, struct handover *h, struct err *err)
{
	struct reader r = { .master = m, .handover = h };
	FILE *fp;
	int result;

	receive();
	memset(h, 0, sizeof(*h));
	h->sessions_fd = h->keys_fd = h->scoreboard_fd = h->pidfile_fd =
	    h->control.fd = -1;
	fp = announced.fd != -1 ? fdopen(announced.fd, "r") : NULL;
	announced.fd = -1;
	if (fp == NULL)
		return err_set(err, NULL, "the description of what is handed "
		    "on is not there");
	result = read_lines(&r, fp, err);
	fclose(fp);
	return result;
}

static int
read_lines(struct reader *r, FILE *fp, struct err *err)
{
	char *line = NULL;
	size_t size = 0;
	int n, result = 0;

	for (n = 1; getline(&line, &size, fp) > 0; n++) {
		line[strcspn(line, "\n")] = '\0';
		r->rest = line;
		if (n > 1 && read_line(r))
			continue;
		if (n == 1 && strcmp(line, HANDOVER_HEAD) == 0)
			continue;
		result = err_set(err, NULL, n == 1 ? "tlsherd "
		    PACKAGE_VERSION " cannot take over from this one: "
		    "\"%.64s\" instead of \"" HANDOVER_HEAD "\"" :
		    "what is handed on cannot be read: \"%.64s\"", line);
		break;
	}
	free(line);
	if (result == 0 && r->master->current == NULL)
		result = err_set(err, NULL, "what is handed on has no "
		    "generation that serves");
	return result;
}

static bool
read_line(struct reader *r)
{
	const char *keyword = strsep(&r->rest, " ");
	size_t i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (strcmp(lines[i].keyword, keyword) == 0)
			return lines[i].read(r);
	return true;
}

static bool
read_version(struct reader *r)
{
	return word(r, &r->handover->version);
}

static bool
read_started(struct reader *r)
{
	int64_t generation;

	if (!number(r, 0, INT64_MAX, &r->master->started) ||
	    !number(r, 1, UINT_MAX, &generation))
		return false;
	r->master->last_generation = (unsigned)generation;
	return true;
}

static bool
read_sessions(struct reader *r)
{
	return descriptor(r, &r->handover->sessions_fd);
}

static bool
read_keys(struct reader *r)
{
	return descriptor(r, &r->handover->keys_fd);
}

static bool
read_scoreboard(struct reader *r)
{
	return descriptor(r, &r->handover->scoreboard_fd);
}

static bool
read_pidfile(struct reader *r)
{
	return descriptor(r, &r->handover->pidfile_fd) &&
	    word(r, &r->handover->pidfile);
}

static bool
read_control(struct reader *r)
{
	struct handover *h = r->handover;
	int64_t dev, ino;

	if (!descriptor(r, &h->control.fd) ||
	    !number(r, 0, INT64_MAX, &dev) ||
	    !number(r, 0, INT64_MAX, &ino) || !word(r, &h->control_path))
		return false;
	h->control.dev = (uint64_t)dev;
	h->control.ino = (uint64_t)ino;
	h->control.path = h->control_path;
	return true;
}

static bool
read_restarts(struct reader *r)
{
	struct master *m = r->master;
	int64_t n;

	while (r->rest != NULL) {
		if (m->nrestarts == WORKERS_MAX ||
		    !number(r, 0, UINT_MAX, &n))
			return false;
		m->restarts = xreallocarray(m->restarts, m->nrestarts + 1,
		    sizeof(*m->restarts));
		m->restarts[m->nrestarts++] = (unsigned)n;
	}
	return true;
}

static bool
read_reloads(struct reader *r)
{
	int64_t ok, failed;

	if (!number(r, 0, UINT_MAX, &ok) || !number(r, 0, UINT_MAX, &failed))
		return false;
	r->master->reloads[0] = (unsigned)ok;
	r->master->reloads[1] = (unsigned)failed;
	return true;
}

static bool
read_socket(struct reader *r)
{
	struct bound *b = xcalloc(1, sizeof(*b));
	char *text = NULL;
	struct err err;
	bool ok;

	TAILQ_INSERT_TAIL(&r->master->sockets, b, entry);
	ok = flag(r, &b->shared) && word(r, &text) && r->rest != NULL &&
	    addr_parse(text, &b->wanted, NULL, &err) == 0;
	free(text);
	while (ok && r->rest != NULL) {
		b->fds = xreallocarray(b->fds, b->nfds + 1, sizeof(*b->fds));
		ok = descriptor(r, &b->fds[b->nfds]);
		b->nfds += ok;
	}
	b->served = b->nfds;
	b->actual.len = sizeof(b->actual.ss);
	if (!ok || getsockname(b->fds[0], (struct sockaddr *)&b->actual.ss,
	    &b->actual.len) == -1)
		return false;
	addr_format((struct sockaddr *)&b->actual.ss, b->actual.len, b->text,
	    sizeof(b->text));
	return true;
}

/*
 * Of its configuration there is what we need until its workers have finished;
 * they have the rest.
 */
static bool
read_generation(struct reader *r)
{
	struct generation *g = xcalloc(1, sizeof(*g));
	struct conf *conf = xcalloc(1, sizeof(*conf));
	int64_t n, workers, size, level;

	g->conf = conf;
	g->master = r->master;
	g->handed_over = true;
	g->log_fd = -1;
	TAILQ_INSERT_TAIL(&r->master->generations, g, entry);
	if (!number(r, 1, UINT_MAX, &n) || !flag(r, &g->draining) ||
	    !number(r, 0, INT64_MAX, &g->kill_at) ||
	    !number(r, 1, WORKERS_MAX, &workers) ||
	    !number(r, 0, INT64_MAX / 4096, &conf->drain_timeout) ||
	    !number(r, 0, INT64_MAX, &size) ||
	    !number(r, 0, INT64_MAX, &conf->session_timeout) ||
	    !number(r, 0, INT64_MAX, &conf->ticket_rotate) ||
	    !number(r, LOGLVL_ERROR, LOGLVL_DEBUG, &level) ||
	    !word(r, &conf->log.value) || !word(r, &conf->syslog_facility))
		return false;
	g->number = (unsigned)n;
	conf->workers = (unsigned)workers;
	conf->cache_size = (size_t)size;
	conf->log_level = (enum log_level)level;
	if (g->draining)
		return true;
	if (r->master->current != NULL)
		return false;
	r->master->current = g;
	return true;
}

static bool
read_worker(struct reader *r)
{
	struct process *p = xcalloc(1, sizeof(*p));
	int64_t worker, generation, pid, slot;

	p->master = r->master;
	p->child.fd = -1;
	TAILQ_INSERT_TAIL(&r->master->processes, p, entry);
	/* Not 1, 0 or less: these are many processes for kill(2). */
	if (!number(r, 0, WORKERS_MAX - 1, &worker) ||
	    !number(r, 1, UINT_MAX, &generation) ||
	    !number(r, 2, INT_MAX, &pid) || !descriptor(r, &p->child.fd) ||
	    !number(r, 0, UINT_MAX, &slot) ||
	    !number(r, INT64_MIN, INT64_MAX, &p->started) ||
	    !flag(r, &p->ready) || !flag(r, &p->child.killed))
		return false;
	p->worker = (unsigned)worker;
	p->child.pid = (pid_t)pid;
	p->slot_number = (unsigned)slot;
	p->generation = generation_find(r->master, (unsigned)generation);
	if (p->generation == NULL ||
	    p->worker >= p->generation->conf->workers)
		return false;
	p->generation->alive++;
	return true;
}

static struct generation *
generation_find(struct master *m, unsigned number)
{
	struct generation *g;

	TAILQ_FOREACH(g, &m->generations, entry)
		if (g->number == number)
			return g;
	return NULL;
}

static bool
number(struct reader *r, int64_t min, int64_t max, int64_t *n)
{
	const char *text = strsep(&r->rest, " ");
	char *end;

	if (text == NULL)
		return false;
	errno = 0;
	*n = strtoimax(text, &end, 10);
	return errno == 0 && end != text && *end == '\0' && *n >= min &&
	    *n <= max;
}

static bool
flag(struct reader *r, bool *b)
{
	int64_t n;

	if (!number(r, 0, 1, &n))
		return false;
	*b = n == 1;
	return true;
}

/* -1 is none; any other must be open, and not be a standard stream. */
static bool
descriptor(struct reader *r, int *fd)
{
	int64_t n;

	if (!number(r, -1, INT_MAX, &n))
		return false;
	*fd = (int)n;
	return n == -1 ||
	    (n > STDERR_FILENO && fcntl(*fd, F_SETFD, FD_CLOEXEC) == 0);
}

static bool
word(struct reader *r, char **copy)
{
	const char *text = strsep(&r->rest, " ");
	char *to;

	if (text == NULL || *copy != NULL)
		return false;
	*copy = to = xstrdup(text);
	for (; *text != '\0'; text++) {
		if (*text != '%') {
			*to++ = *text;
			continue;
		}
		if (hex(text[1]) == -1 || hex(text[2]) == -1)
			return false;
		*to++ = (char)(hex(text[1]) * 16 + hex(text[2]));
		text += 2;
	}
	*to = '\0';
	return true;
}

static int
hex(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *p = c != '\0' ? strchr(digits, c) : NULL;

	return p != NULL ? (int)(p - digits) : -1;
}

void
handover_release(struct handover *h)
{
	free(h->version);
	free(h->pidfile);
	free(h->control_path);
}

int
handover_check(struct err *err)
{
	struct handover h;
	struct master m;
	int result;

	memset(&m, 0, sizeof(m));
	TAILQ_INIT(&m.sockets);
	TAILQ_INIT(&m.processes);
	TAILQ_INIT(&m.generations);
	result = handover_read(&m, &h, err);
	handover_release(&h);
	forget(&m);
	return result;
}

/* Free and close nothing, and unlink no Unix socket. */
static void
forget(struct master *m)
{
	struct process *p;
	struct bound *b;

	while ((b = TAILQ_FIRST(&m->sockets)) != NULL) {
		TAILQ_REMOVE(&m->sockets, b, entry);
		free(b->fds);
		free(b);
	}
	while ((p = TAILQ_FIRST(&m->processes)) != NULL) {
		TAILQ_REMOVE(&m->processes, p, entry);
		free(p);
	}
	generation_forget(m, NULL);
	free(m->restarts);
}
