/* SPDX-License-Identifier: ISC */
/*
 * The note in every session: which worker made it, and until when it and
 * all sessions made from it may live. It travels with the session (OpenSSL's
 * ticket appdata), in the shared cache as well as in a stateless ticket, and
 * is authentic where the session is. Worker.
 *
 *	byte 0     layout: 1
 *	byte 1-2   worker, big-endian
 *	byte 3-8   deadline in seconds since 1970, big-endian
 *
 * Life: a TLS 1.3 resumption makes a new session, which OpenSSL gives the
 * whole time-out again, so a client that comes back often enough would never
 * have to show a certificate, or see ours, again (RFC 8446 4.6.1 asks for a
 * limit). Here the time-out counts from the full handshake, as it does in TLS
 * 1.2: the deadline is handed on, a session's time-out ends there, and one
 * that outlives it by a moment is not renewed. Sessions with a client
 * certificate end with that certificate, too.
 *
 * When: OpenSSL knows whether it resumes, and still has the session as it was
 * found, in the servername callback, which it calls with and without a name;
 * after that, TLS 1.3 works on a copy with a new time. The note is written
 * before a session is encoded: for tickets of both kinds in the ticket
 * callback, for TLS 1.2 session ids on the way into the cache.
 */
#include "config.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include "base/clock.h"
#include "tls/tls_int.h"

#define NOTE_LAYOUT 1
#define NOTE_LEN 9
#define WEEK (7 * 24 * 60 * 60) /* RFC 8446 4.6.1: no ticket lives longer */

static void note_read(SSL_SESSION *, struct tls_peer *);
static bool note_write(const SSL *, SSL_SESSION *);
static int64_t first_deadline(SSL_SESSION *, int64_t);

/*
 * As servername callback: SSL_TLSEXT_ERR_OK makes OpenSSL acknowledge the name
 * (RFC 6066), whatever has become of it in hello.c. Called again when there
 * is a second ClientHello.
 */
int
tls_note_read_cb(SSL *ssl, int *alert, void *arg)
{
	const struct tls_front *front = arg;
	struct tls_peer *peer;
	size_t tickets;

	peer = tls_peer(ssl);
	tickets = SSL_CTX_get_num_tickets(SSL_get_SSL_CTX(ssl));
	if (SSL_session_reused(ssl)) {
		note_read(SSL_get_session(ssl), peer);
		if (peer->deadline <= clock_wall())
			tickets = 0;
	} else
		peer->session_worker = (int)front->worker;
	SSL_set_num_tickets(ssl, tickets);
	return SSL_TLSEXT_ERR_OK;
}

/* A ticket is being made; SSL_get_session() is what it will stand for. */
int
tls_note_ticket_cb(SSL *ssl, void *arg)
{
	/* TLS 1.2 renews a ticket without making a new session. */
	if (SSL_session_reused(ssl) && SSL_version(ssl) < TLS1_3_VERSION)
		return 1;
	return note_write(ssl, SSL_get_session(ssl));
}

/* In place of tlscache_attach()'s callback, which it calls. */
int
tls_note_session_cb(SSL *ssl, SSL_SESSION *sess)
{
	if (SSL_version(ssl) < TLS1_3_VERSION && !note_write(ssl, sess)) {
		ERR_clear_error();
		return 0; /* not cached */
	}
	return tls_policy(ssl)->front->store(ssl, sess);
}

/* Who could write the shared memory may have written nonsense. */
static void
note_read(SSL_SESSION *sess, struct tls_peer *peer)
{
	const uint8_t *b;
	void *data;
	size_t i, len;

	peer->session_worker = -1;
	peer->deadline = 0;
	if (!SSL_SESSION_get0_ticket_appdata(sess, &data, &len) ||
	    data == NULL || len != NOTE_LEN)
		return;
	b = data;
	if (b[0] != NOTE_LAYOUT)
		return;
	peer->session_worker = b[1] << 8 | b[2];
	for (i = 3; i < NOTE_LEN; i++)
		peer->deadline = peer->deadline << 8 | b[i];
}

static bool
note_write(const SSL *ssl, SSL_SESSION *sess)
{
	const struct tls_front *front;
	int64_t deadline, left;
	const unsigned char *protocol;
	unsigned protocol_len;
	const char *name;
	uint8_t b[NOTE_LEN];
	size_t i;

	front = tls_policy(ssl)->front;
	deadline = SSL_session_reused(ssl) ? tls_peer(ssl)->deadline :
	    first_deadline(sess, front->timeout);
	left = deadline - SSL_SESSION_get_time_ex(sess);
	if (left < 1) {
		/* A second began since tls_note_read_cb(): give none more. */
		SSL_SESSION_set_time_ex(sess, deadline - 1);
		left = 1; /* OpenSSL takes 0 for the lack of a time-out */
	}
	if (left > front->timeout)
		left = front->timeout;
	if (left > WEEK && SSL_version(ssl) >= TLS1_3_VERSION)
		left = WEEK;
	/* Every ClientHello has the name again; only early.c compares them. */
	name = tls_policy(ssl)->early_max > 0 && tls_peer(ssl)->name[0] != '\0'
	    && SSL_version(ssl) >= TLS1_3_VERSION ? tls_peer(ssl)->name : NULL;
	/* OpenSSL leaves that of the connection before where there is none. */
	SSL_get0_alpn_selected(ssl, &protocol, &protocol_len);
	b[0] = NOTE_LAYOUT;
	b[1] = (uint8_t)(front->worker >> 8);
	b[2] = (uint8_t)front->worker;
	for (i = 3; i < NOTE_LEN; i++)
		b[i] = (uint8_t)(deadline >> 8 * (NOTE_LEN - 1 - i));
	return SSL_SESSION_set1_ticket_appdata(sess, b, sizeof(b)) &&
	    SSL_SESSION_set1_hostname(sess, name) &&
	    SSL_SESSION_set1_alpn_selected(sess, protocol, protocol_len) &&
	    SSL_SESSION_set_timeout(sess, (long)left);
}

static int64_t
first_deadline(SSL_SESSION *sess, int64_t timeout)
{
	const X509 *x;
	int64_t now, left;
	int days, seconds;

	now = SSL_SESSION_get_time_ex(sess);
	x = SSL_SESSION_get0_peer(sess);
	if (x != NULL &&
	    ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(x))) {
		left = (int64_t)days * 86400 + seconds;
		if (left < 0)
			left = 0;
		if (timeout > left)
			timeout = left;
	}
	return now + timeout;
}
