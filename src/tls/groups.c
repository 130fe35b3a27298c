/* SPDX-License-Identifier: ISC */
/*
 * Groups of the key exchange: which there are, and whose order counts. Lists
 * are set in the master, a ClientHello is looked at in a worker.
 *
 * Ours does, where `groups` is given. OpenSSL goes by the client's: in TLS 1.2
 * unless an option says otherwise, which is about ciphers as well, and up to
 * 3.4 in TLS 1.3 whatever options say. So the ClientHello callback leaves only
 * the group that is to be used. In TLS 1.3 that is one of those for which the
 * client has sent a key share: asking for another one (HelloRetryRequest)
 * costs a round trip, and is done only where no share is of any use.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/err.h>

#include "base/mem.h"
#include "tls/tls_int.h"

/* What is in between for us to ignore (RFC 8701), often as the first. */
#define IS_GREASE(id) (((id) & 0x0f0f) == 0x0a0a && (id) >> 8 == ((id) & 0xff))
/* What a client may offer beyond these has no weight. */
#define OFFER_MAX 64
/*
 * The curves of TLS 1.2 have numbers up to this one (RFC 8422 5.1.1, x448).
 * Fields and what came later are groups of TLS 1.3 alone.
 */
#define CURVE12_MAX 30
/* Of those, TLS 1.3 has P-256 and what comes after it, but for Brainpool's. */
#define CURVE13_MIN 23
#define BRAINPOOL12_MIN 26
#define BRAINPOOL12_MAX 28

static bool names_field(const char *, const char *, const char *);
static int order_cb(SSL *, int *, void *);
static int only(SSL *, uint16_t);
static bool offers_tls13(SSL *);
static size_t add(uint16_t *, size_t, const unsigned char *);
static size_t supported(SSL *, uint16_t *, size_t);
static size_t shares(SSL *, uint16_t *, size_t);
static size_t usable(uint16_t *, size_t, bool);
static size_t rank(const struct tls_front *, const uint16_t *, size_t);

/* SSL_CTX_set1_groups_list() is a macro that casts const away. */
int
tls_groups_set(SSL_CTX *ctx, const char *list)
{
	char *copy;
	int ok;

	copy = xstrdup(list);
	ok = SSL_CTX_set1_groups_list(ctx, copy) == 1;
	free(copy);
	return ok;
}

/*
 * The key exchange in a field costs us 265 us with 2,048 bits, X25519 31, and
 * the client would choose. OpenSSL 3.5 can take away from its own list; if
 * neither list suits the library, it keeps that.
 */
void
tls_groups_fields(SSL_CTX *ctx, const struct conf_listen *listen)
{
	static const char *const lists[] = {
		"DEFAULT:-ffdhe2048:-ffdhe3072",
		"X25519:P-256:X448:P-521:P-384",
	};
	size_t i;

	SSL_CTX_set_dh_auto(ctx,
	    names_field(listen->ciphers.value, "DH", "EDH") ||
	    names_field(listen->groups.value, "ffdhe", "ffdhe"));
	if (listen->groups.value != NULL)
		return;
	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (tls_groups_set(ctx, lists[i]))
			break;
	ERR_clear_error();
}

/*
 * Whether a word of the list asks for them: "DHE-RSA-…", "kDHE", "DH",
 * "EDH"; not "ECDHE", and not "!DHE".
 */
static bool
names_field(const char *list, const char *a, const char *b)
{
	size_t word, n;

	for (; list != NULL && *list != '\0'; list += n + (list[n] != '\0')) {
		n = strcspn(list, ":, +;");
		word = strspn(list, "k?*");
		if (strncasecmp(list + word, a, strlen(a)) == 0 ||
		    strncasecmp(list + word, b, strlen(b)) == 0)
			return true;
	}
	return false;
}

/*
 * The numbers of the groups, as OpenSSL's own client would offer them: names
 * have aliases, and a list may have a syntax of its own. One with '/' has an
 * order that only OpenSSL knows to apply.
 */
void
tls_groups_order(struct tls_front *front, const struct conf_listen *listen)
{
	SSL *client = NULL, *server = NULL;
	SSL_CTX *ctx;

	front->tls13 = listen->maximum_version >= CONF_TLS1_3;
	if (listen->groups.value == NULL ||
	    strchr(listen->groups.value, '/') != NULL)
		return;
	ctx = SSL_CTX_new(TLS_method());
	if (ctx != NULL && tls_groups_set(ctx, listen->groups.value)) {
		/* Those that it forbids are no choice of the server's. */
		SSL_CTX_set_security_level(ctx,
		    SSL_CTX_get_security_level(front->policies[0].ctx));
		SSL_CTX_set_client_hello_cb(ctx, order_cb, front);
		if (tls_trial_pair(ctx, ctx, &client, &server)) {
			(void)SSL_do_handshake(client);
			(void)SSL_do_handshake(server);
		}
		tls_trial_end(client, server);
	}
	SSL_CTX_free(ctx);
	ERR_clear_error();
}

static int
order_cb(SSL *ssl, int *alert, void *arg)
{
	struct tls_front *front = arg;

	front->ngroups = supported(ssl, front->groups, TLS_GROUPS_MAX);
	return SSL_CLIENT_HELLO_ERROR;
}

/*
 * In the ClientHello callback, for the first one. Nothing is to be done where
 * the client prefers what we do, which is the rule.
 */
int
tls_groups_apply(const struct tls_front *front, SSL *ssl)
{
	uint16_t ids[OFFER_MAX], keys[OFFER_MAX];
	size_t best, n, nkeys;
	bool tls13;

	if (front->ngroups == 0)
		return 0;
	n = supported(ssl, ids, OFFER_MAX);
	nkeys = shares(ssl, keys, OFFER_MAX);
	if (n > 0 && ids[0] == front->groups[0] &&
	    (nkeys == 0 || keys[0] == ids[0]))
		return 0;
	tls13 = front->tls13 && offers_tls13(ssl);
	best = rank(front, keys, tls13 ? nkeys : 0);
	if (best == front->ngroups)
		best = rank(front, ids, usable(ids, n, tls13));
	return best < front->ngroups ? only(ssl, front->groups[best]) : 0;
}

/* By its name: OpenSSL's own numbers know no groups of providers. */
static int
only(SSL *ssl, uint16_t id)
{
	const char *name;
	char text[64];

	name = SSL_group_to_name(ssl, TLSEXT_nid_unknown | id);
	if (name == NULL || strlen(name) >= sizeof(text))
		return 0;
	memcpy(text, name, strlen(name) + 1);
	return SSL_set1_groups_list(ssl, text) ? 0 : -1;
}

/* RFC 8446 4.2.1: a list of versions, its length in one byte. */
static bool
offers_tls13(SSL *ssl)
{
	const unsigned char *p;
	size_t i, n;

	if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_supported_versions,
		&p, &n))
		return false;
	for (i = 1; i + 1 < n; i += 2)
		if ((p[i] << 8 | p[i + 1]) == TLS1_3_VERSION)
			return true;
	return false;
}

/*
 * RFC 8422 5.1.1: a list of groups, its length in two bytes. Returns how many.
 * One that is malformed is OpenSSL's to refuse.
 */
static size_t
supported(SSL *ssl, uint16_t *ids, size_t max)
{
	const unsigned char *p;
	size_t i, n, len;

	if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_supported_groups, &p,
		&len))
		return 0;
	for (i = 2, n = 0; i + 1 < len && n < max; i += 2)
		n = add(ids, n, p + i);
	return n;
}

/* RFC 8446 4.2.8: group, length and bytes of each share. The same. */
static size_t
shares(SSL *ssl, uint16_t *ids, size_t max)
{
	const unsigned char *p;
	size_t i, n, len;

	if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_key_share, &p, &len))
		return 0;
	for (i = 2, n = 0; i + 4 <= len && n < max;
	    i += 4 + (size_t)(p[i + 2] << 8 | p[i + 3]))
		n = add(ids, n, p + i);
	return n;
}

static size_t
add(uint16_t *ids, size_t n, const unsigned char *p)
{
	ids[n] = (uint16_t)(p[0] << 8 | p[1]);
	return IS_GREASE(ids[n]) ? n : n + 1;
}

/* Leave those that this version can use. Returns how many. */
static size_t
usable(uint16_t *ids, size_t n, bool tls13)
{
	size_t i, left;

	for (i = left = 0; i < n; i++)
		if (tls13 ? ids[i] >= CURVE13_MIN &&
		    (ids[i] < BRAINPOOL12_MIN || ids[i] > BRAINPOOL12_MAX) :
		    ids[i] <= CURVE12_MAX)
			ids[left++] = ids[i];
	return left;
}

/* The place, in our list, of the one there that we prefer; none: its end. */
static size_t
rank(const struct tls_front *front, const uint16_t *ids, size_t n)
{
	size_t best, i;

	for (best = 0; best < front->ngroups; best++)
		for (i = 0; i < n; i++)
			if (ids[i] == front->groups[best])
				return best;
	return best;
}
