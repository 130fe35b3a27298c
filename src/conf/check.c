/* SPDX-License-Identifier: ISC */
/*
 * What can be said only of values side by side: each section at its end, the
 * whole configuration at the end. Master.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/units.h"
#include "conf/conf_int.h"
#include "tlscache.h"

/* A server name, and how many come before it. */
struct named {
	const struct conf_str *name;
	size_t place;
};

static int check_service(const struct conf_listen *, struct err *);
static int check_alpn(const struct conf_strs *, struct err *);
static int check_title(const char *, const char *, const struct loc *,
    struct err *);
static int check_default(struct conf_listen *, struct err *);
static int check_names(const struct conf_listen *, struct err *);
static int compare_named(const void *, const void *);
static int check_early_data(const struct conf_listen *, struct err *);
static int check_times(const struct conf *, struct err *);
static int check_addresses(const struct conf *, struct err *);
static int check_bound(const struct conf_addr *, const struct conf_addr *,
    struct err *);

int
conf_check_certificate(void *target, struct err *err)
{
	const struct conf_certificate *c = target;

	if (check_title("certificate", c->title, &c->loc, err) == -1)
		return -1;
	if (c->chain.value == NULL)
		return err_set(err, &c->loc, "certificate \"%s\" has no "
		    "chain", c->title);
	if (c->client_certificate != CONF_CLIENT_CERT_OFF &&
	    c->ca.value == NULL)
		return err_set(err, &c->loc, "certificate \"%s\" asks for "
		    "client certificates but has no ca", c->title);
	if (c->client_certificate != CONF_CLIENT_CERT_OFF)
		return 0;
	/* Who sets these believes that clients are checked. */
	if (c->ca.value != NULL)
		return err_set(err, &c->ca.loc, "ca is of no use while "
		    "client_certificate is off; expected \"client_certificate = "
		    "required\" or optional");
	if (c->crl.value != NULL)
		return err_set(err, &c->crl.loc, "crl is of no use while "
		    "client_certificate is off; expected \"client_certificate = "
		    "required\" or optional");
	return 0;
}

int
conf_check_listen(void *target, struct err *err)
{
	struct conf_listen *l = target;

	if (check_title("listen", l->name, &l->loc, err) == -1)
		return -1;
	if (l->naddresses == 0)
		return err_set(err, &l->loc, "listen \"%s\" has no address",
		    l->name);
	if (check_service(l, err) == -1 || check_alpn(&l->alpn, err) == -1)
		return -1;
	if (l->minimum_version > l->maximum_version)
		return err_set(err, conf_later(
		    conf_set_at(CONF_SECTION_LISTEN, "minimum_version"),
		    conf_set_at(CONF_SECTION_LISTEN, "maximum_version")),
		    "minimum_version is above maximum_version");
	if (l->ncertificates == 0)
		return err_set(err, &l->loc, "listen \"%s\" has no "
		    "certificate", l->name);
	if (check_default(l, err) == -1 || check_names(l, err) == -1)
		return -1;
	return check_early_data(l, err);
}

static int
check_service(const struct conf_listen *l, struct err *err)
{
	const struct loc *loc = &l->loc;
	const char *word;

	if (l->service == CONF_SERVICE_PROXY && l->nbackends == 0)
		return err_set(err, loc, "listen \"%s\" is a proxy and has no "
		    "backend", l->name);
	if (l->service == CONF_SERVICE_PROXY)
		return 0;
	if (l->nbackends > 0) {
		word = "backend";
		loc = &l->backends[0].loc;
	} else if (l->proxy_protocol)
		word = "proxy_protocol";
	else if (l->connect != CONF_CONNECT_HANDSHAKE)
		word = "connect";
	else if (l->client_cut_reset)
		word = "client_cut";
	else
		return 0;
	return err_set(err, loc, "%s is for \"service = proxy\", and this "
	    "service is %s", word, conf_service_name(l->service));
}

/* RFC 7301 3.1: the list has two bytes for its length. */
static int
check_alpn(const struct conf_strs *list, struct err *err)
{
	size_t i, size = 0;

	for (i = 0; i < list->n; i++) {
		size += 1 + strlen(list->v[i].value);
		if (size > UINT16_MAX)
			return err_set(err, &list->v[i].loc, "alpn: these are "
			    "too many protocols: all together have room for "
			    "%d bytes, one of them for each", UINT16_MAX);
	}
	return 0;
}

/* They stand in log lines and in tables. */
static int
check_title(const char *what, const char *title, const struct loc *loc,
    struct err *err)
{
	const unsigned char *p = (const unsigned char *)title;
	size_t len = strlen(title);

	for (; *p > ' ' && *p != 0x7f && strchr("\"'\\=", *p) == NULL; p++)
		;
	if (*p == '\0' && len >= 1 && len <= 64)
		return 0;
	return err_set(err, loc, "%s \"%.100s\": expected a name of 1 to 64 "
	    "characters without spaces, quotes, \"=\" and \"\\\"", what,
	    title);
}

/* One certificate may be without names. It goes first: it is the default. */
static int
check_default(struct conf_listen *l, struct err *err)
{
	struct conf_certificate *c = l->certificates, found;
	size_t i, n = 0;

	for (i = 0; i < l->ncertificates; i++) {
		if (c[i].names.n > 0)
			continue;
		if (n++ == 0) {
			found = c[i];
			memmove(c + 1, c, i * sizeof(*c));
			c[0] = found;
			continue;
		}
		return err_set(err, &c[i].loc, "certificate \"%s\" has no "
		    "names, and neither has \"%s\" at %s:%d; only one can be "
		    "the default", c[i].title, c[0].title, c[0].loc.file,
		    c[0].loc.line);
	}
	return 0;
}

/* Sorted, because there may be thousands. */
static int
check_names(const struct conf_listen *l, struct err *err)
{
	const struct conf_strs *names;
	struct named *all, *twice = NULL;
	size_t i, j, n;
	int rc = 0;

	for (i = n = 0; i < l->ncertificates; i++)
		n += l->certificates[i].names.n;
	all = xcalloc(n + 1, sizeof(*all));
	for (i = n = 0; i < l->ncertificates; i++) {
		names = &l->certificates[i].names;
		for (j = 0; j < names->n; j++, n++) {
			all[n].name = &names->v[j];
			all[n].place = n;
		}
	}
	qsort(all, n, sizeof(*all), compare_named);
	for (i = 1; i < n; i++)
		if (strcmp(all[i - 1].name->value, all[i].name->value) == 0 &&
		    (twice == NULL || all[i].place < twice->place))
			twice = &all[i];
	if (twice != NULL)
		rc = err_set(err, &twice->name->loc, "the name \"%s\" is "
		    "there twice; first at %s:%d", twice->name->value,
		    twice[-1].name->loc.file, twice[-1].name->loc.line);
	free(all);
	return rc;
}

static int
compare_named(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int order = strcmp(x->name->value, y->name->value);

	if (order != 0)
		return order;
	return x->place < y->place ? -1 : 1;
}

/*
 * Early data are accepted once because the session that they come with is in
 * the shared cache; a stateless ticket leaves nothing there to be claimed.
 */
static int
check_early_data(const struct conf_listen *l, struct err *err)
{
	const struct conf_certificate *c = l->certificates;
	const struct loc *loc;

	for (; c < l->certificates + l->ncertificates; c++) {
		if (c->early.mode == CONF_EARLY_OFF)
			continue;
		loc = c->early.loc.file != NULL ? &c->early.loc :
		    &l->early.loc;
		if (l->resumption != CONF_RESUME_STATEFUL)
			return err_set(err, loc, "early_data needs "
			    "\"resumption = stateful\", so that nothing is "
			    "accepted twice; this listener has \"%s\"",
			    conf_resumption_name(l->resumption));
		if (l->maximum_version < CONF_TLS1_3)
			return err_set(err, loc, "early_data needs "
			    "TLSv1.3, which is above maximum_version");
	}
	return 0;
}

int
conf_check_root(void *target, struct err *err)
{
	struct conf *conf = target;
	struct loc loc = { conf->files[0], 0 };

	conf->cache_size_loc = *conf_set_at(CONF_SECTION_SESSION_CACHE,
	    "size");
	if (conf->nlistens == 0)
		return err_set(err, &loc, "there is no listen section");
	if (check_times(conf, err) == -1)
		return -1;
	return check_addresses(conf, err);
}

/* Ticket keys are kept as long as sessions live: is there room for them? */
static int
check_times(const struct conf *conf, struct err *err)
{
	const int64_t most = TLSCACHE_KEYS_MAX - 3;
	char rotate[32], timeout[32];

	if (conf->session_timeout / 1000 < most * (conf->ticket_rotate / 1000))
		return 0;
	units_format_duration(conf->session_timeout, timeout,
	    sizeof(timeout));
	units_format_duration(conf->ticket_rotate, rotate, sizeof(rotate));
	return err_set(err, conf_later(
	    conf_set_at(CONF_SECTION_SESSION_CACHE, "timeout"),
	    conf_set_at(CONF_SECTION_TICKETS, "rotate")),
	    "the timeout of sessions (%s) must be less than %d times the "
	    "rotate time of tickets (%s)", timeout, (int)most, rotate);
}

static int
check_addresses(const struct conf *conf, struct err *err)
{
	const struct conf_listen *a, *b, *end;
	size_t i, j;

	end = conf->listens + conf->nlistens;
	for (a = conf->listens; a < end; a++)
		for (i = 0; i < a->naddresses; i++)
			for (b = conf->listens; b <= a; b++)
				for (j = 0; j < (b < a ? b->naddresses : i);
				    j++)
					if (check_bound(&a->addresses[i],
					    &b->addresses[j], err) == -1)
						return -1;
	return 0;
}

static int
check_bound(const struct conf_addr *address, const struct conf_addr *first,
    struct err *err)
{
	char text[ADDR_TEXT_MAX];

	/* Port 0 is another one each time. */
	if (addr_is_unknown(&address->addr) ||
	    !addr_equal(&address->addr, &first->addr) ||
	    addr_any_port(&address->addr))
		return 0;
	addr_format((const struct sockaddr *)&address->addr.ss,
	    address->addr.len, text, sizeof(text));
	return err_set(err, &address->loc, "address %s is bound twice; first "
	    "at %s:%d", text, first->loc.file, first->loc.line);
}
