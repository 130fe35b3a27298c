/* SPDX-License-Identifier: ISC */
/*
 * SipHash against known answers: the input is 00 01 02 …, the key 00 … 0f, as
 * in the appendix of the authors' paper.
 */
#include "config.h"

#include "hash_int.h"
#include "test_tlscache.h"

static const struct tlsc_hash_key key = {
	{ 0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL }
};

static const struct answer {
	size_t len;
	uint64_t hash;
} hashes[] = {
	{ 0, 0x726fdb47dd0e0e31ULL }, { 1, 0x74f839c593dc67fdULL },
	{ 7, 0xab0200f58b01d137ULL }, { 8, 0x93f5f5799a932462ULL },
	{ 9, 0x9e0082df0ba9e4b0ULL }, { 15, 0xa129ca6149be45e5ULL },
	{ 16, 0x3f2acc7f57c29bdbULL }, { 32, 0x7127512f72f27cceULL },
	{ 63, 0x958a324ceb064572ULL },
}, checks[] = {
	/* After 16 bytes of the input as the two words. */
	{ 0, 0xcc4fdd1a7d908b66ULL }, { 1, 0x9cf2689063dbd80cULL },
	{ 7, 0x525a0e7fdae6c123ULL }, { 8, 0xf464aeb267349c8cULL },
	{ 9, 0x45cd5928705b0979ULL }, { 32, 0x9f3143f8df074c46ULL },
	{ 136, 0xf1ed682cb88851e1ULL }, { 300, 0x8e2a8382cef636daULL },
};

static unsigned char input[512];

static void
setup(void)
{
	size_t i;

	for (i = 0; i < sizeof(input); i++)
		input[i] = (unsigned char)i;
}

START_TEST(known_hash)
{
	ck_assert_uint_eq(tlsc_hash(&key, input, hashes[_i].len),
	    hashes[_i].hash);
}
END_TEST

START_TEST(known_check)
{
	ck_assert_uint_eq(tlsc_hash_check(&key, key.word[0], key.word[1],
	    input + 16, checks[_i].len), checks[_i].hash);
}
END_TEST

START_TEST(alignment_does_not_matter)
{
	unsigned char copy[40];
	size_t i, k;

	for (k = 0; k < 8; k++) {
		for (i = 0; i < 32; i++)
			copy[k + i] = input[i];
		ck_assert_uint_eq(tlsc_hash(&key, copy + k, 32),
		    0x7127512f72f27cceULL);
	}
}
END_TEST

Suite *
hash_suite(void)
{
	Suite *suite = suite_create("hash");
	TCase *tc = tcase_create("siphash");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_loop_test(tc, known_hash, 0, COUNT(hashes));
	tcase_add_loop_test(tc, known_check, 0, COUNT(checks));
	tcase_add_test(tc, alignment_does_not_matter);
	suite_add_tcase(suite, tc);
	return suite;
}
