/* SPDX-License-Identifier: ISC */
/*
 * How much a ClientHello may take. OpenSSL takes 128 KiB, and makes room for
 * them at the header of the message: nine bytes of a client that is nobody yet,
 * and says no more, would hold 170 KiB. So the headers are read here before
 * OpenSSL gets them. Worker.
 *
 * There may be two ClientHellos, the second one after a HelloRetryRequest. All
 * other messages of a client follow an answer of ours, in which OpenSSL knows
 * what is due and how long that may be. They are told apart by their type, as
 * long as they are in clear text: up to ChangeCipherSpec in TLS 1.2; what is
 * encrypted in TLS 1.3 comes in records of another type.
 */
#include "config.h"

#include <string.h>

#include "conn/conn_int.h"

#define TYPE_CCS 20
#define TYPE_HANDSHAKE 22
#define CLIENT_HELLO 1

static size_t header(struct conn_bound *, const uint8_t *, bool tls12);
static size_t payload(struct conn_bound *, const uint8_t *, size_t);
static size_t take(uint8_t *, uint8_t *have, size_t want, const uint8_t *,
    size_t);

bool
conn_bound_take(struct conn_bound *b, const uint8_t *p, size_t n, bool tls12)
{
	size_t used;

	while (n > 0 && !b->over && !b->large) {
		if (b->record > 0)
			used = payload(b, p, n);
		else
			used = header(b, p, tls12);
		p += used;
		n -= used;
	}
	return !b->large;
}

/* One byte of a record's header; they are few. */
static size_t
header(struct conn_bound *b, const uint8_t *p, bool tls12)
{
	b->head[b->nhead++] = *p;
	if (b->nhead < SSL3_RT_HEADER_LENGTH)
		return 1;
	b->nhead = 0;
	b->record = (uint16_t)(b->head[3] << 8 | b->head[4]);
	if (b->head[0] == TYPE_CCS && tls12)
		b->over = true;
	return 1;
}

static size_t
payload(struct conn_bound *b, const uint8_t *p, size_t n)
{
	size_t used;

	if (n > b->record)
		n = b->record;
	used = n;
	if (b->head[0] == TYPE_HANDSHAKE && b->message == 0) {
		used = take(b->start, &b->nstart, SSL3_HM_HEADER_LENGTH, p, n);
		if (b->nstart == SSL3_HM_HEADER_LENGTH) {
			b->nstart = 0;
			b->message = (uint32_t)b->start[1] << 16 |
			    (uint32_t)b->start[2] << 8 | b->start[3];
			b->large = b->start[0] == CLIENT_HELLO &&
			    b->message > CONN_HELLO_MAX;
		}
	} else if (b->head[0] == TYPE_HANDSHAKE) {
		if (used > b->message)
			used = b->message;
		b->message -= (uint32_t)used;
	}
	b->record = (uint16_t)(b->record - used);
	return used;
}

static size_t
take(uint8_t *to, uint8_t *have, size_t want, const uint8_t *p, size_t n)
{
	if (n > want - *have)
		n = want - *have;
	memcpy(to + *have, p, n);
	*have = (uint8_t)(*have + n);
	return n;
}
