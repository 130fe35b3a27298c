/* SPDX-License-Identifier: ISC */
/*
 * The PROXY protocol, versions 1 and 2: a header before the first byte of a
 * connection that tells whose connection it is. Functions over bytes, without
 * sockets, memory or state of their own. The source is haproxy's
 * doc/proxy-protocol.txt of 2020-03-05; the numbers of sections are its.
 */
#ifndef PROXYPROTO_PROXYPROTO_H
#define PROXYPROTO_PROXYPROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/types.h>
#include <sys/socket.h>

#include "base/addr.h"

#define PROXYPROTO_V1_MAX 107	 /* 2.1: with CR and LF */
#define PROXYPROTO_V2_PREFIX 16	 /* 2.2: up to and with the length */
#define PROXYPROTO_MAX (PROXYPROTO_V2_PREFIX + 65535)

/* Types of values in version 2, and those within PP2_SSL (2.2.1 to 2.2.8). */
enum {
	PP2_ALPN = 0x01,
	PP2_AUTHORITY = 0x02,
	PP2_CRC32C = 0x03,
	PP2_NOOP = 0x04,
	PP2_UNIQUE_ID = 0x05,
	PP2_SSL = 0x20,
	PP2_SSL_VERSION = 0x21,
	PP2_SSL_CN = 0x22,
	PP2_SSL_CIPHER = 0x23,
	PP2_SSL_SIG_ALG = 0x24,
	PP2_SSL_KEY_ALG = 0x25,
	PP2_NETNS = 0x30,
	PP2_CUSTOM = 0xe0, /* to 0xef: everybody's own */
};
#define PP2_UNIQUE_ID_MAX 128

/* The first byte of PP2_SSL; four bytes follow it: 0 is a good certificate. */
#define PP2_CLIENT_SSL 0x01
#define PP2_CLIENT_CERT_CONN 0x02
#define PP2_CLIENT_CERT_SESS 0x04
#define PP2_SSL_HEAD 5

struct proxyproto_tlv {
	uint8_t type;
	const uint8_t *value;
	size_t len;
};

/* Some of them, one behind the other. */
struct proxyproto_tlvs {
	const uint8_t *p;
	size_t len;
};

/* ---- reading ---- */

struct proxyproto {
	unsigned version; /* 1 or 2 */
	bool local; /* LOCAL: the sender's own connection, nothing is told */
	int type;   /* SOCK_STREAM, SOCK_DGRAM; 0: not told */
	/*
	 * Both of one family, or both AF_UNSPEC with len 0: not told, those of
	 * the socket hold. A Unix address without a name has none here.
	 */
	struct addr from, to;
	struct proxyproto_tlvs tlvs; /* stand in the bytes that were read */
};

/*
 * Read the header that buf begins with, strictly. Returns its length, and the
 * struct is filled; 0 when more bytes are needed to say; or -1 when it is none
 * or a bad one, and *why says why, in a few words of this program's. What
 * was said of a beginning is not taken back with more bytes: nobody has to
 * keep more than PROXYPROTO_MAX, and who wants to keep less refuses what is
 * not complete by then.
 *
 * Checked is all that the protocol demands: version, command, family, lengths;
 * that values fill the header, and those in PP2_SSL that one; the checksum
 * when there is one. What stands in a header with LOCAL is skipped.
 */
ssize_t proxyproto_read(struct proxyproto *, const uint8_t *buf, size_t len,
    const char **why);

/* The length of a header of version 2, by its beginning. */
size_t proxyproto_v2_length(const uint8_t prefix[PROXYPROTO_V2_PREFIX]);

/* Take the next value. False: there is none (or, not from above, a bad one). */
bool proxyproto_next(struct proxyproto_tlvs *, struct proxyproto_tlv *);
/* The first value of this type. False: there is none. */
bool proxyproto_find(struct proxyproto_tlvs, uint8_t type,
    struct proxyproto_tlv *);
/* The values in one of type PP2_SSL, behind PP2_SSL_HEAD bytes. */
struct proxyproto_tlvs proxyproto_inner(const struct proxyproto_tlv *);

/* ---- writing ---- */

/*
 * Version 1: the line for these addresses, UNKNOWN unless both are of the same
 * family, IPv4 or IPv6. Returns its length; no NUL.
 */
size_t proxyproto_write_v1(uint8_t buf[PROXYPROTO_V1_MAX],
    const struct sockaddr *from, const struct sockaddr *to);

/* Version 2, piece by piece into the caller's bytes. */
struct proxyproto_out {
	uint8_t *buf;
	size_t size, len;
	size_t crc; /* where the checksum stands; 0: there is none */
	bool full;  /* something did not fit */
};

/* The beginning, with the addresses; unspecified where v1 has UNKNOWN. */
void proxyproto_begin(struct proxyproto_out *, uint8_t *buf, size_t size,
    const struct sockaddr *from, const struct sockaddr *to);
void proxyproto_put(struct proxyproto_out *, uint8_t type, const void *value,
    size_t len);
/*
 * A value that has others in it: what is put from now on, until it is closed
 * with what this has returned, stands in it.
 */
size_t proxyproto_open(struct proxyproto_out *, uint8_t type,
    const void *head, size_t len);
void proxyproto_close(struct proxyproto_out *, size_t);
/* A checksum, once; proxyproto_end() computes it. */
void proxyproto_put_crc32c(struct proxyproto_out *);
/* Returns the length of the header, or 0 when it did not fit. */
size_t proxyproto_end(struct proxyproto_out *);

#endif
