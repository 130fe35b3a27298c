/* SPDX-License-Identifier: ISC */
/*
 * The other ends: TLS clients of the hub and backends of the proxy. Each has
 * a queue of bytes to send and a buffer of what it received, and moves some
 * of them at every world_turn().
 */
#ifndef TEST_CONN_PEER_H
#define TEST_CONN_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

struct bytes {
	uint8_t *data;
	size_t len, pos, size;
};

struct peer {
	int fd;
	SSL *ssl; /* NULL: clear text */
	BIO *from_wire, *to_wire;
	struct bytes wire; /* to be sent as it is */
	struct bytes out;  /* to be sent through ssl */
	struct bytes in;   /* received */
	size_t step;	   /* bytes to the wire in a turn; 0: any */
	size_t sip;	   /* bytes from the wire in a turn; 0: any */
	bool deaf;	   /* reads nothing */
	bool mute;	   /* writes nothing */
	bool finish;	   /* close_notify or TCP's end, once all is sent */
	bool finished;
	bool early;	   /* early data may follow: no handshake yet */
	bool connected;	   /* the handshake is complete */
	bool eof, reset;   /* what TCP said */
	bool closed;	   /* close_notify came */
	int alert;	   /* of the other side; -1: none */
	SSL_SESSION *session;
};

/* How a client behaves; all zero: TLS 1.3, nothing to resume. */
struct client_how {
	int version;
	SSL_SESSION *session;
	const char *sni;
	const char *alpn;
	const char *ciphers;
	const char *early; /* sent at once; see peer_send_early() */
	size_t step;
	bool raw;	/* no TLS; for peer_send() of whatever bytes */
	bool local;	/* over a Unix socket */
	int server_buffer, client_buffer; /* of the kernel; 0: as it is */
};

/* A client of a new connection of world.hub. */
struct peer *client_new(const struct client_how *);
/* With a handshake that must succeed. */
struct peer *client_connect(const struct client_how *);

/* Queue a copy of the bytes. */
void peer_send(struct peer *, const void *, size_t);
void peer_send_text(struct peer *, const char *);
/* The same, not encrypted, for one that has TLS. */
void peer_send_plain(struct peer *, const void *, size_t);
/* Early data, as long as p->early is not made false. */
void peer_send_early(struct peer *, const char *);
/* Queue len bytes of a random sequence that only seed decides. */
void peer_send_noise(struct peer *, size_t len, unsigned seed);
bool peer_got(const struct peer *, const char *);
/* The first bytes received are this noise. */
bool peer_got_noise(const struct peer *, size_t len, unsigned seed);
bool is_noise(const uint8_t *, size_t len, unsigned seed);
void peer_drop(struct peer *);	/* close, without close_notify */
void peer_reset(struct peer *); /* close with a reset */

/* A listening socket for the proxy to connect to, and its address. */
struct backend {
	int fd;
	char text[128];
};
void backend_open(struct backend *, bool local, int backlog);
void backend_close(struct backend *);
/* The next connection made to it, or NULL. */
struct peer *backend_accept(struct backend *);

void peers_turn(void);
void peers_free(void);

#endif
