/* SPDX-License-Identifier: ISC */
/*
 * The checksum of version 2 (2.2.3), CRC32c: half a byte at a time, with a
 * table that can be checked by eye. Any process.
 */
#include "config.h"

#include "proxyproto/proxyproto_int.h"

/* [i]: i after four steps, each a shift and 0x82f63b78 for a bit lost. */
static const uint32_t table[16] = {
	0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
	0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
	0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
	0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

uint32_t
proxyproto_crc32c(uint32_t crc, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	for (crc = ~crc; len > 0; len--) {
		crc ^= *p++;
		crc = crc >> 4 ^ table[crc & 0xf];
		crc = crc >> 4 ^ table[crc & 0xf];
	}
	return ~crc;
}

uint32_t
proxyproto_crc32c_of(const uint8_t *header, size_t len, size_t place)
{
	static const uint8_t zeros[CRC32C_LEN];
	uint32_t crc;

	crc = proxyproto_crc32c(0, header, place);
	crc = proxyproto_crc32c(crc, zeros, CRC32C_LEN);
	place += CRC32C_LEN;
	return proxyproto_crc32c(crc, header + place, len - place);
}
