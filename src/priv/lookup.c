/* SPDX-License-Identifier: ISC */
/*
 * Names of hosts, users and groups. The C library asks name servers and
 * directories for them, which takes seconds when these are dead, and cannot be
 * stopped: so it is done in children, each name in its own, so that a dead
 * server of one hinders no other. Master.
 *
 * They write answers of one size, less than PIPE_BUF, so that those of several
 * do not mix. A name that was not answered at the end has failed.
 */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crew.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/names.h"
#include "priv/lookup.h"

/* What an answer may take, in seconds. */
#define WITHIN_S 5

enum answer_type {
	ANSWER_ADDRESS, /* of a name: one of its addresses */
	ANSWER_FAILED,	/* a name, or the ids: why */
	ANSWER_NONE,	/* of a name, by nobody: why */
	ANSWER_IDS,
	ANSWER_GROUP, /* one of those that the user is in */
};

struct answer {
	enum answer_type type;
	bool ids;
	size_t name;
	union {
		struct addr addr;
		char why[400];
		struct {
			uid_t uid;
			gid_t gid;
		} ids;
		gid_t group;
	} u;
};

static crew_job ask;
static void ask_name(size_t, int);
static void ask_ids(const struct priv_account *, int);
static void say(int, const struct answer *);
static void take(struct priv_account *, const struct answer *);
static void not_answered(struct name *, const char *);
static bool want_ids(const struct priv_account *);

int
lookup_begin(struct lookup *l, struct children *children,
    struct priv_account *account)
{
	const struct name *all;
	size_t i, n;

	all = names_all(&n);
	l->names = xcalloc(n + 1, sizeof(*l->names));
	l->nnames = 0;
	l->account = account;
	for (i = 0; i < n; i++)
		if (all[i].state == NAME_ASKED)
			l->names[l->nnames++] = i;
	n = l->nnames + (want_ids(account) ? 1 : 0);
	if (n == 0) {
		lookup_drop(l);
		return 0;
	}
	l->until = clock_mono_us() + WITHIN_S * 1000000;
	if (crew_start(children, &l->crew, "looking up names", ask, n, l,
	    WITHIN_S + 1) == 0)
		return 1;
	lookup_drop(l);
	return -1;
}

int
lookup_read(struct lookup *l)
{
	struct answer a;
	ssize_t n;

	for (;;) {
		n = read(l->crew.fd, &a, sizeof(a));
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return 1;
		if (n != (ssize_t)sizeof(a))
			return 0;
		take(l->account, &a);
	}
}

void
lookup_end(struct lookup *l)
{
	struct priv_account *account = l->account;
	static const char late[] = "the name server does not answer";
	struct name *all;
	size_t i, n;

	all = names_all(&n);
	for (i = 0; i < n; i++)
		if (all[i].state == NAME_ASKED)
			not_answered(&all[i], late);
	if (want_ids(account))
		(void)snprintf(account->error, sizeof(account->error),
		    "users cannot be looked up: there is no answer");
	lookup_drop(l);
}

int
lookup_wait(struct priv_account *account, struct err *err)
{
	struct children children = { NULL };
	struct lookup l;
	struct pollfd p;
	int64_t left;
	bool names;
	int r;

	memset(&l, 0, sizeof(l));
	r = lookup_begin(&l, &children, account);
	if (r == -1)
		return err_set(err, NULL, "looking up names: %s",
		    strerror(errno));
	if (r == 0)
		return 0;
	names = l.nnames > 0;
	p.fd = l.crew.fd;
	p.events = POLLIN;
	while (r == 1 && (left = l.until - clock_mono_us()) > 0) {
		(void)poll(&p, 1, (int)(left / 1000) + 1);
		r = lookup_read(&l);
	}
	lookup_end(&l);
	return names ? 1 : 0;
}

void
lookup_drop(struct lookup *l)
{
	child_end(&l->crew);
	free(l->names);
	l->names = NULL;
	l->nnames = 0;
}

/* In a child: the names come first, then the ids. */
static void
ask(void *arg, size_t i, int fd)
{
	const struct lookup *l = arg;

	if (i < l->nnames)
		ask_name(l->names[i], fd);
	else
		ask_ids(l->account, fd);
}

static void
ask_name(size_t place, int fd)
{
	struct answer a;
	struct addr *list;
	const char *why;
	size_t total;
	int i, n;

	memset(&a, 0, sizeof(a));
	a.name = place;
	n = addr_look_up(names_all(&total)[place].text, &list, &why);
	a.type = ANSWER_ADDRESS;
	for (i = 0; i < n; i++) {
		a.u.addr = list[i];
		say(fd, &a);
	}
	if (n > 0)
		return;
	a.type = n == -2 ? ANSWER_NONE : ANSWER_FAILED;
	snprintf(a.u.why, sizeof(a.u.why), "%s", n < 0 ? why :
	    "it has no address");
	say(fd, &a);
}

static void
ask_ids(const struct priv_account *account, int fd)
{
	struct priv_ids ids;
	struct answer a;
	struct err err;
	int i;

	memset(&ids, 0, sizeof(ids));
	memset(&a, 0, sizeof(a));
	a.ids = true;
	if (priv_ids_look_up(&ids, &account->user, &account->group, &err) == -1) {
		a.type = ANSWER_FAILED;
		snprintf(a.u.why, sizeof(a.u.why), "%.*s",
		    (int)sizeof(a.u.why) - 1, err.text);
		say(fd, &a);
		return;
	}
	a.type = ANSWER_GROUP;
	for (i = 0; i < ids.ngroups; i++) {
		a.u.group = ids.groups[i];
		say(fd, &a);
	}
	a.type = ANSWER_IDS;
	a.u.ids.uid = ids.uid;
	a.u.ids.gid = ids.gid;
	say(fd, &a);
	free(ids.groups);
}

static void
say(int fd, const struct answer *a)
{
	while (write(fd, a, sizeof(*a)) == -1 && errno == EINTR)
		;
}

static bool
want_ids(const struct priv_account *account)
{
	return !account->known && account->error[0] == '\0' &&
	    (geteuid() == 0 || account->user.text[0] != '\0' ||
	    account->group.text[0] != '\0');
}

static void
take(struct priv_account *account, const struct answer *a)
{
	struct priv_ids *ids = &account->ids;
	struct name *all;
	size_t n;

	all = names_all(&n);
	if (a->ids && a->type == ANSWER_FAILED) {
		(void)snprintf(account->error, sizeof(account->error), "%s",
		    a->u.why);
	} else if (a->type == ANSWER_GROUP) {
		ids->groups = xreallocarray(ids->groups,
		    (size_t)ids->ngroups + 1, sizeof(*ids->groups));
		ids->groups[ids->ngroups++] = a->u.group;
	} else if (a->type == ANSWER_IDS) {
		ids->uid = a->u.ids.uid;
		ids->gid = a->u.ids.gid;
		account->known = true;
	} else if (a->name < n && a->type == ANSWER_ADDRESS) {
		name_add(&all[a->name], &a->u.addr);
	} else if (a->name < n && a->type == ANSWER_FAILED) {
		name_fail(&all[a->name], a->u.why);
	} else if (a->name < n && a->type == ANSWER_NONE) {
		not_answered(&all[a->name], a->u.why);
	}
}

/* A name server that is down must not cost a site that works. */
static void
not_answered(struct name *name, const char *why)
{
	if (name_restore(name))
		log_warnx("\"%s\": %s: it keeps the addresses that it had",
		    name->text, why);
	else
		name_fail(name, why);
}
