/* SPDX-License-Identifier: ISC */
/*
 * Fuzz target: what stands in the shared memory of a ring of ticket keys, and
 * what time it is. Workers may find no key there, but nothing else may happen;
 * the master brings the ring into order again.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "keys_int.h"
#include "tlscache.h"

#define REQUIRE(x) do { if (!(x)) abort(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct tlscache_keys *keys;
static EVP_MAC *hmac;

static int
ticket(int64_t now, unsigned char name[TLSC_KEY_NAME], int encrypt)
{
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	EVP_MAC_CTX *mac = EVP_MAC_CTX_new(hmac);
	unsigned char iv[EVP_MAX_IV_LENGTH] = { 0 };
	int result;

	REQUIRE(cipher != NULL && mac != NULL);
	result = tlsc_keys_ticket(keys, now, false, name, iv, cipher, mac,
	    encrypt);
	REQUIRE(result >= 0 && result <= (encrypt != 0 ? 1 : 2));
	EVP_CIPHER_CTX_free(cipher);
	EVP_MAC_CTX_free(mac);
	return result;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char name[TLSC_KEY_NAME];
	struct tlscache_keys_stat stat;
	int64_t due, now;

	if (keys == NULL) {
		REQUIRE(tlscache_keys_open(&keys, 100, 250, 1000) ==
		    TLSCACHE_OK);
		hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
		REQUIRE(hmac != NULL);
	}
	if (size < sizeof(now) + sizeof(name) ||
	    size - sizeof(now) - sizeof(name) > keys->segment.size)
		return 0;
	memcpy(&now, data, sizeof(now));
	data += sizeof(now);
	memcpy(name, data, sizeof(name));
	data += sizeof(name);
	size -= sizeof(now) + sizeof(name);
	memset(keys->segment.base, 0, keys->segment.size);
	memcpy(keys->segment.base, data, size);

	(void)ticket(now, name, 0);
	if (ticket(now, name, 1) == 1)
		REQUIRE(ticket(now, name, 0) > 0);
	tlsc_keys_stat(keys, now, &stat);
	REQUIRE(stat.keys <= TLSCACHE_KEYS_MAX);

	due = tlscache_keys_rotate(keys, now);
	REQUIRE(due > 0 || due == TLSCACHE_E_INVAL ||
	    due == TLSCACHE_E_FORMAT);
	REQUIRE(tlscache_keys_set_times(keys, 100, 250) == TLSCACHE_OK);
	now &= ((int64_t)1 << 40) - 1;
	REQUIRE(tlscache_keys_set(keys, NULL, 0, now) == TLSCACHE_OK);
	due = tlscache_keys_rotate(keys, now);
	REQUIRE(due > 0 && due <= 100);
	REQUIRE(ticket(now, name, 1) == 1);
	REQUIRE(ticket(now, name, 0) > 0);
	ERR_clear_error();
	return 0;
}
