/* SPDX-License-Identifier: ISC */
/*
 * Reload, and the first start, which is a reload of nothing: make a generation
 * complete, start all its workers, wait until the last one is ready, and only
 * then let it serve and the one before finish. Up to that moment no client has
 * met the new generation, and whatever fails leaves everything as it was; but
 * for memory: when it runs out here, the master ends (base/mem.h).
 */
#include "config.h"

#include <sys/wait.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/names.h"
#include "master/master_int.h"

/* How long until an upgrade that failed after the exec is tried again. */
#define RETRY_S 10
/* How long until names that were not found are asked for again. */
#define NAMES_EACH_S INT64_C(10)
/* … and, doubling, until what was found is tried again, at the most. */
#define NAMES_WAIT_MAX_S INT64_C(640)
/* Moving a gigabyte of sessions takes seconds. */
#define MOVE_WITHIN_S INT64_C(3600)

static void wait_answer(struct master *);
static void answer_event_cb(evutil_socket_t, short, void *);
static void found_again(struct master *);
static bool same_text(const struct conf *, const struct conf *);
static void making_event_cb(evutil_socket_t, short, void *);
static int made(struct master *, struct err *);
static void tell_verdict(struct master *);
static void warn_fixed(const struct conf *, const struct conf *);
static void tell_generation(struct master *, const struct generation *,
    enum control_type);
static void end_generation(struct master *, struct generation *);
static void change_cache(struct master *, struct generation *);
static void change_log(struct master *);

void
reload_begin(struct master *m)
{
	const struct master_options *o = m->options;
	struct conf *conf;
	struct err err;

	if (m->state == MASTER_STARTING || m->state == MASTER_RELOADING ||
	    m->state == MASTER_TESTING) {
		m->reload_again = true;
		return;
	}
	if (m->state != MASTER_RUNNING)
		return;
	m->reload_again = reload_unfinished(m);
	if (m->reload_again)
		return;
	m->retry_at = 0;
	reload_settle(m);
	if (!m->current->handed_over)
		log_notice("reloading %s", o->path);
	m->state = MASTER_RELOADING;
	lookup_drop(&m->lookup);
	names_ask_again();
	m->names_wait_s = 0;
	conf = conf_load(o->path, o->overrides, o->noverrides, &err);
	if (conf == NULL) {
		reload_abort(m, err.text);
		return;
	}
	m->next = generation_new(m, conf);
	reload_make(m);
}

void
reload_make(struct master *m)
{
	evtimer_assign(&m->making, m->base, making_event_cb, m);
	switch (lookup_begin(&m->lookup, m->next)) {
	case 0:
		event_active(&m->making, EV_TIMEOUT, 1);
		break;
	case 1:
		wait_answer(m);
		break;
	default:
		reload_abort(m, "names cannot be looked up: no process can be "
		    "started");
	}
}

static void
wait_answer(struct master *m)
{
	struct lookup *l = &m->lookup;
	int64_t left = l->until - clock_mono_us();
	struct timeval tv = { 0, 0 };

	if (left > 0) {
		tv.tv_sec = left / 1000000;
		tv.tv_usec = left % 1000000;
	}
	event_assign(&l->answer, m->base, l->fd, EV_READ, answer_event_cb, m);
	event_add(&l->answer, &tv);
}

static void
answer_event_cb(evutil_socket_t fd, short what, void *arg)
{
	struct master *m = arg;
	struct generation *g = m->next != NULL ? m->next : m->current;
	bool names = m->lookup.nnames > 0;
	struct err err;

	/* What came while we were not running is heard, late or not. */
	if (lookup_read(&m->lookup, g) == 1 && !(what & EV_TIMEOUT)) {
		wait_answer(m);
		return;
	}
	lookup_end(&m->lookup, g);
	if (m->next == NULL)
		found_again(m);
	else if (names && generation_reread(g, m->options, &err) == -1)
		reload_abort(m, err.text);
	else
		reload_make(m);
}

void
reload_names(struct master *m)
{
	if (m->state != MASTER_RUNNING || m->lookup.pid != 0 ||
	    m->mover != 0 || m->current->handed_over ||
	    clock_mono_us() < m->names_at)
		return;
	m->names_at = clock_mono_us() + NAMES_EACH_S * 1000000;
	if (lookup_news(m->current->conf))
		found_again(m);
	else if (lookup_again(m->current->conf) &&
	    lookup_begin(&m->lookup, m->current) == 1)
		wait_answer(m);
}

/*
 * One that had failed has addresses now. The workers learn them as by a reload,
 * but of what is running: what somebody is just writing into the file waits
 * until he says so.
 */
static void
found_again(struct master *m)
{
	const struct master_options *o = m->options;
	bool first = m->names_wait_s == 0;
	struct conf *conf;
	struct err err;

	/* In the middle of an upgrade, which may come to nothing: later. */
	if (m->state != MASTER_RUNNING || !lookup_news(m->current->conf))
		return;
	/* It may be in vain, and again and again. */
	m->names_wait_s = first ? NAMES_EACH_S : 2 * m->names_wait_s;
	if (m->names_wait_s > NAMES_WAIT_MAX_S)
		m->names_wait_s = NAMES_WAIT_MAX_S;
	m->names_at = clock_mono_us() + m->names_wait_s * 1000000;
	conf = conf_load(o->path, o->overrides, o->noverrides, &err);
	if (conf == NULL || !same_text(conf, m->current->conf)) {
		if (first)
			log_warnx("%s is not what is running: the addresses "
			    "that were found wait for a reload", o->path);
		if (conf != NULL)
			conf_free(conf);
		return;
	}
	log_notice("names are found that were not: their addresses are used");
	reload_settle(m);
	m->state = MASTER_RELOADING;
	m->next = generation_new(m, conf);
	reload_make(m);
}

static bool
same_text(const struct conf *a, const struct conf *b)
{
	char *text[2] = { NULL, NULL };
	size_t size;
	bool same;
	FILE *fp;
	int i;

	for (i = 0; i < 2; i++) {
		fp = open_memstream(&text[i], &size);
		if (fp == NULL)
			break;
		conf_print(i == 0 ? a : b, fp);
		(void)fclose(fp);
	}
	same = text[0] != NULL && text[1] != NULL &&
	    strcmp(text[0], text[1]) == 0;
	free(text[0]);
	free(text[1]);
	return same;
}

static void
making_event_cb(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval at_once = { 0, 0 };
	struct master *m = arg;
	struct err err;
	int r;

	r = generation_make(m->next, &err);
	if (r > 0) {
		event_add(&m->making, &at_once);
		return;
	}
	if (r == -1 || made(m, &err) == -1)
		reload_abort(m, err.text);
}

/* All is there but the workers. */
static int
made(struct master *m, struct err *err)
{
	if (m->current != NULL)
		warn_fixed(m->current->conf, m->next->conf);
	else if (observe_open(m, m->next->conf, err) == -1)
		return -1;
	if (supervise_start(m, m->next, err) == -1)
		return -1;
	master_deadline(m, RELOAD_READY_WITHIN);
	return 0;
}

void
reload_commit(struct master *m)
{
	struct generation *old = m->current;
	struct err err;

	if (sockets_listen(&m->sockets, &err) == -1) {
		reload_abort(m, err.text);
		return;
	}
	event_del(&m->deadline);
	if (old != NULL && !old->handed_over)
		observe_line(m);
	m->current = m->next;
	m->next = NULL;
	m->state = MASTER_RUNNING;
	m->names_at = clock_mono_us() + NAMES_EACH_S * 1000000;
	m->names_wait_s = 0;
	names_tidy();
	reload_keys(m);
	supervise_seat(m);
	m->leaving = sockets_shut(&m->sockets) && old != NULL;
	m->leaving_until = clock_mono_us() + STOP_GRACE * 1000;
	if (old != NULL)
		tell_generation(m, old, CONTROL_DRAIN);
	tell_generation(m, m->current, CONTROL_SERVE);
	/* Seconds for a gigabyte: better some full handshakes than a pause. */
	change_cache(m, old);
	change_log(m);
	observe_locked(m);
	sockets_commit(&m->sockets);
	if (old == NULL) {
		master_serving(m);
	} else {
		m->closing = old;
		m->upgraded = old->handed_over;
		end_generation(m, old);
		reload_closed(m);
	}
	master_next(m);
}

/*
 * A connection that is accepted after the verdict has been told meets the new
 * rules, whichever worker takes it.
 */
void
reload_closed(struct master *m)
{
	const struct process *p;

	if (m->closing == NULL || m->mover != 0 ||
	    m->state >= MASTER_FINISHING)
		return;
	TAILQ_FOREACH(p, &m->processes, entry)
		if (p->generation == m->closing && !p->drained)
			return;
	tell_verdict(m);
	if (m->state == MASTER_RUNNING)
		master_next(m);
}

/*
 * A cache is not moved on before all that comes to it is there, and an address
 * that is being left could not be bound again.
 */
bool
reload_unfinished(const struct master *m)
{
	return m->mover != 0 || (m->closing != NULL && m->leaving);
}

void
reload_settle(struct master *m)
{
	if (m->closing != NULL)
		tell_verdict(m);
}

static void
tell_verdict(struct master *m)
{
	m->closing = NULL;
	log_notice("%s: generation %u, %u workers are ready",
	    m->upgraded ? "upgraded" : "reloaded", m->current->number,
	    m->current->conf->workers);
	observe_reload(m, NULL);
	observe_change(m, m->current->conf);
}

void
reload_abort(struct master *m, const char *why)
{
	if (m->current == NULL) {
		stop_failed(m, why);
		return;
	}
	log_errorx("%s", why);
	if (m->current->handed_over) {
		log_errorx("the upgrade is not finished: the workers of the "
		    "tlsherd before go on, the next try is in %d seconds",
		    RETRY_S);
		m->retry_at = clock_mono_us() + RETRY_S * 1000000;
	} else {
		log_errorx("reload failed: the running configuration stays");
	}
	observe_reload(m, why);
	reload_drop(m);
	master_next(m);
}

void
reload_retry(struct master *m)
{
	if (m->retry_at != 0 && m->state == MASTER_RUNNING &&
	    clock_mono_us() >= m->retry_at)
		reload_begin(m);
}

void
reload_drop(struct master *m)
{
	struct generation *g = m->next;
	struct process *p;

	event_del(&m->deadline);
	lookup_drop(&m->lookup);
	if (event_initialized(&m->making))
		event_del(&m->making);
	m->next = NULL;
	m->state = MASTER_RUNNING;
	if (g == NULL)
		return;
	sockets_abort(&m->sockets);
	TAILQ_FOREACH(p, &m->processes, entry)
		if (p->generation == g)
			process_kill(p);
	end_generation(m, g);
}

void
reload_overdue(struct master *m)
{
	int64_t now = clock_mono_us();
	struct process *p;

	if (m->mover != 0 && now >= m->mover_kill_at)
		(void)kill(m->mover, SIGKILL);
	if (m->closing != NULL && m->leaving && now >= m->leaving_until) {
		m->leaving = false;
		if (m->state == MASTER_RUNNING)
			master_next(m);
	}
	TAILQ_FOREACH(p, &m->processes, entry) {
		if (!p->generation->draining || p->killed ||
		    now < p->generation->kill_at)
			continue;
		log_warnx("worker %u, pid %ld, generation %u, has not "
		    "finished in time: killed", p->worker, (long)p->pid,
		    p->generation->number);
		process_kill(p);
	}
}

/* What a running master cannot change. */
static void
warn_fixed(const struct conf *now, const struct conf *next)
{
	const char *a = now->pid_file.value, *b = next->pid_file.value;

	if (strcmp(a != NULL ? a : "", b != NULL ? b : "") != 0)
		log_warnx("pid_file changes with a restart only");
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

/* It has been told; free it when its last process is gone. */
static void
end_generation(struct master *m, struct generation *g)
{
	g->draining = true;
	g->kill_at = clock_mono_us() +
	    (g->conf->drain_timeout + STOP_GRACE) * 1000;
	if (g->alive == 0)
		generation_free(g);
}

static void
change_cache(struct master *m, struct generation *old)
{
	struct tlscache *from = m->sessions;

	m->sessions = m->current->cache->sessions;
	if (old == NULL || m->sessions == from)
		return;
	observe_line_begin(m);
	if (from == NULL || m->sessions == NULL)
		return;
	m->mover = process_move(m->current, from);
	m->mover_kill_at = clock_mono_us() + MOVE_WITHIN_S * 1000000;
	if (m->mover == -1) {
		m->mover = 0;
		log_warn("session_cache.size: the sessions are lost");
	}
}

void
reload_moved(struct master *m, int status)
{
	m->mover = 0;
	if (m->state < MASTER_FINISHING && status != 0)
		log_warnx("session_cache.size: %s sessions are lost",
		    WIFEXITED(status) &&
		    WEXITSTATUS(status) == WORKER_EXIT_SETUP ? "the" : "some");
	observe_line_begin(m);
	reload_closed(m);
	if (m->state == MASTER_RUNNING)
		master_next(m);
}

void
reload_keys(struct master *m)
{
	const struct conf *conf = m->current->conf;
	struct err err;
	int error;

	error = tlscache_keys_set_times(m->keys, conf->ticket_rotate / 1000,
	    conf->session_timeout / 1000);
	if (error != TLSCACHE_OK)
		log_warnx("tickets.rotate: %s", tls_cache_reason(error));
	if (tls_keys_load(m->keys, conf, &err) == -1)
		log_errorx("%s", err.text);
}

/* The new workers have it already; those that finish get the file. */
static void
change_log(struct master *m)
{
	struct err err;

	if (logfile_use(m, m->current, &err) == -1)
		log_errorx("%s", err.text);
	else
		logfile_share(m);
}
