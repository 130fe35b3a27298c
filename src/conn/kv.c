/* SPDX-License-Identifier: ISC */
/* Lines of key=value; see kv.h. Any process. */
#include "config.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "conn/kv.h"

static void put(struct kv *, const char *, size_t);
static bool plain(unsigned char);

void
kv_init(struct kv *kv, char *buf, size_t size)
{
	kv->buf = buf;
	kv->size = size;
	kv->len = 0;
	buf[0] = '\0';
}

void
kv_text(struct kv *kv, const char *key, const char *value)
{
	char hex[5];
	size_t n, wide;

	if (kv->len > 0)
		put(kv, " ", 1);
	put(kv, key, strlen(key));
	put(kv, "=", 1);
	if (value == NULL || *value == '\0') {
		put(kv, "-", 1);
		return;
	}
	for (n = 0; *value != '\0'; value++, n += wide) {
		wide = plain((unsigned char)*value) ? 1 : 4;
		if (n + wide > KV_VALUE_MAX)
			return;
		if (wide == 1) {
			put(kv, value, 1);
			continue;
		}
		snprintf(hex, sizeof(hex), "\\x%02x", (unsigned char)*value);
		put(kv, hex, 4);
	}
}

void
kv_number(struct kv *kv, const char *key, uint64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, n);
	kv_text(kv, key, text);
}

void
kv_ms(struct kv *kv, const char *key, int64_t us)
{
	char text[32];

	if (us < 0) {
		kv_text(kv, key, NULL);
		return;
	}
	snprintf(text, sizeof(text), "%" PRId64 ".%03d", us / 1000,
	    (int)(us % 1000));
	kv_text(kv, key, text);
}

static void
put(struct kv *kv, const char *text, size_t len)
{
	if (len >= kv->size - kv->len)
		return;
	memcpy(kv->buf + kv->len, text, len);
	kv->len += len;
	kv->buf[kv->len] = '\0';
}

static bool
plain(unsigned char ch)
{
	return ch > ' ' && ch < 0x7f && ch != '"' && ch != '\'' && ch != '\\';
}
