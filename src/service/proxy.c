/* SPDX-License-Identifier: ISC */
/*
 * The service `proxy`: clear text to and from a backend, each way with its
 * own back-pressure and its own end. The backend is called when the handshake
 * is complete: who does not get that far must not take its places. Early data
 * come with a proof of their own and do not wait. Worker.
 *
 * With the PROXY protocol the backend hears how many bytes of early data there
 * are before it gets them; more than had come by then wait for the end of the
 * handshake, when they are early data no more.
 *
 * What a leg tells is in proxy_leg.c, how one side's end gets to the other in
 * proxy_end.c.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "service/proxy_int.h"
#include "service/service_int.h"

static int proxy_setup(const struct conf_listen *, void **, struct err *);
static void proxy_teardown(void *);
static void proxy_begin(struct conn *);
static void proxy_early(struct conn *);
static void proxy_ready(struct conn *);
static void proxy_data(struct conn *, const uint8_t *, size_t);
static void proxy_recheck(struct conn *);
static void proxy_rest(struct conn *);

static void warn_mixed(const struct conf_listen *);

static void send_header(struct conn *);
static void greet(struct conn *, const uint8_t *, size_t);
static void pass_on(struct conn *, const uint8_t *, size_t);

const struct conn_ops proxy_ops = {
	.name = "proxy",
	.state_size = sizeof(struct proxy),
	.setup = proxy_setup,
	.teardown = proxy_teardown,
	.takes_early = true,
	.begin = proxy_begin,
	.early = proxy_early,
	.ready = proxy_ready,
	.data = proxy_data,
	.eof = proxy_eof,
	.room = proxy_from_backend,
	.recheck = proxy_recheck,
	.lost = proxy_lost,
	.rest = proxy_rest,
	.closed = proxy_closed,
};

static int
proxy_setup(const struct conf_listen *conf, void **service, struct err *err)
{
	warn_mixed(conf);
	*service = backend_pool_new(conf, &proxy_legs);
	return 0;
}

/*
 * Client certificates do not guard the backends then: the name that a client
 * asks them for need not be the one that it came in by, and only with
 * proxy_protocol do they learn that one.
 */
static void
warn_mixed(const struct conf_listen *l)
{
	const struct conf_certificate *c = l->certificates;
	struct err warning;
	size_t i;

	for (i = 1; i < l->ncertificates; i++)
		if (c[i].client_certificate != c[0].client_certificate)
			break;
	if (i >= l->ncertificates || l->proxy_protocol)
		return;
	err_set(&warning, &c[i].loc, "certificate \"%s\": client_certificate "
	    "is another than that of \"%s\", and the backends are the same: a "
	    "client can come in by one name and ask them for the other",
	    c[i].title, c[0].title);
	log_warnx("%s", warning.text);
}

static void
proxy_teardown(void *service)
{
	backend_pool_free(service);
}

static void
proxy_begin(struct conn *c)
{
	if (conn_listener(c)->conf->connect == CONF_CONNECT_HELLO)
		(void)proxy_call(c);
}

static void
proxy_early(struct conn *c)
{
	struct proxy *p = conn_state(c);

	p->flags |= PROXY_F_EARLY;
	proxy_from_backend(c);
}

static void
proxy_ready(struct conn *c)
{
	struct proxy *p = conn_state(c);

	p->flags |= PROXY_F_READY;
	if (leg_has_failed(&p->leg)) {
		proxy_report_failure(c);
		return;
	}
	if (conn_listener(c)->conf->connect == CONF_CONNECT_HANDSHAKE &&
	    !proxy_call(c))
		return;
	if (!(p->flags & PROXY_F_CALLED))
		return;
	if (conn_listener(c)->conf->proxy_protocol)
		send_header(c);
	proxy_from_backend(c);
}

static void
proxy_data(struct conn *c, const uint8_t *buf, size_t len)
{
	const struct proxy *p = conn_state(c);

	if (!proxy_call(c))
		return;
	if (conn_listener(c)->conf->proxy_protocol &&
	    !(p->flags & PROXY_F_HEADER))
		greet(c, buf, len);
	else
		pass_on(c, buf, len);
	if (conn_listener(c)->conf->proxy_protocol &&
	    !(p->flags & PROXY_F_READY))
		conn_hold_early(c);
}

static void
proxy_recheck(struct conn *c)
{
	struct proxy *p = conn_state(c);

	if (leg_in_doubt(&p->leg)) {
		leg_look(&p->leg);
		proxy_from_backend(c);
	}
	if (p->flags & PROXY_F_LOST)
		proxy_deliver(c);
}

/* Only now: most connections are over before their backend is ever silent. */
static void
proxy_rest(struct conn *c)
{
	struct proxy *p = conn_state(c);

	leg_keepalive(&p->leg);
}

/* The handshake is complete. */
static void
send_header(struct conn *c)
{
	struct proxy *p = conn_state(c);
	uint8_t *header;

	if (!(p->flags & PROXY_F_HEADER))
		greet(c, NULL, 0);
	else if (p->flags & PROXY_F_HEADER_WAITS &&
	    (header = leg_untouched(&p->leg)) != NULL)
		proxy_header_complete(header);
}

/* The header, and what has come from the client by now. */
static void
greet(struct conn *c, const uint8_t *buf, size_t len)
{
	struct proxy *p = conn_state(c);
	uint8_t *both;
	size_t n;

	if ((both = malloc(PROXY_HEADER_MAX + len)) == NULL) {
		conn_close(c, CLOSE_NO_MEMORY);
		return;
	}
	p->flags |= PROXY_F_HEADER;
	n = proxy_header(c, both, p->flags & PROXY_F_READY ? 0 : len);
	if (len > 0)
		memcpy(both + n, buf, len);
	pass_on(c, both, n + len);
	if (leg_waits(&p->leg) == n + len)
		p->flags |= PROXY_F_HEADER_WAITS;
	free(both);
}

/* What the backend does not take waits, and the client with it. */
static void
pass_on(struct conn *c, const uint8_t *buf, size_t len)
{
	struct proxy *p = conn_state(c);

	if (leg_is_up(&p->leg))
		p->flags |= PROXY_F_ASKED;
	switch (leg_send(&p->leg, buf, len)) {
	case LEG_TAKEN:
		break;
	case LEG_KEPT:
		conn_pause(c);
		break;
	case LEG_BROKEN:
		proxy_backend_broke(c);
		break;
	case LEG_NO_MEMORY:
		p->flags |= PROXY_F_CUT;
		conn_close(c, CLOSE_NO_MEMORY);
		break;
	}
}

/* Pass on what the backend has sent, as far as the client takes it. */
void
proxy_from_backend(struct conn *c)
{
	struct proxy *p = conn_state(c);
	uint8_t *buf = conn_hub_scratch(conn_hub(c));
	ssize_t n;

	while (p->flags & (PROXY_F_READY | PROXY_F_EARLY) &&
	    leg_has_input(&p->leg) && conn_has_room(c)) {
		n = leg_read(&p->leg, buf, conn_write_hint(c));
		if (n > 0) {
			p->flags &= ~PROXY_F_ASKED;
			(void)conn_write(c, buf, (size_t)n);
			if (conn_wasted(c))
				conn_close(c, CLOSE_CLIENT_ABORT);
		}
		if (n == -1) {
			conn_set_error(c, "%s", strerror(leg_error(&p->leg)));
			proxy_leg_close(c);
			conn_abort(c, CLOSE_BACKEND_ABORT);
		} else if (leg_ended(&p->leg)) {
			proxy_end_from_backend(c);
		} else if (leg_in_doubt(&p->leg)) {
			conn_recheck(c);
		}
	}
}
