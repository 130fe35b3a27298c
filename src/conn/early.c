/* SPDX-License-Identifier: ISC */
/*
 * Early data (0-RTT) on their way to the service, between the server's first
 * flight and the client's Finished. Whether they are accepted is for tls/ to
 * say. Worker.
 *
 * A service that takes them gets them as they come. What it does not take
 * now, because it has paused or because the policy says to wait for the
 * client's Finished, is kept; OpenSSL lets no more come than the session
 * allows, so that is bounded, and the handshake never waits for the service.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "conn/conn_int.h"
#include "tls/tls.h"

static void accepted(struct conn *);
static void take(struct conn *, size_t);
static void keep(struct conn *, const uint8_t *, size_t);
static void count(const struct conn *, enum tls_early);

void
conn_early_init(struct conn *c)
{
	c->early.try = tls_front_early_data(c->listener->tls);
}

/*
 * Read what there is. 1 when no more early data will come, and the handshake
 * can go on; otherwise as SSL_do_handshake().
 */
int
conn_early_read(struct conn *c)
{
	bool again;
	size_t n;
	int ret;

	do {
		tls_error_clear();
		ret = SSL_read_early_data(c->ssl, c->hub->clear,
		    CONN_CLEAR_SIZE, &n);
		if (c->state != CONN_HANDSHAKE)
			return -1; /* out of memory in conn_output_put() */
		again = ret == SSL_READ_EARLY_DATA_SUCCESS;
		if (!c->early.accepted &&
		    SSL_get_early_data_status(c->ssl) ==
		    SSL_EARLY_DATA_ACCEPTED) {
			if (ret == SSL_READ_EARLY_DATA_ERROR &&
			    SSL_get_error(c->ssl, ret) != SSL_ERROR_WANT_READ)
				return -1; /* the service need not know */
			accepted(c);
			/* What it wrote has taken the place of WANT_READ. */
			again = ret != SSL_READ_EARLY_DATA_FINISH;
		}
		if (ret == SSL_READ_EARLY_DATA_SUCCESS)
			take(c, n);
	} while (again && c->state == CONN_HANDSHAKE);
	if (ret != SSL_READ_EARLY_DATA_FINISH)
		return -1;
	c->early.try = false;
	tls_early_settle(c->ssl);
	return 1;
}

/* Known when the ClientHello has been answered, before the data are read. */
static void
accepted(struct conn *c)
{
	const struct conn_ops *ops = c->listener->ops;

	c->early.accepted = true;
	count(c, TLS_EARLY_ACCEPTED);
	if (!c->begun)
		conn_begin(c);
	if (!ops->takes_early || tls_early_postponed(c->ssl) ||
	    c->state != CONN_HANDSHAKE)
		return;
	c->early.served = true;
	if (ops->early != NULL)
		ops->early(c);
}

static void
take(struct conn *c, size_t n)
{
	c->early.bytes += (uint32_t)n;
	slot_add(c->hub->conf.slot, METRIC_EARLY_BYTES, n);
	if (c->early.served && c->early.kept == NULL && !c->input.paused &&
	    !c->early.hold)
		conn_deliver(c, c->hub->clear, n);
	else
		keep(c, c->hub->clear, n);
}

static void
keep(struct conn *c, const uint8_t *buf, size_t n)
{
	size_t len = c->early.kept != NULL ? c->early.kept->len : 0;
	struct conn_rest *kept;

	kept = realloc(c->early.kept, sizeof(*kept) + len + n);
	if (kept == NULL) {
		conn_close(c, CLOSE_NO_MEMORY);
		return;
	}
	memcpy(kept->data + len, buf, n);
	kept->pos = 0;
	kept->len = len + n;
	c->early.kept = kept;
}

/* Give the service what was kept for it, when it may have it. */
void
conn_early_give(struct conn *c)
{
	struct conn_rest *kept = c->early.kept;

	if (kept == NULL || c->input.paused || !conn_early_due(c))
		return;
	c->early.kept = NULL;
	conn_deliver(c, kept->data, kept->len);
	free(kept);
}

void
conn_hold_early(struct conn *c)
{
	debug_assert(conn_is_current(c));
	c->early.hold = true;
}

/* At the end of a connection: refusals, whatever became of the handshake. */
void
conn_early_count(const struct conn *c)
{
	enum tls_early early;

	if (c->ssl == NULL)
		return;
	if (tls_early_sent(c->ssl))
		slot_add(c->hub->conf.slot, METRIC_EARLY_OFFERED, 1);
	early = tls_early(c->ssl);
	if (early != TLS_EARLY_NONE && (early != TLS_EARLY_ACCEPTED ||
		!c->early.accepted))
		count(c, early);
}

static void
count(const struct conn *c, enum tls_early early)
{
	static const enum metric metrics[] = {
#define X(ID, name, doc) [TLS_EARLY_##ID] = METRIC_EARLY_##ID,
#include "tls/early.def"
#undef X
	};

	slot_add(c->hub->conf.slot, metrics[early], 1);
}
