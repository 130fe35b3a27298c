/* SPDX-License-Identifier: ISC */
/*
 * Fuzz target: the bytes of a stored session, as a process with a bug or a bad
 * mind may have left them in shared memory. First the decoder alone: what it
 * takes must encode to something that decodes to the same. Then a server that
 * gets them from its cache for a client's TLS 1.2 session id, and for a TLS 1.3
 * ticket: it may decline to resume, and fail when the secrets differ, but has
 * to come to an end.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "session_int.h"
#include "tlscache.h"

#define HELLO_MAX 4096
#define TICKET_LEN (4 + TLSCACHE_ID_MAX)
#define REQUIRE(x) do { if (!(x)) abort(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
static const unsigned char id[TLSCACHE_ID_MAX] = "the session that is offered";

/* What the client wants most and the server takes. */
static const unsigned char ciphers[][2] = { { 0xc0, 0x2c }, { 0x13, 0x02 } };
static const unsigned char secret[48] = "the secret of the seeds";

static struct tlscache *cache;
static SSL_CTX *server[2];
static unsigned char hello[2][HELLO_MAX];
static int hello_len[2];

static SSL_SESSION *
offered_session(int version)
{
	SSL_SESSION *session = SSL_SESSION_new();
	SSL *ssl = SSL_new(server[0]);
	const SSL_CIPHER *cipher;

	REQUIRE(session != NULL && ssl != NULL);
	cipher = SSL_CIPHER_find(ssl, ciphers[version == TLS1_3_VERSION]);
	REQUIRE(cipher != NULL);
	REQUIRE(SSL_SESSION_set_cipher(session, cipher) == 1);
	REQUIRE(SSL_SESSION_set_protocol_version(session, version) == 1);
	REQUIRE(SSL_SESSION_set1_master_key(session, secret,
	    sizeof(secret)) == 1);
	if (version == TLS1_2_VERSION)
		REQUIRE(SSL_SESSION_set1_id(session, id, sizeof(id)) == 1);
	SSL_SESSION_set_time_ex(session, time(NULL));
	SSL_SESSION_set_timeout(session, 1 << 30);
	SSL_free(ssl);
	return session;
}

/*
 * A TLS 1.3 session has no way to set its ticket but the DER: a field with the
 * tag [10], among others in the order of their tags, all of them short.
 */
static SSL_SESSION *
add_ticket(SSL_SESSION *session)
{
	unsigned char in[128], out[256], *p = in, *q = out;
	const unsigned char *der = out;
	SSL_SESSION *result;
	size_t head;
	int len;

	REQUIRE(i2d_SSL_SESSION(session, NULL) <= (int)sizeof(in));
	len = i2d_SSL_SESSION(session, &p);
	REQUIRE(len > 2 && in[1] == len - 2);
	for (p = in + 2; p < in + len && *p < 0xaa; p += 2 + p[1])
		continue;
	REQUIRE(p <= in + len);
	head = (size_t)(p - (in + 2));
	*q++ = 0x30;
	*q++ = 0x81;
	*q++ = (unsigned char)(in[1] + TICKET_LEN);
	memcpy(q, in + 2, head);
	q += head;
	*q++ = 0xaa;
	*q++ = 2 + sizeof(id);
	*q++ = 0x04;
	*q++ = sizeof(id);
	memcpy(q, id, sizeof(id));
	q += sizeof(id);
	memcpy(q, p, in[1] - head);
	result = d2i_SSL_SESSION(NULL, &der, 3 + in[1] + TICKET_LEN);
	REQUIRE(result != NULL);
	SSL_SESSION_free(session);
	return result;
}

static void
make_hello(int which)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL_SESSION *session;
	SSL *ssl;

	REQUIRE(ctx != NULL);
	REQUIRE(SSL_CTX_set_min_proto_version(ctx, versions[which]) == 1);
	REQUIRE(SSL_CTX_set_max_proto_version(ctx, versions[which]) == 1);
	/* A session made by hand cannot say that it has this. */
	SSL_CTX_set_options(ctx, SSL_OP_NO_EXTENDED_MASTER_SECRET);
	ssl = SSL_new(ctx);
	REQUIRE(ssl != NULL);
	session = offered_session(versions[which]);
	if (versions[which] == TLS1_3_VERSION)
		session = add_ticket(session);
	REQUIRE(SSL_set_session(ssl, session) == 1);
	SSL_SESSION_free(session);
	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	REQUIRE(SSL_connect(ssl) == -1);
	hello_len[which] = BIO_read(SSL_get_wbio(ssl), hello[which],
	    HELLO_MAX);
	REQUIRE(hello_len[which] > 0 && hello_len[which] < HELLO_MAX);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
}

static void
setup(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	int i;

	REQUIRE(tlscache_open(&cache, TLSCACHE_SIZE_MIN) == TLSCACHE_OK);
	REQUIRE(key != NULL && cert != NULL);
	X509_set_pubkey(cert, key);
	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	REQUIRE(X509_sign(cert, key, EVP_sha256()) > 0);
	for (i = 0; i < 2; i++) {
		server[i] = SSL_CTX_new(TLS_server_method());
		REQUIRE(server[i] != NULL);
		REQUIRE(SSL_CTX_use_certificate(server[i], cert) == 1);
		REQUIRE(SSL_CTX_use_PrivateKey(server[i], key) == 1);
		SSL_CTX_set_options(server[i], SSL_OP_NO_TICKET);
		SSL_CTX_set_timeout(server[i], 1 << 30);
		SSL_CTX_set_min_proto_version(server[i], versions[i]);
		SSL_CTX_set_max_proto_version(server[i], versions[i]);
		REQUIRE(tlscache_attach(cache, server[i]) == TLSCACHE_OK);
	}
	X509_free(cert);
	EVP_PKEY_free(key);
	make_hello(0);
	make_hello(1);
}

static void
try_codec(const uint8_t *data, size_t size)
{
	unsigned char once[TLSCACHE_DATA_MAX], twice[TLSCACHE_DATA_MAX];
	SSL_SESSION *session;
	size_t len;

	session = tlsc_session_decode(data, size, id, sizeof(id));
	if (session == NULL)
		return;
	len = tlsc_session_encode(session, once, sizeof(once));
	SSL_SESSION_free(session);
	if (len == 0 || len > sizeof(once))
		return;
	session = tlsc_session_decode(once, len, id, sizeof(id));
	REQUIRE(session != NULL);
	REQUIRE(tlsc_session_encode(session, twice, sizeof(twice)) == len);
	REQUIRE(memcmp(once, twice, len) == 0);
	SSL_SESSION_free(session);
}

static void
try_server(const uint8_t *data, size_t size, int which)
{
	int64_t now = time(NULL);
	SSL *ssl;
	BIO *in;

	if (tlscache_store(cache, id, sizeof(id), data, size, now + 3600,
	    now) != TLSCACHE_OK)
		return;
	ssl = SSL_new(server[which]);
	in = BIO_new_mem_buf(hello[which], hello_len[which]);
	REQUIRE(ssl != NULL && in != NULL);
	BIO_set_mem_eof_return(in, -1);
	SSL_set_bio(ssl, in, BIO_new(BIO_s_mem()));
	(void)SSL_accept(ssl);
	SSL_free(ssl);
	ERR_clear_error();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (cache == NULL)
		setup();
	try_codec(data, size);
	try_server(data, size, 0);
	try_server(data, size, 1);
	return 0;
}
