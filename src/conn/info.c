/* SPDX-License-Identifier: ISC */
/* What is known of a connection, for the log and for services. Worker. */
#include "config.h"

#include <string.h>

#include "conn/conn_int.h"
#include "tls/tls.h"

static void handshake_info(struct conn *, struct conn_info *);

void
conn_info(struct conn *c, struct conn_info *info)
{
	memset(info, 0, sizeof(*info));
	info->id = c->id;
	info->listener = c->listener->conf->name;
	info->certificate = info->version = info->cipher = info->group = "-";
	info->resumed = info->client_certificate = info->early = "-";
	info->session_worker = -1;
	addr_format(&c->client.sa, sizeof(c->client), info->client,
	    sizeof(info->client));
	if (c->ssl == NULL || c->first == CONN_UNHEARD)
		return;
	info->sni = tls_server_name(c->ssl);
	if (tls_certificate_title(c->ssl) != NULL)
		info->certificate = tls_certificate_title(c->ssl);
	info->client_certificate = tls_client_verdict(c->ssl);
	info->early = tls_early_name(tls_early(c->ssl));
	info->early_in = c->early.bytes;
	info->version = tls_negotiated(c->ssl);
	if (conn_is_ready(c) || c->early.served)
		handshake_info(c, info);
}

static void
handshake_info(struct conn *c, struct conn_info *info)
{
	info->cipher = tls_cipher(c->ssl);
	info->group = tls_group(c->ssl);
	info->resumed = tls_resumed_name(tls_resumed(c->ssl));
	info->session_worker = tls_session_worker(c->ssl);
	tls_client_cn(c->ssl, info->client_cn, sizeof(info->client_cn));
	tls_alpn(c->ssl, info->alpn, sizeof(info->alpn));
}

void
conn_client_sha256(const struct conn *c, char *buf, size_t size)
{
	buf[0] = '\0';
	if (conn_is_ready(c) || c->early.served)
		tls_client_sha256(c->ssl, buf, size);
}

void
conn_addresses(struct conn *c, struct sockaddr_storage *client,
    struct sockaddr_storage *here)
{
	socklen_t len = sizeof(*here);

	memset(client, 0, sizeof(*client));
	memcpy(client, &c->client, sizeof(c->client));
	memset(here, 0, sizeof(*here));
	if (getsockname(c->wire.fd, (struct sockaddr *)here, &len) == -1)
		here->ss_family = AF_UNSPEC;
}
