/* SPDX-License-Identifier: ISC */
/*
 * The log line of a connection, written when it closes, and what is noted for
 * it before. Its fields are rows of log_fields.def. Worker.
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "conn/conn_int.h"
#include "conn/kv.h"
#include "tls/tls.h"

enum field {
#define X(ID, name, doc) FIELD_##ID,
#include "conn/log_fields.def"
#undef X
};

static const char *const names[] = {
#define X(ID, name, doc) [FIELD_##ID] = name,
#include "conn/log_fields.def"
#undef X
};

static void put_fields(struct kv *, struct conn *);
static void put_end(struct kv *, const struct conn *);

void
conn_log(struct conn *c)
{
	struct kv kv;
	char line[3584];
	bool noise;

	/* Health checks of load balancers look like this. */
	noise = c->close.reason == CLOSE_CLIENT_GONE;
	if (!c->hub->conf.log_connections ||
	    !log_enabled(noise ? LOGLVL_DEBUG : LOGLVL_INFO))
		return;
	kv_init(&kv, line, sizeof(line));
	put_fields(&kv, c);
	put_end(&kv, c);
	if (noise)
		log_debug("connection %s", line);
	else
		log_info("connection %s", line);
}

static void
put_fields(struct kv *kv, struct conn *c)
{
	char sha256[CONN_SHA256_MAX];
	struct conn_info info;

	conn_info(c, &info);
	conn_client_sha256(c, sha256, sizeof(sha256));
	kv_number(kv, names[FIELD_WORKER], c->hub->conf.worker);
	kv_number(kv, names[FIELD_ID], info.id);
	kv_text(kv, names[FIELD_CLIENT], info.client);
	kv_text(kv, names[FIELD_LISTENER], info.listener);
	kv_text(kv, names[FIELD_SERVICE], c->listener->ops->name);
	kv_text(kv, names[FIELD_SNI], info.sni);
	kv_text(kv, names[FIELD_CERTIFICATE], info.certificate);
	kv_text(kv, names[FIELD_VERSION], info.version);
	kv_text(kv, names[FIELD_CIPHER], info.cipher);
	kv_text(kv, names[FIELD_GROUP], info.group);
	kv_text(kv, names[FIELD_ALPN], info.alpn);
	kv_text(kv, names[FIELD_RESUMED], info.resumed);
	kv_text(kv, names[FIELD_EARLY], info.early);
	if (info.session_worker >= 0)
		kv_number(kv, names[FIELD_MADE_BY],
		    (uint64_t)info.session_worker);
	else
		kv_text(kv, names[FIELD_MADE_BY], NULL);
	kv_text(kv, names[FIELD_CLIENT_CERT], info.client_certificate);
	kv_text(kv, names[FIELD_CLIENT_CN], info.client_cn);
	kv_text(kv, names[FIELD_CLIENT_SHA256], sha256);
}

static void
put_end(struct kv *kv, const struct conn *c)
{
	kv_text(kv, names[FIELD_BACKEND], c->backend);
	if (c->backends_failed > 0)
		kv_number(kv, names[FIELD_BACKEND_FAILED], c->backends_failed);
	else
		kv_text(kv, names[FIELD_BACKEND_FAILED],
		    c->backend != NULL ? "0" : NULL);
	kv_ms(kv, names[FIELD_HANDSHAKE_MS], c->handshake_us);
	kv_ms(kv, names[FIELD_CONNECT_MS],
	    c->backend != NULL ? c->connect_us : -1);
	kv_ms(kv, names[FIELD_TOTAL_MS], c->hub->now - c->started);
	kv_number(kv, names[FIELD_IN], c->input.bytes);
	kv_number(kv, names[FIELD_EARLY_IN], c->early.bytes);
	kv_number(kv, names[FIELD_OUT], c->output.bytes);
	kv_text(kv, names[FIELD_CLOSE], close_reason_name(c->close.reason));
	kv_text(kv, names[FIELD_ERROR], c->error);
}

void
conn_set_error(struct conn *c, const char *fmt, ...)
{
	char text[256], *p;
	va_list ap;

	if (c->error != NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (p = text; *p != '\0'; p++)
		if (*p == ' ')
			*p = '_';
	c->error = strdup(text);
}

void
conn_set_ssl_error(struct conn *c)
{
	char text[128];

	tls_error_text(text, sizeof(text));
	conn_set_error(c, "%s", text);
}

void
conn_set_backend(struct conn *c, const char *name, int64_t connect_us,
    unsigned failed)
{
	c->backend = name;
	c->connect_us = connect_us;
	c->backends_failed = failed;
}
