/* SPDX-License-Identifier: ISC */
/*
 * The worker process: unprivileged, one event loop, all its connections. Made
 * by master/process.c with what struct heritage holds. Ends when it has drained,
 * when it is told to stop, or when its master is gone.
 *
 * It hears the master over its channel, and SIGTERM; SIGINT and SIGQUIT come
 * from a terminal to the whole process group and are the master's to act on.
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/daemon.h"
#include "base/log.h"
#include "base/proctitle.h"
#include "tls/tls.h"
#include "worker/worker_int.h"

static int worker_init(struct worker *, const struct heritage *,
    struct err *);
static void finish(struct worker *, bool);
static void closed_cb(void *);
static void gone_cb(void *);
static void stop_event_cb(evutil_socket_t, short, void *);
static void deadline_event_cb(evutil_socket_t, short, void *);
static void beat_event_cb(evutil_socket_t, short, void *);

void
worker_main(const struct heritage *h)
{
	struct worker w;
	struct err err;
	char name[32];

	snprintf(name, sizeof(name), "worker %u", h->worker);
	log_procinit(name);
	log_count_lost(&h->slot->metrics[METRIC_LOG_LOST]);
	proctitle_set("%s", name);
	worker_signals();
	if (worker_become(h, &err) == -1 || worker_init(&w, h, &err) == -1) {
		control_failed(h, err.text);
		exit(WORKER_EXIT_SETUP);
	}
	log_debug("ready, generation %u", h->generation);
	daemon_hold_signals(false);
	event_base_dispatch(w.base);
	daemon_hold_signals(true); /* who ends anyway does not die of SIGTERM */
	conn_hub_free(w.hub);
	event_base_free(w.base);
	exit(0);
}

int
worker_become(const struct heritage *h, struct err *err)
{
	const struct conf_str *path = &h->conf->chroot;
	const struct priv_word root = { path->value, &path->loc };

	return priv_drop(&h->ids, &root, err);
}

/*
 * The master's handlers are not ours. All signals are blocked so far, and stay
 * so until there is a loop to act on them.
 */
void
worker_signals(void)
{
	static const int ignored[] = { SIGPIPE, SIGINT, SIGQUIT, SIGHUP,
		SIGUSR1, SIGUSR2 };
	struct sigaction sa;
	size_t i;

	memset(&sa, 0, sizeof(sa));
	sigemptyset(&sa.sa_mask);
	sa.sa_handler = SIG_DFL;
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGCHLD, &sa, NULL);
	sa.sa_handler = SIG_IGN;
	for (i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		sigaction(ignored[i], &sa, NULL);
}

static int
worker_init(struct worker *w, const struct heritage *h, struct err *err)
{
	static const struct timeval beat = { 0, SLOT_BEAT_MS * 1000 };
	struct conn_hub_config config;
	size_t i;

	memset(w, 0, sizeof(*w));
	w->heritage = h;
	w->base = event_base_new();
	if (w->base == NULL)
		return err_set(err, NULL, "libevent: no event base");
	memset(&config, 0, sizeof(config));
	config.base = w->base;
	config.slot = h->slot;
	config.worker = h->worker;
	config.log_connections = h->conf->log_connections;
	config.gone = gone_cb;
	config.arg = w;
	w->hub = conn_hub_new(&config);
	if (w->hub == NULL)
		return err_set(err, NULL, "event loop: %s", strerror(errno));
	for (i = 0; i < h->nlisteners; i++)
		tls_front_set_worker(h->listeners[i].tls, h->worker);
	evsignal_assign(&w->stop, w->base, SIGTERM, stop_event_cb, w);
	evtimer_assign(&w->deadline, w->base, deadline_event_cb, w);
	event_assign(&w->beat, w->base, -1, EV_PERSIST, beat_event_cb, w);
	slot_beat(h->slot);
	if (event_add(&w->stop, NULL) == -1 ||
	    event_add(&w->beat, &beat) == -1 ||
	    acceptor_init(&w->acceptor, w->base, w->hub, h) == -1 ||
	    sessions_expire_init(w) == -1)
		return err_set(err, NULL, "out of memory");
	if (control_init(w) == -1)
		return err_set(err, NULL, "channel to the master: %s",
		    strerror(errno));
	if (h->serve)
		acceptor_open(&w->acceptor);
	return 0;
}

void
worker_drain(struct worker *w)
{
	finish(w, false);
}

/* Soon: the next master may be about to bind the same addresses. */
void
worker_orphan(struct worker *w)
{
	acceptor_shut(&w->acceptor);
	finish(w, true);
}

static void
finish(struct worker *w, bool soon)
{
	int64_t ms = w->heritage->conf->drain_timeout;
	struct timeval after = { ms / 1000, ms % 1000 * 1000 };

	if (w->draining)
		return;
	w->draining = true;
	proctitle_set("worker %u, finishing", w->heritage->worker);
	event_add(&w->deadline, &after);
	acceptor_close(&w->acceptor, soon, closed_cb, w);
	conn_hub_drain(w->hub);
}

static void
closed_cb(void *arg)
{
	struct worker *w = arg;

	control_tell(w->heritage, CONTROL_DRAINED);
	w->drained = true;
	if (conn_hub_count(w->hub) == 0)
		event_base_loopbreak(w->base);
}

static void
gone_cb(void *arg)
{
	struct worker *w = arg;

	if (w->drained && conn_hub_count(w->hub) == 0)
		event_base_loopbreak(w->base);
	else
		acceptor_room(&w->acceptor);
}

static void
stop_event_cb(evutil_socket_t sig, short what, void *arg)
{
	struct worker *w = arg;

	conn_hub_close(w->hub, CLOSE_STOPPED);
	event_base_loopbreak(w->base);
}

static void
deadline_event_cb(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;

	conn_hub_close(w->hub, CLOSE_DRAIN);
	event_base_loopbreak(w->base);
}

static void
beat_event_cb(evutil_socket_t fd, short what, void *arg)
{
	slot_beat(((struct worker *)arg)->heritage->slot);
}
