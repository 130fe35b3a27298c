/* SPDX-License-Identifier: ISC */
/*
 * The life of a listener's TLS side: one SSL_CTX per certificate { } section,
 * alike in all but what makes up its policy. Built and freed in the master;
 * workers make SSLs from it.
 *
 * OpenSSL takes callbacks and settings of sessions from the SSL_CTX that
 * SSL_new() got (that of the default policy), others from the one that hello.c
 * switched to; so all of them get everything.
 */
#include "config.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "base/mem.h"
#include "tls/tls_int.h"
#include "tlscache.h"

/*
 * So many are freed before their memory goes back: in a worker each page that
 * is written to becomes a copy, and all of a front would be more than there is.
 */
#define FREE_EACH 64

static int policy_build(struct tls_policy *, const struct conf_listen *,
    const struct conf_certificate *, const struct tls_shared *, struct err *);
static int set_protocol(SSL_CTX *, const struct conf_listen *, struct err *);
static int set_list(SSL_CTX *, int (*)(SSL_CTX *, const char *), const char *,
    const struct conf_str *, struct err *);
static int set_each(SSL_CTX *, int (*)(SSL_CTX *, const char *), const char *,
    const struct conf_str *, struct err *);
static int set_resumption(struct tls_policy *, const struct tls_shared *);
static void set_callbacks(struct tls_policy *);

struct tls_front *
tls_front_new(const struct conf_listen *listen,
    const struct tls_shared *shared, struct err *err)
{
	struct tls_front *front;
	size_t i;

	ERR_clear_error();
	if (tls_peer_setup() == -1) {
		err_set(err, NULL, "OpenSSL: %s", tls_reason());
		return NULL;
	}
	front = xcalloc(1, sizeof(*front));
	front->listen = listen;
	front->shared = shared;
	front->unknown_name_reject = listen->unknown_name_reject;
	front->resumption = listen->resumption;
	front->timeout = shared->session_timeout;
	front->policies = xcalloc(listen->ncertificates,
	    sizeof(*front->policies));
	for (i = 0; i < listen->ncertificates; i++)
		if (listen->certificates[i].early.mode != CONF_EARLY_OFF)
			front->early_data = true;
	tls_alpn_list(front, &listen->alpn);
	return front;
}

int
tls_front_load(struct tls_front *front, struct err *err)
{
	const struct conf_listen *listen = front->listen;
	struct tls_policy *p;
	size_t i = front->npolicies;

	if (i < listen->ncertificates) {
		p = &front->policies[front->npolicies++];
		p->front = front;
		if (policy_build(p, listen, &listen->certificates[i],
		    front->shared, err) == 0)
			return 1;
		tls_file_warned();
		return -1;
	}
	tls_hello_names(front, listen);
	tls_groups_order(front, listen);
	tls_file_warned();
	front->listen = NULL;
	front->shared = NULL;
	return 0;
}

void
tls_front_free(struct tls_front *front)
{
	size_t i;

	if (front == NULL)
		return;
	for (i = 0; i < front->nnames; i++) {
		free(front->names[i].name);
		mem_flush();
	}
	for (i = 0; i < front->npolicies; i++) {
		SSL_CTX_free(front->policies[i].ctx);
		free(front->policies[i].title);
		mem_flush();
		if (i % FREE_EACH == FREE_EACH - 1)
			mem_release();
	}
	free(front->names);
	free(front->sorts);
	free(front->policies);
	free(front->alpn);
	free(front);
}

void
tls_front_set_worker(struct tls_front *front, unsigned worker)
{
	front->worker = worker;
}

SSL *
tls_front_accept(struct tls_front *front)
{
	SSL *ssl;

	if ((ssl = SSL_new(front->policies[0].ctx)) != NULL)
		SSL_set_accept_state(ssl);
	return ssl;
}

static int
policy_build(struct tls_policy *p, const struct conf_listen *listen,
    const struct conf_certificate *conf, const struct tls_shared *shared,
    struct err *err)
{
	int code;

	p->title = xstrdup(conf->title);
	if (conf->early.mode != CONF_EARLY_OFF)
		p->early_max = (uint32_t)conf->early.maximum;
	p->early_postpone = conf->early.mode == CONF_EARLY_POSTPONE;
	if ((p->ctx = SSL_CTX_new(TLS_server_method())) == NULL ||
	    !SSL_CTX_set_app_data(p->ctx, p))
		return err_set(err, &conf->loc, "certificate \"%s\": %s",
		    conf->title, tls_reason());
	/* The ciphers come before the policy, which hashes them. */
	if (set_protocol(p->ctx, listen, err) == -1 ||
	    tls_cert_load(p, conf, err) == -1 ||
	    tls_policy_load(p, conf, err) == -1 ||
	    tls_trial(p, listen, conf, err) == -1)
		return -1;
	if ((code = set_resumption(p, shared)) != TLSCACHE_OK)
		return err_set(err, &conf->loc, "certificate \"%s\": %s",
		    conf->title, tls_cache_reason(code));
	set_callbacks(p);
	return 0;
}

/*
 * SSL_MODE_NO_AUTO_CHAIN: what the chain file holds is sent. Otherwise
 * OpenSSL would look for more in the store of client CAs, at every handshake.
 * Not set: SSL_OP_IGNORE_UNEXPECTED_EOF, because conn/ never shows OpenSSL an
 * end of input that would cost the client its session.
 */
static int
set_protocol(SSL_CTX *ctx, const struct conf_listen *listen, struct err *err)
{
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION |
	    SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS |
	    SSL_MODE_NO_AUTO_CHAIN);
	if (!SSL_CTX_set_min_proto_version(ctx, listen->minimum_version) ||
	    !SSL_CTX_set_max_proto_version(ctx, listen->maximum_version))
		return err_set(err, &listen->loc, "listen \"%s\": OpenSSL "
		    "does not have these TLS versions", listen->name);
	if (set_list(ctx, SSL_CTX_set_cipher_list, "ciphers",
		&listen->ciphers, err) == -1 ||
	    set_each(ctx, SSL_CTX_set_ciphersuites, "ciphersuites",
		&listen->ciphersuites, err) == -1 ||
	    set_list(ctx, tls_groups_set, "groups", &listen->groups,
		err) == -1)
		return -1;
	tls_groups_fields(ctx, listen);
	return 0;
}

static int
set_list(SSL_CTX *ctx, int (*set)(SSL_CTX *, const char *), const char *name,
    const struct conf_str *list, struct err *err)
{
	if (list->value == NULL)
		return 0;
	ERR_clear_error();
	if (set(ctx, list->value))
		return 0;
	ERR_clear_error();
	return err_set(err, &list->loc, "%s \"%s\": not a list that OpenSSL "
	    "understands, or nothing in it that it has", name, list->value);
}

/* OpenSSL would leave out what it does not know, without a word. */
static int
set_each(SSL_CTX *ctx, int (*set)(SSL_CTX *, const char *), const char *name,
    const struct conf_str *list, struct err *err)
{
	struct conf_str one = { .loc = list->loc };
	char *copy, *rest;
	int rc = 0;

	if (list->value == NULL)
		return 0;
	rest = copy = xstrdup(list->value);
	while (rc == 0 && (one.value = strsep(&rest, ":")) != NULL)
		rc = set_list(ctx, set, name, &one, err);
	free(copy);
	return rc == 0 ? set_list(ctx, set, name, list, err) : -1;
}

/*
 * One TLS 1.3 ticket per handshake and not OpenSSL's two: each costs 7 to 13
 * microseconds of the 216 of a full handshake, and a stateful one an entry of
 * the cache. A client that resumes gets the next one, so only those that open
 * several connections at once with tickets used once do without.
 */
static int
set_resumption(struct tls_policy *p, const struct tls_shared *shared)
{
	SSL_CTX *ctx = p->ctx;

	SSL_CTX_set_timeout(ctx, (long)shared->session_timeout);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx,
	    p->front->resumption == CONF_RESUME_OFF ? 0 : 1);
	if (p->front->resumption == CONF_RESUME_TICKETS)
		return tlscache_keys_attach(shared->keys, ctx);
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	if (p->front->resumption == CONF_RESUME_STATEFUL)
		return tlscache_attach(shared->sessions, ctx);
	return TLSCACHE_OK;
}

static void
set_callbacks(struct tls_policy *p)
{
	struct tls_front *front = p->front;
	SSL_CTX *ctx = p->ctx;

	SSL_CTX_set_client_hello_cb(ctx, tls_hello_cb, front);
	SSL_CTX_set_tlsext_servername_callback(ctx, tls_note_read_cb);
	SSL_CTX_set_tlsext_servername_arg(ctx, front);
	SSL_CTX_set_session_ticket_cb(ctx, tls_note_ticket_cb, NULL, front);
	if (front->resumption == CONF_RESUME_STATEFUL) {
		front->store = SSL_CTX_sess_get_new_cb(ctx);
		SSL_CTX_sess_set_new_cb(ctx, tls_note_session_cb);
	}
	if (front->early_data)
		tls_early_setup(front, ctx);
	if (front->alpn != NULL)
		SSL_CTX_set_alpn_select_cb(ctx, tls_alpn_cb, front);
}
