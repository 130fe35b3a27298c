/* SPDX-License-Identifier: ISC */
/*
 * The BIO between OpenSSL and the scratch buffers. There is one for all
 * connections of the hub: a connection is served alone, so the BIO means
 * whichever is `current`, and an idle connection owns none. Worker.
 *
 * OpenSSL reads from what input.c has received and never sees an end of input:
 * without close_notify that would be an error to it, upon which it removes the
 * client's session. It asks for the header of each record by itself, which is
 * where records are counted: it would go on from one to the next for as long
 * as they bring no data. After too many of these it gets the header of a record
 * that cannot be, because that is how it can be made to send an alert:
 * unexpected_message in TLS 1.3, record_overflow in 1.2. What it writes is
 * always taken, so it never waits for output; BIO_flush() sends nothing,
 * because OpenSSL flushes after every ticket.
 */
#include "config.h"

#include <string.h>

#include "conn/conn_int.h"

/* A handshake record in the clear, in the midst of others, of 65,535 bytes. */
static const char impossible[SSL3_RT_HEADER_LENGTH] = { SSL3_RT_HANDSHAKE,
	SSL3_VERSION_MAJOR, 3, '\xff', '\xff' };

static int bio_read(BIO *, char *, int);
static int bio_write(BIO *, const char *, int);
static long bio_ctrl(BIO *, int, long, void *);

int
conn_bio_setup(struct conn_hub *hub)
{
	BIO_METHOD *m;

	m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "conn");
	if (m == NULL || !BIO_meth_set_read(m, bio_read) ||
	    !BIO_meth_set_write(m, bio_write) ||
	    !BIO_meth_set_ctrl(m, bio_ctrl) ||
	    (hub->bio = BIO_new(m)) == NULL) {
		BIO_meth_free(m);
		return -1;
	}
	hub->method = m;
	BIO_set_data(hub->bio, hub);
	BIO_set_init(hub->bio, 1);
	return 0;
}

void
conn_bio_free(struct conn_hub *hub)
{
	BIO_free(hub->bio);
	BIO_meth_free(hub->method);
}

static int
bio_read(BIO *bio, char *buf, int len)
{
	struct conn_hub *hub = BIO_get_data(bio);
	size_t n;

	BIO_clear_retry_flags(bio);
	if (len <= 0)
		return 0;
	if (hub->in_len == 0 || hub->share_records == 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	if (len == SSL3_RT_HEADER_LENGTH) {
		hub->share_records--;
		if (!conn_input_record(hub->current) &&
		    hub->current->state == CONN_OPEN) {
			memcpy(buf, impossible, sizeof(impossible));
			return sizeof(impossible);
		}
	}
	n = hub->in_len < (size_t)len ? hub->in_len : (size_t)len;
	memcpy(buf, hub->in, n);
	hub->in += n;
	hub->in_len -= n;
	return (int)n;
}

static int
bio_write(BIO *bio, const char *buf, int len)
{
	struct conn_hub *hub = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (len <= 0)
		return 0;
	conn_output_put(hub->current, buf, (size_t)len);
	return len;
}

static long
bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
	return cmd == BIO_CTRL_FLUSH || cmd == BIO_CTRL_DUP;
}
