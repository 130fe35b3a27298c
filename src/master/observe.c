/* SPDX-License-Identifier: ISC */
/*
 * How the master looks from outside: the view that the control socket reports,
 * the line about the session cache that goes to the log once an hour and at
 * every reload, and the one about memory that is not locked.
 */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "ctl/ctl.h"
#include "master/master_int.h"
#include "report/report.h"

#define LINE_EVERY 3600 /* seconds */

static const char ending[] = "tlsherd is finishing";

static int signal_of(enum ctl_order);
static const char *order_cb(void *, enum ctl_order);
static struct ctl_options options_of(const struct conf *);
static void view_cb(void *, struct ctl_view *);
static void view_workers(struct master *, struct ctl_view *);
static void view_config_cb(void *, FILE *);
static bool view_certificate_cb(void *, size_t, struct ctl_certificate *);
static enum worker_state process_state(const struct process *);

int
observe_open(struct master *m, const struct conf *conf, struct err *err)
{
	const struct ctl_options options = options_of(conf);

	observe_line_begin(m);
	if (conf->control_socket.value == NULL)
		return 0;
	m->ctl = ctl_new(m->base, &options, view_cb, m, err);
	if (m->ctl == NULL)
		return -1;
	ctl_take_orders(m->ctl, order_cb);
	return 0;
}

/* An order is what the signal is that has always been there for it. */
static int
signal_of(enum ctl_order order)
{
	switch (order) {
	case CTL_ORDER_RELOAD:
		return SIGHUP;
	case CTL_ORDER_UPGRADE:
		return SIGUSR2;
	case CTL_ORDER_REOPEN:
		return SIGUSR1;
	case CTL_ORDER_FINISH:
		return SIGQUIT;
	case CTL_ORDER_STOP:
	case CTL_ORDER_COUNT:
		break;
	}
	return SIGTERM;
}

static const char *
order_cb(void *arg, enum ctl_order order)
{
	struct master *m = arg;

	if (m->state >= MASTER_FINISHING && (order == CTL_ORDER_RELOAD ||
		order == CTL_ORDER_UPGRADE))
		return ending;
	note_signal(m, signal_of(order));
	return NULL;
}

static struct ctl_options
options_of(const struct conf *conf)
{
	struct ctl_options options;

	memset(&options, 0, sizeof(options));
	options.path = conf->control_socket.value;
	options.loc = &conf->control_socket.loc;
	options.mode = conf->control_mode;
	return options;
}

int
observe_adopt(struct master *m, const struct ctl_handed *control,
    struct err *err)
{
	observe_line_begin(m);
	if (control->fd == -1)
		return 0;
	m->ctl = ctl_adopt(m->base, control, view_cb, m, err);
	if (m->ctl != NULL) {
		ctl_take_orders(m->ctl, order_cb);
		return 0;
	}
	close(control->fd);
	return -1;
}

void
observe_change(struct master *m, const struct conf *conf)
{
	const struct ctl_options options = options_of(conf);
	struct err err;

	if (conf->control_socket.value == NULL) {
		ctl_free(m->ctl);
		m->ctl = NULL;
		return;
	}
	if (m->ctl == NULL) {
		if (observe_open(m, conf, &err) == -1)
			log_errorx("%s", err.text);
		return;
	}
	if (ctl_change(m->ctl, &options, &err) == -1)
		log_errorx("%s", err.text);
}

void
observe_close(struct master *m)
{
	ctl_free(m->ctl);
	m->ctl = NULL;
	free(m->view_workers);
	m->view_workers = NULL;
}

void
observe_end(struct master *m)
{
	ctl_orders_over(m->ctl, ending);
}

void
observe_reload(struct master *m, const char *error)
{
	char text[80];

	m->reload_time = clock_wall();
	m->reload_failed = error != NULL;
	m->reloads[m->reload_failed]++;
	snprintf(m->reload_error, sizeof(m->reload_error), "%s",
	    error != NULL ? error : "");
	snprintf(text, sizeof(text), "reloaded: generation %u, %u workers\n",
	    m->current->number, m->current->conf->workers);
	ctl_order_verdict(m->ctl, CTL_ORDER_RELOAD, error == NULL,
	    error != NULL ? error : text);
}

static void
view_cb(void *arg, struct ctl_view *view)
{
	struct master *m = arg;

	view->version = PACKAGE_VERSION;
	view->pid = getpid();
	view->started = m->started;
	view->conf_path = m->options->origin.path;
	view->generation = m->current != NULL ? m->current->number : 0;
	view->reload = m->reload_time == 0 ? CTL_RELOAD_NEVER :
	    m->reload_failed ? CTL_RELOAD_FAILED : CTL_RELOAD_OK;
	view->reload_time = m->reload_time;
	view->reload_error = m->reload_failed ? m->reload_error : NULL;
	view->cache = m->sessions;
	view->keys = m->keys;
	view->scoreboard = m->scoreboard;
	view->reloads_ok = m->reloads[0];
	view->reloads_failed = m->reloads[1];
	view->certificate = view_certificate_cb;
	view->config = view_config_cb;
	view->arg = m;
	view_workers(m, view);
}

/* All processes, and the seats that wait for one. */
static void
view_workers(struct master *m, struct ctl_view *view)
{
	struct ctl_worker *w;
	struct process *p;
	size_t n = m->nseats;
	unsigned i;

	TAILQ_FOREACH(p, &m->processes, entry)
		n++;
	m->view_workers = xreallocarray(m->view_workers, n, sizeof(*w));
	w = m->view_workers;
	TAILQ_FOREACH(p, &m->processes, entry) {
		memset(w, 0, sizeof(*w));
		w->number = p->worker;
		w->generation = p->generation->number;
		w->pid = p->child.pid;
		w->state = process_state(p);
		w->started = clock_wall() -
		    (clock_mono_us() - p->started) / 1000000;
		w->restarts = p->worker < m->nrestarts ?
		    m->restarts[p->worker] : 0;
		w->slot = p->slot;
		w++;
	}
	for (i = 0; i < m->nseats; i++) {
		if (m->seats[i].process != NULL)
			continue;
		memset(w, 0, sizeof(*w));
		w->number = i;
		w->generation = m->current->number;
		w->state = WORKER_DELAYED;
		w->restarts = m->restarts[i];
		w++;
	}
	view->workers = m->view_workers;
	view->nworkers = (size_t)(w - m->view_workers);
}

/* What the program before has made is not known here. */
static void
view_config_cb(void *arg, FILE *out)
{
	const struct master *m = arg;

	if (m->current != NULL && !m->current->handed_over)
		conf_print(m->current->conf, out);
}

static bool
view_certificate_cb(void *arg, size_t i, struct ctl_certificate *c)
{
	const struct master *m = arg;

	return m->current != NULL && generation_certificate(m->current, i, c);
}

static enum worker_state
process_state(const struct process *p)
{
	const struct master *m = p->master;

	if (p->generation->draining || m->state == MASTER_FINISHING ||
	    m->state == MASTER_STOPPING)
		return WORKER_DRAINING;
	if (p->heartbeat.silent)
		return WORKER_SILENT;
	return p->ready && p->generation == m->current ? WORKER_SERVING :
	    WORKER_STARTING;
}

/* Count for the next line from now on. */
void
observe_line_begin(struct master *m)
{
	m->line_time = clock_wall();
	if (m->sessions != NULL)
		tlscache_stat(m->sessions, &m->line_stat);
	else
		memset(&m->line_stat, 0, sizeof(m->line_stat));
}

void
observe_line(struct master *m)
{
	struct report_period period;
	struct tlscache_stat stat;
	char line[REPORT_LINE_MAX];

	if (m->sessions == NULL) {
		observe_line_begin(m);
		return;
	}
	tlscache_stat(m->sessions, &stat);
	period.before = &m->line_stat;
	period.now = &stat;
	period.seconds = clock_wall() - m->line_time;
	period.session_timeout = m->current->conf->session_timeout / 1000;
	period.cache_size = m->current->conf->cache_size;
	report_session_line(line, sizeof(line), &period);
	log_notice("%s", line);
	observe_line_begin(m);
}

void
observe_locked(struct master *m)
{
	char line[REPORT_LINE_MAX];

	if (m->unlocked_told || !report_unlocked_line(line, sizeof(line),
	    m->sessions, m->keys, m->current->conf->cache_size))
		return;
	m->unlocked_told = true;
	log_warnx("%s", line);
}

void
observe_tick(struct master *m)
{
	if (m->state == MASTER_RUNNING &&
	    clock_wall() - m->line_time >= LINE_EVERY)
		observe_line(m);
}
