/* SPDX-License-Identifier: ISC */
/*
 * The server side of the control socket. Runs in the master; who may connect
 * is decided by the file mode of the socket, and nothing here trusts them any
 * further than that: a client costs its own slot until its deadline.
 *
 * What the answers say is report.c's.
 */
#include "config.h"

#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "master/ctl.h"
#include "master/ctl_protocol.h"
#include "master/report.h"

struct ctl_client {
	LIST_ENTRY(ctl_client) entry;
	struct ctl *ctl;
	int fd;
	struct event *readable;
	struct event *writable;
	struct event *deadline;
	char request[CTL_REQUEST_MAX];
	size_t have;
	char *answer;
	size_t sent;
	size_t len;
};

struct ctl {
	LIST_HEAD(, ctl_client) clients;
	size_t nclients;
	size_t max;
	struct timeval deadline;
	struct event_base *base;
	struct event *listener;
	struct event *resume; /* accepting, after a failure */
	bool failing;
	int fd;
	char *path;
	dev_t dev; /* of the path, so that we remove no other's */
	ino_t ino;
	ctl_view_cb *view;
	void *arg;
};

struct verb {
	const char *name;
	int (*report)(FILE *, enum report_form, const struct ctl_view *);
};

static const struct verb verbs[] = {
#define X(ID, verb, doc) { #verb, report_##verb },
#include "master/verbs.def"
#undef X
};
#define NVERBS (sizeof(verbs) / sizeof(verbs[0]))

static int socket_open(struct ctl *, const struct ctl_options *,
    struct err *);
static int socket_bind(int, const struct sockaddr_un *, int);
static int socket_clear(const struct sockaddr_un *, const struct loc *,
    struct err *);
static void listener_ready_cb(evutil_socket_t, short, void *);
static void listener_resume_cb(evutil_socket_t, short, void *);
static int client_new(struct ctl *, int);
static void client_free(struct ctl_client *);
static void client_readable_cb(evutil_socket_t, short, void *);
static void client_writable_cb(evutil_socket_t, short, void *);
static void client_deadline_cb(evutil_socket_t, short, void *);
static void client_answer(struct ctl_client *, char *);
static enum ctl_status answer_write(struct ctl *, char *, FILE *);
static const struct verb *verb_find(const char *);

struct ctl *
ctl_new(struct event_base *base, const struct ctl_options *opts,
    ctl_view_cb *view, void *arg, struct err *err)
{
	struct ctl *ctl;
	int64_t ms;

	ctl = xcalloc(1, sizeof(*ctl));
	LIST_INIT(&ctl->clients);
	ctl->base = base;
	ctl->view = view;
	ctl->arg = arg;
	ctl->fd = -1;
	ctl->max = opts->clients != 0 ? opts->clients : CTL_CLIENTS;
	ms = opts->deadline != 0 ? opts->deadline : CTL_DEADLINE;
	ctl->deadline.tv_sec = (time_t)(ms / 1000);
	ctl->deadline.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	if (socket_open(ctl, opts, err) == -1)
		goto fail;
	ctl->listener = event_new(base, ctl->fd, EV_READ | EV_PERSIST,
	    listener_ready_cb, ctl);
	ctl->resume = evtimer_new(base, listener_resume_cb, ctl);
	if (ctl->listener == NULL || ctl->resume == NULL ||
	    event_add(ctl->listener, NULL) == -1) {
		err_set(err, NULL, "control socket: out of memory");
		goto fail;
	}
	return ctl;
fail:
	ctl_free(ctl);
	return NULL;
}

void
ctl_free(struct ctl *ctl)
{
	struct stat st;

	if (ctl == NULL)
		return;
	while (!LIST_EMPTY(&ctl->clients))
		client_free(LIST_FIRST(&ctl->clients));
	if (ctl->listener != NULL)
		event_free(ctl->listener);
	if (ctl->resume != NULL)
		event_free(ctl->resume);
	if (ctl->path != NULL && lstat(ctl->path, &st) == 0 &&
	    st.st_dev == ctl->dev && st.st_ino == ctl->ino)
		unlink(ctl->path);
	if (ctl->fd != -1)
		close(ctl->fd);
	free(ctl->path);
	free(ctl);
}

void
ctl_forget(const struct ctl *ctl)
{
	const struct ctl_client *c;

	if (ctl == NULL)
		return;
	LIST_FOREACH(c, &ctl->clients, entry)
		close(c->fd);
	close(ctl->fd);
}

static int
socket_open(struct ctl *ctl, const struct ctl_options *opts, struct err *err)
{
	struct sockaddr_un sun;
	struct stat st;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	if (strlen(opts->path) >= sizeof(sun.sun_path))
		return err_set(err, opts->loc,
		    "control_socket: %s is longer than %zu bytes", opts->path,
		    sizeof(sun.sun_path) - 1);
	memcpy(sun.sun_path, opts->path, strlen(opts->path));

	ctl->fd = fd_socket(AF_UNIX, SOCK_STREAM, 0);
	if (ctl->fd == -1)
		return err_set(err, opts->loc, "control_socket: socket: %s",
		    strerror(errno));
	if (socket_bind(ctl->fd, &sun, opts->mode) == -1) {
		if (errno == EADDRINUSE &&
		    socket_clear(&sun, opts->loc, err) == -1)
			return -1;
		if (errno != EADDRINUSE ||
		    socket_bind(ctl->fd, &sun, opts->mode) == -1)
			return err_set(err, opts->loc,
			    "control_socket: %s: %s", opts->path,
			    strerror(errno));
	}
	if (lstat(opts->path, &st) == -1 || listen(ctl->fd, SOMAXCONN) == -1)
		return err_set(err, opts->loc, "control_socket: %s: %s",
		    opts->path, strerror(errno));
	ctl->path = xstrdup(opts->path);
	ctl->dev = st.st_dev;
	ctl->ino = st.st_ino;
	return 0;
}

/* The umask, not chmod(2) afterwards: nobody gets in between the two. */
static int
socket_bind(int fd, const struct sockaddr_un *sun, int mode)
{
	mode_t before;
	int error, rc;

	before = umask(~(mode_t)mode & 0777);
	rc = bind(fd, (const struct sockaddr *)sun, sizeof(*sun));
	error = errno;
	umask(before);
	errno = error;
	return rc;
}

/*
 * Remove a socket that nobody listens on any more. Returns 0 with errno still
 * EADDRINUSE, or -1 with the error text.
 */
static int
socket_clear(const struct sockaddr_un *sun, const struct loc *loc,
    struct err *err)
{
	const char *path;
	struct stat st;
	int error, fd;

	path = sun->sun_path;
	if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
		return err_set(err, loc,
		    "control_socket: %s is there and is no socket", path);
	if ((fd = fd_socket(AF_UNIX, SOCK_STREAM, 0)) == -1)
		return err_set(err, loc, "control_socket: socket: %s",
		    strerror(errno));
	error = 0;
	if (connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) == -1)
		error = errno;
	close(fd);
	if (error == 0 || error == EAGAIN)
		return err_set(err, loc,
		    "control_socket: another process listens on %s", path);
	if (error == ECONNREFUSED && unlink(path) == -1)
		error = errno;
	if (error != ECONNREFUSED && error != ENOENT)
		return err_set(err, loc, "control_socket: %s: %s", path,
		    strerror(error));
	errno = EADDRINUSE;
	return 0;
}

static void
listener_ready_cb(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval pause = { .tv_sec = 1 };
	struct ctl *ctl;
	int client;

	ctl = arg;
	client = fd_accept(fd, NULL, NULL);
	if (client == -1 && (errno == EAGAIN || errno == EWOULDBLOCK ||
	    errno == EINTR || errno == ECONNABORTED))
		return;
	if (client != -1 && client_new(ctl, client) == 0) {
		ctl->failing = false;
		if (ctl->nclients == ctl->max)
			event_del(ctl->listener);
		return;
	}
	/* Said once, and tried again later: the loop must not spin. */
	if (!ctl->failing)
		log_warn("control socket: a connection was not accepted");
	ctl->failing = true;
	if (client != -1)
		close(client);
	event_del(ctl->listener);
	evtimer_add(ctl->resume, &pause);
}

static void
listener_resume_cb(evutil_socket_t fd, short what, void *arg)
{
	struct ctl *ctl;

	ctl = arg;
	if (ctl->nclients < ctl->max)
		event_add(ctl->listener, NULL);
}

static int
client_new(struct ctl *ctl, int fd)
{
	struct ctl_client *c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return -1;
	c->ctl = ctl;
	c->fd = fd;
	c->readable = event_new(ctl->base, fd, EV_READ | EV_PERSIST,
	    client_readable_cb, c);
	c->writable = event_new(ctl->base, fd, EV_WRITE | EV_PERSIST,
	    client_writable_cb, c);
	c->deadline = evtimer_new(ctl->base, client_deadline_cb, c);
	LIST_INSERT_HEAD(&ctl->clients, c, entry);
	ctl->nclients++;
	if (c->readable == NULL || c->writable == NULL ||
	    c->deadline == NULL || event_add(c->readable, NULL) == -1 ||
	    evtimer_add(c->deadline, &ctl->deadline) == -1) {
		c->fd = -1;
		client_free(c);
		errno = ENOMEM;
		return -1;
	}
	return 0;
}

static void
client_free(struct ctl_client *c)
{
	struct ctl *ctl;

	ctl = c->ctl;
	LIST_REMOVE(c, entry);
	if (ctl->nclients-- == ctl->max)
		event_add(ctl->listener, NULL);
	if (c->readable != NULL)
		event_free(c->readable);
	if (c->writable != NULL)
		event_free(c->writable);
	if (c->deadline != NULL)
		event_free(c->deadline);
	if (c->fd != -1)
		close(c->fd);
	free(c->answer);
	free(c);
}

static void
client_readable_cb(evutil_socket_t fd, short what, void *arg)
{
	struct ctl_client *c;
	char *end;
	ssize_t n;

	c = arg;
	n = recv(fd, c->request + c->have, sizeof(c->request) - c->have, 0);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		client_free(c);
		return;
	}
	c->have += (size_t)n;
	end = memchr(c->request, '\n', c->have);
	if (end == NULL && c->have < sizeof(c->request))
		return;
	event_del(c->readable);
	client_answer(c, end);
}

static void
client_writable_cb(evutil_socket_t fd, short what, void *arg)
{
	struct ctl_client *c;
	ssize_t n;

	c = arg;
	n = send(fd, c->answer + c->sent, c->len - c->sent, MSG_NOSIGNAL);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == -1 || (c->sent += (size_t)n) == c->len)
		client_free(c);
}

static void
client_deadline_cb(evutil_socket_t fd, short what, void *arg)
{
	client_free(arg);
}

/*
 * The answer is made whole in memory, behind a gap for its first line, which
 * tells how long it is. end: the first newline of the request, NULL when it
 * is too long.
 */
static void
client_answer(struct ctl_client *c, char *end)
{
	char line[CTL_ANSWER_LINE_MAX];
	enum ctl_status status;
	int failed, len;
	FILE *out;

	if ((out = open_memstream(&c->answer, &c->len)) == NULL) {
		client_free(c);
		return;
	}
	fprintf(out, "%*s", CTL_ANSWER_LINE_MAX, "");
	status = CTL_USAGE;
	if (end == NULL)
		fprintf(out, "the request is too long");
	else if (end + 1 != c->request + c->have ||
	    memchr(c->request, '\0', c->have) != NULL)
		fprintf(out, "the request is more than one line of text");
	else {
		*end = '\0';
		status = answer_write(c->ctl, c->request, out);
	}
	failed = ferror(out);
	if (fclose(out) != 0 || failed ||
	    event_add(c->writable, NULL) == -1) {
		client_free(c);
		return;
	}
	len = snprintf(line, sizeof(line), "%s %d %zu\n", CTL_ANSWER_TAG,
	    status, c->len - CTL_ANSWER_LINE_MAX);
	c->sent = CTL_ANSWER_LINE_MAX - (size_t)len;
	memcpy(c->answer + c->sent, line, (size_t)len);
}

static enum ctl_status
answer_write(struct ctl *ctl, char *request, FILE *out)
{
	const char *tag, *name, *form;
	const struct verb *verb;
	struct ctl_view view;
	enum report_form rf;

	tag = strsep(&request, " ");
	name = strsep(&request, " ");
	form = strsep(&request, " ");
	if (form == NULL || request != NULL ||
	    strcmp(tag, CTL_REQUEST_TAG) != 0) {
		fprintf(out, "this tlsherd understands %s VERB FORM",
		    CTL_REQUEST_TAG);
		return CTL_USAGE;
	}
	if ((verb = verb_find(name)) == NULL) {
		fprintf(out, "this tlsherd does not know that command");
		return CTL_USAGE;
	}
	if (strcmp(form, CTL_FORM_JSON) == 0)
		rf = REPORT_JSON;
	else if (strcmp(form, CTL_FORM_PLAIN) == 0)
		rf = REPORT_PLAIN;
	else {
		fprintf(out, "this tlsherd does not know that form");
		return CTL_USAGE;
	}
	memset(&view, 0, sizeof(view));
	view.now = clock_wall();
	ctl->view(ctl->arg, &view);
	return verb->report(out, rf, &view) == 0 ? CTL_DONE : CTL_FAILED;
}

static const struct verb *
verb_find(const char *name)
{
	size_t i;

	for (i = 0; i < NVERBS; i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}
