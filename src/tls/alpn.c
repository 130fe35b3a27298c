/* SPDX-License-Identifier: ISC */
/*
 * Application protocols (RFC 7301): ours in our order. Listing them happens
 * in the master, choosing in a worker.
 */
#include "config.h"

#include <string.h>

#include "base/mem.h"
#include "tls/tls_int.h"

int
tls_alpn_list(struct tls_front *front, const struct conf_strs *list,
    struct err *err)
{
	size_t i, len, total;
	uint8_t *p;

	for (i = total = 0; i < list->n; i++) {
		len = strlen(list->v[i].value);
		if (len == 0 || len > 255)
			return err_set(err, &list->v[i].loc, "alpn \"%s\": "
			    "a protocol has 1 to 255 bytes", list->v[i].value);
		total += 1 + len;
	}
	if (total == 0)
		return 0;
	if (total > UINT16_MAX)
		return err_set(err, &list->v[0].loc,
		    "alpn: too many protocols");
	front->alpn = p = xcalloc(1, total);
	front->alpn_len = (unsigned)total;
	for (i = 0; i < list->n; i++) {
		len = strlen(list->v[i].value);
		*p++ = (uint8_t)len;
		memcpy(p, list->v[i].value, len);
		p += len;
	}
	return 0;
}

int
tls_alpn_cb(SSL *ssl, const unsigned char **out, unsigned char *outlen,
    const unsigned char *in, unsigned inlen, void *arg)
{
	const struct tls_front *front = arg;
	unsigned char *chosen;

	if (SSL_select_next_proto(&chosen, outlen, front->alpn,
		front->alpn_len, in, inlen) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}
