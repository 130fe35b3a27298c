/* SPDX-License-Identifier: ISC */
/*
 * Reload, and the first start, which is a reload of nothing: make a generation
 * complete, start all its workers, wait until the last one serves, and only
 * then let go of the one before. Whatever fails before that leaves everything
 * as it was.
 */
#include "config.h"

#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "master/master_int.h"

#define READY_WITHIN_MS 20000

static void warn_fixed(const struct conf *, const struct conf *);
static void warn_changed(const struct conf_str *, const struct conf_str *,
    const char *);
static void apply_log(struct master *);
static void end_generation(struct master *, struct generation *, int);

void
reload_begin(struct master *m)
{
	const struct master_options *o = m->options;
	struct conf *conf;
	struct err err;

	if (m->state == MASTER_RELOADING) {
		m->reload_again = true;
		return;
	}
	if (m->state != MASTER_RUNNING)
		return;
	log_notice("reloading %s", o->path);
	conf = conf_load(o->path, o->overrides, o->noverrides, &err);
	if (conf != NULL)
		m->next = generation_new(m, conf, &err);
	if (m->next == NULL) {
		log_errorx("%s", err.text);
		log_errorx("reload failed: the running configuration stays");
		observe_reload(m, err.text);
		return;
	}
	warn_fixed(m->current->conf, conf);
	m->state = MASTER_RELOADING;
	if (tls_keys_load(m->keys, conf, &err) == -1) {
		reload_abort(m, err.text);
		return;
	}
	if (supervise_start(m, m->next) == -1) {
		reload_abort(m, "a worker could not be started");
		return;
	}
	master_deadline(m, READY_WITHIN_MS);
}

void
reload_commit(struct master *m)
{
	struct generation *old = m->current;
	struct tlscache *sessions;
	int error;

	event_del(&m->deadline);
	if (old != NULL)
		observe_line(m);
	m->current = m->next;
	m->next = NULL;
	if (m->current->sessions != NULL) {
		/* The old generation has the old cache now. */
		sessions = m->sessions;
		m->sessions = m->current->sessions;
		m->current->sessions = NULL;
		if (old != NULL) {
			error = tlscache_move(m->sessions, sessions,
			    clock_wall());
			if (error != TLSCACHE_OK)
				log_warnx("session_cache.size: some sessions "
				    "are lost: %s", tlscache_strerror(error));
			old->sessions = sessions;
		}
		observe_line_begin(m);
	}
	supervise_seat(m);
	sockets_commit(m);
	error = tlscache_keys_set_times(m->keys,
	    m->current->conf->ticket_rotate / 1000,
	    m->current->conf->session_timeout / 1000);
	if (error != TLSCACHE_OK)
		log_warnx("tickets.rotate: %s", tlscache_strerror(error));
	m->state = MASTER_RUNNING;
	apply_log(m);
	if (old != NULL) {
		log_notice("reloaded: generation %u, %u workers are ready",
		    m->current->number, m->current->conf->workers);
		observe_reload(m, NULL);
		observe_change(m, m->current->conf);
		end_generation(m, old, 0);
	} else {
		master_serving(m);
	}
	if (m->reload_again) {
		m->reload_again = false;
		reload_begin(m);
	}
}

void
reload_abort(struct master *m, const char *why)
{
	struct generation *g = m->next;
	struct err err;

	event_del(&m->deadline);
	m->next = NULL;
	if (m->current == NULL) {
		log_errorx("start failed: %s", why);
		m->status = 1;
		end_generation(m, g, SIGKILL);
		stop_fast(m);
		return;
	}
	log_errorx("reload failed: %s; the running configuration stays", why);
	observe_reload(m, why);
	m->state = MASTER_RUNNING;
	sockets_abort(m);
	end_generation(m, g, SIGKILL);
	if (tls_keys_load(m->keys, m->current->conf, &err) == -1)
		log_errorx("%s", err.text);
	m->reload_again = false;
}

/* sig 0: let it finish its connections. */
static void
end_generation(struct master *m, struct generation *g, int sig)
{
	struct process *p;

	g->draining = true;
	if (g->alive == 0) {
		generation_free(g);
		return;
	}
	TAILQ_FOREACH(p, &m->processes, entry) {
		if (p->generation != g)
			continue;
		if (sig != 0)
			(void)kill(p->pid, sig);
		else
			process_tell(p, CONTROL_DRAIN, 0, -1);
	}
}

/* What a running master cannot change. */
static void
warn_fixed(const struct conf *now, const struct conf *next)
{
	warn_changed(&now->pid_file, &next->pid_file, "pid_file");
}

static void
warn_changed(const struct conf_str *now, const struct conf_str *next,
    const char *name)
{
	const char *a = now->value != NULL ? now->value : "";
	const char *b = next->value != NULL ? next->value : "";

	if (strcmp(a, b) != 0)
		log_warnx("%s changes with a restart only", name);
}

/* New workers have inherited the old log; send them the new one. */
static void
apply_log(struct master *m)
{
	const struct conf *conf = m->current->conf;
	struct process *p;
	struct err err;
	const char *dest;

	dest = conf->log.value;
	if (strcmp(dest, "auto") == 0)
		dest = m->options->foreground ? "stderr" : "syslog";
	log_set_level(conf->log_level);
	if (log_open(dest, conf->syslog_facility, &err) == -1) {
		log_errorx("%s", err.text);
		return;
	}
	if (log_fd() == -1)
		return;
	TAILQ_FOREACH(p, &m->processes, entry)
		process_tell(p, CONTROL_LOG, 0, log_fd());
}
