/* SPDX-License-Identifier: ISC */
/*
 * The PROXY protocol, version 2: tells a backend whose connection this is.
 * The form is that of haproxy's doc/proxy-protocol.txt; PP2_EARLY is one of
 * the types that it leaves to everybody. Worker.
 */
#include "config.h"

#include <netinet/in.h>

#include <string.h>

#include "service/proxy_int.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define SIGNATURE_LEN 12
#define PREFIX_LEN 16 /* with version, family and length */
#define VERSION_PROXY 0x21
#define FAMILY_UNSPEC 0x00
#define FAMILY_TCP4 0x11
#define FAMILY_TCP6 0x21

#define PP2_ALPN 0x01
#define PP2_AUTHORITY 0x02
#define PP2_SSL 0x20
#define PP2_SSL_VERSION 0x21
#define PP2_SSL_CN 0x22
#define PP2_SSL_CIPHER 0x23
#define PP2_EARLY 0xe0

#define CLIENT_SSL 0x01
#define CLIENT_CERT_CONN 0x02
#define CLIENT_CERT_SESS 0x04

/* Behind everything else, so that it can be found again. */
#define EARLY_VALUE_LEN 5

static bool is_name(const char *);
static uint8_t *put_addresses(uint8_t *, struct conn *);
static uint8_t *put_tlv(uint8_t *, uint8_t, const void *, size_t);
static uint8_t *put_ssl(uint8_t *, const struct conn_info *);
static uint8_t *put_u32(uint8_t *, uint32_t);

size_t
proxy_header(struct conn *c, uint8_t *buf, size_t early)
{
	struct conn_info info;
	uint8_t *p, value[EARLY_VALUE_LEN];
	size_t len;

	conn_info(c, &info);
	memcpy(buf, SIGNATURE, SIGNATURE_LEN);
	buf[12] = VERSION_PROXY;
	p = put_addresses(buf + PREFIX_LEN, c);
	switch (p - buf) {
	case PREFIX_LEN + 12:
		buf[13] = FAMILY_TCP4;
		break;
	case PREFIX_LEN + 36:
		buf[13] = FAMILY_TCP6;
		break;
	default:
		buf[13] = FAMILY_UNSPEC;
	}
	if (info.alpn[0] != '\0')
		p = put_tlv(p, PP2_ALPN, info.alpn, strlen(info.alpn));
	if (info.sni != NULL && is_name(info.sni))
		p = put_tlv(p, PP2_AUTHORITY, info.sni, strlen(info.sni));
	p = put_ssl(p, &info);
	if (early > 0) {
		value[0] = 0;
		put_u32(value + 1, (uint32_t)early);
		p = put_tlv(p, PP2_EARLY, value, sizeof(value));
	}
	len = (size_t)(p - buf) - PREFIX_LEN;
	buf[14] = (uint8_t)(len >> 8);
	buf[15] = (uint8_t)len;
	return (size_t)(p - buf);
}

void
proxy_header_complete(uint8_t *header)
{
	size_t len = PREFIX_LEN + (size_t)(header[14] << 8 | header[15]);

	header[len - EARLY_VALUE_LEN] |= 1;
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

/* Both of one family, or none: Unix sockets have no names to speak of. */
static uint8_t *
put_addresses(uint8_t *p, struct conn *c)
{
	struct sockaddr_storage from, to;
	const struct sockaddr_in *from4 = (void *)&from, *to4 = (void *)&to;
	const struct sockaddr_in6 *from6 = (void *)&from, *to6 = (void *)&to;

	conn_addresses(c, &from, &to);
	if (from.ss_family == AF_INET && to.ss_family == AF_INET) {
		memcpy(p, &from4->sin_addr, 4);
		memcpy(p + 4, &to4->sin_addr, 4);
		memcpy(p + 8, &from4->sin_port, 2);
		memcpy(p + 10, &to4->sin_port, 2);
		p += 12;
	} else if (from.ss_family == AF_INET6 && to.ss_family == AF_INET6) {
		memcpy(p, &from6->sin6_addr, 16);
		memcpy(p + 16, &to6->sin6_addr, 16);
		memcpy(p + 32, &from6->sin6_port, 2);
		memcpy(p + 34, &to6->sin6_port, 2);
		p += 36;
	}
	return p;
}

static uint8_t *
put_tlv(uint8_t *p, uint8_t type, const void *value, size_t len)
{
	*p++ = type;
	*p++ = (uint8_t)(len >> 8);
	*p++ = (uint8_t)len;
	memcpy(p, value, len);
	return p + len;
}

/* What is in it stands behind it: the client's part, the verdict, more TLVs. */
static uint8_t *
put_ssl(uint8_t *p, const struct conn_info *info)
{
	bool certificate = strcmp(info->client_certificate, "ok") == 0;
	uint8_t *length = p + 1, *start = p + 3;

	*p = PP2_SSL;
	p = start;
	*p++ = !certificate ? CLIENT_SSL : strcmp(info->resumed, "full") == 0 ?
	    CLIENT_SSL | CLIENT_CERT_CONN | CLIENT_CERT_SESS :
	    CLIENT_SSL | CLIENT_CERT_SESS;
	p = put_u32(p, certificate ? 0 : 1);
	p = put_tlv(p, PP2_SSL_VERSION, info->version, strlen(info->version));
	if (info->client_cn[0] != '\0')
		p = put_tlv(p, PP2_SSL_CN, info->client_cn,
		    strlen(info->client_cn));
	p = put_tlv(p, PP2_SSL_CIPHER, info->cipher, strlen(info->cipher));
	length[0] = (uint8_t)((size_t)(p - start) >> 8);
	length[1] = (uint8_t)(p - start);
	return p;
}

static uint8_t *
put_u32(uint8_t *p, uint32_t n)
{
	*p++ = (uint8_t)(n >> 24);
	*p++ = (uint8_t)(n >> 16);
	*p++ = (uint8_t)(n >> 8);
	*p++ = (uint8_t)n;
	return p;
}
