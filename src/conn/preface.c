/* SPDX-License-Identifier: ISC */
/*
 * What a client says before TLS, where the listener wants that: its function
 * is shown what has come, until it has seen enough. Worker.
 */
#include "config.h"

#include <assert.h>

#include "conn/conn_int.h"

static enum preface ask(struct conn *, size_t *);
static void cut(struct conn *);

void
conn_preface(struct conn *c)
{
	enum preface verdict = PREFACE_MORE;
	struct conn_hub *hub = c->hub;
	size_t used = 0;

	if (c->listener->preface == NULL) {
		conn_handshake_begin(c);
		return;
	}
	while (verdict == PREFACE_MORE && conn_input_more(c))
		verdict = ask(c, &used);
	if (c->state != CONN_PREFACE)
		return; /* out of memory */
	if (verdict == PREFACE_REFUSE) {
		conn_close(c, CLOSE_HANDSHAKE);
	} else if (verdict == PREFACE_DONE) {
		assert(used <= hub->in_len);
		hub->in += used;
		hub->in_len -= used;
		conn_handshake_begin(c);
	} else if (c->wire.flags & WIRE_EOF) {
		cut(c);
	}
}

static enum preface
ask(struct conn *c, size_t *used)
{
	struct conn_hub *hub = c->hub;
	enum preface verdict;

	verdict = c->listener->preface(c, hub->in, hub->in_len, used);
	if (verdict != PREFACE_MORE || hub->in_len < CONN_PREFACE_MAX)
		return verdict;
	conn_set_error(c, "more than %u bytes before TLS", CONN_PREFACE_MAX);
	return PREFACE_REFUSE;
}

static void
cut(struct conn *c)
{
	if (c->hub->in_len == 0) {
		conn_close(c, CLOSE_CLIENT_GONE);
		return;
	}
	conn_set_error(c, "before TLS");
	conn_close(c, CLOSE_CLIENT_ABORT);
}
