/* SPDX-License-Identifier: ISC */
/*
 * The choice of a policy by server name, in the ClientHello callback: before
 * OpenSSL looks at the session that the client offers. Worker; every byte of
 * the ClientHello is the client's.
 *
 * A name is looked up as it is, then with its first label replaced by "*".
 * A client that sends no name gets the default even with unknown_name =
 * reject: it has not asked for anything that we do not have.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "base/mem.h"
#include "tls/tls_int.h"

static bool name_parse(SSL *, const uint8_t **, size_t *, int *alert);
static struct tls_policy *name_find(const struct tls_front *, const uint8_t *,
    size_t);
static struct tls_policy *name_lookup(const struct tls_front *, const char *);
static int name_compare(const void *, const void *);
static int name_compare_key(const void *, const void *);
static bool wants_ticket(SSL *);
static int name_again(struct tls_peer *, const uint8_t *, size_t,
    int *alert);
static void lower(char *, const void *, size_t);

struct tls_policy *
tls_policy(const SSL *ssl)
{
	return SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
}

/* The table of names from all certificate { } sections; no name is twice. */
void
tls_hello_names(struct tls_front *front, const struct conf_listen *listen)
{
	const struct conf_strs *names;
	struct tls_name *n;
	size_t i, j, total;

	for (i = total = 0; i < listen->ncertificates; i++)
		total += listen->certificates[i].names.n;
	front->names = xcalloc(total + 1, sizeof(*front->names));
	for (i = 0; i < listen->ncertificates; i++) {
		names = &listen->certificates[i].names;
		for (j = 0; j < names->n; j++) {
			n = &front->names[front->nnames];
			n->name = xstrdup(names->v[j].value);
			lower(n->name, n->name, strlen(n->name));
			n->policy = &front->policies[i];
			front->nnames++;
		}
	}
	qsort(front->names, front->nnames, sizeof(*front->names),
	    name_compare);
}

int
tls_hello_cb(SSL *ssl, int *alert, void *arg)
{
	struct tls_front *front = arg;
	struct tls_peer *peer;
	const struct tls_policy *policy;
	const uint8_t *name;
	size_t len;

	if (!name_parse(ssl, &name, &len, alert))
		return SSL_CLIENT_HELLO_ERROR;
	if ((peer = tls_peer(ssl)) != NULL)
		return name_again(peer, name, len, alert);

	policy = len > 0 ? name_find(front, name, len) : &front->policies[0];
	if ((peer = tls_peer_new(ssl, name, len)) == NULL) {
		*alert = SSL_AD_INTERNAL_ERROR;
		return SSL_CLIENT_HELLO_ERROR;
	}
	if (policy == NULL && front->unknown_name_reject) {
		ERR_raise(ERR_LIB_SSL, SSL_R_TLSV1_UNRECOGNIZED_NAME);
		peer->rejected = true;
		*alert = SSL_AD_UNRECOGNIZED_NAME;
		return SSL_CLIENT_HELLO_ERROR;
	}
	if (policy == NULL)
		policy = &front->policies[0];
	if (tls_policy_apply(policy, ssl) == -1 ||
	    tls_groups_apply(front, ssl) == -1) {
		*alert = SSL_AD_INTERNAL_ERROR;
		return SSL_CLIENT_HELLO_ERROR;
	}
	peer->accepted = true;
	peer->wants_ticket = policy->verify_mode != SSL_VERIFY_NONE &&
	    wants_ticket(ssl);
	tls_early_offered(ssl, peer);
	return SSL_CLIENT_HELLO_SUCCESS;
}

/*
 * RFC 6066 section 3: a list of (type, name), of which there can be one. *len
 * is 0 when the extension was not sent. As OpenSSL, which parses it again
 * later.
 */
static bool
name_parse(SSL *ssl, const uint8_t **name, size_t *len, int *alert)
{
	const unsigned char *p;
	size_t n;

	*name = NULL;
	*len = 0;
	if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &p, &n))
		return true;
	if (n < 6 || (size_t)(p[0] << 8 | p[1]) != n - 2 ||
	    p[2] != TLSEXT_NAMETYPE_host_name ||
	    (size_t)(p[3] << 8 | p[4]) != n - 5) {
		ERR_raise(ERR_LIB_SSL, SSL_R_BAD_EXTENSION);
		*alert = SSL_AD_DECODE_ERROR;
		return false;
	}
	p += 5;
	n -= 5;
	if (n > TLSEXT_MAXLEN_host_name || memchr(p, '\0', n) != NULL) {
		ERR_raise(ERR_LIB_SSL, SSL_R_BAD_EXTENSION);
		*alert = SSL_AD_UNRECOGNIZED_NAME;
		return false;
	}
	*name = p;
	*len = n;
	return true;
}

/* No certificate has one that is not printable ASCII, not even as "*". */
static struct tls_policy *
name_find(const struct tls_front *front, const uint8_t *name, size_t len)
{
	char key[TLSEXT_MAXLEN_host_name + 1];
	struct tls_policy *p;
	char *dot;
	size_t i;

	for (i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] >= 0x7f)
			return NULL;
	lower(key, name, len);
	key[len] = '\0';
	if (len > 1 && key[len - 1] == '.')
		key[len - 1] = '\0'; /* the root's, written out */
	if ((p = name_lookup(front, key)) != NULL)
		return p;
	dot = strchr(key, '.');
	if (dot == NULL || dot == key)
		return NULL;
	dot[-1] = '*';
	return name_lookup(front, dot - 1);
}

static struct tls_policy *
name_lookup(const struct tls_front *front, const char *key)
{
	const struct tls_name *found;

	found = bsearch(key, front->names, front->nnames,
	    sizeof(*front->names), name_compare_key);
	return found != NULL ? found->policy : NULL;
}

static int
name_compare(const void *a, const void *b)
{
	const struct tls_name *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int
name_compare_key(const void *key, const void *b)
{
	const struct tls_name *y = b;

	return strcmp(key, y->name);
}

/* In TLS 1.2; TLS 1.3 gives one to everybody. */
static bool
wants_ticket(SSL *ssl)
{
	const unsigned char *p;
	size_t n;

	return SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_session_ticket, &p,
	    &n);
}

/*
 * The second ClientHello, after a HelloRetryRequest, must name what the first
 * did (RFC 8446 4.1.2): the policy has been chosen.
 */
static int
name_again(struct tls_peer *peer, const uint8_t *name, size_t len,
    int *alert)
{
	tls_early_retried(peer);
	if (strlen(peer->name) == len &&
	    (len == 0 || memcmp(peer->name, name, len) == 0))
		return SSL_CLIENT_HELLO_SUCCESS;
	ERR_raise(ERR_LIB_SSL, SSL_R_BAD_EXTENSION);
	*alert = SSL_AD_ILLEGAL_PARAMETER;
	return SSL_CLIENT_HELLO_ERROR;
}

/* Of ASCII, whatever the locale. */
static void
lower(char *to, const void *from, size_t len)
{
	const char *p = from;
	size_t i;

	for (i = 0; i < len; i++)
		to[i] = p[i] >= 'A' && p[i] <= 'Z' ?
		    (char)(p[i] - 'A' + 'a') : p[i];
}
