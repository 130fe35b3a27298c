/* SPDX-License-Identifier: ISC */
/* The checksum, against values that others have published. */
#include "config.h"

#include <string.h>

#include "proxyproto/proxyproto_int.h"
#include "test_proxyproto.h"

/* RFC 3720, B.4; the first is the usual check value. */
static const struct {
	uint8_t bytes[32];
	size_t len;
	uint32_t crc;
} vectors[] = {
	{ "123456789", 9, 0xe3069283 },
	{ "", 0, 0 },
	{ { 0 }, 32, 0x8a9136aa },
	{ { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, 32, 0x62a8ab43 },
	{ { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18,
	    19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31 }, 32,
	    0x46dd794e },
};

/* In one piece and in two. */
START_TEST(vector)
{
	const uint8_t *bytes = vectors[_i].bytes;
	size_t i, len = vectors[_i].len;
	uint32_t crc;

	for (i = 0; i <= len; i++) {
		crc = proxyproto_crc32c(0, bytes, i);
		crc = proxyproto_crc32c(crc, bytes + i, len - i);
		ck_assert_uint_eq(crc, vectors[_i].crc);
	}
}
END_TEST

Suite *
crc32c_suite(void)
{
	Suite *s;
	TCase *tc;

	s = suite_create("crc32c");
	tc = tcase_create("crc32c");
	tcase_add_loop_test(tc, vector, 0, COUNT(vectors));
	suite_add_tcase(s, tc);
	return s;
}
