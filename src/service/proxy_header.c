/* SPDX-License-Identifier: ISC */
/*
 * What a backend is told of a connection, as a header of the PROXY protocol,
 * version 2. PP2_EARLY is one of the types that the protocol leaves to
 * everybody; it stands behind everything else, so that it can be found again.
 * Worker.
 */
#include "config.h"

#include <assert.h>
#include <string.h>

#include "proxyproto/proxyproto.h"
#include "service/proxy_int.h"

#define PP2_EARLY PP2_CUSTOM
#define EARLY_VALUE_LEN 5

static bool is_name(const char *);
static void put_text(struct proxyproto_out *, uint8_t, const char *);
static void put_ssl(struct proxyproto_out *, const struct conn_info *);
static void put_early(struct proxyproto_out *, size_t);

size_t
proxy_header(struct conn *c, uint8_t *buf, size_t early)
{
	struct sockaddr_storage from, to;
	struct proxyproto_out out;
	struct conn_info info;
	size_t len;

	conn_info(c, &info);
	conn_addresses(c, &from, &to);
	proxyproto_begin(&out, buf, PROXY_HEADER_MAX,
	    (const struct sockaddr *)&from, (const struct sockaddr *)&to);
	if (info.alpn[0] != '\0')
		put_text(&out, PP2_ALPN, info.alpn);
	if (info.sni != NULL && is_name(info.sni))
		put_text(&out, PP2_AUTHORITY, info.sni);
	put_ssl(&out, &info);
	if (early > 0)
		put_early(&out, early);
	len = proxyproto_end(&out);
	assert(len > 0);
	return len;
}

void
proxy_header_complete(uint8_t *header)
{
	header[proxyproto_v2_length(header) - EARLY_VALUE_LEN] |= 1;
}

/* A backend expects a host name, and a client may have sent anything. */
static bool
is_name(const char *name)
{
	for (; *name != '\0'; name++)
		if ((unsigned char)*name <= ' ' ||
		    (unsigned char)*name >= 0x7f)
			return false;
	return true;
}

static void
put_text(struct proxyproto_out *out, uint8_t type, const char *text)
{
	proxyproto_put(out, type, text, strlen(text));
}

/* The client's part, the verdict on its certificate, and more values. */
static void
put_ssl(struct proxyproto_out *out, const struct conn_info *info)
{
	bool certificate = strcmp(info->client_certificate, "ok") == 0;
	uint8_t head[PP2_SSL_HEAD] = { PP2_CLIENT_SSL, 0, 0, 0, 1 };
	size_t place;

	if (certificate) {
		head[0] |= PP2_CLIENT_CERT_SESS;
		if (strcmp(info->resumed, "full") == 0)
			head[0] |= PP2_CLIENT_CERT_CONN;
		head[4] = 0;
	}
	place = proxyproto_open(out, PP2_SSL, head, sizeof(head));
	put_text(out, PP2_SSL_VERSION, info->version);
	if (info->client_cn[0] != '\0')
		put_text(out, PP2_SSL_CN, info->client_cn);
	put_text(out, PP2_SSL_CIPHER, info->cipher);
	proxyproto_close(out, place);
}

/* Whether the handshake was complete, and the number of bytes. */
static void
put_early(struct proxyproto_out *out, size_t early)
{
	const uint8_t value[EARLY_VALUE_LEN] = { 0, (uint8_t)(early >> 24),
		(uint8_t)(early >> 16), (uint8_t)(early >> 8),
		(uint8_t)early };

	proxyproto_put(out, PP2_EARLY, value, sizeof(value));
}
