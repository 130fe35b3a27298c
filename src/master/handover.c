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
#include "base/names.h"
#include "base/words.h"
#include "master/handover.h"
#include "master/master_int.h"

static int memory_file(const char *, size_t, struct err *);
static void write_all(FILE *, const struct master *);
static void write_shared(FILE *, const struct master *);
static bool describe(const struct master *, const struct shared *, size_t,
    struct handed *);
static void write_names(FILE *);
static void write_address(FILE *, const struct addr *);
static void write_generation(FILE *, const struct generation *);
static void write_worker(FILE *, const struct process *);
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
	unsigned i;

	fprintf(fp, HANDOVER_HEAD "\nversion " PACKAGE_VERSION "\n");
	fprintf(fp, "started %" PRId64 " %u\n", m->started,
	    m->last_generation);
	write_shared(fp, m);
	fprintf(fp, "restarts");
	for (i = 0; i < m->nrestarts; i++)
		fprintf(fp, " %u", m->restarts[i]);
	fprintf(fp, "\nreloads %u %u\n", m->reloads[0], m->reloads[1]);
	write_names(fp);
	TAILQ_FOREACH(g, &m->generations, entry)
		write_generation(fp, g);
	TAILQ_FOREACH(p, &m->processes, entry)
		write_worker(fp, p);
}

static void
write_shared(FILE *fp, const struct master *m)
{
	const struct shared *row;
	struct handed h;
	size_t i;

	for (row = shared_rows; row < shared_rows + shared_count; row++)
		for (i = 0; describe(m, row, i, &h); i++) {
			fprintf(fp, "%s", row->name);
			handed_put(fp, row->form, &h);
			fputc('\n', fp);
		}
}

static bool
describe(const struct master *m, const struct shared *row, size_t i,
    struct handed *h)
{
	handed_init(h);
	return row->describe(m, i, h);
}

/* Or an upgrade while the name server is down would lose them. */
static void
write_names(FILE *fp)
{
	const struct name *name;
	size_t i, n;

	name = names_all(&n);
	for (; n > 0; n--, name++) {
		if (name->state != NAME_FOUND)
			continue;
		fprintf(fp, "name");
		words_put_text(fp, name->text);
		for (i = 0; i < name->n; i++)
			write_address(fp, &name->list[i]);
		fputc('\n', fp);
	}
}

static void
write_address(FILE *fp, const struct addr *addr)
{
	char text[ADDR_TEXT_MAX];

	addr_format((const struct sockaddr *)&addr->ss, addr->len, text,
	    sizeof(text));
	words_put_text(fp, text);
}

static void
write_generation(FILE *fp, const struct generation *g)
{
	const struct conf *conf = g->conf;

	fprintf(fp, "generation %u %d %" PRId64 " %u %" PRId64 " %zu %" PRId64
	    " %" PRId64 " %d", g->number, g->draining, g->kill_at,
	    conf->workers, conf->drain_timeout, conf->cache_size,
	    conf->session_timeout, conf->ticket_rotate, (int)conf->log_level);
	words_put_text(fp, conf->log.value);
	words_put_text(fp, conf->syslog_facility);
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

void
handover_pass(const struct master *m, int description, bool pass)
{
	const struct shared *row;
	const struct process *p;
	struct handed h;
	size_t i, j;

	set_pass(description, pass);
	for (row = shared_rows; row < shared_rows + shared_count; row++)
		for (i = 0; describe(m, row, i, &h); i++) {
			set_pass(h.fd, pass);
			for (j = 0; j < h.nfds; j++)
				set_pass(h.fds[j], pass);
		}
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
