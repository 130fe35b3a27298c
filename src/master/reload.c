/* SPDX-License-Identifier: ISC */
/*
 * Reload, and the first start, which is a reload of nothing: make a generation
 * complete (making.c), start all its workers, wait until the last one is ready,
 * and only then let it serve and the one before finish. Up to that moment no
 * client has met the new generation, and whatever fails leaves everything as it
 * was. So it is with memory: what takes much of it stops in time (base/mem.h).
 */
#include "config.h"

#include <sys/wait.h>

#include <unistd.h>

#include "base/clock.h"
#include "base/daemon.h"
#include "base/log.h"
#include "base/names.h"
#include "ctl/ctl.h"
#include "master/master_int.h"

/* How long until an upgrade that failed after the exec is tried again. */
#define RETRY_S 10

static void serving(struct master *);
static void tell_generation(struct master *, const struct generation *,
    enum control_type);
static void end_generation(struct master *, struct generation *);
static void change_cache(struct master *, const struct generation *);
static void change_log(struct master *);

void
reload_begin(struct master *m)
{
	const struct conf_origin *origin = &m->options->origin;
	struct conf *conf;
	struct err err;

	m->retry_at = 0;
	reload_verdict(m);
	ctl_order_begun(m->ctl, CTL_ORDER_RELOAD);
	if (!m->current->handed_over)
		log_notice("reloading %s", origin->path);
	making_drop(m);
	names_ask_again();
	m->names_wait_s = 0;
	conf = conf_load(origin->path, origin->overrides, origin->noverrides,
	    &err);
	if (conf == NULL) {
		note_failed(m, err.text);
		return;
	}
	m->next = generation_new(&m->generations, conf,
	    m->last_generation + 1);
	making_begin(m);
}

void
reload_names(struct master *m)
{
	log_notice("names are found that were not: their addresses are used");
	reload_verdict(m);
	making_begin(m);
}

void
reload_listen(struct master *m)
{
	struct err err;

	if (sockets_listen(&m->sockets, &err) == -1)
		note_failed(m, err.text);
	else
		note(m, FACT_LISTENING);
}

void
reload_commit(struct master *m)
{
	struct generation *old = m->current;
	bool leaving;

	event_del(&m->deadline);
	if (old != NULL && !old->handed_over)
		observe_line(m);
	m->current = m->next;
	m->next = NULL;
	making_settled(m);
	tls_keys_follow(m->keys, m->current->conf);
	supervise_seat(m);
	leaving = sockets_shut(&m->sockets);
	m->leaving_until = leaving ? clock_mono_us() + STOP_GRACE * 1000 : 0;
	if (old != NULL)
		tell_generation(m, old, CONTROL_DRAIN);
	tell_generation(m, m->current, CONTROL_SERVE);
	/* Seconds for a gigabyte: better some full handshakes than a pause. */
	change_cache(m, old);
	change_log(m);
	observe_locked(m);
	sockets_commit(&m->sockets);
	m->closing = old;
	if (old == NULL)
		serving(m);
	else
		end_generation(m, old);
}

/* The first generation serves. */
static void
serving(struct master *m)
{
	char byte = 0;

	log_notice("%u workers are ready, pid %ld, %s",
	    m->current->conf->workers, (long)getpid(), m->options->origin.path);
	if (m->notify == -1)
		return;
	daemon_detach_stderr();
	(void)!write(m->notify, &byte, 1);
	close(m->notify);
	m->notify = -1;
}

void
reload_verdict(struct master *m)
{
	if (m->closing == NULL)
		return;
	log_notice("%s: generation %u, %u workers are ready",
	    m->closing->handed_over ? "upgraded" : "reloaded",
	    m->current->number, m->current->conf->workers);
	m->closing = NULL;
	observe_reload(m, NULL);
	observe_change(m, m->current->conf);
}

void
reload_abort(struct master *m)
{
	log_errorx("%s", m->why.text);
	if (m->current->handed_over) {
		log_errorx("the upgrade is not finished: the workers of the "
		    "tlsherd before go on, the next try is in %d seconds",
		    RETRY_S);
		m->retry_at = clock_mono_us() + RETRY_S * 1000000;
	} else {
		log_errorx("reload failed: the running configuration stays");
	}
	observe_reload(m, m->why.text);
	reload_drop(m);
}

void
reload_drop(struct master *m)
{
	struct generation *g = m->next;
	struct process *p;

	if (g == NULL)
		return;
	event_del(&m->deadline);
	making_drop(m);
	m->next = NULL;
	sockets_abort(&m->sockets);
	TAILQ_FOREACH(p, &m->processes, entry)
		if (p->generation == g)
			child_kill(&p->child);
	end_generation(m, g);
}

static void
tell_generation(struct master *m, const struct generation *g,
    enum control_type type)
{
	struct process *p;

	TAILQ_FOREACH(p, &m->processes, entry)
		if (p->generation == g)
			process_tell(p, type, 0, -1);
}

/* It has been told; generation_sweep() frees it after its last process. */
static void
end_generation(struct master *m, struct generation *g)
{
	struct process *p;

	g->draining = true;
	g->kill_at = clock_mono_us() +
	    (g->conf->drain_timeout + STOP_GRACE) * 1000;
	TAILQ_FOREACH(p, &m->processes, entry)
		if (p->generation == g)
			p->child.kill_at = g->kill_at;
}

static void
change_cache(struct master *m, const struct generation *old)
{
	struct tlscache *from = m->sessions;

	m->sessions = m->current->cache->sessions;
	if (old == NULL || m->sessions == from)
		return;
	observe_line_begin(m);
	if (from == NULL || m->sessions == NULL)
		return;
	if (mover_start(m, from) == -1)
		log_warn("session_cache.size: the sessions are lost");
}

void
reload_moved(struct master *m, int status)
{
	if (m->state < MASTER_FINISHING && status != 0)
		log_warnx("session_cache.size: %s sessions are lost",
		    WIFEXITED(status) &&
		    WEXITSTATUS(status) == WORKER_EXIT_SETUP ? "the" : "some");
	observe_line_begin(m);
}

/* The new workers have it already; those that finish get the file. */
static void
change_log(struct master *m)
{
	struct err err;

	if (logfile_use(m->current, m->options->foreground, &err) == -1)
		log_errorx("%s", err.text);
	else
		logfile_share(m);
}
