/* SPDX-License-Identifier: ISC */
/*
 * A listener's configuration, as conf/ would read it from "t.conf", and what
 * all listeners share.
 */
#ifndef TEST_TLS_SITE_H
#define TEST_TLS_SITE_H

#include "conf/conf.h"
#include "tls/tls.h"

#define SITE_CERTS 12
#define SITE_NAMES 4
#define SITE_TIMEOUT 3600

struct site {
	struct conf_listen listen;
	struct conf_certificate certs[SITE_CERTS];
	struct conf_str names[SITE_CERTS][SITE_NAMES];
	struct conf_str alpn[SITE_NAMES];
};

/* The four ways to resume. */
struct site_kind {
	int version;
	enum conf_resumption resumption;
	enum tls_resumed resumed; /* what tls_resumed() calls it */
};
#define SITE_KINDS 4
extern const struct site_kind site_kinds[SITE_KINDS];

/* A cache and a ring of keys; made anew for each test by the fixture. */
extern struct tls_shared shared;
void shared_setup(void);
void shared_teardown(void);

/* One certificate "default" with the chain and key of server_a. */
void site_init(struct site *);
/* Another one, for a server name; NULL for none. */
struct conf_certificate *site_add(struct site *, char *title, char *name);
void site_add_name(struct site *, struct conf_certificate *, char *name);
void site_add_alpn(struct site *, char *protocol);
/* Have it ask for client certificates. */
void site_ask(struct conf_certificate *, enum conf_client_cert,
    const char *ca, const char *crl);

/* Must succeed. */
struct tls_front *site_front(const struct site *);
/* Must fail with such an error text. */
void site_refused(const struct site *, const char *pattern);

/*
 * In a pattern '@' stands for the folder of the files, and a '*' at the end
 * for any text that OpenSSL finds fit.
 */
void site_same_text(const char *text, const char *pattern);
/* The same with '@' replaced, in a static buffer. */
const char *site_expand(const char *pattern);

#endif
