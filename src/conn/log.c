/* SPDX-License-Identifier: ISC */
/*
 * The log line of a connection, written when it closes. Its fields are rows of
 * log_fields.def. Worker.
 */
#include "config.h"

#include "base/log.h"
#include "conn/conn_int.h"
#include "conn/kv.h"

enum field {
#define X(ID, name, doc) FIELD_##ID,
#include "conn/log_fields.def"
#undef X
};

static void put_field(struct kv *, enum field, const char *,
    const struct conn *, const struct conn_info *);

void
conn_log(struct conn *c)
{
	struct conn_info info;
	struct kv kv;
	char line[3072];
	bool noise;

	/* Health checks of load balancers look like this. */
	noise = c->reason == CLOSE_CLIENT_GONE;
	if (!c->hub->conf.log_connections ||
	    !log_enabled(noise ? LOGLVL_DEBUG : LOGLVL_INFO))
		return;
	conn_info(c, &info);
	kv_init(&kv, line, sizeof(line));
#define X(ID, name, doc) put_field(&kv, FIELD_##ID, name, c, &info);
#include "conn/log_fields.def"
#undef X
	if (noise)
		log_debug("connection %s", line);
	else
		log_info("connection %s", line);
}

static void
put_field(struct kv *kv, enum field field, const char *name,
    const struct conn *c, const struct conn_info *info)
{
	bool ready = c->flags & CONN_F_READY;

	switch (field) {
	case FIELD_WORKER:
		kv_number(kv, name, c->hub->conf.worker);
		break;
	case FIELD_ID:
		kv_number(kv, name, info->id);
		break;
	case FIELD_CLIENT:
		kv_text(kv, name, info->client);
		break;
	case FIELD_LISTENER:
		kv_text(kv, name, info->listener);
		break;
	case FIELD_SERVICE:
		kv_text(kv, name, c->listener->ops->name);
		break;
	case FIELD_SNI:
		kv_text(kv, name, info->sni);
		break;
	case FIELD_CERTIFICATE:
		kv_text(kv, name, info->certificate);
		break;
	case FIELD_VERSION:
		kv_text(kv, name, info->version);
		break;
	case FIELD_CIPHER:
		kv_text(kv, name, info->cipher);
		break;
	case FIELD_GROUP:
		kv_text(kv, name, info->group);
		break;
	case FIELD_ALPN:
		kv_text(kv, name, info->alpn);
		break;
	case FIELD_RESUMED:
		kv_text(kv, name, info->resumed);
		break;
	case FIELD_MADE_BY:
		if (info->session_worker >= 0)
			kv_number(kv, name, (uint64_t)info->session_worker);
		else
			kv_text(kv, name, NULL);
		break;
	case FIELD_CLIENT_CERT:
		kv_text(kv, name, info->client_certificate);
		break;
	case FIELD_BACKEND:
		kv_text(kv, name, c->backend);
		break;
	case FIELD_HANDSHAKE_MS:
		kv_ms(kv, name, ready ? c->handshake_us : -1);
		break;
	case FIELD_CONNECT_MS:
		kv_ms(kv, name, c->backend != NULL ? c->connect_us : -1);
		break;
	case FIELD_TOTAL_MS:
		kv_ms(kv, name, c->hub->now - c->started);
		break;
	case FIELD_IN:
		kv_number(kv, name, c->in);
		break;
	case FIELD_OUT:
		kv_number(kv, name, c->out_bytes);
		break;
	case FIELD_CLOSE:
		kv_text(kv, name, close_reason_name(c->reason));
		break;
	case FIELD_ERROR:
		kv_text(kv, name, c->error);
		break;
	}
}
