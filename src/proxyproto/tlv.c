/* SPDX-License-Identifier: ISC */
/*
 * The values behind the addresses of version 2: walking over them, and what
 * the protocol demands of some. Any process.
 */
#include "config.h"

#include <string.h>

#include "proxyproto/proxyproto_int.h"

static const char *check_one(const struct proxyproto_tlv *);

bool
proxyproto_next(struct proxyproto_tlvs *tlvs, struct proxyproto_tlv *tlv)
{
	size_t len;

	if (tlvs->len < 3)
		return false;
	len = (size_t)(tlvs->p[1] << 8 | tlvs->p[2]);
	if (len > tlvs->len - 3)
		return false;
	tlv->type = tlvs->p[0];
	tlv->value = tlvs->p + 3;
	tlv->len = len;
	tlvs->p += 3 + len;
	tlvs->len -= 3 + len;
	return true;
}

bool
proxyproto_find(struct proxyproto_tlvs tlvs, uint8_t type,
    struct proxyproto_tlv *tlv)
{
	while (proxyproto_next(&tlvs, tlv))
		if (tlv->type == type)
			return true;
	return false;
}

struct proxyproto_tlvs
proxyproto_inner(const struct proxyproto_tlv *tlv)
{
	struct proxyproto_tlvs inner = { NULL, 0 };

	if (tlv->len < PP2_SSL_HEAD)
		return inner;
	inner.p = tlv->value + PP2_SSL_HEAD;
	inner.len = tlv->len - PP2_SSL_HEAD;
	return inner;
}

const char *
proxyproto_check(struct proxyproto_tlvs tlvs, const uint8_t *header,
    size_t header_len)
{
	const uint8_t *crc = NULL;
	struct proxyproto_tlv tlv;
	const char *why;

	while (proxyproto_next(&tlvs, &tlv)) {
		if ((why = check_one(&tlv)) != NULL)
			return why;
		if (tlv.type != PP2_CRC32C)
			continue;
		if (crc != NULL)
			return "two checksums";
		crc = tlv.value;
	}
	if (tlvs.len > 0)
		return "a value that is longer than the header";
	if (crc != NULL && get_u32(crc) != proxyproto_crc32c_of(header,
	    header_len, (size_t)(crc - header)))
		return "the checksum is wrong";
	return NULL;
}

static const char *
check_one(const struct proxyproto_tlv *tlv)
{
	struct proxyproto_tlv inner;
	struct proxyproto_tlvs tlvs;

	switch (tlv->type) {
	case PP2_CRC32C:
		return tlv->len == CRC32C_LEN ? NULL :
		    "a checksum that has not four bytes";
	case PP2_UNIQUE_ID:
		return tlv->len <= PP2_UNIQUE_ID_MAX ? NULL :
		    "a unique ID of more than 128 bytes";
	case PP2_SSL:
		if (tlv->len < PP2_SSL_HEAD)
			return "an SSL value of less than five bytes";
		tlvs = proxyproto_inner(tlv);
		while (proxyproto_next(&tlvs, &inner))
			;
		return tlvs.len == 0 ? NULL :
		    "a value that is longer than the SSL value around it";
	default:
		return NULL;
	}
}
