/* SPDX-License-Identifier: ISC */
/*
 * Application protocols (RFC 7301): ours in our order. Listing them happens
 * in the master, choosing in a worker.
 */
#include "config.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "tls/tls_int.h"

void
tls_alpn_list(struct tls_front *front, const struct conf_strs *list)
{
	size_t i, len, total;
	uint8_t *p;

	for (i = total = 0; i < list->n; i++)
		total += 1 + strlen(list->v[i].value);
	if (total == 0)
		return;
	assert(total <= UINT16_MAX);
	front->alpn = p = xcalloc(1, total);
	front->alpn_len = (unsigned)total;
	for (i = 0; i < list->n; i++) {
		len = strlen(list->v[i].value);
		assert(len >= 1 && len <= 255);
		*p++ = (uint8_t)len;
		memcpy(p, list->v[i].value, len);
		p += len;
	}
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
