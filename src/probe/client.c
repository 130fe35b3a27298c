/* SPDX-License-Identifier: ISC */
/*
 * The probe as a TLS client: what it is set up with, what it offers, whom it
 * asks for. One connection of it: connect.c.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "probe/probe.h"

static int new_session_cb(SSL *, SSL_SESSION *);
static int load_cert(SSL_CTX *, const struct probe_options *, struct err *);
static bool has_none(void);
static int set_alpn(SSL_CTX *, const char *);
static bool set_name(SSL *, const struct probe_options *);
static bool set_host(SSL *, const struct probe_options *);

int
probe_client_init(struct probe_client *client,
    const struct probe_options *options, int version, struct err *err)
{
	SSL_CTX *ctx;

	memset(client, 0, sizeof(*client));
	client->options = options;
	client->ctx = ctx = SSL_CTX_new(TLS_client_method());
	if (ctx == NULL)
		return err_set(err, NULL, "OpenSSL: %s", probe_ssl_reason());
	if (SSL_CTX_set_min_proto_version(ctx, version) != 1 ||
	    SSL_CTX_set_max_proto_version(ctx, version) != 1)
		return err_set(err, NULL, "this OpenSSL does not have the "
		    "TLS version that is asked for");
	if (options->no_tickets && version < TLS1_3_VERSION)
		SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT |
	    SSL_SESS_CACHE_NO_INTERNAL_STORE);
	SSL_CTX_sess_set_new_cb(ctx, new_session_cb);
	SSL_CTX_set_app_data(ctx, client);
	/* Or a session would be spoilt by a server without close_notify. */
	SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
	if (options->ca != NULL) {
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
		if (SSL_CTX_load_verify_locations(ctx, options->ca, NULL) != 1)
			return err_set(err, NULL, "--ca %s: %s", options->ca,
			    probe_ssl_reason());
	}
	if (options->cert != NULL && load_cert(ctx, options, err) == -1)
		return -1;
	if (options->alpn != NULL && set_alpn(ctx, options->alpn) == -1)
		return err_set(err, NULL, "--alpn %s: names of 1 to 255 "
		    "characters with commas between them are expected",
		    options->alpn);
	return 0;
}

void
probe_client_release(struct probe_client *client)
{
	SSL_SESSION_free(client->latest);
	SSL_CTX_free(client->ctx);
	memset(client, 0, sizeof(*client));
}

static int
new_session_cb(SSL *ssl, SSL_SESSION *session)
{
	struct probe_client *client;

	client = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	SSL_SESSION_free(client->latest);
	client->latest = session;
	client->sessions++;
	return 1; /* the reference is ours now */
}

static int
load_cert(SSL_CTX *ctx, const struct probe_options *o, struct err *err)
{
	const char *key = o->key != NULL ? o->key : o->cert;

	if (SSL_CTX_use_certificate_chain_file(ctx, o->cert) != 1)
		return err_set(err, NULL, "--cert %s: %s", o->cert,
		    has_none() ? "no certificate in the file" :
		    probe_ssl_reason());
	if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) == 1)
		return 0;
	if (o->key != NULL)
		return err_set(err, NULL, "--key %s: %s", key,
		    has_none() ? "no private key in the file" :
		    probe_ssl_reason());
	return err_set(err, NULL, "--cert %s: %s", key, has_none() ?
	    "no private key in the file, and no --key" : probe_ssl_reason());
}

/* Is it OpenSSL's last error that a PEM file has nothing of its kind? */
static bool
has_none(void)
{
	unsigned long e = ERR_peek_error();

	return (ERR_GET_LIB(e) == ERR_LIB_PEM &&
	    ERR_GET_REASON(e) == PEM_R_NO_START_LINE) ||
	    (ERR_GET_LIB(e) == ERR_LIB_OSSL_DECODER &&
	    ERR_GET_REASON(e) == ERR_R_UNSUPPORTED);
}

/* "a,b" → 1 a 1 b */
static int
set_alpn(SSL_CTX *ctx, const char *list)
{
	unsigned char wire[1024];
	size_t len, n = 0;

	for (;;) {
		len = strcspn(list, ",");
		if (len == 0 || len > 255 || n + 1 + len > sizeof(wire))
			return -1;
		wire[n++] = (unsigned char)len;
		memcpy(wire + n, list, len);
		n += len;
		if (list[len] == '\0')
			break;
		list += len + 1;
	}
	return SSL_CTX_set_alpn_protos(ctx, wire, (unsigned)n) == 0 ? 0 : -1;
}

SSL *
probe_client_ssl(struct probe_client *client, SSL_SESSION *session)
{
	const struct probe_options *o = client->options;
	SSL_SESSION *copy = NULL;
	SSL *ssl;

	if ((ssl = SSL_new(client->ctx)) == NULL)
		return NULL;
	if (session != NULL) {
		/* OpenSSL marks a TLS 1.3 session as used up. */
		copy = SSL_SESSION_dup(session);
		if (copy == NULL || SSL_set_session(ssl, copy) != 1) {
			SSL_SESSION_free(copy);
			SSL_free(ssl);
			return NULL;
		}
		SSL_SESSION_free(copy);
	}
	if (!set_name(ssl, o)) {
		SSL_free(ssl);
		return NULL;
	}
	return ssl;
}

/*
 * Who is asked for, and with --ca who the certificate must name: the host, or
 * the address that is called. A Unix socket has no name but that of --sni.
 */
static bool
set_name(SSL *ssl, const struct probe_options *o)
{
	const struct sockaddr_in *in = (const void *)&o->addr.ss;
	const struct sockaddr_in6 *in6 = (const void *)&o->addr.ss;
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

	if (o->sni != NULL)
		return set_host(ssl, o);
	if (o->ca == NULL)
		return true;
	switch (o->addr.ss.ss_family) {
	case AF_INET:
		return X509_VERIFY_PARAM_set1_ip(param,
		    (const unsigned char *)&in->sin_addr,
		    sizeof(in->sin_addr)) == 1;
	case AF_INET6:
		return X509_VERIFY_PARAM_set1_ip(param,
		    (const unsigned char *)&in6->sin6_addr,
		    sizeof(in6->sin6_addr)) == 1;
	default:
		return true;
	}
}

static bool
set_host(SSL *ssl, const struct probe_options *o)
{
	char *name = strdup(o->sni); /* OpenSSL's macro takes no const */
	bool good;

	good = name != NULL && SSL_set_tlsext_host_name(ssl, name) == 1 &&
	    (o->ca == NULL || SSL_set1_host(ssl, name) == 1);
	free(name);
	return good;
}

const char *
probe_ssl_reason(void)
{
	unsigned long e = ERR_get_error();
	const char *text = ERR_reason_error_string(e);

	if (ERR_SYSTEM_ERROR(e))
		text = strerror(ERR_GET_REASON(e));
	ERR_clear_error();
	return text != NULL ? text : "unknown error";
}
