/* SPDX-License-Identifier: ISC */
/*
 * Writing what is handed on; see handover.h. Runs in the master that goes. How
 * it is read, in the one that comes: handover_read.c.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memfile.h"
#include "master/handover.h"
#include "master/master_int.h"

static int memory_file(const char *, size_t, struct err *);
static void write_all(FILE *, const struct master *);
static void write_socket(FILE *, const struct bound *);
static void write_generation(FILE *, const struct generation *);
static void write_worker(FILE *, const struct process *);
static void write_word(FILE *, const char *);
static void set_pass(int, bool);

int
handover_write(const struct master *m, struct err *err)
{
	char *text = NULL;
	int failed, fd;
	size_t len;
	FILE *fp;

	fp = open_memstream(&text, &len);
	if (fp == NULL)
		return err_set(err, NULL, "out of memory");
	write_all(fp, m);
	failed = ferror(fp);
	failed = fclose(fp) != 0 || failed;
	fd = failed ? err_set(err, NULL, "out of memory") :
	    memory_file(text, len, err);
	free(text);
	return fd;
}

static int
memory_file(const char *text, size_t len, struct err *err)
{
	int fd;

	fd = memfile_new("tlsherd-handover");
	if (fd != -1 && write(fd, text, len) == (ssize_t)len &&
	    lseek(fd, 0, SEEK_SET) == 0)
		return fd;
	if (fd == -1 && errno == ENOSYS)
		return err_set(err, NULL, "this system has no memory files "
		    "(memfd_create), so nothing can be handed on");
	(void)err_set(err, NULL, "memory file: %s", strerror(errno));
	if (fd != -1)
		close(fd);
	return -1;
}

static void
write_all(FILE *fp, const struct master *m)
{
	const struct generation *g;
	const struct process *p;
	const struct bound *b;
	struct ctl_handed ctl;
	unsigned i;

	fprintf(fp, HANDOVER_HEAD "\nversion " PACKAGE_VERSION "\n");
	fprintf(fp, "started %" PRId64 " %u\n", m->started,
	    m->last_generation);
	if (m->sessions != NULL)
		fprintf(fp, "sessions %d\n", tlscache_fd(m->sessions));
	fprintf(fp, "keys %d\n", tlscache_keys_fd(m->keys));
	fprintf(fp, "scoreboard %d\n", scoreboard_fd(m->scoreboard));
	if (m->pidfile != NULL) {
		fprintf(fp, "pidfile %d", pidfile_fd(m->pidfile));
		write_word(fp, pidfile_path(m->pidfile));
		fputc('\n', fp);
	}
	if (m->ctl != NULL) {
		ctl_hand_on(m->ctl, &ctl);
		fprintf(fp, "control %d %" PRIu64 " %" PRIu64, ctl.fd, ctl.dev,
		    ctl.ino);
		write_word(fp, ctl.path);
		fputc('\n', fp);
	}
	fprintf(fp, "restarts");
	for (i = 0; i < m->nrestarts; i++)
		fprintf(fp, " %u", m->restarts[i]);
	fprintf(fp, "\nreloads %u %u\n", m->reloads[0], m->reloads[1]);
	TAILQ_FOREACH(b, &m->sockets, entry)
		write_socket(fp, b);
	TAILQ_FOREACH(g, &m->generations, entry)
		write_generation(fp, g);
	TAILQ_FOREACH(p, &m->processes, entry)
		write_worker(fp, p);
}

static void
write_socket(FILE *fp, const struct bound *b)
{
	char text[ADDR_TEXT_MAX];
	size_t i;

	addr_format((const struct sockaddr *)&b->wanted.ss, b->wanted.len,
	    text, sizeof(text));
	fprintf(fp, "socket %d", b->shared);
	write_word(fp, text);
	for (i = 0; i < b->nfds; i++)
		fprintf(fp, " %d", b->fds[i]);
	fputc('\n', fp);
}

static void
write_generation(FILE *fp, const struct generation *g)
{
	const struct conf *conf = g->conf;

	fprintf(fp, "generation %u %d %" PRId64 " %u %" PRId64 " %zu %" PRId64
	    " %" PRId64 " %d", g->number, g->draining, g->kill_at,
	    conf->workers, conf->drain_timeout, conf->cache_size,
	    conf->session_timeout, conf->ticket_rotate, (int)conf->log_level);
	write_word(fp, conf->log.value);
	write_word(fp, conf->syslog_facility);
	fputc('\n', fp);
}

static void
write_worker(FILE *fp, const struct process *p)
{
	fprintf(fp, "worker %u %u %ld %d %u %" PRId64 " %d %d\n", p->worker,
	    p->generation->number, (long)p->child.pid, p->child.fd,
	    scoreboard_slot_number(p->master->scoreboard, p->slot), p->started,
	    p->ready, p->child.killed);
}

/* A space and the word; what could end it, or the line, as %XX. */
static void
write_word(FILE *fp, const char *word)
{
	const unsigned char *p;

	fputc(' ', fp);
	for (p = (const unsigned char *)word; *p != '\0'; p++) {
		if (*p > ' ' && *p != '%' && *p < 0x7f)
			fputc(*p, fp);
		else
			fprintf(fp, "%%%02x", *p);
	}
}

void
handover_pass(const struct master *m, int description, bool pass)
{
	const struct process *p;
	const struct bound *b;
	struct ctl_handed ctl;
	size_t i;

	set_pass(description, pass);
	if (m->sessions != NULL)
		set_pass(tlscache_fd(m->sessions), pass);
	set_pass(tlscache_keys_fd(m->keys), pass);
	set_pass(scoreboard_fd(m->scoreboard), pass);
	if (m->pidfile != NULL)
		set_pass(pidfile_fd(m->pidfile), pass);
	if (m->ctl != NULL) {
		ctl_hand_on(m->ctl, &ctl);
		set_pass(ctl.fd, pass);
	}
	TAILQ_FOREACH(b, &m->sockets, entry)
		for (i = 0; i < b->nfds; i++)
			set_pass(b->fds[i], pass);
	TAILQ_FOREACH(p, &m->processes, entry)
		set_pass(p->child.fd, pass);
}

static void
set_pass(int fd, bool pass)
{
	if (fd != -1)
		(void)fcntl(fd, F_SETFD, pass ? 0 : FD_CLOEXEC);
}

int
handover_announce(int description)
{
	char text[64];

	snprintf(text, sizeof(text), "%ld %d", (long)getpid(), description);
	return setenv(HANDOVER_ENV, text, 1);
}

void
handover_withdraw(void)
{
	(void)unsetenv(HANDOVER_ENV);
}
