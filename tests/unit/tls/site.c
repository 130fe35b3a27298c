/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <check.h>

#include "base/clock.h"
#include "pki.h"
#include "site.h"
#include "tlscache.h"

const struct site_kind site_kinds[SITE_KINDS] = {
	{ TLS1_2_VERSION, CONF_RESUME_STATEFUL, TLS_RESUMED_ID },
	{ TLS1_2_VERSION, CONF_RESUME_TICKETS, TLS_RESUMED_TICKET },
	{ TLS1_3_VERSION, CONF_RESUME_STATEFUL, TLS_RESUMED_STATEFUL },
	{ TLS1_3_VERSION, CONF_RESUME_TICKETS, TLS_RESUMED_TICKET },
};

struct tls_shared shared;

void
shared_setup(void)
{
	shared.session_timeout = SITE_TIMEOUT;
	ck_assert_int_eq(tlscache_open(&shared.sessions, 1 << 20), 0);
	ck_assert_int_eq(tlscache_keys_open(&shared.keys, 3600, SITE_TIMEOUT,
	    clock_wall()), 0);
}

void
shared_teardown(void)
{
	tlscache_close(shared.sessions);
	tlscache_keys_close(shared.keys);
}

static void
set(struct conf_str *s, char *value, int line)
{
	s->value = value;
	s->loc.file = "t.conf";
	s->loc.line = line;
}

void
site_init(struct site *s)
{
	static char name[] = "https", title[] = "default";

	memset(s, 0, sizeof(*s));
	s->listen.name = name;
	s->listen.loc.file = "t.conf";
	s->listen.loc.line = 1;
	s->listen.certificates = s->certs;
	s->listen.minimum_version = TLS1_2_VERSION;
	s->listen.maximum_version = TLS1_3_VERSION;
	s->listen.resumption = CONF_RESUME_STATEFUL;
	s->listen.alpn.v = s->alpn;
	set(&s->listen.ciphers, NULL, 2);
	set(&s->listen.ciphersuites, NULL, 3);
	set(&s->listen.groups, NULL, 4);
	site_add(s, title, NULL);
}

struct conf_certificate *
site_add(struct site *s, char *title, char *name)
{
	struct conf_certificate *c;
	size_t i;
	int line;

	i = s->listen.ncertificates++;
	ck_assert_uint_lt(i, SITE_CERTS);
	c = &s->certs[i];
	line = 10 + 10 * (int)i;
	c->title = title;
	c->names.v = s->names[i];
	c->loc.file = "t.conf";
	c->loc.line = line;
	c->verify_depth = 3;
	set(&c->chain, pki_path("server_a.crt"), line + 1);
	set(&c->key, pki_path("server_a.key"), line + 2);
	set(&c->ca, NULL, line + 3);
	set(&c->crl, NULL, line + 4);
	if (name != NULL)
		site_add_name(s, c, name);
	return c;
}

void
site_add_name(struct site *s, struct conf_certificate *c, char *name)
{
	ck_assert_uint_lt(c->names.n, SITE_NAMES);
	set(&c->names.v[c->names.n++], name, c->loc.line + 5);
}

void
site_add_alpn(struct site *s, char *protocol)
{
	ck_assert_uint_lt(s->listen.alpn.n, SITE_NAMES);
	set(&s->alpn[s->listen.alpn.n++], protocol, 5);
}

void
site_ask(struct conf_certificate *c, enum conf_client_cert mode,
    const char *ca, const char *crl)
{
	c->client_certificate = mode;
	c->ca.value = ca != NULL ? pki_path(ca) : NULL;
	c->crl.value = crl != NULL ? pki_path(crl) : NULL;
}

/* Whole, or NULL with the error text. */
static struct tls_front *
build(const struct site *s, struct err *err)
{
	struct tls_front *front;
	int r;

	front = tls_front_new(&s->listen, &shared, err);
	if (front == NULL)
		return NULL;
	while ((r = tls_front_load(front, err)) > 0)
		;
	if (r == 0)
		return front;
	tls_front_free(front);
	return NULL;
}

struct tls_front *
site_front(const struct site *s)
{
	struct tls_front *front;
	struct err err;

	front = build(s, &err);
	ck_assert_msg(front != NULL, "%s", err.text);
	return front;
}

void
site_refused(const struct site *s, const char *text)
{
	struct err err;

	ck_assert_ptr_null(build(s, &err));
	site_same_text(err.text, text);
}

void
site_same_text(const char *text, const char *pattern)
{
	const char *want = site_expand(pattern);
	size_t n = strlen(want);

	if (n > 0 && want[n - 1] == '*')
		ck_assert_msg(strncmp(text, want, n - 1) == 0 &&
		    strlen(text) > n - 1, "'%s' is not '%s'", text, want);
	else
		ck_assert_str_eq(text, want);
}

const char *
site_expand(const char *text)
{
	static char buf[2048];
	size_t n;

	for (n = 0; *text != '\0'; text++) {
		ck_assert_uint_lt(n, sizeof(buf) - 256);
		if (*text == '@')
			n += (size_t)snprintf(buf + n, sizeof(buf) - n, "%s",
			    pki_path(""));
		else
			buf[n++] = *text;
	}
	buf[n] = '\0';
	return buf;
}
