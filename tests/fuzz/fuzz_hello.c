/* SPDX-License-Identifier: ISC */
/*
 * Fuzz target: ClientHellos for a listener with several names. Either the
 * bytes of the connection are the input, or they are a ClientHello, and after
 * a HelloRetryRequest a second one, with server_name and ALPN extensions of
 * the input. We parse the name before OpenSSL does, and choose the policy by
 * it: so OpenSSL must find the same name, the policy must be the one of the
 * configuration, and none may change with the second ClientHello.
 *
 *	input | mode | length 16 | server_name | length 8 | ALPN | the second |
 */
#include "config.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "tls/tls.h"
#include "tlscache.h"

#define INPUT_MAX 4096
#define REQUIRE(x) do { if (!(x)) abort(); } while (0)

enum {
	MODE_RAW = 1,	   /* all that follows is what the client sends */
	MODE_TLS1_3 = 2,
	MODE_RETRY = 4,	   /* without a key share at first */
	MODE_REJECT = 8,   /* unknown_name = reject */
	MODE_NO_NAME = 16, /* no server_name extension */
	MODE_NO_ALPN = 32,
	MODE_EARLY = 64,   /* early data are offered */
	MODE_SAME = 128,   /* the second names what the first did */
};

struct bytes {
	const uint8_t *p;
	size_t len;
};

/* A message that is being made. */
struct message {
	unsigned char bytes[16384];
	size_t len;
};

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* The configuration; an empty name is none. */
static struct {
	char title[8];
	char names[2][12];
} certificates[] = {
	{ "default", { "", "" } },
	{ "one", { "a.test", "B.test" } },
	{ "wild", { "*.w.test", "" } },
	{ "exact", { "x.w.test", "" } },
};
#define NCERTS (sizeof(certificates) / sizeof(certificates[0]))
static char protocols[2][12] = { "h2", "http/1.1" };

static struct tls_front *fronts[2]; /* unknown_name = default, reject */

/* ---- the listener ---- */

/* A certificate and its key, in a file of its own. */
static char *
certificate_path(void)
{
	static char path[32];
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	FILE *fp;
	int fd;

	REQUIRE(key != NULL && cert != NULL);
	X509_set_pubkey(cert, key);
	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
	REQUIRE(X509_sign(cert, key, EVP_sha256()) > 0);
	fd = memfd_create("fuzz_hello", MFD_CLOEXEC);
	REQUIRE(fd != -1 && fchmod(fd, 0600) == 0);
	REQUIRE(fd != -1 && (fp = fdopen(dup(fd), "w")) != NULL);
	REQUIRE(PEM_write_X509(fp, cert) == 1);
	REQUIRE(PEM_write_PrivateKey(fp, key, NULL, NULL, 0, NULL, NULL) == 1);
	REQUIRE(fclose(fp) == 0);
	X509_free(cert);
	EVP_PKEY_free(key);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return path;
}

static void
setup(void)
{
	struct conf_certificate certs[NCERTS];
	struct conf_str alpn[2], strs[NCERTS][2];
	struct tls_shared shared = { .session_timeout = 3600 };
	struct conf_listen listen;
	char *path = certificate_path();
	struct err err;
	size_t i, j;
	int r;

	memset(certs, 0, sizeof(certs));
	memset(strs, 0, sizeof(strs));
	memset(alpn, 0, sizeof(alpn));
	memset(&listen, 0, sizeof(listen));
	for (i = 0; i < NCERTS; i++) {
		certs[i].title = certificates[i].title;
		certs[i].chain.value = path;
		certs[i].names.v = strs[i];
		certs[i].early.mode = CONF_EARLY_ACCEPT;
		certs[i].early.maximum = 100;
		for (j = 0; j < 2; j++)
			if (certificates[i].names[j][0] != '\0')
				strs[i][certs[i].names.n++].value =
				    certificates[i].names[j];
	}
	for (i = 0; i < 2; i++)
		alpn[i].value = protocols[i];
	listen.alpn.v = alpn;
	listen.alpn.n = 2;
	listen.certificates = certs;
	listen.ncertificates = NCERTS;
	listen.minimum_version = CONF_TLS1_2;
	listen.maximum_version = CONF_TLS1_3;
	listen.resumption = CONF_RESUME_STATEFUL;
	REQUIRE(tlscache_open(&shared.sessions, TLSCACHE_SIZE_MIN) ==
	    TLSCACHE_OK);
	for (i = 0; i < 2; i++) {
		listen.unknown_name_reject = i != 0;
		fronts[i] = tls_front_new(&listen, &shared, &err);
		REQUIRE(fronts[i] != NULL);
		while ((r = tls_front_load(fronts[i], &err)) > 0)
			;
		REQUIRE(r == 0);
	}
}

/* The policy for a name by the rules of tlsherd.conf(5); NULL: refused. */
static const char *
expected_title(const char *name, bool reject)
{
	const char *unknown = reject ? NULL : "default", *dot, *p;
	char host[256];
	size_t len;

	if (name == NULL)
		return "default";
	len = strlen(name);
	REQUIRE(len < sizeof(host));
	strcpy(host, name);
	for (p = name; *p != '\0'; p++)
		if (*p <= ' ' || *p >= 0x7f)
			return unknown; /* whatever follows it */
	if (len > 1 && host[len - 1] == '.')
		host[len - 1] = '\0';
	if (strcasecmp(host, "a.test") == 0 || strcasecmp(host, "b.test") == 0)
		return "one";
	if (strcasecmp(host, "x.w.test") == 0)
		return "exact";
	dot = strchr(host, '.');
	if (dot != NULL && dot != host && strcasecmp(dot, ".w.test") == 0)
		return "wild";
	return unknown;
}

/* ---- the client ---- */

static void
put(struct message *m, const void *bytes, size_t len)
{
	REQUIRE(len <= sizeof(m->bytes) - m->len);
	if (len > 0)
		memcpy(m->bytes + m->len, bytes, len);
	m->len += len;
}

static void
put_number(struct message *m, unsigned value, unsigned len)
{
	unsigned char b;

	while (len-- > 0) {
		b = (unsigned char)(value >> 8 * len);
		put(m, &b, 1);
	}
}

/* Fill in the length, in `len` bytes, of what follows from `at` on. */
static void
put_length(struct message *m, size_t at, unsigned len)
{
	struct message number = { .len = 0 };

	put_number(&number, (unsigned)(m->len - at - len), len);
	memcpy(m->bytes + at, number.bytes, len);
}

static void
put_extension(struct message *m, unsigned type, const void *bytes, size_t len)
{
	put_number(m, type, 2);
	put_number(m, (unsigned)len, 2);
	put(m, bytes, len);
}

static void
put_extensions(struct message *m, unsigned mode, bool retry,
    struct bytes name, struct bytes alpn)
{
	static const unsigned char groups[] = { 0, 4, 0, 0x1d, 0, 0x17 };
	static const unsigned char signatures[] = { 0, 2, 4, 3 };
	static const unsigned char versions[] = { 2, 3, 4 };
	static const unsigned char share[38] = { 0, 36, 0, 0x1d, 0, 32, 9 };
	static const unsigned char no_share[2];

	if ((mode & MODE_NO_NAME) == 0)
		put_extension(m, TLSEXT_TYPE_server_name, name.p, name.len);
	put_extension(m, TLSEXT_TYPE_supported_groups, groups,
	    sizeof(groups));
	put_extension(m, TLSEXT_TYPE_signature_algorithms, signatures,
	    sizeof(signatures));
	if ((mode & MODE_NO_ALPN) == 0)
		put_extension(m,
		    TLSEXT_TYPE_application_layer_protocol_negotiation,
		    alpn.p, alpn.len);
	if ((mode & MODE_TLS1_3) == 0)
		return;
	put_extension(m, TLSEXT_TYPE_supported_versions, versions,
	    sizeof(versions));
	if ((mode & MODE_RETRY) != 0 && !retry)
		put_extension(m, TLSEXT_TYPE_key_share, no_share,
		    sizeof(no_share));
	else
		put_extension(m, TLSEXT_TYPE_key_share, share, sizeof(share));
	if ((mode & MODE_EARLY) != 0 && !retry)
		put_extension(m, TLSEXT_TYPE_early_data, NULL, 0);
}

static void
put_hello(struct message *m, unsigned mode, bool retry, struct bytes name,
    struct bytes alpn)
{
	static const unsigned char random[32], id[32] = { 1 };
	static const unsigned char ciphers[] = { 0, 4, 0x13, 1, 0xc0, 0x2b };
	static const unsigned char compression[] = { 1, 0 };
	size_t extensions, handshake, record;

	put_number(m, 0x160301, 3);
	record = m->len;
	put_number(m, 0, 2);
	put_number(m, 1, 1);
	handshake = m->len;
	put_number(m, 0, 3);
	put_number(m, 0x0303, 2);
	put(m, random, sizeof(random));
	put_number(m, sizeof(id), 1);
	put(m, id, sizeof(id));
	put(m, ciphers, sizeof(ciphers));
	put(m, compression, sizeof(compression));
	extensions = m->len;
	put_number(m, 0, 2);
	put_extensions(m, mode, retry, name, alpn);
	put_length(m, extensions, 2);
	put_length(m, handshake, 3);
	put_length(m, record, 2);
}

/* ---- one input ---- */

/* What is known of the connection, whatever became of it. */
static void
check(const SSL *ssl, bool reject)
{
	const char *name = tls_server_name(ssl), *theirs, *title;
	const unsigned char *alpn;
	unsigned alpn_len;

	theirs = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	if (theirs != NULL)
		REQUIRE(name != NULL && strcmp(theirs, name) == 0);
	title = expected_title(name, reject);
	REQUIRE(title != NULL);
	REQUIRE(strcmp(tls_certificate_title(ssl), title) == 0);
	SSL_get0_alpn_selected(ssl, &alpn, &alpn_len);
	REQUIRE(alpn_len == 0 ||
	    (alpn_len == 2 && memcmp(alpn, "h2", 2) == 0) ||
	    (alpn_len == 8 && memcmp(alpn, "http/1.1", 8) == 0));
}

/* As conn/ does it; `early` until there are no more early data. */
static int
shake_hands(SSL *ssl, bool *early)
{
	unsigned char buf[16];
	size_t n;
	int r;

	while (*early) {
		r = SSL_read_early_data(ssl, buf, sizeof(buf), &n);
		if (r == SSL_READ_EARLY_DATA_ERROR) {
			tls_failed(ssl);
			return -1;
		}
		if (r == SSL_READ_EARLY_DATA_FINISH) {
			tls_early_settle(ssl);
			*early = false;
		}
	}
	return SSL_accept(ssl);
}

/* Have the server read; true when it wants more, having liked that. */
static bool
serve(SSL *ssl, bool *early, const void *bytes, size_t len)
{
	char text[64];

	REQUIRE(len == 0 ||
	    BIO_write(SSL_get_rbio(ssl), bytes, (int)len) == (int)len);
	ERR_clear_error();
	REQUIRE(shake_hands(ssl, early) <= 0);
	REQUIRE(tls_early_name(tls_early(ssl)) != NULL);
	if (SSL_want_read(ssl) && ERR_peek_error() == 0)
		return true;
	tls_error_text(text, sizeof(text));
	REQUIRE(text[0] != '\0' && strchr(text, ' ') == NULL);
	return false;
}

static struct bytes
take(struct bytes *in, unsigned number)
{
	struct bytes out = { in->p, 0 };

	for (; number > 0 && in->len > 0; number--) {
		out.len = out.len << 8 | *in->p++;
		in->len--;
	}
	if (out.len > in->len)
		out.len = in->len;
	out.p = in->p;
	in->p += out.len;
	in->len -= out.len;
	return out;
}

static void
try_hellos(SSL *ssl, bool *early, unsigned mode, struct bytes in)
{
	struct bytes name = take(&in, 2), alpn = take(&in, 1);
	bool liked, reject = (mode & MODE_REJECT) != 0;
	struct message first = { .len = 0 }, second = { .len = 0 };
	char title[16];

	put_hello(&first, mode, false, name, alpn);
	liked = serve(ssl, early, first.bytes, first.len);
	if (liked)
		check(ssl, reject);
	if (!liked || (mode & MODE_TLS1_3) == 0 || (mode & MODE_RETRY) == 0)
		return;
	snprintf(title, sizeof(title), "%s", tls_certificate_title(ssl));
	put_hello(&second, mode, true, (mode & MODE_SAME) != 0 ? name : in,
	    alpn);
	liked = serve(ssl, early, second.bytes, second.len);
	REQUIRE(liked || (mode & MODE_SAME) == 0);
	REQUIRE(strcmp(tls_certificate_title(ssl), title) == 0);
	if (liked)
		check(ssl, reject);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = { data, size };
	bool early = true;
	unsigned mode;
	SSL *ssl;

	if (fronts[0] == NULL)
		setup();
	if (size == 0 || size > INPUT_MAX)
		return 0;
	mode = *in.p++;
	in.len--;
	REQUIRE(tls_front_early_data(fronts[0]));
	ssl = tls_front_accept(fronts[(mode & MODE_REJECT) != 0]);
	REQUIRE(ssl != NULL);
	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	if ((mode & MODE_RAW) == 0)
		try_hellos(ssl, &early, mode, in);
	else if (serve(ssl, &early, in.p, in.len))
		check(ssl, (mode & MODE_REJECT) != 0);
	SSL_free(ssl);
	ERR_clear_error();
	return 0;
}
