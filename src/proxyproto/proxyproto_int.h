/* SPDX-License-Identifier: ISC */
/* What the files of proxyproto/ know of each other. */
#ifndef PROXYPROTO_PROXYPROTO_INT_H
#define PROXYPROTO_PROXYPROTO_INT_H

#include "proxyproto/proxyproto.h"

#define V1_START "PROXY "
#define V1_START_LEN 6
#define V2_SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V2_SIGNATURE_LEN 12
#define V2_VERSION 0x20 /* with the command in the lower half */
#define V2_LOCAL 0x0
#define V2_PROXY 0x1
#define V2_UNSPEC 0x00
#define V2_TCP4 0x11
#define V2_TCP6 0x21
#define V2_INET_LEN 12
#define V2_INET6_LEN 36
#define V2_UNIX_PATH 108
#define CRC32C_LEN 4

/* As proxyproto_read(), of bytes that have the beginning of the version. */
ssize_t proxyproto_read_v1(struct proxyproto *, const uint8_t *, size_t,
    const char **why);
ssize_t proxyproto_read_v2(struct proxyproto *, const uint8_t *, size_t,
    const char **why);

/* ip has 4 or 16 bytes; port is in the order of the network. */
void proxyproto_inet(struct addr *, int family, const void *ip,
    uint16_t port);

/* The values of a header, which has header_len bytes. NULL, or why not. */
const char *proxyproto_check(struct proxyproto_tlvs, const uint8_t *header,
    size_t header_len);

/* Begin with 0; goes on from what it returned. RFC 9260, appendix A. */
uint32_t proxyproto_crc32c(uint32_t, const void *, size_t);
/* Of a header whose checksum, here at this place, counts as zeros. */
uint32_t proxyproto_crc32c_of(const uint8_t *header, size_t len, size_t place);

static inline uint32_t
get_u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

static inline void
put_u16(uint8_t *p, size_t n)
{
	p[0] = (uint8_t)(n >> 8);
	p[1] = (uint8_t)n;
}

#endif
